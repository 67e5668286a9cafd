-- The library of manifests, and what others signed about them.

-- `document` is the manifest as its author signed it, `digest` the SHA-256 of its RFC 8785 bytes. `published_by` and
-- `proof` say who brought it; a copy of another node's has neither, but the address where it was fetched.
CREATE TABLE manifests (
    id TEXT NOT NULL PRIMARY KEY,
    digest TEXT NOT NULL,
    author_did TEXT NOT NULL,
    title TEXT,
    kind TEXT,
    document TEXT NOT NULL,
    published_by TEXT,
    proof TEXT,
    source_url TEXT,
    created_at BIGINT NOT NULL,
    checked_at BIGINT NOT NULL,
    row_seal BYTEA NOT NULL,
    CHECK ((published_by IS NULL) = (proof IS NULL)),
    CHECK (published_by IS NOT NULL OR source_url IS NOT NULL)
);
CREATE INDEX manifests_author ON manifests (author_did, created_at, id) WHERE published_by IS NOT NULL;
CREATE INDEX manifests_publisher ON manifests (published_by);
CREATE INDEX manifests_copies ON manifests (checked_at) WHERE published_by IS NULL;

-- Countersignatures of contributors and endorsements of nodes: signed messages, one of each kind from each signer.
CREATE TABLE statements (
    manifest_id TEXT NOT NULL REFERENCES manifests (id),
    kind TEXT NOT NULL,
    did TEXT NOT NULL,
    document TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (manifest_id, kind, did)
);
