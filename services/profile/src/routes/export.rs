use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use imajin_web::{Failure, ProblemDocument, Viewer};

use super::ProfileState;
use crate::export::export_stream;

/// Export all of one's data
///
/// One JSON document with everything that the services of this node keep about the caller: profile and picture, account
/// and sessions, balances and receipts, events, orders and tickets. What could not be had is named in `missing`, and
/// `complete` is false then.
#[utoipa::path(
    get, path = "/api/export", tag = "profile",
    responses(
        (status = 200, description = "The document, as a file", body = Object),
        (status = 401, description = "Nobody is logged in", body = ProblemDocument),
    )
)]
pub(super) async fn export(
    State(ProfileState(profile)): State<ProfileState>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    let did = viewer.session_require()?.did.clone();
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment; filename=\"imajin-export.json\""),
        ),
    ];
    Ok((headers, Body::from_stream(export_stream(profile, did))).into_response())
}
