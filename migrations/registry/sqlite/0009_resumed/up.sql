-- After a registry's database was restored from a backup its log comes back from a copy, with entries and names of
-- nodes that it does not know any more: they refer to no node.
CREATE TABLE directory_entries_resumed (
    node_did TEXT NOT NULL PRIMARY KEY,
    bucket INTEGER NOT NULL,
    entry TEXT,
    digest BLOB NOT NULL,
    seq INTEGER NOT NULL,
    is_changed INTEGER NOT NULL CHECK (is_changed IN (0, 1)),
    row_seal BLOB NOT NULL
) STRICT;
INSERT INTO directory_entries_resumed (node_did, bucket, entry, digest, seq, is_changed, row_seal)
SELECT node_did, bucket, entry, digest, seq, is_changed, row_seal FROM directory_entries;
DROP TABLE directory_entries;
ALTER TABLE directory_entries_resumed RENAME TO directory_entries;
CREATE INDEX directory_entries_order ON directory_entries (seq, node_did);
CREATE INDEX directory_entries_bucket ON directory_entries (bucket, node_did);
CREATE INDEX directory_entries_changed ON directory_entries (node_did) WHERE is_changed;

CREATE TABLE node_names_resumed (
    name TEXT NOT NULL PRIMARY KEY,
    node_did TEXT NOT NULL,
    claimed_at INTEGER NOT NULL,
    held_until INTEGER NOT NULL,
    row_seal BLOB NOT NULL,
    -- What a name looks like: `registry/src/names.rs` computes the same.
    skeleton TEXT NOT NULL GENERATED ALWAYS AS (
        replace(replace(replace(replace(replace(
        replace(replace(replace(replace(replace(name, '0', 'o'), '1', 'l'), 'i', 'l'), 'rn', 'm'), 'vv', 'w'),
        '--', '-'), '--', '-'), '--', '-'), '--', '-'), '--', '-')
    ) VIRTUAL
) STRICT;
INSERT INTO node_names_resumed (name, node_did, claimed_at, held_until, row_seal)
SELECT name, node_did, claimed_at, held_until, row_seal FROM node_names;
DROP TABLE node_names;
ALTER TABLE node_names_resumed RENAME TO node_names;
CREATE INDEX node_names_holder ON node_names (node_did);
CREATE INDEX node_names_skeleton ON node_names (skeleton);

-- The newest head of this registry that a copy has shown and that the log does not have.
CREATE TABLE directory_shown (
    seq INT NOT NULL PRIMARY KEY,
    head TEXT NOT NULL,
    source TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;
