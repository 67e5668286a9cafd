//! Where somebody went who was at home here.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use imajin_did::Did;
use imajin_kernel::{Code, Problem, Timestamp};
use imajin_proof::SignedMessage;
use imajin_web::{Authorised, Failure, KeyTier, PathParams, ProblemDocument, SignedBody};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Surroundings;
use crate::AuthError;
use crate::auth::Auth;
use crate::rows::MoveRow;

pub(super) fn routes() -> OpenApiRouter<Surroundings> {
    OpenApiRouter::new().routes(routes!(moved, move_set))
}

/// Where somebody went.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MoveAnswer {
    /// Who.
    #[schema(value_type = String)]
    did: Did,
    /// The did:web of the new home.
    #[schema(value_type = String)]
    to: Did,
    /// Its address.
    url: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// What they have signed: a message of the type `move`.
    #[schema(value_type = Object)]
    message: SignedMessage,
}

fn answer(row: MoveRow) -> Result<MoveAnswer, AuthError> {
    let message = serde_json::from_str(&row.message).map_err(|_error| AuthError::Row(format!("moves {}", row.did)))?;
    Ok(MoveAnswer {
        did: row.did,
        to: row.to_did,
        url: row.to_url,
        since: row.created_at,
        message,
    })
}

/// Where somebody went who was at home here.
#[utoipa::path(
    get, path = "/api/identity/{did}/move", tag = "identity",
    params(("did" = String, Path, description = "A DID in any form")),
    responses(
        (status = 200, description = "Where they went, with their own word", body = MoveAnswer),
        (status = 404, description = "Nobody, or nobody who has moved", body = ProblemDocument),
    )
)]
async fn moved(State(auth): State<Arc<Auth>>, PathParams(did): PathParams<Did>) -> Result<Json<MoveAnswer>, Failure> {
    let row = auth.move_find(&did).await?;
    Ok(Json(answer(
        row.ok_or_else(|| Problem::not_found("move of that identity"))?,
    )?))
}

/// Move to another node, where one is registered already; or come back.
///
/// The body is a message of the type `move` that the person has signed, with the payload `{from, to}`: the did:web of
/// this node and of the new home. The request is signed (RFC 9421), too. From then on the document of the DID names the
/// new home, and this node signs nobody in elsewhere for it. With `to` as `from`, all is as it was.
#[utoipa::path(
    post, path = "/api/identity/{did}/move", tag = "identity",
    params(("did" = String, Path, description = "The caller's DID")),
    request_body(content = Object, description = "The signed message"),
    responses(
        (status = 200, description = "Where the caller is at home now", body = MoveAnswer),
        (status = 400, description = "The message is none, or about another node", body = ProblemDocument),
        (status = 401, description = "Not signed, or not well", body = ProblemDocument),
        (status = 403, description = "Somebody else", body = ProblemDocument),
        (status = 409, description = "Not at home here, or not registered there", body = ProblemDocument),
        (status = 503, description = "The new node does not answer", body = ProblemDocument),
    )
)]
async fn move_set(
    State(auth): State<Arc<Auth>>,
    PathParams(did): PathParams<Did>,
    signed: SignedBody<SignedMessage, Authorised<KeyTier>>,
) -> Result<Json<MoveAnswer>, Failure> {
    if did.canonical() != *signed.verified.did() {
        return Err(Problem::new(Code::Forbidden, "Nobody moves but oneself.").into());
    }
    let row = auth
        .move_set(&signed.verified, &signed.value, signed.request.body)
        .await?;
    Ok(Json(answer(row)?))
}
