-- Keys that are numbers are INT here: INTEGER would make them the row's own identity, which nothing outside may change.
-- What the signed directory says of each node, and the number of the head in which it changed last.
CREATE TABLE directory_entries (
    node_did TEXT NOT NULL PRIMARY KEY REFERENCES nodes (node_did),
    bucket INTEGER NOT NULL,
    entry TEXT,
    digest BLOB NOT NULL,
    seq INTEGER NOT NULL,
    is_changed INTEGER NOT NULL CHECK (is_changed IN (0, 1)),
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX directory_entries_order ON directory_entries (seq, node_did);
CREATE INDEX directory_entries_bucket ON directory_entries (bucket, node_did);
CREATE INDEX directory_entries_changed ON directory_entries (node_did) WHERE is_changed = 1;

-- The digest of each bucket of entries.
CREATE TABLE directory_buckets (
    bucket INT NOT NULL PRIMARY KEY,
    digest BLOB NOT NULL,
    nodes INTEGER NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;

-- The heads that were signed; the next one names the one before.
CREATE TABLE directory_heads (
    seq INT NOT NULL PRIMARY KEY,
    head TEXT NOT NULL,
    signed_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;
