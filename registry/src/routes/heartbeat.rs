use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use imajin_kernel::Problem;
use imajin_registry_api::Heartbeat;
use imajin_web::{Failure, JsonBody, ProblemDocument};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::heartbeat::Action;
use crate::registry::Registry;

/// What a node learns from its heartbeat.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HeartbeatAnswer {
    /// True.
    ack: bool,
    /// When the next one is due at the latest, in milliseconds since the Unix epoch.
    next_heartbeat: i64,
    /// What the registry asks of the node.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<ActionView>,
    /// The addresses that stand in DNS, or will in a moment; only for a node that tells its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    addresses: Option<Vec<std::net::IpAddr>>,
}

/// What the registry asks of a node.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum ActionView {
    /// Register again soon.
    Renew {
        /// Seconds until the registration runs out.
        expires_in: i64,
    },
    /// Register again now: what is on record is not what was attested last, or not what runs.
    Reattest {
        /// Why, for the operator.
        reason: String,
    },
    /// Run something else: the operator of the registry has deprecated this build. Nothing happens by itself.
    Upgrade {
        /// The version to run; `newer` when none is named.
        target_version: String,
        /// Why, for the operator.
        reason: String,
    },
}

impl From<Action> for ActionView {
    fn from(action: Action) -> Self {
        match action {
            Action::Renew { expires_in_seconds } => Self::Renew {
                expires_in: expires_in_seconds,
            },
            Action::Reattest { reason } => Self::Reattest { reason },
            Action::Upgrade { target_version, reason } => Self::Upgrade { target_version, reason },
        }
    }
}

/// Takes a sign of life.
///
/// The body is the heartbeat itself, or `{"heartbeat": …}`. It is good once, within five minutes.
#[utoipa::path(
    post, path = "/api/node/heartbeat", tag = "node", request_body = Heartbeat,
    responses(
        (status = 200, description = "taken", body = HeartbeatAnswer),
        (status = 400, description = "shape", body = ProblemDocument),
        (status = 401, description = "signature missing, wrong, stale or used before", body = ProblemDocument),
        (status = 403, description = "the registration ran out, or was revoked", body = ProblemDocument),
        (status = 404, description = "no such node", body = ProblemDocument),
        (status = 429, description = "too many; see Retry-After", body = ProblemDocument),
    )
)]
pub(super) async fn node_heartbeat(
    State(registry): State<Arc<Registry>>,
    body: Result<JsonBody<Value>, Failure>,
) -> Result<Json<HeartbeatAnswer>, Failure> {
    let JsonBody(body) = body.map_err(|Failure(problem)| refused(problem))?;
    let taken = registry.heartbeat(body).await.map_err(|error| refused(error.into()))?;
    Ok(Json(HeartbeatAnswer {
        ack: true,
        next_heartbeat: taken.next_heartbeat_at.as_millis(),
        addresses: taken.addresses,
        actions: taken.actions.into_iter().map(ActionView::from).collect(),
    }))
}

/// A refusal, with the members that the network's software looks for.
fn refused(problem: Problem) -> Failure {
    let detail = problem.detail.clone();
    Failure(problem.with("ack", false).with("error", detail))
}
