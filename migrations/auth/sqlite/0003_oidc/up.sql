-- The node as an OpenID Provider: its signing keys, its clients, who consented to what, codes and tokens.

-- Keys that sign ID tokens, sealed. A key is published before it is used and for a while after it was.
CREATE TABLE oidc_keys (
    kid TEXT NOT NULL PRIMARY KEY,
    algorithm TEXT NOT NULL,
    generation INTEGER NOT NULL,
    public_jwk TEXT NOT NULL,
    sealed_key BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    active_at INTEGER NOT NULL,
    retires_at INTEGER,
    row_seal BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX oidc_keys_generation ON oidc_keys (algorithm, generation);

-- Applications that may ask who somebody is; of a secret only the hash is kept.
CREATE TABLE oidc_clients (
    client_id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    auth_method TEXT NOT NULL,
    secret_hash TEXT,
    redirect_uris TEXT NOT NULL,
    logout_uris TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    owner_did TEXT NOT NULL,
    proof TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX oidc_clients_created_at ON oidc_clients (created_at);

-- What somebody allows an application to know.
CREATE TABLE oidc_grants (
    id TEXT NOT NULL PRIMARY KEY,
    did TEXT NOT NULL REFERENCES identities (did),
    client_id TEXT NOT NULL REFERENCES oidc_clients (client_id),
    asked TEXT NOT NULL,
    scope TEXT NOT NULL,
    owner_did TEXT NOT NULL,
    proof TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER,
    row_seal BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX oidc_grants_living ON oidc_grants (did, client_id) WHERE deleted_at IS NULL;

-- Authorization codes; only their hash is kept.
CREATE TABLE oidc_codes (
    code_hash TEXT NOT NULL PRIMARY KEY,
    grant_id TEXT NOT NULL,
    did TEXT NOT NULL,
    client_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    code_challenge TEXT NOT NULL,
    nonce TEXT,
    scope TEXT NOT NULL,
    auth_time INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX oidc_codes_created_at ON oidc_codes (created_at);
CREATE INDEX oidc_codes_session_id ON oidc_codes (session_id);

-- Access and refresh tokens; only their hash is kept. The family is the code that all of them come from.
CREATE TABLE oidc_tokens (
    token_hash TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    family TEXT NOT NULL,
    grant_id TEXT NOT NULL,
    did TEXT NOT NULL,
    client_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    nonce TEXT,
    scope TEXT NOT NULL,
    auth_time INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    revoked_at INTEGER,
    row_seal BLOB NOT NULL
) STRICT;
CREATE INDEX oidc_tokens_family ON oidc_tokens (family);
CREATE INDEX oidc_tokens_expires_at ON oidc_tokens (expires_at);
