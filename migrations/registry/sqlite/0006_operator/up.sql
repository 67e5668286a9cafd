-- What the operator says of a build, whatever its nodes report.
CREATE TABLE build_rules (
    build_hash TEXT NOT NULL PRIMARY KEY,
    standing TEXT NOT NULL,
    target_version TEXT,
    reason TEXT NOT NULL,
    owner_did TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    row_seal BLOB NOT NULL
);

-- The keys whose signed releases count, until they are retired.
CREATE TABLE release_keys (
    public_key TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    owner_did TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    retired_at BIGINT,
    retired_reason TEXT,
    row_seal BLOB NOT NULL
);

-- Releases as they were signed.
CREATE TABLE releases (
    digest TEXT NOT NULL PRIMARY KEY,
    release_key TEXT NOT NULL REFERENCES release_keys (public_key),
    version TEXT NOT NULL,
    document TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    row_seal BLOB NOT NULL
);

-- The builds of a release.
CREATE TABLE release_builds (
    build_hash TEXT NOT NULL,
    digest TEXT NOT NULL REFERENCES releases (digest),
    target TEXT NOT NULL,
    row_seal BLOB NOT NULL,
    PRIMARY KEY (build_hash, digest)
);
