-- Handles that somebody has, and those that were given up a while ago: nobody else gets these at once.
CREATE TABLE handles (
    handle TEXT NOT NULL PRIMARY KEY,
    look TEXT NOT NULL,
    did TEXT NOT NULL REFERENCES identities (did),
    proof TEXT NOT NULL,
    taken_at INTEGER NOT NULL,
    left_at INTEGER,
    row_seal BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX handles_look_living ON handles (look) WHERE left_at IS NULL;
CREATE INDEX handles_look ON handles (look);
CREATE INDEX handles_did ON handles (did);
