-- What shows one decision of a gate to others.

-- How a record is hashed, how closely the claim was bound to the URL, and which visa has paid. Records from before say
-- none of it, and are hashed and sealed without.
ALTER TABLE gate_records ADD COLUMN version BIGINT;
ALTER TABLE gate_records ADD COLUMN binding TEXT;
ALTER TABLE gate_records ADD COLUMN visa_broker TEXT;
ALTER TABLE gate_records ADD COLUMN visa_id TEXT;

-- What the node has signed about the last record of each batch. Forgotten with the records of its time.
CREATE TABLE gate_heads (
    site TEXT NOT NULL,
    seq BIGINT NOT NULL,
    head TEXT NOT NULL,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (site, seq)
);
