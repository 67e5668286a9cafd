-- Whose home is at another node: only that node may vouch for them here.
CREATE TABLE federation_links (
    did TEXT NOT NULL PRIMARY KEY REFERENCES identities (did),
    home_did TEXT NOT NULL,
    home_url TEXT NOT NULL,
    owner_did TEXT NOT NULL,
    proof TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX federation_links_home_did ON federation_links (home_did);
