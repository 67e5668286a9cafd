-- Accesses of agents to sites behind a gate: what they pay, and what was decided about them.

-- What an agent pays for one answer: written before pay is asked, so that a request that is repeated pays once. `asked`
-- until pay hands the access over (`paid`); `refused` when it does not; `returned` when the money went back.
CREATE TABLE gate_charges (
    id TEXT NOT NULL PRIMARY KEY,
    site TEXT NOT NULL,
    agent TEXT NOT NULL,
    agent_did TEXT NOT NULL,
    url TEXT NOT NULL,
    purpose TEXT NOT NULL,
    fair_id TEXT,
    seller_did TEXT NOT NULL,
    asset TEXT NOT NULL,
    price INTEGER NOT NULL,
    claim_digest TEXT NOT NULL,
    visa_digest TEXT NOT NULL,
    retry_key TEXT,
    state TEXT NOT NULL,
    refusal TEXT,
    checkout_id TEXT,
    receipt_id TEXT,
    paid_at INTEGER,
    created_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX gate_charges_retry ON gate_charges (agent, url, retry_key) WHERE retry_key IS NOT NULL;
CREATE UNIQUE INDEX gate_charges_claim ON gate_charges (agent, claim_digest);
CREATE INDEX gate_charges_site ON gate_charges (site, created_at);
CREATE INDEX gate_charges_old ON gate_charges (created_at);

-- One chain of records for each site. `head` is the node's signature under its newest record; what is older than
-- `base_seq` was forgotten after its time.
CREATE TABLE gate_chains (
    site TEXT NOT NULL PRIMARY KEY,
    base_seq INTEGER NOT NULL,
    base_hash TEXT NOT NULL,
    seq INTEGER NOT NULL,
    hash TEXT NOT NULL,
    head TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;

-- A decision. `hash` is over the record and the hash of the one before.
CREATE TABLE gate_records (
    site TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    agent TEXT,
    thumbprint TEXT,
    url TEXT NOT NULL,
    purpose TEXT,
    visitor TEXT NOT NULL,
    refusal TEXT,
    reason TEXT NOT NULL,
    claim_digest TEXT,
    asset TEXT,
    paid INTEGER,
    receipt TEXT,
    status INTEGER NOT NULL,
    is_dry INTEGER NOT NULL CHECK (is_dry IN (0, 1)),
    hash TEXT NOT NULL,
    row_seal BLOB NOT NULL,
    PRIMARY KEY (site, seq)
) STRICT;
CREATE INDEX gate_records_time ON gate_records (site, at);
CREATE INDEX gate_records_agent ON gate_records (site, agent, seq) WHERE agent IS NOT NULL;
CREATE INDEX gate_records_claim ON gate_records (claim_digest) WHERE claim_digest IS NOT NULL;
