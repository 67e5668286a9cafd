use axum::extract::State;
use axum::response::Response;
use imajin_connections_api::Audience;
use imajin_did::Did;
use imajin_web::{Authorised, Failure, KeyTier, PathParams, ProblemDocument, Reader, SignedBody};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{ConnectionsState, private};
use crate::domain::privacy::{audience_set as set, audiences_of, block_set as block};

/// Who may see one's ties.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AudienceBody {
    /// `nobody`, `connections`, `reach` (those within three steps; the default), or `everybody`.
    audience: Audience,
}

/// Read who may see one's ties
#[utoipa::path(
    get, path = "/api/audience", tag = "privacy",
    responses(
        (status = 200, description = "The caller's choice, or the default", body = AudienceBody),
        (status = 401, description = "Nobody is logged in", body = ProblemDocument),
    )
)]
pub(super) async fn audience_fetch(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    Reader(reader): Reader,
) -> Result<Response, Failure> {
    let did = reader.canonical();
    let whose = did.clone();
    let read = connections.read(move |conn, context| audiences_of(conn, context, std::slice::from_ref(&whose)));
    let audience = read.await?.get(&did).copied().unwrap_or_default();
    Ok(private(&AudienceBody { audience }))
}

/// Say who may see one's ties
#[utoipa::path(
    put, path = "/api/audience", tag = "privacy", request_body = AudienceBody,
    responses(
        (status = 200, description = "It holds from now on", body = AudienceBody),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller has no key of their own here", body = ProblemDocument),
    )
)]
pub(super) async fn audience_set(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    signed: SignedBody<AudienceBody, Authorised<KeyTier>>,
) -> Result<Response, Failure> {
    let audience = signed.value.audience;
    connections
        .write_signed(signed, move |conn, context, change, body| {
            set(conn, context, change, body.audience)
        })
        .await?;
    Ok(private(&AudienceBody { audience }))
}

/// Whether somebody is blocked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BlockAnswer {
    /// Whom it is about.
    #[schema(value_type = String)]
    did: Did,
    /// Whether they are blocked.
    blocked: bool,
}

async fn block_change(
    ConnectionsState(connections): ConnectionsState,
    did: Did,
    signed: SignedBody<Option<Value>, Authorised<KeyTier>>,
    blocked: bool,
) -> Result<Response, Failure> {
    let did = did.canonical();
    let other = did.clone();
    connections
        .write_signed(signed, move |conn, context, change, _nothing| {
            block(conn, context, change, (&other, blocked))
        })
        .await?;
    Ok(private(&BlockAnswer { did, blocked }))
}

/// Block somebody
///
/// Their requests are not shown any more, and contact fields of a profile are not for them. They are not told.
#[utoipa::path(
    put, path = "/api/blocks/{did}", tag = "privacy", request_body = Option<Object>,
    params(("did" = String, Path, description = "A DID")),
    responses(
        (status = 200, description = "They are blocked", body = BlockAnswer),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller has no key of their own here", body = ProblemDocument),
    )
)]
pub(super) async fn block_set(
    State(state): State<ConnectionsState>,
    PathParams(did): PathParams<Did>,
    signed: SignedBody<Option<Value>, Authorised<KeyTier>>,
) -> Result<Response, Failure> {
    block_change(state, did, signed, true).await
}

/// Let somebody in again
#[utoipa::path(
    delete, path = "/api/blocks/{did}", tag = "privacy", request_body = Option<Object>,
    params(("did" = String, Path, description = "A DID")),
    responses(
        (status = 200, description = "They are not blocked", body = BlockAnswer),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller has no key of their own here", body = ProblemDocument),
    )
)]
pub(super) async fn block_remove(
    State(state): State<ConnectionsState>,
    PathParams(did): PathParams<Did>,
    signed: SignedBody<Option<Value>, Authorised<KeyTier>>,
) -> Result<Response, Failure> {
    block_change(state, did, signed, false).await
}
