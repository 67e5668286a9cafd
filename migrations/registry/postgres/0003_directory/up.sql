-- What the signed directory says of each node, and the number of the head in which it changed last.
CREATE TABLE directory_entries (
    node_did TEXT NOT NULL PRIMARY KEY REFERENCES nodes (node_did),
    bucket BIGINT NOT NULL,
    entry TEXT,
    digest BYTEA NOT NULL,
    seq BIGINT NOT NULL,
    is_changed BOOLEAN NOT NULL,
    row_seal BYTEA NOT NULL
);
CREATE INDEX directory_entries_order ON directory_entries (seq, node_did);
CREATE INDEX directory_entries_bucket ON directory_entries (bucket, node_did);
CREATE INDEX directory_entries_changed ON directory_entries (node_did) WHERE is_changed;

-- The digest of each bucket of entries.
CREATE TABLE directory_buckets (
    bucket BIGINT NOT NULL PRIMARY KEY,
    digest BYTEA NOT NULL,
    nodes BIGINT NOT NULL,
    row_seal BYTEA NOT NULL
);

-- The heads that were signed; the next one names the one before.
CREATE TABLE directory_heads (
    seq BIGINT NOT NULL PRIMARY KEY,
    head TEXT NOT NULL,
    signed_at BIGINT NOT NULL,
    row_seal BYTEA NOT NULL
);
