use axum::extract::State;
use axum::response::Response;
use imajin_connections_api::StatementView;
use imajin_kernel::id::StatementId;
use imajin_web::{Authorised, Failure, KeyTier, PathParams, ProblemDocument, Reader, SignedBody};
use serde_json::Value;

use super::{ConnectionsState, private};
use crate::ConnectionsError;
use crate::domain::find::statement_find;

/// Say something, accept it, or take it back
///
/// The body is the signed document itself: `trust.connection`, `trust.co-presence`, `trust.vouch` or `trust.flag` says
/// something of whoever `to` names; `trust.accept` is the other's signature; `trust.revoke` ends what its signer has
/// signed. A vouch or flag takes the place of the earlier one of the same two. Sent again, it is there already.
#[utoipa::path(
    post, path = "/api/statements", tag = "statements", request_body = Object,
    responses(
        (status = 200, description = "How the statement stands now", body = StatementView),
        (status = 400, description = "The document is no such document", body = ProblemDocument),
        (status = 401, description = "A signature is missing, wrong, old or used", body = ProblemDocument),
        (status = 403, description = "Somebody else has signed the document, or the caller has no key of their own",
            body = ProblemDocument),
        (status = 404, description = "There is nothing to accept or take back", body = ProblemDocument),
        (status = 409, description = "The two are joined by this already, or one has asked", body = ProblemDocument),
        (status = 429, description = "Too many statements", body = ProblemDocument),
    )
)]
pub(super) async fn statement_submit(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    signed: SignedBody<Value, Authorised<KeyTier>>,
) -> Result<Response, Failure> {
    let view = connections.submit(signed.verified, signed.request).await?;
    Ok(private(&view))
}

/// Read a statement with its documents
///
/// For those whom it joins. A flag is shown to whoever raised it alone.
#[utoipa::path(
    get, path = "/api/statements/{id}", tag = "statements",
    params(("id" = String, Path, description = "`stm_…`")),
    responses(
        (status = 200, description = "The statement", body = StatementView),
        (status = 401, description = "Nobody is logged in", body = ProblemDocument),
        (status = 404, description = "There is no such statement for this reader", body = ProblemDocument),
    )
)]
pub(super) async fn statement_fetch(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    PathParams(id): PathParams<StatementId>,
    Reader(reader): Reader,
) -> Result<Response, Failure> {
    let reader = reader.canonical();
    let found = connections.read(move |conn, context| statement_find(conn, context, &id));
    let row = found.await?.filter(|row| {
        let is_flag = row.kind == imajin_connections_api::StatementKind::Flag.as_str();
        row.owner_did == reader || (row.subject_did == reader && !is_flag)
    });
    let row = row.ok_or(ConnectionsError::NotFound("statement"))?;
    Ok(private(&connections.view_of(&row)?))
}
