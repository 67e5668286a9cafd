//! The node as an OpenID Provider for its own applications and its neighbours' (OpenID Connect Core 1.0, RFC 6749).
//!
//! | what | where |
//! |---|---|
//! | keys that sign ID tokens, and their rotation | `keys` |
//! | applications: registration and authentication | `clients`, `metadata` |
//! | an authorization request, checked | `request` |
//! | what becomes of it: log in, ask, answer | `authorize` |
//! | somebody's consent | `grants` |
//! | codes and tokens | `codes`, `tokens`, `exchange` |
//! | what an application is told | `claims` |
//! | what `imajin verify` checks | `audit` |
//!
//! **Architecture Invariant:** only the code flow, only with PKCE by S256, only to a redirect URI that is registered
//! letter by letter.
//!
//! **Architecture Invariant:** `sub` is the native DID. A mailbox is told to nobody but the application for which its
//! owner has ticked it.

pub(crate) mod audit;
pub(crate) mod authorize;
pub(crate) mod claims;
pub(crate) mod clients;
pub(crate) mod codes;
pub(crate) mod error;
pub(crate) mod exchange;
pub(crate) mod grants;
pub(crate) mod keys;
pub(crate) mod logout;
pub(crate) mod metadata;
pub(crate) mod request;
pub(crate) mod rows;
pub(crate) mod scope;
pub(crate) mod tokens;

use diesel::prelude::*;
use imajin_kernel::Timestamp;
use imajin_proof::digest::sha256_hex;
use imajin_store::Conn;

use crate::AuthError;
use crate::schema::{oidc_codes, oidc_tokens};

/// How long a used code is remembered: its second use must revoke what its first one gave.
const CODE_KEPT: imajin_kernel::Span = imajin_kernel::Span::hours(2);

/// Secrets that are shown once: 256 random bits behind a prefix that says what they are.
fn secret_new(env: &imajin_kernel::Env, prefix: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(env.random_bytes::<32>()))
}

/// What is kept of a secret. Its 256 random bits need no slow hash.
fn secret_hash(secret: &str) -> String {
    sha256_hex(secret.as_bytes())
}

/// Throws away codes and tokens whose time is over; returns how many rows are gone.
pub(crate) fn purge(conn: &mut Conn, now: Timestamp) -> Result<usize, AuthError> {
    let codes =
        diesel::delete(oidc_codes::table.filter(oidc_codes::created_at.le(now.minus(CODE_KEPT)))).execute(conn)?;
    let tokens = diesel::delete(oidc_tokens::table.filter(oidc_tokens::expires_at.le(now))).execute(conn)?;
    Ok(codes.saturating_add(tokens))
}
