-- Which nodes this one talks to, as its operator says.
CREATE TABLE peer_rules (
    name TEXT NOT NULL PRIMARY KEY,
    verdict TEXT NOT NULL,
    reason TEXT,
    owner_did TEXT NOT NULL,
    proof TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER,
    row_seal BLOB NOT NULL
) STRICT;
