CREATE TABLE things (
    id TEXT NOT NULL PRIMARY KEY,
    owner_did TEXT NOT NULL,
    name TEXT NOT NULL,
    note TEXT,
    amount_micros BIGINT NOT NULL,
    places INTEGER NOT NULL,
    maximum INTEGER,
    open BOOLEAN NOT NULL,
    secret BYTEA NOT NULL,
    extra BYTEA,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT,
    row_seal BYTEA NOT NULL
);
CREATE TABLE parts (
    thing_id TEXT NOT NULL REFERENCES things (id) DEFERRABLE INITIALLY DEFERRED,
    nth BIGINT NOT NULL,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (thing_id, nth)
);
