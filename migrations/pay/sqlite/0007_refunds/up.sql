-- Payments that their sellers send back after they were split: whole or in part.
CREATE TABLE refunds (
    id TEXT NOT NULL PRIMARY KEY,
    checkout_id TEXT NOT NULL,
    receipt_id TEXT NOT NULL,
    seller_did TEXT NOT NULL,
    owner_did TEXT NOT NULL,
    rail TEXT NOT NULL,
    payment TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount INTEGER NOT NULL,
    reason TEXT,
    state TEXT NOT NULL,
    -- The rail's own reference, once it has taken the refund; why it has not, or why it came back.
    reference TEXT,
    problem TEXT,
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    -- The signed credit note.
    document TEXT,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX refunds_checkout ON refunds (checkout_id, id);
CREATE INDEX refunds_seller ON refunds (seller_did, id);
CREATE INDEX refunds_reference ON refunds (rail, reference) WHERE reference IS NOT NULL;

-- What refunds and disputes take back of a split, line by line, and what of it is given back: one row for each entry of
-- the ledger that walks a split backwards, or forwards again.
CREATE TABLE reversals (
    key TEXT NOT NULL PRIMARY KEY,
    checkout_id TEXT NOT NULL,
    asset TEXT NOT NULL,
    units INTEGER NOT NULL,
    document TEXT NOT NULL,
    booked_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX reversals_checkout ON reversals (checkout_id, key);

-- The latest about a payee's account, and refunds that come back.
CREATE INDEX rail_messages_reference ON rail_messages (reference, rail);
CREATE INDEX rail_messages_refund ON rail_messages (refund_reference, rail) WHERE refund_reference IS NOT NULL;
