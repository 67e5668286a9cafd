-- What people are told by mail: on its way, sent, or given up.
CREATE TABLE notices (
    id TEXT NOT NULL PRIMARY KEY,
    source TEXT NOT NULL,
    did TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    link TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    problem TEXT,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    ended_at BIGINT,
    row_seal BYTEA NOT NULL,
    UNIQUE (source, mailbox)
);

CREATE INDEX notices_due ON notices (state, due_at);

-- Who wants no mail, by their own word.
CREATE TABLE notice_settings (
    did TEXT NOT NULL PRIMARY KEY,
    mail TEXT NOT NULL,
    owner_did TEXT NOT NULL,
    proof TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT,
    row_seal BYTEA NOT NULL
);
