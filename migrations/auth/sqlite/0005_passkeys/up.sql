-- Passkeys (WebAuthn): what opens a session, and signs nothing.
CREATE TABLE passkeys (
    id TEXT NOT NULL PRIMARY KEY,
    did TEXT NOT NULL REFERENCES identities (did),
    name TEXT NOT NULL,
    public_key BLOB NOT NULL,
    sign_count INTEGER NOT NULL,
    owner_did TEXT NOT NULL,
    proof TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    used_at INTEGER,
    deleted_at INTEGER,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX passkeys_did ON passkeys (did);
