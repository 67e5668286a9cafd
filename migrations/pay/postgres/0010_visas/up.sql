-- Visas that were spent here: promises of brokers, each up to its amount and so many times.
CREATE TABLE visas (
    issuer TEXT NOT NULL,
    jti TEXT NOT NULL,
    agent TEXT NOT NULL,
    holder TEXT NOT NULL,
    asset TEXT NOT NULL,
    units_max BIGINT NOT NULL,
    uses_max BIGINT NOT NULL,
    units BIGINT NOT NULL,
    uses BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (issuer, jti)
);

-- What was paid with them, and whether the broker has made its promise good.
CREATE TABLE visa_captures (
    checkout_id TEXT NOT NULL PRIMARY KEY,
    issuer TEXT NOT NULL,
    jti TEXT NOT NULL,
    receipt_id TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount BIGINT NOT NULL,
    claim_digest TEXT NOT NULL,
    state TEXT NOT NULL,
    reference TEXT,
    problem TEXT,
    created_at BIGINT NOT NULL,
    accepted_at BIGINT,
    ended_at BIGINT,
    row_seal BYTEA NOT NULL
);
CREATE INDEX visa_captures_visa ON visa_captures (issuer, jti);
CREATE INDEX visa_captures_receipt ON visa_captures (receipt_id);
CREATE INDEX visa_captures_open ON visa_captures (created_at) WHERE state IN ('owed', 'accepted');

-- The shares that wait until a broker pays.
CREATE TABLE pledges (
    checkout_id TEXT NOT NULL,
    did TEXT NOT NULL,
    purpose TEXT NOT NULL,
    asset TEXT NOT NULL,
    units BIGINT NOT NULL,
    state TEXT NOT NULL,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (checkout_id, did, purpose)
);
CREATE INDEX pledges_open ON pledges (did, asset) WHERE state = 'open';
