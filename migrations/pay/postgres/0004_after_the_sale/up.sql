-- Shares of contributors who had not accepted the manifest when it was paid: each is a held leg of a receipt, and waits
-- in the contributor's pending account until they accept, or until its time is over.
CREATE TABLE held_shares (
    receipt_id TEXT NOT NULL,
    leg BIGINT NOT NULL,
    manifest_id TEXT NOT NULL,
    payee_did TEXT NOT NULL,
    author_did TEXT NOT NULL,
    seller_did TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount BIGINT NOT NULL,
    held_since BIGINT NOT NULL,
    held_until BIGINT NOT NULL,
    state TEXT NOT NULL,
    to_did TEXT,
    outcome TEXT,
    ended_at BIGINT,
    asked_at BIGINT NOT NULL,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (receipt_id, leg)
);
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
    last_seq BIGINT NOT NULL,
    first_seq BIGINT NOT NULL,
    document TEXT NOT NULL,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (chain, last_seq)
);

-- Fees that the operator has announced: in force from their time on, unless a later one starts before.
CREATE TABLE fee_schedules (
    version BIGINT NOT NULL,
    effective_at BIGINT NOT NULL,
    announced_at BIGINT NOT NULL,
    owner_did TEXT NOT NULL,
    document TEXT NOT NULL,
    row_seal BYTEA NOT NULL
);
CREATE UNIQUE INDEX fee_schedules_version ON fee_schedules (version);
