-- What agents have objected to, one objection for each redemption; what was said is in the mutation log.
CREATE TABLE disputes (
    id TEXT NOT NULL PRIMARY KEY,
    jti TEXT NOT NULL,
    receipt TEXT NOT NULL,
    agent_did TEXT NOT NULL,
    node_did TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount BIGINT NOT NULL,
    url TEXT NOT NULL,
    score TEXT NOT NULL,
    reason TEXT NOT NULL,
    said_digest TEXT NOT NULL,
    state TEXT NOT NULL,
    answer TEXT,
    answer_digest TEXT,
    is_shown BOOLEAN NOT NULL,
    ruled_by TEXT,
    ruling TEXT,
    created_at BIGINT NOT NULL,
    answered_at BIGINT,
    due_at BIGINT NOT NULL,
    ended_at BIGINT,
    row_seal BYTEA NOT NULL,
    UNIQUE (jti, receipt)
);
CREATE INDEX disputes_agent ON disputes (agent_did, id);
CREATE INDEX disputes_node ON disputes (node_did, id);
CREATE INDEX disputes_due ON disputes (due_at) WHERE ended_at IS NULL;
CREATE INDEX redemptions_claim ON redemptions (claim_digest);

-- What went back to the agent because it was right.
ALTER TABLE visas ADD COLUMN reversed_micros BIGINT;
