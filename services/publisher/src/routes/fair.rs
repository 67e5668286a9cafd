use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use imajin_fair::{ManifestId, ManifestRecord};
use imajin_kernel::Problem;
use imajin_proof::digest::sha256_hex;
use imajin_publisher_api::{Chain, ChainFetch, ChainGather, ChainOf};
use imajin_web::{Failure, PathParams, ProblemDocument, fair};

use super::PublisherState;
use crate::PublisherError;
use crate::domain::state::fair_url;

/// Read a manifest
///
/// As its author signed it. `X-Fair-Digest` is the SHA-256 of its RFC 8785 bytes; a browser is sent to the page about
/// it.
#[utoipa::path(
    get, path = "/api/fair/{id}", tag = "fair",
    params(("id" = String, Path, description = "The manifest, `fair_…`")),
    responses(
        (status = 200, description = "The manifest", content_type = "application/fair+json", body = Object),
        (status = 303, description = "The page about it, for browsers"),
        (status = 304, description = "It is as the caller knows it"),
        (status = 404, description = "This node has no such manifest", body = ProblemDocument),
    )
)]
pub(super) async fn manifest_fetch(
    State(PublisherState(publisher)): State<PublisherState>,
    PathParams(id): PathParams<ManifestId>,
    request: HeaderMap,
) -> Result<Response, Failure> {
    let record = publisher.record_require(&id).await?;
    let url = fair_url(&publisher.site.public, &id);
    if fair::wants_page(&request) {
        return Ok(([(header::VARY, "accept")], Redirect::to(&url)).into_response());
    }
    let canonical = record.manifest.canonical_bytes();
    let canonical = canonical.map_err(|error| Problem::from(PublisherError::from(error)))?;
    Ok(fair::manifest_answer(&request, canonical, &url)?)
}

/// Read a manifest with what others signed about it
///
/// `{manifest, endorsements, acceptances}`: what other nodes fetch.
#[utoipa::path(
    get, path = "/api/fair/{id}/record", tag = "fair",
    params(("id" = String, Path, description = "The manifest, `fair_…`")),
    responses(
        (status = 200, description = "The record", body = Object),
        (status = 304, description = "It is as the caller knows it"),
        (status = 404, description = "This node has no such manifest", body = ProblemDocument),
    )
)]
pub(super) async fn record_fetch(
    State(PublisherState(publisher)): State<PublisherState>,
    PathParams(id): PathParams<ManifestId>,
    request: HeaderMap,
) -> Result<Response, Failure> {
    let record: ManifestRecord = publisher.record_require(&id).await?;
    let body = serde_json::to_vec(&record).map_err(|error| {
        tracing::error!(%error, "an answer could not be written");
        Problem::internal()
    })?;
    let etag = format!("\"{}\"", sha256_hex(&body));
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (
            header::ETAG,
            HeaderValue::from_str(&etag).map_err(|_error| Problem::internal())?,
        ),
    ];
    if fair::is_known(&request, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Ok((headers, json, body).into_response())
}

/// Read a manifest with everything behind it
///
/// Each work that it is made from or that has a share in it, at every level, with what came out of checking it. What is
/// not here is fetched from other nodes.
#[utoipa::path(
    get, path = "/api/fair/{id}/chain", tag = "fair",
    params(("id" = String, Path, description = "The manifest, `fair_…`")),
    responses(
        (status = 200, description = "The chain", body = Chain),
        (status = 404, description = "This node has no such manifest", body = ProblemDocument),
    )
)]
pub(super) async fn chain_fetch(
    State(PublisherState(publisher)): State<PublisherState>,
    PathParams(id): PathParams<ManifestId>,
) -> Result<Json<Chain>, Failure> {
    let gather = ChainGather {
        of: ChainOf::Id(id),
        fetch: ChainFetch::Keep,
        shown_by: None,
    };
    Ok(Json(publisher.gather(gather).await?))
}
