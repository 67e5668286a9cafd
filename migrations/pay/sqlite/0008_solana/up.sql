-- The wallet of the node, its key sealed.
CREATE TABLE solana_wallets (
    id TEXT NOT NULL PRIMARY KEY,
    address TEXT NOT NULL,
    sealed_key BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;

-- What the rail has stored here: checkouts that it watches, and money that leaves the wallet.
CREATE TABLE solana_records (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    document TEXT NOT NULL,
    -- When to go on with it; none, when it is over.
    next_at INTEGER,
    signed_at INTEGER,
    row_seal BLOB NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT;
CREATE INDEX solana_records_next ON solana_records (kind, next_at) WHERE next_at IS NOT NULL;
CREATE INDEX solana_records_signed ON solana_records (signed_at) WHERE signed_at IS NOT NULL;

-- Where payees are paid on the chain, with the proof of their wallets.
CREATE TABLE payee_addresses (
    did TEXT NOT NULL PRIMARY KEY,
    address TEXT NOT NULL,
    document TEXT NOT NULL,
    bound_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;
