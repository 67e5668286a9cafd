-- The terms under which leaders' questions are answered, the documents that they are answered from, and what was asked.

-- As the leader signed them; there is one version at a time, and the log has all of them.
CREATE TABLE leaders (
    owner_did TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    document TEXT NOT NULL,
    proof TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    row_seal BYTEA NOT NULL
);

CREATE TABLE documents (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    owner_did TEXT NOT NULL,
    title TEXT NOT NULL,
    media_type TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size BIGINT NOT NULL,
    content BYTEA NOT NULL,
    manifest_id TEXT NOT NULL,
    manifest TEXT NOT NULL,
    proof TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT,
    row_seal BYTEA NOT NULL
);
CREATE INDEX documents_owner ON documents (owner_did, id);

-- What an answer would cost at most. A quote is good once: `question_id` says for what.
CREATE TABLE quotes (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    owner_did TEXT NOT NULL,
    leader_did TEXT NOT NULL,
    query_sha256 TEXT NOT NULL,
    tokens_max BIGINT NOT NULL,
    asset TEXT NOT NULL,
    ceiling BIGINT NOT NULL,
    proof TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    question_id TEXT,
    row_seal BYTEA NOT NULL
);

-- A question and how far it is: `placed`, `held`, `answered`, `settled` or `failed`. What was asked is not kept, only
-- its SHA-256.
CREATE TABLE questions (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    owner_did TEXT NOT NULL,
    leader_did TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    body_sha256 TEXT NOT NULL,
    query_sha256 TEXT NOT NULL,
    quote_id TEXT,
    tokens_max BIGINT NOT NULL,
    asset TEXT NOT NULL,
    ceiling BIGINT NOT NULL,
    evidence TEXT NOT NULL,
    state TEXT NOT NULL,
    checkout_id TEXT,
    receipt_id TEXT,
    answer TEXT,
    fee BIGINT,
    failure TEXT,
    created_at BIGINT NOT NULL,
    deadline_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    row_seal BYTEA NOT NULL
);
CREATE UNIQUE INDEX questions_key ON questions (owner_did, idempotency_key);
CREATE INDEX questions_leader ON questions (leader_did, created_at);
CREATE INDEX questions_open ON questions (state, deadline_at);
