use std::sync::Arc;

use axum::Json;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use imajin_did::{Did, PublicKey};
use imajin_kernel::{Code, Problem};
use imajin_key_log::{Entry, EntryHash, KeyLog, KeyLogError, Receipt, Status};
use imajin_web::resolve::key_log_of;
use imajin_web::{Failure, JsonBody, PeerAddress, ProblemDocument};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Surroundings;
use crate::AuthError;
use crate::auth::Auth;

/// The longest log that is taken in at once; a longer one comes in parts.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Logs are large, so nobody sends more than one at a time.
pub(super) fn routes(state: &Surroundings) -> OpenApiRouter<Surroundings> {
    OpenApiRouter::new()
        .routes(routes!(mirror))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(state.clone(), admit))
}

async fn admit(State(Surroundings { auth, .. }): State<Surroundings>, request: Request, next: Next) -> Response {
    let counted = PeerAddress::counted(request.extensions());
    let share = counted.map(|address| auth.mirror_shares.take(address));
    if matches!(share, Some(None)) {
        return Failure(too_many()).into_response();
    }
    next.run(request).await
}

fn too_many() -> Problem {
    let problem = Problem::new(Code::Unavailable, "Too many key logs are being sent at once.");
    problem.hint("Send it again in a moment.").retry_after_seconds(5)
}

/// A log as `GET /auth/api/identity/{did}/log` shows it; other members are left alone.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "it only describes the body, which is read as what a node publishes"
)]
struct MirrorBody {
    /// The entries, in any order; what is known here already may be left out.
    #[schema(value_type = Vec<Object>)]
    entries: Vec<Entry>,
    /// What witnesses said about them.
    #[schema(value_type = Vec<Object>)]
    receipts: Vec<Receipt>,
}

/// What is known here about the identity now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MirrorAnswer {
    /// Whose log.
    #[schema(value_type = String)]
    did: Did,
    /// The newest entry that counts.
    #[schema(value_type = Option<String>)]
    head: Option<EntryHash>,
    /// Its number.
    seq: u32,
    /// The keys that count.
    #[schema(value_type = Vec<String>)]
    keys: Vec<PublicKey>,
    /// active, contested or deactivated.
    #[schema(value_type = String)]
    status: Status,
    /// Whether anything was new.
    changed: bool,
    /// This node's receipts for the entries that it has seen.
    #[schema(value_type = Vec<Object>)]
    receipts: Vec<Receipt>,
}

/// Hand in a key log: this node verifies it, keeps it, witnesses what is new and shows it to others. Anybody may,
/// because a log proves itself.
#[utoipa::path(
    post, path = "/api/mirror", tag = "keys",
    request_body = MirrorBody,
    responses(
        (status = 200, description = "Put to what was seen before", body = MirrorAnswer),
        (status = 400, description = "This is no log", body = ProblemDocument),
        (status = 401, description = "An entry or a receipt is not signed as it must be", body = ProblemDocument),
        (status = 409, description = "It contradicts itself, or what was seen before", body = ProblemDocument),
        (status = 413, description = "Too long: send it in parts", body = ProblemDocument),
        (status = 429, description = "Too many new logs; the header Retry-After says when", body = ProblemDocument),
    )
)]
async fn mirror(State(auth): State<Arc<Auth>>, JsonBody(body): JsonBody<Value>) -> Result<Json<MirrorAnswer>, Failure> {
    let unreadable = |error: serde_json::Error| AuthError::from(KeyLogError::Malformed(error.to_string()));
    let log: KeyLog = key_log_of(body).map_err(unreadable)?;
    // Verification costs a lot, reading does not: whoever sends slowly keeps nobody out.
    let _slot = auth.mirror_slots.try_acquire().map_err(|_full| too_many())?;
    let outcome = auth.version_store(log, None, &[]).await?;
    Ok(Json(MirrorAnswer {
        did: outcome.state.did,
        head: outcome.state.head,
        seq: outcome.state.seq,
        keys: outcome.state.keys,
        status: outcome.state.status,
        changed: outcome.changed,
        receipts: outcome.receipts,
    }))
}
