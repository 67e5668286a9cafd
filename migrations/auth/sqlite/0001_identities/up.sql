-- Who is known here. STRICT: a value of another type must not hide in a column.

CREATE TABLE identities (
    did TEXT NOT NULL PRIMARY KEY,
    public_key BLOB NOT NULL,
    kind TEXT NOT NULL,
    handle TEXT UNIQUE,
    name TEXT,
    custody TEXT NOT NULL,
    recovery_key TEXT,
    owner_did TEXT NOT NULL,
    proof TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER,
    row_seal BLOB NOT NULL
) STRICT;

-- Short forms of a DID, noted once the whole key has proven itself.
CREATE TABLE identity_aliases (
    alias TEXT NOT NULL PRIMARY KEY,
    did TEXT NOT NULL REFERENCES identities (did),
    created_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX identity_aliases_did ON identity_aliases (did);

-- Which soft identity stands for a mailbox. Private: nothing in here is ever published.
CREATE TABLE mailbox_aliases (
    alias TEXT NOT NULL PRIMARY KEY,
    did TEXT NOT NULL REFERENCES identities (did),
    mailbox TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX mailbox_aliases_did ON mailbox_aliases (did);

-- The keys that the node holds for soft identities, sealed under its master key.
CREATE TABLE custodial_keys (
    did TEXT NOT NULL PRIMARY KEY REFERENCES identities (did),
    sealed_key BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;

-- The keys that sign session tokens; one of them is not retired.
CREATE TABLE session_keys (
    kid TEXT NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL,
    public_key BLOB NOT NULL,
    sealed_key BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    retired_at INTEGER,
    row_seal BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX session_keys_current ON session_keys (purpose) WHERE retired_at IS NULL;

CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    did TEXT NOT NULL REFERENCES identities (did),
    method TEXT NOT NULL,
    client TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX sessions_did ON sessions (did, created_at);
CREATE INDEX sessions_expires_at ON sessions (expires_at);

-- Challenges that were answered: an answer counts once.
CREATE TABLE challenge_uses (
    id TEXT NOT NULL PRIMARY KEY,
    did TEXT NOT NULL,
    used_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX challenge_uses_expires_at ON challenge_uses (expires_at);

-- Links on their way to a mailbox; of the link's token only the hash is kept.
CREATE TABLE mailbox_proofs (
    id TEXT NOT NULL PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    mailbox TEXT NOT NULL,
    next_path TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX mailbox_proofs_mailbox ON mailbox_proofs (mailbox, created_at);
CREATE INDEX mailbox_proofs_created_at ON mailbox_proofs (created_at);

-- Messages that a node without a mail server keeps for its developer.
CREATE TABLE development_mails (
    id TEXT NOT NULL PRIMARY KEY,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    link TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX development_mails_created_at ON development_mails (created_at);

-- The link with which somebody becomes the operator; only its hash is kept.
CREATE TABLE setup_tokens (
    token_hash TEXT NOT NULL PRIMARY KEY,
    created_at INTEGER NOT NULL,
    used_at INTEGER,
    used_by TEXT,
    row_seal BLOB NOT NULL
) STRICT;

-- Who runs the node. The role is the key: there is one operator.
CREATE TABLE node_roles (
    role TEXT NOT NULL PRIMARY KEY,
    did TEXT NOT NULL REFERENCES identities (did),
    owner_did TEXT NOT NULL,
    proof TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX node_roles_did ON node_roles (did);
