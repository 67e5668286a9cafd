-- What a publisher has to show when an agent disputes a payment, and the disputes that brokers have told of.

-- The agent's own claim behind a charge, as it came. Forgotten with the records of its time.
CREATE TABLE gate_claims (
    access_id TEXT NOT NULL PRIMARY KEY,
    site TEXT NOT NULL,
    payload TEXT NOT NULL,
    signature TEXT NOT NULL,
    public_key TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX gate_claims_site ON gate_claims (site, created_at);

-- A dispute as its broker has told of it last. `is_answered` once the broker has taken this node's answer.
CREATE TABLE gate_disputes (
    broker TEXT NOT NULL,
    id TEXT NOT NULL,
    site TEXT NOT NULL,
    access_id TEXT NOT NULL,
    agent TEXT NOT NULL,
    url TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount INTEGER NOT NULL,
    score TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    ruled_by TEXT,
    ruling TEXT,
    is_answered INTEGER NOT NULL CHECK (is_answered IN (0, 1)),
    said_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL,
    PRIMARY KEY (broker, id)
) STRICT;
CREATE INDEX gate_disputes_site ON gate_disputes (site, said_at);

CREATE INDEX gate_charges_receipt ON gate_charges (receipt_id) WHERE receipt_id IS NOT NULL;
CREATE INDEX gate_records_receipt ON gate_records (receipt) WHERE receipt IS NOT NULL;
