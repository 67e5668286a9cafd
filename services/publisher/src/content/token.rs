//! Short-lived tokens with which a machine reads what its identity has paid for.

use imajin_did::{Did, Keyring};
use imajin_kernel::id::ContentId;
use imajin_kernel::{Env, Problem, Span, Timestamp};
use imajin_proof::token::{self, Standard, TokenKind};
use serde::{Deserialize, Serialize};

/// How long a token is good.
const LASTS: Span = Span::minutes(5);

/// What the token says besides who may read what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReadClaims {
    /// What may be done with it.
    action: String,
}

impl TokenKind for ReadClaims {
    const TYP: &'static str = "content+jwt";
}

/// Issues a token for one reader and one work.
pub(crate) fn read_token_issue(
    keyring: &Keyring,
    env: &Env,
    id: ContentId,
    reader: &Did,
) -> Result<(String, Timestamp), Problem> {
    let now = env.now();
    let expires_at = now.plus(LASTS);
    let standard = Standard {
        iss: keyring.node_did().to_string(),
        aud: id.to_string(),
        sub: reader.canonical().to_string(),
        jti: hex::encode(env.random_bytes::<16>()),
        iat: now,
        exp: expires_at,
    };
    let claims = ReadClaims {
        action: "read".to_owned(),
    };
    let kid = token::key_id(&keyring.node_public());
    let text = token::issue(keyring.node_key(), &kid, &standard, &claims).map_err(|error| {
        tracing::error!(%error, "a token for a reader could not be issued");
        Problem::internal()
    })?;
    Ok((text, expires_at))
}

/// Who may read a work by this token; `None` when the text is no good one of ours for it.
pub(crate) fn read_token_reader(keyring: &Keyring, now: Timestamp, id: ContentId, text: &str) -> Option<Did> {
    let node = keyring.node_public();
    let kid = token::key_id(&node);
    let key_of = |named: &str| (named == kid).then_some(node);
    let issuer = keyring.node_did().to_string();
    let token = token::verify::<ReadClaims>(text, &key_of, &issuer, &id.to_string(), now).ok()?;
    token.standard.sub.parse().ok()
}
