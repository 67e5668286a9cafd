-- The nodes where payees are at home, by their own signed word.
CREATE TABLE payee_homes (
    did TEXT NOT NULL PRIMARY KEY,
    node_did TEXT NOT NULL,
    node_url TEXT NOT NULL,
    bound_at BIGINT NOT NULL,
    row_seal BYTEA NOT NULL
);

-- Money for people of another node, on its way there.
CREATE TABLE remittances_out (
    id TEXT NOT NULL PRIMARY KEY,
    node_did TEXT NOT NULL,
    node_url TEXT NOT NULL,
    issuer TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount BIGINT NOT NULL,
    state TEXT NOT NULL,
    document TEXT NOT NULL,
    receipt TEXT,
    problem TEXT,
    created_at BIGINT NOT NULL,
    transferred_at BIGINT,
    ended_at BIGINT,
    row_seal BYTEA NOT NULL
);
CREATE INDEX remittances_out_node ON remittances_out (node_did, issuer, asset);
CREATE INDEX remittances_out_open ON remittances_out (created_at) WHERE state IN ('offered', 'agreed', 'transferred');

-- Money that other nodes have sent for people of this one.
CREATE TABLE remittances_in (
    from_did TEXT NOT NULL,
    id TEXT NOT NULL,
    issuer TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount BIGINT NOT NULL,
    state TEXT NOT NULL,
    document TEXT NOT NULL,
    receipt TEXT,
    problem TEXT,
    received_at BIGINT NOT NULL,
    ended_at BIGINT,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (from_did, id)
);
CREATE INDEX remittances_in_open ON remittances_in (received_at) WHERE state = 'unconfirmed';

-- Whose the parts of both are.
CREATE TABLE remittance_legs (
    from_did TEXT NOT NULL,
    remittance_id TEXT NOT NULL,
    did TEXT NOT NULL,
    asset TEXT NOT NULL,
    units BIGINT NOT NULL,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (from_did, remittance_id, did)
);
CREATE INDEX remittance_legs_payee ON remittance_legs (did, remittance_id);
