-- What people sign about each other, the ties that follow from it, and who may see them.

-- The documents as they were signed. `tie` names what is said of whom while it stands: there is one such statement at a
-- time. `seq` is the place of the last change of the row in the order of all changes.
CREATE TABLE statements (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    digest TEXT NOT NULL,
    kind TEXT NOT NULL,
    owner_did TEXT NOT NULL,
    subject_did TEXT NOT NULL,
    number BIGINT NOT NULL,
    expires_at BIGINT,
    document TEXT NOT NULL,
    acceptance TEXT,
    revocation TEXT,
    replaced_by TEXT,
    invite TEXT,
    tie TEXT,
    seq BIGINT NOT NULL,
    proof TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    accepted_at BIGINT,
    deleted_at BIGINT,
    row_seal BYTEA NOT NULL
);
CREATE UNIQUE INDEX statements_tie ON statements (tie);
CREATE UNIQUE INDEX statements_seq ON statements (seq);
CREATE INDEX statements_owner ON statements (owner_did, created_at);
CREATE INDEX statements_subject ON statements (subject_did, created_at);

-- What counts now, and nothing else: small, because all of it is read at every start.
CREATE TABLE ties (
    statement TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    from_did TEXT NOT NULL,
    to_did TEXT NOT NULL,
    number BIGINT NOT NULL,
    expires_at BIGINT,
    row_seal BYTEA NOT NULL
);

-- The last number of `statements.seq`.
CREATE TABLE sequences (
    name TEXT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    row_seal BYTEA NOT NULL
);

CREATE TABLE blocks (
    owner_did TEXT NOT NULL,
    blocked_did TEXT NOT NULL,
    proof TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (owner_did, blocked_did)
);

-- Who may see somebody's ties; without a row, those within reach.
CREATE TABLE audiences (
    did TEXT NOT NULL PRIMARY KEY,
    owner_did TEXT NOT NULL,
    audience TEXT NOT NULL,
    proof TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    row_seal BYTEA NOT NULL
);

-- Invitations; `key` is the public half of the key that the code is. The code itself is nowhere here.
CREATE TABLE invites (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    key TEXT NOT NULL,
    owner_did TEXT NOT NULL,
    document TEXT NOT NULL,
    note TEXT,
    uses BIGINT NOT NULL,
    uses_max BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    proof TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT,
    row_seal BYTEA NOT NULL
);
CREATE UNIQUE INDEX invites_key ON invites (key);
CREATE INDEX invites_owner ON invites (owner_did);
CREATE INDEX statements_invite ON statements (invite);
