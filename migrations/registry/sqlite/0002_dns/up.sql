-- What is to be published about a name, and what was published last.
CREATE TABLE dns_names (
    name TEXT NOT NULL PRIMARY KEY,
    node_did TEXT NOT NULL REFERENCES nodes (node_did),
    addresses TEXT NOT NULL,
    challenges TEXT NOT NULL,
    withdrawn_at INTEGER,
    revision INTEGER NOT NULL,
    published TEXT,
    published_revision INTEGER NOT NULL,
    published_at INTEGER,
    last_error TEXT,
    username TEXT NOT NULL,
    password_digest BLOB NOT NULL,
    issued_at INTEGER NOT NULL,
    asked_ms INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX dns_names_node ON dns_names (node_did);
CREATE UNIQUE INDEX dns_names_username ON dns_names (username);
CREATE INDEX dns_names_unpublished ON dns_names (name) WHERE revision <> published_revision;
