//! Who pays a quote, and how that is known.

use imajin_did::Did;
use imajin_imagxp::Purpose;
use imajin_store::Conn;
use serde_json::json;

use super::balance::QUOTE_SETTLE;
use super::holds::MoneyRequest;
use crate::PayError;
use crate::context::{Context, IdempotencyKey};

/// The action in the mutation log when another service vouches for the payer.
const CLAIM_SETTLE: &str = "claim.settle";

/// Who pays.
#[derive(Clone)]
pub(crate) enum Payer {
    /// By a request that they have signed.
    Signed(MoneyRequest),
    /// By a claim that another service of this node has checked.
    Claim(Claim),
}

/// A claim, as the service that checked it tells of it.
#[derive(Clone)]
pub(crate) struct Claim {
    pub(crate) payer: Did,
    pub(crate) key: IdempotencyKey,
    /// Names the claim.
    pub(crate) digest: String,
    /// The thumbprint of the key that signed it.
    pub(crate) holder: String,
    /// Whom the visa must name; this node when nothing is said.
    pub(crate) audience: Option<String>,
    /// What the agent wants.
    pub(crate) purpose: Option<Purpose>,
    /// Whether a visa pays that names neither of them.
    pub(crate) takes_bearer: bool,
}

impl Payer {
    pub(crate) fn did(&self) -> &Did {
        match self {
            Self::Signed(request) => request.verified.did(),
            Self::Claim(claim) => &claim.payer,
        }
    }

    pub(crate) fn key(&self) -> &IdempotencyKey {
        match self {
            Self::Signed(request) => &request.key,
            Self::Claim(claim) => &claim.key,
        }
    }

    /// What was asked before is asked again, and changes nothing.
    pub(crate) fn again(&self, conn: &mut Conn, context: &Context) -> Result<(), PayError> {
        match self {
            Self::Signed(request) => context.nonce_spend(conn, &request.verified),
            Self::Claim(_) => Ok(()),
        }
    }

    /// Logs that a quote was paid.
    pub(crate) fn log(&self, conn: &mut Conn, context: &Context, object: &str) -> Result<(), PayError> {
        match self {
            Self::Signed(request) => {
                context.signed_append(conn, &request.verified, QUOTE_SETTLE, object, &request.body)
            }
            Self::Claim(claim) => {
                let body = json!({"claim": claim.digest, "holder": claim.holder}).to_string();
                context.node_append(conn, &claim.payer, CLAIM_SETTLE, object, body.into_bytes())
            }
        }
    }
}
