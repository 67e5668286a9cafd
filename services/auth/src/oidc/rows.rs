use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{OidcClientId, OidcGrantId, SessionId};
use imajin_store::sealed_row;
use serde::Serialize;

use crate::schema::{oidc_clients, oidc_codes, oidc_grants, oidc_keys, oidc_tokens};

/// A key that signs ID tokens, sealed.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = oidc_keys, primary_key(kid))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct OidcKeyRow {
    pub(crate) kid: String,
    pub(crate) algorithm: String,
    /// Counts the keys of one algorithm: two processes cannot make the same one.
    pub(crate) generation: i64,
    pub(crate) public_jwk: String,
    pub(crate) sealed_key: Vec<u8>,
    pub(crate) created_at: Timestamp,
    /// From when on it signs; it is published before.
    pub(crate) active_at: Timestamp,
    /// From when on it is no longer published.
    pub(crate) retires_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(OidcKeyRow, oidc_keys, "oidc_keys", key = (kid));

/// An application.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = oidc_clients, primary_key(client_id))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct OidcClientRow {
    pub(crate) client_id: OidcClientId,
    pub(crate) name: String,
    pub(crate) auth_method: String,
    /// SHA-256 of the secret, in hex; the secret itself has 256 random bits.
    pub(crate) secret_hash: Option<String>,
    /// A JSON list.
    pub(crate) redirect_uris: String,
    /// A JSON list.
    pub(crate) logout_uris: String,
    pub(crate) algorithm: String,
    pub(crate) owner_did: Did,
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(OidcClientRow, oidc_clients, "oidc_clients", key = (client_id));

/// What somebody allows an application to know.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = oidc_grants)]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct OidcGrantRow {
    pub(crate) id: OidcGrantId,
    pub(crate) did: Did,
    pub(crate) client_id: OidcClientId,
    /// The scopes that were asked for, separated by spaces.
    pub(crate) asked: String,
    /// Those of them that were allowed.
    pub(crate) scope: String,
    pub(crate) owner_did: Did,
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(OidcGrantRow, oidc_grants, "oidc_grants", key = (id));

/// An authorization code.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = oidc_codes, primary_key(code_hash))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct OidcCodeRow {
    /// SHA-256 of the code, in hex.
    pub(crate) code_hash: String,
    pub(crate) grant_id: OidcGrantId,
    pub(crate) did: Did,
    pub(crate) client_id: OidcClientId,
    pub(crate) session_id: SessionId,
    pub(crate) redirect_uri: String,
    /// RFC 7636, always S256.
    pub(crate) code_challenge: String,
    pub(crate) nonce: Option<String>,
    pub(crate) scope: String,
    /// When the person logged in.
    pub(crate) auth_time: Timestamp,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) used_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(OidcCodeRow, oidc_codes, "oidc_codes", key = (code_hash));

/// An access or refresh token.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = oidc_tokens, primary_key(token_hash))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct OidcTokenRow {
    /// SHA-256 of the token, in hex.
    pub(crate) token_hash: String,
    /// `access` or `refresh`.
    pub(crate) kind: String,
    /// The hash of the code that the token comes from.
    pub(crate) family: String,
    pub(crate) grant_id: OidcGrantId,
    pub(crate) did: Did,
    pub(crate) client_id: OidcClientId,
    /// The session in which the person was asked.
    pub(crate) session_id: SessionId,
    pub(crate) nonce: Option<String>,
    pub(crate) scope: String,
    pub(crate) auth_time: Timestamp,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    /// When a refresh token was exchanged.
    pub(crate) used_at: Option<Timestamp>,
    pub(crate) revoked_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(OidcTokenRow, oidc_tokens, "oidc_tokens", key = (token_hash));
