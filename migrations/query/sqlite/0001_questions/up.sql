-- The terms under which leaders' questions are answered, the documents that they are answered from, and what was asked.

-- As the leader signed them; there is one version at a time, and the log has all of them.
CREATE TABLE leaders (
    owner_did TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL,
    proof TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;

CREATE TABLE documents (
    id TEXT NOT NULL PRIMARY KEY,
    owner_did TEXT NOT NULL,
    title TEXT NOT NULL,
    media_type TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    content BLOB NOT NULL,
    manifest_id TEXT NOT NULL,
    manifest TEXT NOT NULL,
    proof TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX documents_owner ON documents (owner_did, id);

-- What an answer would cost at most. A quote is good once: `question_id` says for what.
CREATE TABLE quotes (
    id TEXT NOT NULL PRIMARY KEY,
    owner_did TEXT NOT NULL,
    leader_did TEXT NOT NULL,
    query_sha256 TEXT NOT NULL,
    tokens_max INTEGER NOT NULL,
    asset TEXT NOT NULL,
    ceiling INTEGER NOT NULL,
    proof TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    question_id TEXT,
    row_seal BLOB NOT NULL
) STRICT;

-- A question and how far it is: `placed`, `held`, `answered`, `settled` or `failed`. What was asked is not kept, only
-- its SHA-256.
CREATE TABLE questions (
    id TEXT NOT NULL PRIMARY KEY,
    owner_did TEXT NOT NULL,
    leader_did TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    body_sha256 TEXT NOT NULL,
    query_sha256 TEXT NOT NULL,
    quote_id TEXT,
    tokens_max INTEGER NOT NULL,
    asset TEXT NOT NULL,
    ceiling INTEGER NOT NULL,
    evidence TEXT NOT NULL,
    state TEXT NOT NULL,
    checkout_id TEXT,
    receipt_id TEXT,
    answer TEXT,
    fee INTEGER,
    failure TEXT,
    created_at INTEGER NOT NULL,
    deadline_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX questions_key ON questions (owner_did, idempotency_key);
CREATE INDEX questions_leader ON questions (leader_did, created_at);
CREATE INDEX questions_open ON questions (state, deadline_at);
