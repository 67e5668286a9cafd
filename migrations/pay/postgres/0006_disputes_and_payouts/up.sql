-- Payments that a buyer's bank has taken back, or tried to.
CREATE TABLE disputes (
    rail TEXT NOT NULL,
    reference TEXT NOT NULL,
    payment TEXT NOT NULL,
    checkout_id TEXT NOT NULL,
    asset TEXT NOT NULL,
    -- What is disputed, what the rail took because of it (with its own fee), and what it gave back when it was won.
    amount BIGINT NOT NULL,
    taken BIGINT NOT NULL,
    given_back BIGINT,
    state TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    closed_at BIGINT,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (rail, reference)
);
CREATE INDEX disputes_payment ON disputes (rail, payment);

-- Who has an account at a rail, to be paid there.
CREATE TABLE payees (
    rail TEXT NOT NULL,
    did TEXT NOT NULL,
    account TEXT NOT NULL,
    country TEXT NOT NULL,
    ready BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (rail, did)
);
CREATE UNIQUE INDEX payees_account ON payees (rail, account);

-- Balances on their way to their owners through a rail.
CREATE TABLE payouts (
    id TEXT NOT NULL PRIMARY KEY,
    did TEXT NOT NULL,
    rail TEXT NOT NULL,
    account TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    row_seal BYTEA NOT NULL
);
CREATE INDEX payouts_did ON payouts (did, id);

-- The transfers of a payout: each out of the payment that the money came with.
CREATE TABLE payout_parts (
    payout_id TEXT NOT NULL,
    part BIGINT NOT NULL,
    payment TEXT NOT NULL,
    amount BIGINT NOT NULL,
    state TEXT NOT NULL,
    reference TEXT,
    reversed BIGINT,
    problem TEXT,
    updated_at BIGINT NOT NULL,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (payout_id, part)
);
CREATE INDEX payout_parts_reference ON payout_parts (reference) WHERE reference IS NOT NULL;
