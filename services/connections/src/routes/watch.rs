use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use imajin_connections_api::{StatementKind, StatementStatus};
use imajin_did::Did;
use imajin_kernel::id::StatementId;
use imajin_kernel::{Code, Problem};
use imajin_web::{Failure, ProblemDocument, QueryParams, Reader};
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::ConnectionsState;
use crate::domain::own::changes_of;
use crate::{Connections, ConnectionsError};

/// Where to go on.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WatchParams {
    /// The token of the last answer or event that the caller has seen; without it, from now on.
    token: Option<String>,
}

/// What has happened.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Change {
    id: StatementId,
    kind: StatementKind,
    from: Did,
    to: Did,
    status: StatementStatus,
    token: String,
}

/// What one client watches.
struct Watch {
    connections: Arc<Connections>,
    did: Did,
    /// The last change that was told.
    told: i64,
    seen: watch::Receiver<i64>,
    waiting: Vec<Change>,
    _place: OwnedSemaphorePermit,
}

/// Watch what changes for oneself
///
/// Server-sent events, one `change` for each statement that the caller has signed or that is about them; the `id` of an
/// event is its token. Flags of others are not told.
#[utoipa::path(
    get, path = "/api/watch", tag = "connections", params(WatchParams),
    responses(
        (status = 200, description = "A stream of events", content_type = "text/event-stream", body = String),
        (status = 401, description = "Nobody is logged in", body = ProblemDocument),
        (status = 503, description = "Too many are watching", body = ProblemDocument),
    )
)]
pub(super) async fn watch(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    Reader(reader): Reader,
    QueryParams(params): QueryParams<WatchParams>,
) -> Result<Response, Failure> {
    let did = reader.canonical();
    let place = Arc::clone(&connections.watching).try_acquire_owned();
    let place = place.map_err(|_full| {
        Problem::new(Code::Unavailable, "Too many clients are watching at once.").retry_after_seconds(30)
    })?;
    let told = match &params.token {
        Some(token) => token
            .parse()
            .map_err(|_error| ConnectionsError::invalid("token", "is none that an answer has given"))?,
        None => connections.live.seq(),
    };
    let seen = connections.live.watch();
    let watch = Watch {
        connections,
        did,
        told,
        seen,
        waiting: Vec::new(),
        _place: place,
    };
    Ok(Sse::new(events(watch)).keep_alive(KeepAlive::default()).into_response())
}

fn events(watch: Watch) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    futures::stream::unfold(watch, |mut watch| async move {
        loop {
            if let Some(change) = watch.waiting.pop() {
                let event = Event::default().event("change").id(&change.token).json_data(&change);
                return Some((Ok(event.ok()?), watch));
            }
            let seen = *watch.seen.borrow_and_update();
            if seen > watch.told {
                watch.read().await.ok()?;
                continue;
            }
            tokio::select! {
                () = watch.connections.stop.cancelled() => return None,
                changed = watch.seen.changed() => changed.ok()?,
            }
        }
    })
}

impl Watch {
    async fn read(&mut self) -> Result<(), ConnectionsError> {
        let (did, told) = (self.did.clone(), self.told);
        let (rows, until) = self
            .connections
            .read(move |conn, context| changes_of(conn, context, &did, told))
            .await?;
        let now = self.connections.site.env.now();
        self.told = until;
        for row in rows.iter().rev() {
            self.waiting.push(Change {
                id: row.id,
                kind: row.kind()?,
                from: row.owner_did.clone(),
                to: row.subject_did.clone(),
                status: row.status(now),
                token: row.seq.to_string(),
            });
        }
        Ok(())
    }
}
