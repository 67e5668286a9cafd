-- Shares of contributors who had not accepted the manifest when it was paid: each is a held leg of a receipt, and waits
-- in the contributor's pending account until they accept, or until its time is over.
CREATE TABLE held_shares (
    receipt_id TEXT NOT NULL,
    leg INTEGER NOT NULL,
    manifest_id TEXT NOT NULL,
    payee_did TEXT NOT NULL,
    author_did TEXT NOT NULL,
    seller_did TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount INTEGER NOT NULL,
    held_since INTEGER NOT NULL,
    held_until INTEGER NOT NULL,
    state TEXT NOT NULL,
    to_did TEXT,
    outcome TEXT,
    ended_at INTEGER,
    asked_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL,
    PRIMARY KEY (receipt_id, leg)
) STRICT;
CREATE INDEX held_shares_until ON held_shares (held_until) WHERE state = 'waiting';
CREATE INDEX held_shares_asked ON held_shares (asked_at) WHERE state = 'waiting';
CREATE INDEX held_shares_manifest ON held_shares (manifest_id, payee_did);
CREATE INDEX held_shares_payee ON held_shares (payee_did, receipt_id);
CREATE INDEX held_shares_author ON held_shares (author_did, receipt_id);
CREATE INDEX held_shares_seller ON held_shares (seller_did, receipt_id);
CREATE INDEX held_shares_to ON held_shares (to_did, receipt_id) WHERE to_did IS NOT NULL;

-- Signed Merkle roots over the hashes of the ledger's entries: with one of them and a short path, a payer can show that
-- an entry is in the ledger.
CREATE TABLE ledger_trees (
    chain TEXT NOT NULL,
    last_seq INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    document TEXT NOT NULL,
    row_seal BLOB NOT NULL,
    PRIMARY KEY (chain, last_seq)
) STRICT;

-- Fees that the operator has announced: in force from their time on, unless a later one starts before.
CREATE TABLE fee_schedules (
    version INTEGER NOT NULL,
    effective_at INTEGER NOT NULL,
    announced_at INTEGER NOT NULL,
    owner_did TEXT NOT NULL,
    document TEXT NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX fee_schedules_version ON fee_schedules (version);
