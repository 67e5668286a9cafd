-- What is being paid for, and where that stands. The price was fixed by the seller when the checkout was opened.
CREATE TABLE checkouts (
    id TEXT NOT NULL PRIMARY KEY,
    rail TEXT NOT NULL,
    goods_kind TEXT NOT NULL,
    goods_id TEXT NOT NULL,
    owner_did TEXT NOT NULL,
    seller_did TEXT NOT NULL,
    title TEXT NOT NULL,
    asset TEXT NOT NULL,
    price INTEGER NOT NULL,
    split_id TEXT NOT NULL,
    state TEXT NOT NULL,
    form_token TEXT NOT NULL,
    pay_url TEXT NOT NULL,
    success_url TEXT NOT NULL,
    cancel_url TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    hold_id TEXT,
    message_id TEXT,
    rail_reference TEXT,
    receipt_id TEXT,
    paid_at INTEGER,
    reason TEXT,
    failures INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX checkouts_open ON checkouts (goods_kind, goods_id, owner_did) WHERE state = 'open';
CREATE INDEX checkouts_expires_at ON checkouts (expires_at) WHERE state = 'open';
CREATE INDEX checkouts_paid ON checkouts (id) WHERE state = 'paid';
CREATE INDEX checkouts_goods ON checkouts (goods_kind, goods_id) WHERE state IN ('paid', 'settled');

-- How prices are split: the seller's word and the fees in force when a checkout was opened. Named by the SHA-256 of the
-- document, so that all checkouts of one event share one row.
CREATE TABLE splits (
    id TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;

-- What payment rails have said, as received. A message is stored before it is acknowledged.
CREATE TABLE rail_messages (
    id TEXT NOT NULL PRIMARY KEY,
    rail TEXT NOT NULL,
    event_id TEXT NOT NULL,
    body BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    checkout_id TEXT NOT NULL,
    outcome TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount INTEGER NOT NULL,
    reference TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    result TEXT NOT NULL,
    processed_at INTEGER,
    hold_id TEXT,
    refund_reference TEXT,
    row_seal BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX rail_messages_event ON rail_messages (rail, event_id);
CREATE INDEX rail_messages_stored ON rail_messages (id) WHERE processed_at IS NULL;
CREATE INDEX rail_messages_checkout ON rail_messages (checkout_id);

-- What was paid and where it went, signed by the node.
CREATE TABLE receipts (
    id TEXT NOT NULL PRIMARY KEY,
    checkout_id TEXT NOT NULL,
    entry_id TEXT NOT NULL,
    payer_did TEXT NOT NULL,
    asset TEXT NOT NULL,
    gross INTEGER NOT NULL,
    issued_at INTEGER NOT NULL,
    document TEXT NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX receipts_checkout ON receipts (checkout_id);

-- Who may see a receipt: its payer and its payees. Follows from the receipt.
CREATE TABLE receipt_parties (
    did TEXT NOT NULL,
    receipt_id TEXT NOT NULL,
    PRIMARY KEY (did, receipt_id)
) STRICT;

-- Sums over all receipts and refunds, so that nobody has to read them all.
CREATE TABLE sales_totals (
    asset TEXT NOT NULL PRIMARY KEY,
    gross INTEGER NOT NULL,
    receipts INTEGER NOT NULL,
    refunds INTEGER NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;
