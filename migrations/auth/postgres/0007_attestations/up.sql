-- What one identity says about another: the signed document as it came, named by its SHA-256. `deleted_at` is when the
-- attester took it back, `revocation` the signed document with which.
CREATE TABLE attestations (
    id TEXT NOT NULL PRIMARY KEY,
    owner_did TEXT NOT NULL,
    subject_did TEXT NOT NULL,
    attestation_type TEXT NOT NULL,
    document TEXT NOT NULL,
    revocation TEXT,
    proof TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT,
    row_seal BYTEA NOT NULL
);
CREATE INDEX attestations_subject ON attestations (subject_did, created_at, id);
CREATE INDEX attestations_owner ON attestations (owner_did, created_at, id);
