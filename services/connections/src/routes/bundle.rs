use axum::extract::State;
use axum::response::Response;
use imajin_connections_api::{Proven, StatementView};
use imajin_did::Did;
use imajin_web::{Authorised, Failure, KeyTier, ProblemDocument, Reader, SignedBody};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ConnectionsState, private};
use crate::context::Change;
use crate::domain::own::bundle_of;

/// The name of the document's form.
const FORMAT: &str = "imajin-trust";
const FORMAT_VERSION: u32 = 1;

/// What one has signed and others have signed about oneself, to be brought to another node.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bundle {
    format: &'static str,
    format_version: u32,
    /// Whose it is.
    #[schema(value_type = String)]
    did: Did,
    /// All that counts or once counted; flags of others are not in it.
    statements: Vec<Proven>,
}

/// Take one's statements along
///
/// Everything that the caller has signed or others have signed about them, as it was signed, also what was taken back
/// since. Flags of others and requests without an answer are not in it.
#[utoipa::path(
    get, path = "/api/export", tag = "statements",
    responses(
        (status = 200, description = "The signed documents", body = Bundle),
        (status = 401, description = "Nobody is logged in", body = ProblemDocument),
    )
)]
pub(super) async fn export(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    Reader(reader): Reader,
) -> Result<Response, Failure> {
    let did = reader.canonical();
    let of = did.clone();
    let statements = connections
        .read(move |conn, context| bundle_of(conn, context, &of))
        .await?;
    Ok(private(&Bundle {
        format: FORMAT,
        format_version: FORMAT_VERSION,
        did,
        statements,
    }))
}

/// Statements from another node.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ImportBody {
    /// 1 to 100 of the `statements` of a bundle.
    statements: Vec<Proven>,
}

/// What was new here.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ImportAnswer {
    /// What this node keeps now and did not know before, or did not know to have ended.
    imported: Vec<StatementView>,
}

/// Bring one's statements from another node
///
/// The caller must be one of those whom each of them joins. Every signature is checked with the keys that its signer
/// had when it was made. What is here already changes nothing, unless it was ended since.
#[utoipa::path(
    post, path = "/api/import", tag = "statements", request_body = ImportBody,
    responses(
        (status = 200, description = "What was new", body = ImportAnswer),
        (status = 400, description = "A statement proves nothing", body = ProblemDocument),
        (status = 401, description = "A signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "A statement is between others, or the caller has no key of their own here",
            body = ProblemDocument),
        (status = 429, description = "Too many statements", body = ProblemDocument),
    )
)]
pub(super) async fn import(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    signed: SignedBody<ImportBody, Authorised<KeyTier>>,
) -> Result<Response, Failure> {
    let change = Change::of(signed.verified, signed.request);
    let imported = connections.import(change, signed.value.statements).await?;
    Ok(private(&ImportAnswer { imported }))
}
