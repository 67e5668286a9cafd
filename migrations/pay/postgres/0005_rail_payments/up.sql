-- Payments at rails that take something for themselves: one row per payment, however many messages come about it.
CREATE TABLE rail_payments (
    rail TEXT NOT NULL,
    reference TEXT NOT NULL,
    message_id TEXT NOT NULL,
    checkout_id TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount BIGINT NOT NULL,
    -- What the rail has taken, once it has said so.
    fee BIGINT,
    fee_known_at BIGINT,
    -- What of it was passed on to payees at the rail.
    passed_on BIGINT,
    paid_at BIGINT NOT NULL,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (rail, reference)
);
CREATE INDEX rail_payments_message ON rail_payments (message_id);
