use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use imajin_did::Did;
use imajin_web::{Authorised, Failure, KeyTier, ProblemDocument, SignedBody};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Auth;
use crate::setup::SetupBody;

/// Who runs the node now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SetupAnswer {
    /// The caller.
    #[schema(value_type = String)]
    operator: Did,
}

/// Become the operator of a new node, with the token that it printed. Signed (RFC 9421), once.
#[utoipa::path(
    post, path = "/api/setup", tag = "node",
    request_body = SetupBody,
    responses(
        (status = 200, description = "The caller is the operator", body = SetupAnswer),
        (status = 401, description = "Not signed, or not well", body = ProblemDocument),
        (status = 403, description = "The token is wrong, or the caller is not registered", body = ProblemDocument),
        (status = 409, description = "There is an operator already", body = ProblemDocument),
    )
)]
pub(super) async fn setup(
    State(auth): State<Arc<Auth>>,
    signed: SignedBody<SetupBody, Authorised<KeyTier>>,
) -> Result<Json<SetupAnswer>, Failure> {
    auth.setup_claim(&signed.verified, &signed.value, signed.request.body)
        .await?;
    Ok(Json(SetupAnswer {
        operator: signed.verified.did().clone(),
    }))
}
