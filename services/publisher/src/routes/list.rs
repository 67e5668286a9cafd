use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use imajin_did::Did;
use imajin_kernel::Problem;
use imajin_publisher_api::{ManifestList, ManifestPage, PublisherApi};
use imajin_web::{Failure, ProblemDocument, QueryParams};
use serde::Deserialize;

use super::PublisherState;

/// Whose manifests are wanted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// The author's DID, in any equivalent form.
    author: String,
    /// At most so many: 50 by default, 100 at most.
    limit: Option<u32>,
    /// Where the last page ended.
    cursor: Option<String>,
}

/// List an author's manifests
///
/// Those that were published here, in the library or with goods that they are the manifests of, the newest first.
#[utoipa::path(
    get, path = "/api/fair", tag = "fair", params(ListParams),
    responses(
        (status = 200, description = "A page of manifests", body = ManifestPage),
        (status = 400, description = "A parameter is wrong", body = ProblemDocument),
    )
)]
pub(super) async fn manifest_list(
    State(PublisherState(publisher)): State<PublisherState>,
    QueryParams(params): QueryParams<ListParams>,
) -> Result<Response, Failure> {
    let author: Did = params
        .author
        .parse()
        .map_err(|error: imajin_did::DidError| Problem::invalid(format!("author: {error}.")))?;
    let list = ManifestList {
        author,
        limit: params.limit,
        cursor: params.cursor,
    };
    let page = PublisherApi::manifest_list(publisher.as_ref(), list).await?;
    let headers = [(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
    Ok((headers, Json(page)).into_response())
}
