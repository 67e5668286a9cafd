use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::Extensions;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use imajin_connections_api::{StatementKind, StatementStatus};
use imajin_did::Did;
use imajin_kernel::id::StatementId;
use imajin_kernel::{Code, Problem};
use imajin_web::{Asker, Failure, PeerAddress, ProblemDocument, QueryParams, Reader, Share};
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep_until};

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
    /// What the watcher was let in by, which may end.
    asker: Asker,
    check_at: Instant,
    ends_at: Instant,
    _place: Place,
}

/// A place among the watchers, and among those of one identity and of one address.
type Place = (OwnedSemaphorePermit, Share<Did>, Option<Share<IpAddr>>);

/// Watch what changes for oneself
///
/// Server-sent events, one `change` for each statement that the caller has signed or that is about them; the `id` of an
/// event is its token. Flags of others are not told. The stream ends with the session or the key that it was asked for
/// with, and after a quarter of an hour: ask again, with the last token.
#[utoipa::path(
    get, path = "/api/watch", tag = "connections", params(WatchParams),
    responses(
        (status = 200, description = "A stream of events", content_type = "text/event-stream", body = String),
        (status = 401, description = "Nobody is logged in", body = ProblemDocument),
        (status = 429, description = "The caller has too many streams", body = ProblemDocument),
        (status = 503, description = "Too many are watching", body = ProblemDocument),
    )
)]
pub(super) async fn watch(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    Reader(reader): Reader,
    asker: Asker,
    extensions: Extensions,
    QueryParams(params): QueryParams<WatchParams>,
) -> Result<Response, Failure> {
    let did = reader.canonical();
    let place = place_take(&connections, &did, PeerAddress::counted(&extensions))?;
    let told = match &params.token {
        Some(token) => token
            .parse()
            .map_err(|_error| ConnectionsError::invalid("token", "is none that an answer has given"))?,
        None => connections.live.seq(),
    };
    let seen = connections.live.watch();
    let now = Instant::now();
    let watch = Watch {
        asker,
        check_at: now + connections.config.watcher_check_every,
        ends_at: now + connections.config.watch_max,
        connections,
        did,
        told,
        seen,
        waiting: Vec::new(),
        _place: place,
    };
    Ok(Sse::new(events(watch)).keep_alive(KeepAlive::default()).into_response())
}

fn place_take(connections: &Connections, did: &Did, address: Option<IpAddr>) -> Result<Place, Problem> {
    let too_many = || {
        let problem = Problem::new(Code::RateLimited, "You are watching by too many clients at once.");
        problem.hint("End one of them first.").retry_after_seconds(30)
    };
    let own = connections.watching_each.take(did.clone()).ok_or_else(too_many)?;
    let address = address
        .map(|address| connections.watching_address.take(address).ok_or_else(too_many))
        .transpose()?;
    let place = Arc::clone(&connections.watching).try_acquire_owned();
    let place = place.map_err(|_full| {
        Problem::new(Code::Unavailable, "Too many clients are watching at once.").retry_after_seconds(30)
    })?;
    Ok((place, own, address))
}

fn events(watch: Watch) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    futures::stream::unfold(watch, |mut watch| async move {
        loop {
            if let Some(change) = watch.waiting.pop() {
                let event = Event::default().event("change").id(&change.token).json_data(&change);
                return Some((Ok(event.ok()?), watch));
            }
            if Instant::now() >= watch.check_at {
                watch.check().await?;
            }
            let seen = *watch.seen.borrow_and_update();
            if seen > watch.told {
                watch.read().await.ok()?;
                continue;
            }
            tokio::select! {
                () = watch.connections.stop.cancelled() => return None,
                () = sleep_until(watch.ends_at) => return None,
                () = sleep_until(watch.check_at) => watch.check().await?,
                changed = watch.seen.changed() => changed.ok()?,
            }
        }
    })
}

impl Watch {
    /// `None` once the watcher's session has ended or their key counts no longer, and when nobody can say.
    async fn check(&mut self) -> Option<()> {
        let identities = self.connections.site.identities.as_ref();
        let holds = self.asker.holds(identities).await;
        self.check_at = Instant::now() + self.connections.config.watcher_check_every;
        holds.unwrap_or(false).then_some(())
    }

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
