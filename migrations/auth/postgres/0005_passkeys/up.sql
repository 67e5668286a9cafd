-- Passkeys (WebAuthn): what opens a session, and signs nothing.
CREATE TABLE passkeys (
    id TEXT NOT NULL PRIMARY KEY,
    did TEXT NOT NULL REFERENCES identities (did),
    name TEXT NOT NULL,
    public_key BYTEA NOT NULL,
    sign_count BIGINT NOT NULL,
    owner_did TEXT NOT NULL,
    proof TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    used_at BIGINT,
    deleted_at BIGINT,
    row_seal BYTEA NOT NULL
);
CREATE INDEX passkeys_did ON passkeys (did);
