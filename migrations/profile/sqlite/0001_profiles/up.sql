-- What people say about themselves, their pictures, and the words that they are found by.

-- `handle` and `display_type` are as auth had them at the last change: auth decides, this copy is for lists and search.
CREATE TABLE profiles (
    did TEXT NOT NULL PRIMARY KEY,
    owner_did TEXT NOT NULL,
    handle TEXT,
    display_type TEXT NOT NULL,
    display_name TEXT NOT NULL,
    bio TEXT,
    links TEXT NOT NULL,
    contact TEXT NOT NULL,
    version INTEGER NOT NULL,
    proof TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    row_seal BLOB NOT NULL
) STRICT;

-- Re-encoded pictures only; `hash` is the SHA-256 of the large one. A removed picture leaves an empty row.
CREATE TABLE avatars (
    did TEXT NOT NULL PRIMARY KEY,
    owner_did TEXT NOT NULL,
    hash TEXT NOT NULL,
    large BLOB NOT NULL,
    small BLOB NOT NULL,
    proof TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX avatars_hash ON avatars (hash) WHERE deleted_at IS NULL;

-- The handle and the name of each profile, folded, from the start of each word on. Searching is a range of `term`.
CREATE TABLE search_terms (
    term TEXT NOT NULL,
    did TEXT NOT NULL,
    row_seal BLOB NOT NULL,
    PRIMARY KEY (term, did)
) STRICT;
CREATE INDEX search_terms_did ON search_terms (did);
