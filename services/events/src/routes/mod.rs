//! The public routes of events: each handler extracts, calls the domain, answers.

mod calendar;
mod checkout;
mod events;
mod fair;
mod orders;
mod status;
mod tickets;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, FromRef};
use futures::FutureExt;
use imajin_kernel::Problem;
use imajin_web::{ServiceRoutes, Site};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::domain::list;
use crate::{Events, SERVICE};

/// The largest body: an event with fifty tiers fits, and nothing else comes near.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct EventsState(pub(crate) Arc<Events>);

impl FromRef<EventsState> for Site {
    fn from_ref(state: &EventsState) -> Self {
        state.0.site.clone()
    }
}

/// The body of a request that says everything in its address: `{}` or nothing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoMembers {}

pub(crate) fn routes(events: &Arc<Events>) -> ServiceRoutes {
    let router = OpenApiRouter::new()
        .routes(routes!(events::event_create, events::event_list))
        .routes(routes!(events::event_fetch))
        .routes(routes!(status::event_publish))
        .routes(routes!(status::event_pause))
        .routes(routes!(fair::fair_fetch))
        .routes(routes!(fair::fair_accept))
        .routes(routes!(calendar::event_ics))
        .routes(routes!(tickets::my_ticket))
        .routes(routes!(checkout::checkout))
        .routes(routes!(orders::order_fetch))
        .routes(routes!(orders::order_cancel))
        .routes(routes!(tickets::ticket_fetch))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(EventsState(Arc::clone(events)));
    let ready = Arc::clone(events);
    let readiness = move || {
        let events = Arc::clone(&ready);
        async move {
            events
                .read(|conn, _context| list::ready_check(conn))
                .await
                .map_err(Problem::from)
        }
        .boxed()
    };
    ServiceRoutes::new(SERVICE, "imajin events", router, Arc::new(readiness))
}
