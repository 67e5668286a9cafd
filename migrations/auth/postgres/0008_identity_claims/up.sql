-- A soft identity that somebody with a key has claimed: what it has belongs to them.
CREATE TABLE identity_claims (
    soft_did TEXT NOT NULL PRIMARY KEY REFERENCES identities (did),
    owner_did TEXT NOT NULL REFERENCES identities (did),
    proof TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT,
    row_seal BYTEA NOT NULL
);
CREATE INDEX identity_claims_owner ON identity_claims (owner_did);
