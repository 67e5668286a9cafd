//! What an application is told about somebody.

use aws_lc_rs::digest::{SHA256, SHA512, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use imajin_kernel::Span;
use imajin_proof::jose::{Algorithm, issue};
use imajin_proof::token::{Standard, TokenKind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::clients::Client;
use super::error::OauthError;
use super::grants::mailbox_of;
use super::rows::OidcTokenRow;
use super::scope::Scope;
use super::tokens::{ACCESS, LivingToken};
use crate::AuthError;
use crate::auth::Auth;

/// How long an ID token may be believed.
const ID_TOKEN_LIFETIME: Span = Span::hours(1);

/// What an ID token says besides the claims of every token (OpenID Connect Core, section 2).
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct IdToken {
    auth_time: i64,
    at_hash: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
}

impl TokenKind for IdToken {
    /// What unmodified clients expect. No other kind of token of this node is signed by the same keys.
    const TYP: &'static str = "JWT";
}

/// OpenID Connect Core, section 3.1.3.6: the left half of a digest; Ed25519 goes with SHA-512.
fn token_digest(algorithm: Algorithm, token: &str) -> String {
    let kind = match algorithm {
        Algorithm::RS256 | Algorithm::ES256 => &SHA256,
        Algorithm::EdDSA => &SHA512,
    };
    let whole = digest(kind, token.as_bytes());
    let bytes = whole.as_ref();
    URL_SAFE_NO_PAD.encode(bytes.get(..bytes.len() / 2).unwrap_or(bytes))
}

impl Auth {
    /// The ID token beside an access token.
    pub(crate) async fn oidc_id_token(
        &self,
        client: &Client,
        row: &OidcTokenRow,
        access: &str,
    ) -> Result<String, AuthError> {
        let key = self.oidc_signing_key(client.algorithm).await?;
        let now = self.env.now();
        let standard = Standard {
            iss: self.issuer(),
            aud: client.id.to_string(),
            sub: row.did.to_string(),
            jti: URL_SAFE_NO_PAD.encode(self.env.random_bytes::<16>()),
            iat: now,
            exp: now.plus(ID_TOKEN_LIFETIME),
        };
        let claims = IdToken {
            auth_time: row.auth_time.as_seconds(),
            at_hash: token_digest(client.algorithm, access),
            nonce: row.nonce.clone(),
        };
        issue(&key, &standard, &claims).map_err(|error| AuthError::Row(format!("oidc_keys {}: {error}", key.kid())))
    }

    /// What the bearer of an access token is told.
    pub(crate) async fn oidc_userinfo(&self, token: &str) -> Result<Value, OauthError> {
        let living = self.oidc_token_find(token).await?;
        let living = living
            .filter(|living| living.row.kind == ACCESS)
            .ok_or_else(OauthError::invalid_token)?;
        let scopes = living.scopes();
        let mut claims = Map::new();
        claims.insert("sub".to_owned(), json!(living.identity.did));
        if let (true, Some(name)) = (scopes.has(Scope::Profile), &living.identity.name) {
            claims.insert("name".to_owned(), json!(name));
        }
        if let (true, Some(handle)) = (scopes.has(Scope::Handle), &living.identity.handle) {
            claims.insert("handle".to_owned(), json!(handle));
            claims.insert("preferred_username".to_owned(), json!(handle));
        }
        if scopes.has(Scope::Email)
            && let Some(mailbox) = self.mailbox_read(&living).await?
        {
            claims.insert("email".to_owned(), json!(mailbox));
            claims.insert("email_verified".to_owned(), json!(true));
        }
        Ok(Value::Object(claims))
    }

    async fn mailbox_read(&self, living: &LivingToken) -> Result<Option<String>, AuthError> {
        let (did, sealer) = (living.identity.did.clone(), self.sealer.clone());
        self.db.read(move |conn| mailbox_of(conn, &sealer, &did)).await
    }

    /// RFC 7662: only the client that a token was given to learns anything about it.
    pub(crate) async fn oidc_introspect(&self, client: &Client, token: &str) -> Result<Value, AuthError> {
        let living = self.oidc_token_find(token).await?;
        let Some(living) = living.filter(|living| living.row.client_id == client.id) else {
            return Ok(json!({"active": false}));
        };
        let row = &living.row;
        let kind = if row.kind == ACCESS { "Bearer" } else { "refresh_token" };
        Ok(json!({
            "active": true, "scope": row.scope, "client_id": row.client_id, "token_type": kind,
            "sub": row.did, "aud": row.client_id, "iss": self.issuer(),
            "iat": row.created_at.as_seconds(), "exp": row.expires_at.as_seconds(),
        }))
    }
}
