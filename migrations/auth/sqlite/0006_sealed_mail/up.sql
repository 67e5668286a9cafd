-- Messages that stay on a node without a mail server hold login links: from now on they are sealed. Those that are
-- there have expired by the time that anyone could read them.
DROP TABLE development_mails;
CREATE TABLE development_mails (
    id TEXT NOT NULL PRIMARY KEY,
    recipient TEXT NOT NULL,
    sealed_message BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX development_mails_created_at ON development_mails (created_at);
