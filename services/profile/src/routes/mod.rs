//! The public routes of profile: each handler extracts, calls the domain, answers.

mod avatar;
mod export;
mod profile;
mod search;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, FromRef, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use imajin_kernel::{Code, Problem};
use imajin_profile_api::ProfileView;
use imajin_web::{Failure, PeerAddress, ServiceRoutes, Site, is_signed};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::context::Made;
use crate::domain::find;
use crate::{Profile, SERVICE};

/// The largest body but for a picture: a profile at all its limits fits.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Base64 of the largest picture, and the JSON around it.
const UPLOAD_BYTES_MAX: usize = 7 * 1024 * 1024;

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct ProfileState(pub(crate) Arc<Profile>);

impl FromRef<ProfileState> for Site {
    fn from_ref(state: &ProfileState) -> Self {
        state.0.site.clone()
    }
}

pub(crate) fn routes(profile: &Arc<Profile>) -> ServiceRoutes {
    let state = ProfileState(Arc::clone(profile));
    let uploads = OpenApiRouter::new()
        .routes(routes!(avatar::avatar_set, avatar::avatar_remove))
        .layer(DefaultBodyLimit::max(UPLOAD_BYTES_MAX))
        .layer(middleware::from_fn_with_state(state.clone(), upload_admit));
    let router = OpenApiRouter::new()
        .routes(routes!(
            profile::profile_own,
            profile::profile_set,
            profile::profile_delete
        ))
        .routes(routes!(profile::profile_fetch))
        .routes(routes!(avatar::avatar_fetch))
        .routes(routes!(search::profile_search))
        .routes(routes!(export::export))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .merge(uploads)
        .with_state(state);
    let ready = Arc::clone(profile);
    let readiness = move || {
        let profile = Arc::clone(&ready);
        async move {
            profile
                .read(|conn, _context| find::ready_check(conn))
                .await
                .map_err(Problem::from)
        }
        .boxed()
    };
    ServiceRoutes::new(SERVICE, "imajin profile", router, Arc::new(readiness))
}

/// A picture is read before its signature can be checked, so only a few may be on their way in, and one of each
/// address: whatever strangers send, the memory stays bounded. What is not signed is refused before any of it is read.
async fn upload_admit(State(ProfileState(profile)): State<ProfileState>, request: Request, next: Next) -> Response {
    if request.method() != Method::PUT || !is_signed(request.headers()) {
        return next.run(request).await;
    }
    let counted = PeerAddress::counted(request.extensions());
    let share = counted.map(|address| profile.uploads_each.take(address));
    if matches!(share, Some(None)) {
        return Failure(too_many()).into_response();
    }
    let Ok(_slot) = profile.uploads.try_acquire() else {
        return Failure(too_many()).into_response();
    };
    next.run(request).await
}

fn too_many() -> Problem {
    let problem = Problem::new(Code::Unavailable, "Too many pictures are being sent at once.");
    problem.hint("Send it again in a moment.").retry_after_seconds(5)
}

/// Headers of one's own profile: its version as the tag for `If-Match`, and whether an earlier request made it.
fn own_headers(view: &ProfileView, made: Made) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", view.version)) {
        headers.insert(header::ETAG, tag);
    }
    if made == Made::Before {
        headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    headers
}
