-- What agents say at a gate about what they have paid for, on its way to the broker whose visa has paid.

ALTER TABLE gate_claims ADD COLUMN broker TEXT;

-- The last word of an agent about an access, as it has signed it. `waiting` until the broker has heard it: then
-- `passed`, or `refused` with what the broker has said.
CREATE TABLE gate_feedback (
    access_id TEXT NOT NULL PRIMARY KEY,
    site TEXT NOT NULL,
    agent TEXT NOT NULL,
    url TEXT NOT NULL,
    broker TEXT NOT NULL,
    digest TEXT NOT NULL,
    document TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    tries INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    said_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX gate_feedback_due ON gate_feedback (due_at) WHERE state = 'waiting';
CREATE INDEX gate_feedback_site ON gate_feedback (site, said_at);
