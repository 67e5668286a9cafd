-- Agents that buy visas here. The account is the agent's domain; its manifest says which keys are its own.
CREATE TABLE accounts (
    did TEXT NOT NULL PRIMARY KEY,
    owner_did TEXT NOT NULL,
    agent_id TEXT NOT NULL UNIQUE,
    contact TEXT,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT,
    row_seal BYTEA NOT NULL
);

-- Money that somebody puts into an account, through a checkout of pay. What is there is in pay's ledger alone.
CREATE TABLE deposits (
    id TEXT NOT NULL PRIMARY KEY,
    owner_did TEXT NOT NULL,
    agent_did TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount BIGINT NOT NULL,
    state TEXT NOT NULL,
    checkout_id TEXT,
    receipt_id TEXT,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    row_seal BYTEA NOT NULL
);
CREATE INDEX deposits_agent ON deposits (agent_did, id);

-- Promises: each has a hold in pay's ledger. `redeemed` was asked for and not refused, `credited` is paid.
CREATE TABLE visas (
    jti TEXT NOT NULL PRIMARY KEY,
    agent_did TEXT NOT NULL,
    publisher TEXT NOT NULL,
    holder TEXT NOT NULL,
    asset TEXT NOT NULL,
    max_micros BIGINT NOT NULL,
    uses BIGINT NOT NULL,
    purpose TEXT,
    hold_id TEXT NOT NULL,
    state TEXT NOT NULL,
    request_key TEXT,
    request_digest TEXT NOT NULL,
    redeemed_micros BIGINT NOT NULL,
    redeemed_uses BIGINT NOT NULL,
    credited_micros BIGINT NOT NULL,
    returned_micros BIGINT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    closes_at BIGINT NOT NULL,
    closed_at BIGINT,
    row_seal BYTEA NOT NULL,
    UNIQUE (agent_did, request_key)
);
CREATE INDEX visas_agent ON visas (agent_did, jti);
CREATE INDEX visas_open ON visas (closes_at) WHERE closed_at IS NULL;

-- What publishers have asked to be paid of a promise, by the publisher's own receipt.
CREATE TABLE redemptions (
    jti TEXT NOT NULL,
    receipt TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    node_did TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount BIGINT NOT NULL,
    claim_digest TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    ended_at BIGINT,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (jti, receipt)
);
CREATE INDEX redemptions_due ON redemptions (due_at) WHERE ended_at IS NULL;
CREATE INDEX redemptions_node ON redemptions (node_did, id);

-- Money that one node passes on to another, by the sender's own name for it.
CREATE TABLE transfers (
    reference TEXT NOT NULL PRIMARY KEY,
    from_did TEXT NOT NULL,
    to_did TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    booked_at BIGINT,
    row_seal BYTEA NOT NULL
);
CREATE INDEX transfers_from ON transfers (from_did);
CREATE INDEX transfers_to ON transfers (to_did);

-- Which node a publisher's host is, as its own document said when it was last read.
CREATE TABLE publishers (
    host TEXT NOT NULL PRIMARY KEY,
    did TEXT NOT NULL,
    checked_at BIGINT NOT NULL,
    row_seal BYTEA NOT NULL
);

-- The keys that sign visas, sealed. A key is published before it signs, and for as long as its visas live.
CREATE TABLE signing_keys (
    kid TEXT NOT NULL PRIMARY KEY,
    public_jwk TEXT NOT NULL,
    sealed_key BYTEA NOT NULL,
    generation BIGINT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    active_at BIGINT NOT NULL,
    retires_at BIGINT,
    row_seal BYTEA NOT NULL
);
