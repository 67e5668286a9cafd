use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use imajin_did::{Did, PublicKey};
use imajin_key_log::{Change, Entry, EntryHash, Receipt, Status};
use imajin_web::{Failure, JsonBody, PathParams, ProblemDocument};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::AuthError;
use crate::auth::Auth;
use crate::identities::identity_find;
use crate::key_log::{Accepted, published_find};
use crate::names::Name;

/// An entry that is in the log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EntryAnswer {
    /// Whose log.
    #[schema(value_type = String)]
    did: Did,
    /// The entry's hash: the head that it became.
    #[schema(value_type = String)]
    head: EntryHash,
    /// Its number.
    seq: u32,
    /// inception, addition, rotation, recovery, deactivation or `recovery_deactivation`.
    change: String,
    /// The keys that it lists.
    #[schema(value_type = Vec<String>)]
    keys: Vec<PublicKey>,
    /// This node's receipt.
    #[schema(value_type = Object)]
    receipt: Receipt,
}

impl TryFrom<Accepted> for EntryAnswer {
    type Error = Failure;

    fn try_from(accepted: Accepted) -> Result<Self, Failure> {
        let Accepted { entry, change, receipt } = accepted;
        Ok(Self {
            head: entry.hash().map_err(AuthError::from)?,
            did: entry.did,
            seq: entry.seq,
            keys: entry.keys,
            change,
            receipt,
        })
    }
}

async fn accept(auth: &Auth, did: &str, body: Value, allowed: &[Change]) -> Result<Json<EntryAnswer>, Failure> {
    let entry = Entry::from_value(body).map_err(AuthError::from)?;
    let accepted = auth.entry_accept(did, entry, allowed, None).await?;
    Ok(Json(accepted.try_into()?))
}

/// Publish the first entry of an identity's key log.
#[utoipa::path(
    post, path = "/api/identity/{did}/log", tag = "keys",
    params(("did" = String, Path, description = "A DID in any form")),
    request_body = Object,
    responses(
        (status = 200, description = "Accepted and witnessed", body = EntryAnswer),
        (status = 400, description = "The entry is not valid", body = ProblemDocument),
        (status = 401, description = "The identity's key has not signed it", body = ProblemDocument),
        (status = 404, description = "Nobody here", body = ProblemDocument),
        (status = 409, description = "There is another first entry", body = ProblemDocument),
    )
)]
pub(super) async fn log_begin(
    State(auth): State<Arc<Auth>>,
    PathParams(did): PathParams<String>,
    JsonBody(body): JsonBody<Value>,
) -> Result<Json<EntryAnswer>, Failure> {
    accept(&auth, &did, body, &[Change::Inception]).await
}

/// Add or replace keys. The entry's own proofs are the authorisation; the same entry again is answered the same.
#[utoipa::path(
    post, path = "/api/identity/{did}/rotate", tag = "keys",
    params(("did" = String, Path, description = "A DID in any form")),
    request_body = Object,
    responses(
        (status = 200, description = "Accepted; sessions of keys that are gone have ended", body = EntryAnswer),
        (status = 400, description = "The entry is not valid", body = ProblemDocument),
        (status = 401, description = "It lacks a proof by a current key, or the one kept back", body = ProblemDocument),
        (status = 404, description = "Nobody here", body = ProblemDocument),
        (status = 409, description = "Another entry follows the same one", body = ProblemDocument),
    )
)]
pub(super) async fn rotate(
    State(auth): State<Arc<Auth>>,
    PathParams(did): PathParams<String>,
    JsonBody(body): JsonBody<Value>,
) -> Result<Json<EntryAnswer>, Failure> {
    accept(&auth, &did, body, &[Change::Addition, Change::Rotation]).await
}

/// Take the identity back with its recovery key. All sessions end.
#[utoipa::path(
    post, path = "/api/identity/{did}/recover", tag = "keys",
    params(("did" = String, Path, description = "A DID in any form")),
    request_body = Object,
    responses(
        (status = 200, description = "Accepted and witnessed; all sessions have ended", body = EntryAnswer),
        (status = 400, description = "The entry is not valid", body = ProblemDocument),
        (status = 401, description = "The recovery key has not signed it", body = ProblemDocument),
        (status = 404, description = "Nobody here", body = ProblemDocument),
        (status = 409, description = "What it would displace has counted for 72 hours", body = ProblemDocument),
    )
)]
pub(super) async fn recover(
    State(auth): State<Arc<Auth>>,
    PathParams(did): PathParams<String>,
    JsonBody(body): JsonBody<Value>,
) -> Result<Json<EntryAnswer>, Failure> {
    accept(&auth, &did, body, &[Change::Recovery]).await
}

/// End the identity. It cannot be taken back, but for a recovery within 72 hours.
#[utoipa::path(
    post, path = "/api/identity/{did}/deactivate", tag = "keys",
    params(("did" = String, Path, description = "A DID in any form")),
    request_body = Object,
    responses(
        (status = 200, description = "The identity has ended, and all its sessions", body = EntryAnswer),
        (status = 400, description = "The entry is not valid", body = ProblemDocument),
        (status = 401, description = "It lacks a proof", body = ProblemDocument),
        (status = 404, description = "Nobody here", body = ProblemDocument),
    )
)]
pub(super) async fn deactivate(
    State(auth): State<Arc<Auth>>,
    PathParams(did): PathParams<String>,
    JsonBody(body): JsonBody<Value>,
) -> Result<Json<EntryAnswer>, Failure> {
    accept(&auth, &did, body, &[Change::Deactivation, Change::RecoveryDeactivation]).await
}

/// A key log with what witnesses said about it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogAnswer {
    /// Whose.
    #[schema(value_type = String)]
    did: Did,
    /// All entries; several may follow the same one.
    #[schema(value_type = Vec<Object>)]
    entries: Vec<Entry>,
    /// Receipts of the witnesses that this node trusts.
    #[schema(value_type = Vec<Object>)]
    receipts: Vec<Receipt>,
    /// The newest entry that counts; none before anything was published.
    #[schema(value_type = Option<String>)]
    head: Option<EntryHash>,
    /// The head's number.
    seq: u32,
    /// The keys that count.
    #[schema(value_type = Vec<String>)]
    keys: Vec<PublicKey>,
    /// active, contested or deactivated.
    #[schema(value_type = String)]
    status: Status,
    /// Whether the identity is at home elsewhere.
    mirrored: bool,
}

/// The key log of an identity of this node, or of one whose log is mirrored here.
#[utoipa::path(
    get, path = "/api/identity/{did}/log", tag = "keys",
    params(("did" = String, Path, description = "A DID in any form, or a handle")),
    responses(
        (status = 200, description = "The log", body = LogAnswer),
        (status = 404, description = "Nobody here, and no mirror either", body = ProblemDocument),
    )
)]
pub(super) async fn log(
    State(auth): State<Arc<Auth>>,
    PathParams(did): PathParams<String>,
) -> Result<Json<LogAnswer>, Failure> {
    let (name, sealer) = (Name::parse(&did), auth.sealer.clone());
    let published = auth
        .db
        .read(move |conn| {
            let identity = identity_find(conn, &sealer, &name)?;
            let native = name.key().map(|key| key.did());
            published_find(conn, &sealer, identity, native)
        })
        .await?
        .ok_or(AuthError::IdentityUnknown)?;
    Ok(Json(LogAnswer {
        did: published.state.did,
        entries: published.log.entries,
        receipts: published.log.receipts,
        head: published.state.head,
        seq: published.state.seq,
        keys: published.state.keys,
        status: published.state.status,
        mirrored: published.mirrored,
    }))
}
