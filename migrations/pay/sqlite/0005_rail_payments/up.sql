-- Payments at rails that take something for themselves: one row per payment, however many messages come about it.
CREATE TABLE rail_payments (
    rail TEXT NOT NULL,
    reference TEXT NOT NULL,
    message_id TEXT NOT NULL,
    checkout_id TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount INTEGER NOT NULL,
    -- What the rail has taken, once it has said so.
    fee INTEGER,
    fee_known_at INTEGER,
    -- What of it was passed on to payees at the rail.
    passed_on INTEGER,
    paid_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL,
    PRIMARY KEY (rail, reference)
) STRICT;
CREATE INDEX rail_payments_message ON rail_payments (message_id);
