-- What people's nodes may disclose or answer about them without asking each time, as they signed it.
CREATE TABLE grants (
    digest TEXT NOT NULL PRIMARY KEY,
    owner_did TEXT NOT NULL,
    document TEXT NOT NULL,
    proof TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    revocation TEXT,
    revoked_at INTEGER,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX grants_owner ON grants (owner_did, created_at);
