use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use imajin_web::{Authorised, Failure, KeyTier, ProblemDocument, SignedBody};

use super::views::IdentityAnswer;
use crate::auth::Auth;
use crate::handles::HandleBody;

/// Take, change or give up one's handle. Signed (RFC 9421).
///
/// Once in seven days. The old handle leads nowhere from then on, and nobody else gets it for 90 days; its owner can
/// take it back. A handle that looks like somebody else's is taken, too.
#[utoipa::path(
    put, path = "/api/identity/handle", tag = "identity",
    request_body = HandleBody,
    responses(
        (status = 200, description = "The public facts, with the handle", body = IdentityAnswer),
        (status = 400, description = "The form is wrong, or the handle is reserved", body = ProblemDocument),
        (status = 401, description = "Not signed, or not well", body = ProblemDocument),
        (status = 403, description = "The signer has no key of their own here", body = ProblemDocument),
        (status = 409, description = "Taken, or not free yet", body = ProblemDocument),
        (status = 429, description = "It was changed a short time ago", body = ProblemDocument),
    )
)]
pub(super) async fn handle_set(
    State(auth): State<Arc<Auth>>,
    signed: SignedBody<HandleBody, Authorised<KeyTier>>,
) -> Result<Json<IdentityAnswer>, Failure> {
    let identity = auth
        .handle_set(&signed.verified, &signed.value, signed.request.body)
        .await?;
    auth.identity_changed(&identity.did).await;
    let picture = auth.picture_url(&identity.did).await;
    Ok(Json(IdentityAnswer::new(identity.view(), picture)))
}
