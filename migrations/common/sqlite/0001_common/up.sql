-- What every service's database holds. STRICT: a value of another type must not hide in a column.

-- The append-only record of who changed what, and by which proof; one hash chain per writer.
CREATE TABLE mutation_log (
    chain TEXT NOT NULL,
    seq INTEGER NOT NULL,
    logged_at INTEGER NOT NULL,
    owner_did TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    body BLOB,
    body_digest BLOB NOT NULL,
    proof TEXT NOT NULL,
    prev_hash BLOB NOT NULL,
    hash BLOB NOT NULL,
    row_seal BLOB NOT NULL,
    PRIMARY KEY (chain, seq)
) STRICT;
CREATE INDEX mutation_log_object ON mutation_log (object, logged_at, chain, seq);

-- Where each chain ends: a cut tail shows.
CREATE TABLE mutation_heads (
    chain TEXT NOT NULL PRIMARY KEY,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;

-- Heads that the node has signed.
CREATE TABLE mutation_checkpoints (
    chain TEXT NOT NULL,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    checked_at INTEGER NOT NULL,
    node_did TEXT NOT NULL,
    signature BLOB NOT NULL,
    row_seal BLOB NOT NULL,
    PRIMARY KEY (chain, seq)
) STRICT;

-- Nonces of request signatures, until their window has passed.
CREATE TABLE nonces (
    did TEXT NOT NULL,
    nonce TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL,
    PRIMARY KEY (did, nonce)
) STRICT;
CREATE INDEX nonces_expires_at ON nonces (expires_at);

-- Facts on their way to another service, written with what made them true.
CREATE TABLE outbox (
    id TEXT NOT NULL PRIMARY KEY,
    topic TEXT NOT NULL,
    key TEXT NOT NULL,
    position INTEGER NOT NULL,
    body TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    done_at INTEGER,
    last_error TEXT,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX outbox_due ON outbox (due_at, id) WHERE done_at IS NULL;
CREATE UNIQUE INDEX outbox_position ON outbox (topic, key, position);

-- Answers to requests with an idempotency key.
CREATE TABLE idempotency (
    owner_did TEXT NOT NULL,
    key TEXT NOT NULL,
    request_digest BLOB NOT NULL,
    status INTEGER,
    body BLOB,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL,
    PRIMARY KEY (owner_did, key)
) STRICT;
CREATE INDEX idempotency_expires_at ON idempotency (expires_at);
