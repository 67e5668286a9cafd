-- Works that are read here, for money or for free: what authors publish in versions, and who has paid.

-- `current` is the version that readers get, absent before the first publication. A work is never deleted: it is
-- withdrawn, and whoever has paid goes on reading it.
CREATE TABLE works (
    id TEXT NOT NULL PRIMARY KEY,
    owner_did TEXT NOT NULL,
    state TEXT NOT NULL,
    latest BIGINT NOT NULL,
    current BIGINT,
    proof TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    published_at BIGINT,
    row_seal BYTEA NOT NULL
);
CREATE INDEX works_owner ON works (owner_did, id);
CREATE INDEX works_published ON works (id) WHERE state = 'published';

-- The bytes are in a file that is named by `sha256`; `stored_at` says since when. A work without a price is free.
CREATE TABLE work_versions (
    content_id TEXT NOT NULL REFERENCES works (id),
    number BIGINT NOT NULL,
    owner_did TEXT NOT NULL,
    manifest_id TEXT NOT NULL REFERENCES manifests (id),
    manifest_digest TEXT NOT NULL,
    title TEXT NOT NULL,
    summary TEXT NOT NULL,
    preview TEXT NOT NULL,
    format TEXT NOT NULL,
    media_type TEXT NOT NULL,
    file_name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size BIGINT NOT NULL,
    asset TEXT,
    price BIGINT,
    proof TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    stored_at BIGINT,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (content_id, number),
    CHECK ((asset IS NULL) = (price IS NULL))
);
CREATE INDEX work_versions_sha256 ON work_versions (sha256) WHERE stored_at IS NOT NULL;
CREATE INDEX work_versions_owner ON work_versions (owner_did);

-- What became of each payment: a reader's access, or why there is none. The same delivery always ends the same way.
CREATE TABLE work_accesses (
    content_id TEXT NOT NULL REFERENCES works (id),
    checkout_id TEXT NOT NULL,
    reader_did TEXT NOT NULL,
    receipt_id TEXT NOT NULL,
    asset TEXT NOT NULL,
    gross BIGINT NOT NULL,
    paid_at BIGINT NOT NULL,
    refusal TEXT,
    revoked_at BIGINT,
    revoked_because TEXT,
    created_at BIGINT NOT NULL,
    row_seal BYTEA NOT NULL,
    PRIMARY KEY (content_id, checkout_id)
);
CREATE UNIQUE INDEX work_accesses_reader ON work_accesses (content_id, reader_did)
    WHERE refusal IS NULL AND revoked_at IS NULL;
CREATE INDEX work_accesses_library ON work_accesses (reader_did, checkout_id)
    WHERE refusal IS NULL AND revoked_at IS NULL;
