-- What people do with what comes in: every version of every distribution contract, as it was signed.
CREATE TABLE contracts (
    owner_did TEXT NOT NULL,
    version INTEGER NOT NULL,
    effective_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    document TEXT NOT NULL,
    row_seal BLOB NOT NULL,
    PRIMARY KEY (owner_did, version)
) STRICT;

-- What has gone from a contract's owner by a label to a recipient, and how much of it still waits for the minimum. It
-- follows from the receipts.
CREATE TABLE contract_flows (
    profile_did TEXT NOT NULL,
    label TEXT NOT NULL,
    recipient_did TEXT NOT NULL,
    asset TEXT NOT NULL,
    total INTEGER NOT NULL,
    waiting INTEGER NOT NULL,
    row_seal BLOB NOT NULL,
    PRIMARY KEY (profile_did, label, recipient_did, asset)
) STRICT;
