use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use imajin_did::Did;
use imajin_web::{Authorised, Failure, KeyTier, ProblemDocument, SignedBody};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Auth;
use crate::claims::ClaimBody;

/// A mailbox that belongs to a key now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ClaimAnswer {
    /// The caller, to whom everything of the mailbox belongs.
    #[schema(value_type = String)]
    did: Did,
    /// The pseudonym that stood for the mailbox. It has ended.
    #[schema(value_type = String)]
    claimed: Did,
}

/// Claim what a mailbox has: its tickets and balances are the caller's from then on.
///
/// Signed (RFC 9421) by the key; the body holds the token of a login link that was sent to the mailbox, and uses it up.
#[utoipa::path(
    post, path = "/api/claim", tag = "mailbox",
    request_body = ClaimBody,
    responses(
        (status = 200, description = "It is the caller's", body = ClaimAnswer),
        (status = 401, description = "Not signed, or not well", body = ProblemDocument),
        (status = 403, description = "The signer has no key of their own here", body = ProblemDocument),
        (status = 409, description = "The mailbox belongs to a key already", body = ProblemDocument),
        (status = 410, description = "The link has expired or was used", body = ProblemDocument),
    )
)]
pub(super) async fn claim(
    State(auth): State<Arc<Auth>>,
    signed: SignedBody<ClaimBody, Authorised<KeyTier>>,
) -> Result<Json<ClaimAnswer>, Failure> {
    let claimed = auth.claim(&signed.verified, &signed.value, signed.request.body).await?;
    Ok(Json(ClaimAnswer {
        did: signed.verified.did().clone(),
        claimed,
    }))
}
