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
    created_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    ended_at INTEGER,
    row_seal BLOB NOT NULL,
    UNIQUE (source, mailbox)
) STRICT;

CREATE INDEX notices_due ON notices (state, due_at);

-- Who wants no mail, by their own word.
CREATE TABLE notice_settings (
    did TEXT NOT NULL PRIMARY KEY,
    mail TEXT NOT NULL,
    owner_did TEXT NOT NULL,
    proof TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER,
    row_seal BLOB NOT NULL
) STRICT;
