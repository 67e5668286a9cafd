use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use imajin_profile_api::{ProfilePage, ProfileSearch};
use imajin_web::{Failure, ProblemDocument, QueryParams};
use serde::Deserialize;

use super::ProfileState;

/// What is looked for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SearchParams {
    /// The beginning of a word of the handle or the name; upper and lower case are the same.
    q: String,
    /// At most so many: 20 by default, 50 at most.
    limit: Option<u32>,
    /// Where the last page ended.
    cursor: Option<String>,
}

/// Find people
///
/// By handle and name: nothing else is looked at. No character of `q` has a meaning of its own.
#[utoipa::path(
    get, path = "/api/search", tag = "profile", params(SearchParams),
    responses(
        (status = 200, description = "A page of profiles", body = ProfilePage),
        (status = 400, description = "A parameter is wrong", body = ProblemDocument),
    )
)]
pub(super) async fn profile_search(
    State(ProfileState(profile)): State<ProfileState>,
    QueryParams(params): QueryParams<SearchParams>,
) -> Result<Response, Failure> {
    let search = ProfileSearch {
        text: params.q,
        limit: params.limit,
        cursor: params.cursor,
    };
    let page = profile.search(search).await?;
    let headers = [(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
    Ok((headers, Json(page)).into_response())
}
