-- What each rail says that it has done: the other side of a reconciliation, as it was listed last.
CREATE TABLE rail_facts (
    rail TEXT NOT NULL,
    kind TEXT NOT NULL,
    reference TEXT NOT NULL,
    about TEXT NOT NULL,
    happened_at BIGINT NOT NULL,
    asset TEXT NOT NULL,
    amount BIGINT NOT NULL,
    extra BIGINT,
    state TEXT NOT NULL,
    seen_at BIGINT NOT NULL,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (rail, kind, reference)
);
CREATE INDEX rail_facts_happened ON rail_facts (rail, happened_at);

-- What those facts sum up to at the rail, and what of it went to the operator's own bank.
CREATE TABLE rail_sums (
    rail TEXT NOT NULL,
    asset TEXT NOT NULL,
    held BIGINT NOT NULL,
    withdrawn BIGINT NOT NULL,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (rail, asset)
);

-- How far the reconciliation of a rail, or of the ledger with itself, is.
CREATE TABLE reconcile_rounds (
    scope TEXT NOT NULL PRIMARY KEY,
    phase TEXT NOT NULL,
    cursor TEXT,
    since BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    finished_at BIGINT,
    checked BIGINT NOT NULL,
    problem TEXT,
    row_seal BYTEA NOT NULL
);

-- Differences, found and resolved. A difference that comes back after it was resolved is another row.
CREATE TABLE differences (
    scope TEXT NOT NULL,
    subject TEXT NOT NULL,
    kind TEXT NOT NULL,
    first_seen_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    resolved_at BIGINT,
    asset TEXT,
    expected BIGINT,
    found BIGINT,
    detail TEXT NOT NULL,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (scope, subject, kind, first_seen_at)
);
CREATE INDEX differences_open ON differences (last_seen_at) WHERE resolved_at IS NULL;
CREATE INDEX differences_resolved ON differences (resolved_at) WHERE resolved_at IS NOT NULL;

-- Reconciliation and search look these up.
CREATE INDEX rail_messages_unrefunded ON rail_messages (id) WHERE result = 'refunded' AND refund_reference IS NULL;
CREATE INDEX rail_payments_reference ON rail_payments (reference);
CREATE INDEX rail_payments_paid ON rail_payments (rail, paid_at, reference);
CREATE INDEX rail_payments_unknown_fee ON rail_payments (paid_at) WHERE fee IS NULL;
CREATE INDEX payout_parts_updated ON payout_parts (updated_at) WHERE state = 'sent';
CREATE INDEX payout_parts_waiting ON payout_parts (updated_at) WHERE state = 'waiting';
CREATE INDEX ledger_accounts_purpose ON ledger_accounts (purpose, id);
CREATE INDEX held_shares_waiting ON held_shares (payee_did, asset) WHERE state = 'waiting';
CREATE INDEX contract_flows_waiting ON contract_flows (recipient_did, asset) WHERE waiting <> 0;

-- Sums of the receipts of each day (UTC, counted from 1970), kept as they are written: nobody has to read them all to
-- draw a chart.
CREATE TABLE sales_days (
    day BIGINT NOT NULL,
    asset TEXT NOT NULL,
    receipts BIGINT NOT NULL,
    gross BIGINT NOT NULL,
    payees BIGINT NOT NULL,
    held BIGINT NOT NULL,
    fees BIGINT NOT NULL,
    rail_fees BIGINT NOT NULL,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (day, asset)
);

-- The operator's search and counts.
CREATE INDEX receipts_gross ON receipts (asset, gross, id);
CREATE INDEX disputes_open ON disputes (opened_at) WHERE state = 'open';
CREATE INDEX disputes_closed ON disputes (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX payout_parts_failed ON payout_parts (updated_at) WHERE state = 'failed';
