-- Directories of other registries of which this node keeps a copy.
CREATE TABLE mirrors (
    registry_did TEXT NOT NULL PRIMARY KEY,
    url TEXT NOT NULL,
    head TEXT,
    seq BIGINT NOT NULL,
    checked_at BIGINT NOT NULL,
    problem TEXT,
    row_seal BYTEA NOT NULL
);

-- What such a directory says of each node.
CREATE TABLE mirror_entries (
    registry_did TEXT NOT NULL REFERENCES mirrors (registry_did),
    node_did TEXT NOT NULL,
    bucket BIGINT NOT NULL,
    entry TEXT,
    digest BYTEA NOT NULL,
    seq BIGINT NOT NULL,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (registry_did, node_did)
);
CREATE INDEX mirror_entries_order ON mirror_entries (registry_did, seq, node_did);
CREATE INDEX mirror_entries_node ON mirror_entries (node_did);

-- The heads that were seen, each naming the one before.
CREATE TABLE mirror_heads (
    registry_did TEXT NOT NULL REFERENCES mirrors (registry_did),
    seq BIGINT NOT NULL,
    head TEXT NOT NULL,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (registry_did, seq)
);

-- Two heads that a registry has signed and that contradict each other.
CREATE TABLE mirror_lies (
    registry_did TEXT NOT NULL REFERENCES mirrors (registry_did),
    seq BIGINT NOT NULL,
    proof TEXT NOT NULL,
    source TEXT NOT NULL,
    found_at BIGINT NOT NULL,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (registry_did, seq)
);
