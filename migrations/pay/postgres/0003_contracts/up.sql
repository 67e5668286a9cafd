-- What people do with what comes in: every version of every distribution contract, as it was signed.
CREATE TABLE contracts (
    owner_did TEXT NOT NULL,
    version BIGINT NOT NULL,
    effective_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    document TEXT NOT NULL,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (owner_did, version)
);

-- What has gone from a contract's owner by a label to a recipient, and how much of it still waits for the minimum. It
-- follows from the receipts.
CREATE TABLE contract_flows (
    profile_did TEXT NOT NULL,
    label TEXT NOT NULL,
    recipient_did TEXT NOT NULL,
    asset TEXT NOT NULL,
    total BIGINT NOT NULL,
    waiting BIGINT NOT NULL,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (profile_did, label, recipient_did, asset)
);
