-- The ledger. Money is counted in the smallest units of its asset.

-- One account per owner (a DID, `rail:<name>` or `node`), asset and purpose.
CREATE TABLE ledger_accounts (
    id TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    asset TEXT NOT NULL,
    purpose TEXT NOT NULL,
    balance BIGINT NOT NULL,
    legs BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    row_seal BYTEA NOT NULL
);
CREATE INDEX ledger_accounts_owner ON ledger_accounts (owner);

-- What was booked: balanced, immutable, one hash chain per writer. The legs are JSON, see imajin_ledger::Leg.
CREATE TABLE ledger_entries (
    chain TEXT NOT NULL,
    seq BIGINT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    reference TEXT NOT NULL,
    hold_id TEXT,
    legs TEXT NOT NULL,
    content_digest BYTEA NOT NULL,
    posted_at BIGINT NOT NULL,
    prev_hash BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (chain, seq)
);
CREATE UNIQUE INDEX ledger_entries_id ON ledger_entries (id);
CREATE UNIQUE INDEX ledger_entries_key ON ledger_entries (key);

-- Which legs an account has, in its own order: where to find each of them.
CREATE TABLE ledger_lines (
    account_id TEXT NOT NULL,
    account_seq BIGINT NOT NULL,
    chain TEXT NOT NULL,
    entry_seq BIGINT NOT NULL,
    leg INTEGER NOT NULL,
    PRIMARY KEY (account_id, account_seq)
);

-- Money set aside.
CREATE TABLE ledger_holds (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL,
    source_id TEXT NOT NULL,
    owner TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount BIGINT NOT NULL,
    captured BIGINT NOT NULL,
    released BIGINT NOT NULL,
    state TEXT NOT NULL,
    reference TEXT NOT NULL,
    expires_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    row_seal BYTEA NOT NULL
);
CREATE INDEX ledger_holds_expires_at ON ledger_holds (expires_at) WHERE state = 'open' AND expires_at IS NOT NULL;

-- Where each chain ends: a cut tail shows.
CREATE TABLE ledger_heads (
    chain TEXT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    row_seal BYTEA NOT NULL
);

-- Heads that the node has signed.
CREATE TABLE ledger_checkpoints (
    chain TEXT NOT NULL,
    seq BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    checked_at BIGINT NOT NULL,
    node_did TEXT NOT NULL,
    signature BYTEA NOT NULL,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (chain, seq)
);
