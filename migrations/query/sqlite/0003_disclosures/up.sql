-- What people's nodes may disclose about them at all, what was disclosed, and what those who were told say themselves.

-- As they signed it; there is one version at a time, and the log has all of them.
CREATE TABLE profiles (
    owner_did TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL,
    proof TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;

-- A use that was made, with the receipt of the node and what the asker has signed. What was told is not kept.
CREATE TABLE uses (
    id TEXT NOT NULL PRIMARY KEY,
    owner_did TEXT NOT NULL,
    asker_did TEXT NOT NULL,
    receipt TEXT NOT NULL,
    evidence TEXT NOT NULL,
    home TEXT,
    created_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX uses_owner ON uses (owner_did, asker_did, created_at);

-- What askers say that they were told: their own log where this node is their home, copies of it elsewhere.
CREATE TABLE records (
    digest TEXT NOT NULL PRIMARY KEY,
    owner_did TEXT NOT NULL,
    subject_did TEXT NOT NULL,
    node_did TEXT NOT NULL,
    read_from TEXT,
    document TEXT NOT NULL,
    proof TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX records_subject ON records (subject_did, owner_did, digest);

-- When an asker's log at another node was read for somebody, and what came of it.
CREATE TABLE readings (
    owner_did TEXT NOT NULL,
    asker_did TEXT NOT NULL,
    home TEXT NOT NULL,
    read_at INTEGER,
    problem TEXT,
    updated_at INTEGER NOT NULL,
    row_seal BLOB NOT NULL,
    PRIMARY KEY (owner_did, asker_did)
) STRICT;
