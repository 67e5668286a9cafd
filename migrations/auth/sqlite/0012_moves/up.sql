-- Who has moved to another node, by their own word.
CREATE TABLE moves (
    did TEXT NOT NULL PRIMARY KEY,
    to_did TEXT NOT NULL,
    to_url TEXT NOT NULL,
    message TEXT NOT NULL,
    owner_did TEXT NOT NULL,
    proof TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER,
    row_seal BLOB NOT NULL
) STRICT;
