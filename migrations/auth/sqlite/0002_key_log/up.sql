-- How the keys of identities have changed.

-- What the identity's log says now; empty before anything was published.
ALTER TABLE identities ADD COLUMN key_state TEXT;

-- The Multikey that opened the session: the session ends with it.
ALTER TABLE sessions ADD COLUMN opened_by TEXT;

-- Entries of key logs: of the identities of this node, and of those that it mirrors.
CREATE TABLE key_log_entries (
    hash TEXT NOT NULL PRIMARY KEY,
    did TEXT NOT NULL,
    seq INTEGER NOT NULL,
    prev TEXT,
    kind TEXT NOT NULL,
    document TEXT NOT NULL,
    proof TEXT NOT NULL,
    accepted_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX key_log_entries_did ON key_log_entries (did, seq);

-- What trusted witnesses said about them, this node included.
CREATE TABLE key_log_receipts (
    entry TEXT NOT NULL REFERENCES key_log_entries (hash),
    witness TEXT NOT NULL,
    did TEXT NOT NULL,
    document TEXT NOT NULL,
    row_seal BLOB NOT NULL,
    PRIMARY KEY (entry, witness)
) STRICT;
CREATE INDEX key_log_receipts_did ON key_log_receipts (did);

-- The logs of identities that are at home elsewhere, and the head that was seen.
CREATE TABLE mirrored_logs (
    did TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    pin TEXT,
    source TEXT,
    proof TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;

-- What people call their keys, and when they used them. Private: nothing of it is in the log.
CREATE TABLE devices (
    did TEXT NOT NULL REFERENCES identities (did),
    multikey TEXT NOT NULL,
    name TEXT,
    added_at INTEGER NOT NULL,
    last_used_at INTEGER,
    removed_at INTEGER,
    row_seal BLOB NOT NULL,
    PRIMARY KEY (did, multikey)
) STRICT;

-- New devices that ask to be let in.
CREATE TABLE device_requests (
    id TEXT NOT NULL PRIMARY KEY,
    did TEXT NOT NULL,
    multikey TEXT NOT NULL,
    name TEXT NOT NULL,
    code TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    outcome TEXT,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX device_requests_did ON device_requests (did, created_at);
CREATE INDEX device_requests_expires_at ON device_requests (expires_at);
