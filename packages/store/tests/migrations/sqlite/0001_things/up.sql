CREATE TABLE things (
    id TEXT NOT NULL PRIMARY KEY,
    owner_did TEXT NOT NULL,
    name TEXT NOT NULL,
    note TEXT,
    amount_micros INTEGER NOT NULL,
    places INTEGER NOT NULL,
    maximum INTEGER,
    open INTEGER NOT NULL CHECK (open IN (0, 1)),
    secret BLOB NOT NULL,
    extra BLOB,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER,
    row_seal BLOB NOT NULL
) STRICT;
CREATE TABLE parts (
    thing_id TEXT NOT NULL REFERENCES things (id) DEFERRABLE INITIALLY DEFERRED,
    nth INTEGER NOT NULL,
    row_seal BLOB NOT NULL,
    PRIMARY KEY (thing_id, nth)
) STRICT;
