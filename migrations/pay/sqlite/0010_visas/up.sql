-- Visas that were spent here: promises of brokers, each up to its amount and so many times.
CREATE TABLE visas (
    issuer TEXT NOT NULL,
    jti TEXT NOT NULL,
    agent TEXT NOT NULL,
    holder TEXT NOT NULL,
    asset TEXT NOT NULL,
    units_max INTEGER NOT NULL,
    uses_max INTEGER NOT NULL,
    units INTEGER NOT NULL,
    uses INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL,
    PRIMARY KEY (issuer, jti)
) STRICT;

-- What was paid with them, and whether the broker has made its promise good.
CREATE TABLE visa_captures (
    checkout_id TEXT NOT NULL PRIMARY KEY,
    issuer TEXT NOT NULL,
    jti TEXT NOT NULL,
    receipt_id TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount INTEGER NOT NULL,
    claim_digest TEXT NOT NULL,
    state TEXT NOT NULL,
    reference TEXT,
    problem TEXT,
    created_at INTEGER NOT NULL,
    accepted_at INTEGER,
    ended_at INTEGER,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX visa_captures_visa ON visa_captures (issuer, jti);
CREATE INDEX visa_captures_receipt ON visa_captures (receipt_id);
CREATE INDEX visa_captures_open ON visa_captures (created_at) WHERE state IN ('owed', 'accepted');

-- The shares that wait until a broker pays.
CREATE TABLE pledges (
    checkout_id TEXT NOT NULL,
    did TEXT NOT NULL,
    purpose TEXT NOT NULL,
    asset TEXT NOT NULL,
    units INTEGER NOT NULL,
    state TEXT NOT NULL,
    row_seal BLOB NOT NULL,
    PRIMARY KEY (checkout_id, did, purpose)
) STRICT;
CREATE INDEX pledges_open ON pledges (did, asset) WHERE state = 'open';
