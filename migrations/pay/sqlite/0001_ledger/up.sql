-- The ledger. Money is counted in the smallest units of its asset.

-- One account per owner (a DID, `rail:<name>` or `node`), asset and purpose.
CREATE TABLE ledger_accounts (
    id TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    asset TEXT NOT NULL,
    purpose TEXT NOT NULL,
    balance INTEGER NOT NULL,
    legs INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX ledger_accounts_owner ON ledger_accounts (owner);

-- What was booked: balanced, immutable, one hash chain per writer. The legs are JSON, see imajin_ledger::Leg.
CREATE TABLE ledger_entries (
    chain TEXT NOT NULL,
    seq INTEGER NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    reference TEXT NOT NULL,
    hold_id TEXT,
    legs TEXT NOT NULL,
    content_digest BLOB NOT NULL,
    posted_at INTEGER NOT NULL,
    prev_hash BLOB NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (chain, seq)
) STRICT;
CREATE UNIQUE INDEX ledger_entries_id ON ledger_entries (id);
CREATE UNIQUE INDEX ledger_entries_key ON ledger_entries (key);

-- Which legs an account has, in its own order: where to find each of them.
CREATE TABLE ledger_lines (
    account_id TEXT NOT NULL,
    account_seq INTEGER NOT NULL,
    chain TEXT NOT NULL,
    entry_seq INTEGER NOT NULL,
    leg INTEGER NOT NULL,
    PRIMARY KEY (account_id, account_seq)
) STRICT;

-- Money set aside.
CREATE TABLE ledger_holds (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL,
    source_id TEXT NOT NULL,
    owner TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount INTEGER NOT NULL,
    captured INTEGER NOT NULL,
    released INTEGER NOT NULL,
    state TEXT NOT NULL,
    reference TEXT NOT NULL,
    expires_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX ledger_holds_expires_at ON ledger_holds (expires_at) WHERE state = 'open' AND expires_at IS NOT NULL;

-- Where each chain ends: a cut tail shows.
CREATE TABLE ledger_heads (
    chain TEXT NOT NULL PRIMARY KEY,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;

-- Heads that the node has signed.
CREATE TABLE ledger_checkpoints (
    chain TEXT NOT NULL,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    checked_at INTEGER NOT NULL,
    node_did TEXT NOT NULL,
    signature BLOB NOT NULL,
    row_seal BLOB NOT NULL,
    PRIMARY KEY (chain, seq)
) STRICT;
