-- Payments that a buyer's bank has taken back, or tried to.
CREATE TABLE disputes (
    rail TEXT NOT NULL,
    reference TEXT NOT NULL,
    payment TEXT NOT NULL,
    checkout_id TEXT NOT NULL,
    asset TEXT NOT NULL,
    -- What is disputed, what the rail took because of it (with its own fee), and what it gave back when it was won.
    amount INTEGER NOT NULL,
    taken INTEGER NOT NULL,
    given_back INTEGER,
    state TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    closed_at INTEGER,
    row_seal BLOB NOT NULL,
    PRIMARY KEY (rail, reference)
) STRICT;
CREATE INDEX disputes_payment ON disputes (rail, payment);

-- Who has an account at a rail, to be paid there.
CREATE TABLE payees (
    rail TEXT NOT NULL,
    did TEXT NOT NULL,
    account TEXT NOT NULL,
    country TEXT NOT NULL,
    ready INTEGER NOT NULL CHECK (ready IN (0, 1)),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL,
    PRIMARY KEY (rail, did)
) STRICT;
CREATE UNIQUE INDEX payees_account ON payees (rail, account);

-- Balances on their way to their owners through a rail.
CREATE TABLE payouts (
    id TEXT NOT NULL PRIMARY KEY,
    did TEXT NOT NULL,
    rail TEXT NOT NULL,
    account TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX payouts_did ON payouts (did, id);

-- The transfers of a payout: each out of the payment that the money came with.
CREATE TABLE payout_parts (
    payout_id TEXT NOT NULL,
    part INTEGER NOT NULL,
    payment TEXT NOT NULL,
    amount INTEGER NOT NULL,
    state TEXT NOT NULL,
    reference TEXT,
    reversed INTEGER,
    problem TEXT,
    updated_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL,
    PRIMARY KEY (payout_id, part)
) STRICT;
CREATE INDEX payout_parts_reference ON payout_parts (reference) WHERE reference IS NOT NULL;
