-- Events, their tiers, the orders that reserve and buy places, and the tickets.

CREATE TABLE events (
    id TEXT NOT NULL PRIMARY KEY,
    did TEXT NOT NULL UNIQUE,
    owner_did TEXT NOT NULL,
    status TEXT NOT NULL,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    timezone TEXT NOT NULL,
    venue TEXT,
    address TEXT,
    virtual_url TEXT,
    tags TEXT NOT NULL,
    refund_policy TEXT,
    manifest_id TEXT NOT NULL,
    manifest TEXT NOT NULL,
    sealed_key BYTEA NOT NULL,
    proof TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    published_at BIGINT,
    deleted_at BIGINT,
    row_seal BYTEA NOT NULL
);
CREATE INDEX events_soonest ON events (status, starts_at, id) WHERE deleted_at IS NULL;
CREATE INDEX events_owner ON events (owner_did, starts_at, id) WHERE deleted_at IS NULL;

-- `sold`, `held` and `gross_micros` are kept in step with the orders, in the same transactions.
CREATE TABLE tiers (
    id TEXT NOT NULL PRIMARY KEY,
    event_id TEXT NOT NULL REFERENCES events (id),
    position BIGINT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    price_micros BIGINT NOT NULL,
    asset TEXT NOT NULL,
    quantity BIGINT,
    per_order_limit BIGINT NOT NULL,
    sales_start BIGINT,
    sales_end BIGINT,
    perks TEXT NOT NULL,
    sold BIGINT NOT NULL,
    held BIGINT NOT NULL,
    gross_micros BIGINT NOT NULL,
    row_seal BYTEA NOT NULL,
    UNIQUE (event_id, position),
    UNIQUE (event_id, name),
    CHECK (sold >= 0 AND held >= 0 AND gross_micros >= 0),
    CHECK (quantity IS NULL OR sold + held <= quantity)
);

-- Countersignatures of the people whom the event's manifest names.
CREATE TABLE acceptances (
    event_id TEXT NOT NULL REFERENCES events (id),
    did TEXT NOT NULL,
    manifest_id TEXT NOT NULL,
    document TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (event_id, did)
);

CREATE TABLE orders (
    id TEXT NOT NULL PRIMARY KEY,
    event_id TEXT NOT NULL REFERENCES events (id),
    tier_id TEXT NOT NULL REFERENCES tiers (id),
    buyer_did TEXT NOT NULL,
    quantity BIGINT NOT NULL,
    unit_micros BIGINT NOT NULL,
    total_micros BIGINT NOT NULL,
    asset TEXT NOT NULL,
    state TEXT NOT NULL,
    hold_expires_at BIGINT NOT NULL,
    checkout_id TEXT,
    checkout_url TEXT,
    receipt_id TEXT,
    reason TEXT,
    proof TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    row_seal BYTEA NOT NULL
);
CREATE INDEX orders_lapse ON orders (state, hold_expires_at, id);
CREATE INDEX orders_tier_state ON orders (tier_id, state, hold_expires_at, id);
CREATE INDEX orders_buyer_state ON orders (buyer_did, event_id, state, hold_expires_at);

CREATE TABLE tickets (
    id TEXT NOT NULL PRIMARY KEY,
    event_id TEXT NOT NULL REFERENCES events (id),
    tier_id TEXT NOT NULL REFERENCES tiers (id),
    order_id TEXT NOT NULL REFERENCES orders (id),
    ordinal BIGINT NOT NULL,
    holder_did TEXT NOT NULL,
    status TEXT NOT NULL,
    receipt_id TEXT NOT NULL,
    document TEXT NOT NULL,
    qr TEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    row_seal BYTEA NOT NULL,
    UNIQUE (order_id, ordinal)
);
CREATE INDEX tickets_holder ON tickets (holder_did, id);
CREATE INDEX tickets_holder_event ON tickets (holder_did, event_id, id);
