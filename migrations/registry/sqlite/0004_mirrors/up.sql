-- Directories of other registries of which this node keeps a copy.
CREATE TABLE mirrors (
    registry_did TEXT NOT NULL PRIMARY KEY,
    url TEXT NOT NULL,
    head TEXT,
    seq INTEGER NOT NULL,
    checked_at INTEGER NOT NULL,
    problem TEXT,
    row_seal BLOB NOT NULL
) STRICT;

-- What such a directory says of each node.
CREATE TABLE mirror_entries (
    registry_did TEXT NOT NULL REFERENCES mirrors (registry_did),
    node_did TEXT NOT NULL,
    bucket INTEGER NOT NULL,
    entry TEXT,
    digest BLOB NOT NULL,
    seq INTEGER NOT NULL,
    row_seal BLOB NOT NULL,
    PRIMARY KEY (registry_did, node_did)
) STRICT;
CREATE INDEX mirror_entries_order ON mirror_entries (registry_did, seq, node_did);
CREATE INDEX mirror_entries_node ON mirror_entries (node_did);

-- The heads that were seen, each naming the one before.
CREATE TABLE mirror_heads (
    registry_did TEXT NOT NULL REFERENCES mirrors (registry_did),
    seq INTEGER NOT NULL,
    head TEXT NOT NULL,
    row_seal BLOB NOT NULL,
    PRIMARY KEY (registry_did, seq)
) STRICT;

-- Two heads that a registry has signed and that contradict each other.
CREATE TABLE mirror_lies (
    registry_did TEXT NOT NULL REFERENCES mirrors (registry_did),
    seq INTEGER NOT NULL,
    proof TEXT NOT NULL,
    source TEXT NOT NULL,
    found_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL,
    PRIMARY KEY (registry_did, seq)
) STRICT;
