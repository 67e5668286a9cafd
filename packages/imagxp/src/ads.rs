use http::{HeaderMap, HeaderName};
use imajin_kernel::Timestamp;
use imajin_proof::jose::{self, Expect, Jwks};
use imajin_proof::token::{TokenError, TokenKind};
use serde::{Deserialize, Serialize};

use crate::headers::single;
use crate::{AgentId, ClaimError};

/// What a network of advertisers says about an agent: a JWT.
pub const AD_PROOF: HeaderName = HeaderName::from_static("x-imagxp-proof");

const LENGTH_MAX: usize = 8 * 1024;

/// The claims of a proof beside the standard ones: none of them decides anything here.
#[derive(Serialize, Deserialize)]
struct AdProofClaims {}

impl TokenKind for AdProofClaims {
    const TYP: &'static str = "JWT";
}

/// The proof that a request carries.
///
/// # Errors
/// [`ClaimError`] when the header is repeated or too long.
pub fn ad_proof_read(headers: &HeaderMap) -> Result<Option<&str>, ClaimError> {
    single(headers, &AD_PROOF, LENGTH_MAX)
}

/// Checks that a network (`iss`) vouches to this site (`aud`) for this agent (`sub`), now.
///
/// # Errors
/// [`TokenError`]; [`TokenError::WrongAudience`] also when it is about another agent.
pub fn ad_proof_verify(
    text: &str,
    keys: &Jwks,
    issuer: &str,
    audience: &str,
    agent: &AgentId,
    now: Timestamp,
) -> Result<(), TokenError> {
    let expect = Expect {
        iss: issuer,
        aud: audience,
        now,
    };
    let token = jose::verify::<AdProofClaims>(text, keys, &expect)?;
    if token.standard.sub == agent.as_str() {
        Ok(())
    } else {
        Err(TokenError::WrongAudience)
    }
}
