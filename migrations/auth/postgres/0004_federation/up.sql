-- Whose home is at another node: only that node may vouch for them here.
CREATE TABLE federation_links (
    did TEXT NOT NULL PRIMARY KEY REFERENCES identities (did),
    home_did TEXT NOT NULL,
    home_url TEXT NOT NULL,
    owner_did TEXT NOT NULL,
    proof TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT,
    row_seal BYTEA NOT NULL
);
CREATE INDEX federation_links_home_did ON federation_links (home_did);
