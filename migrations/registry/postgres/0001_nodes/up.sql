-- Nodes, the names that they hold, and their signs of life.

-- What a node has attested. `proof` is the signed attestation itself; the columns repeat what it says.
CREATE TABLE nodes (
    node_did TEXT NOT NULL PRIMARY KEY,
    public_key BYTEA NOT NULL,
    hostname TEXT NOT NULL,
    services TEXT NOT NULL,
    capabilities TEXT NOT NULL,
    version TEXT NOT NULL,
    build_hash TEXT NOT NULL,
    source_commit TEXT NOT NULL,
    attested_ms BIGINT NOT NULL,
    owner_did TEXT NOT NULL,
    proof TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    revoked_reason TEXT,
    deleted_at BIGINT,
    row_seal BYTEA NOT NULL
);
CREATE INDEX nodes_by_name ON nodes (hostname, node_did);
CREATE INDEX nodes_build ON nodes (build_hash, version);

-- Who holds a name, and until when nobody else may have it.
CREATE TABLE node_names (
    name TEXT NOT NULL PRIMARY KEY,
    node_did TEXT NOT NULL REFERENCES nodes (node_did),
    claimed_at BIGINT NOT NULL,
    held_until BIGINT NOT NULL,
    row_seal BYTEA NOT NULL
);
CREATE INDEX node_names_holder ON node_names (node_did);

-- The latest heartbeat, and the last status that was written down. Apart from `nodes`, because it changes every few
-- minutes.
CREATE TABLE node_liveness (
    node_did TEXT NOT NULL PRIMARY KEY REFERENCES nodes (node_did),
    last_heartbeat_at BIGINT,
    heartbeat_ms BIGINT,
    heartbeat TEXT,
    status TEXT NOT NULL,
    status_since BIGINT NOT NULL,
    status_seq BIGINT NOT NULL,
    status_due_at BIGINT,
    row_seal BYTEA NOT NULL
);
CREATE INDEX node_liveness_heard ON node_liveness (last_heartbeat_at);
CREATE INDEX node_liveness_due ON node_liveness (status_due_at);

-- Each change of a node's status.
CREATE TABLE node_status_changes (
    node_did TEXT NOT NULL REFERENCES nodes (node_did),
    seq BIGINT NOT NULL,
    status TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (node_did, seq)
);
