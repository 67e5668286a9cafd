-- What every service's database holds.

-- The append-only record of who changed what, and by which proof; one hash chain per writer.
CREATE TABLE mutation_log (
    chain TEXT NOT NULL,
    seq BIGINT NOT NULL,
    logged_at BIGINT NOT NULL,
    owner_did TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    body BYTEA,
    body_digest BYTEA NOT NULL,
    proof TEXT NOT NULL,
    prev_hash BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (chain, seq)
);
CREATE INDEX mutation_log_object ON mutation_log (object, logged_at, chain, seq);

-- Where each chain ends: a cut tail shows.
CREATE TABLE mutation_heads (
    chain TEXT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    row_seal BYTEA NOT NULL
);

-- Heads that the node has signed.
CREATE TABLE mutation_checkpoints (
    chain TEXT NOT NULL,
    seq BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    checked_at BIGINT NOT NULL,
    node_did TEXT NOT NULL,
    signature BYTEA NOT NULL,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (chain, seq)
);

-- Nonces of request signatures, until their window has passed.
CREATE TABLE nonces (
    did TEXT NOT NULL,
    nonce TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (did, nonce)
);
CREATE INDEX nonces_expires_at ON nonces (expires_at);

-- Facts on their way to another service, written with what made them true.
CREATE TABLE outbox (
    id TEXT NOT NULL PRIMARY KEY,
    topic TEXT NOT NULL,
    key TEXT NOT NULL,
    position BIGINT NOT NULL,
    body TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    done_at BIGINT,
    last_error TEXT,
    row_seal BYTEA NOT NULL
);
CREATE INDEX outbox_due ON outbox (due_at, id) WHERE done_at IS NULL;
CREATE UNIQUE INDEX outbox_position ON outbox (topic, key, position);

-- Answers to requests with an idempotency key.
CREATE TABLE idempotency (
    owner_did TEXT NOT NULL,
    key TEXT NOT NULL,
    request_digest BYTEA NOT NULL,
    status INTEGER,
    body BYTEA,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (owner_did, key)
);
CREATE INDEX idempotency_expires_at ON idempotency (expires_at);
