use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use imajin_fair::ManifestRecord;
use imajin_kernel::Problem;
use imajin_publisher_api::Published;
use imajin_web::{Authorised, Failure, ProblemDocument, SignedBody, SoftTier};
use serde_json::Value;

use super::PublisherState;
use crate::fetch::record_of;

/// Publish a manifest
///
/// The body is a signed manifest, or a record of one: `{manifest, endorsements, acceptances}`. Whoever is registered
/// here may bring it; what counts is the author's signature. Its sources must be known here or be found elsewhere,
/// permit remixing, and get the royalty that they ask for. Publishing it again adds what others have signed since.
#[utoipa::path(
    post, path = "/api/fair", tag = "fair", request_body = Object,
    responses(
        (status = 200, description = "It was here already", body = Published),
        (status = 201, description = "It is published", body = Published),
        (status = 400, description = "It is no valid manifest, or a source is missing; `missing` names it",
            body = ProblemDocument),
        (status = 401, description = "A signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller is not registered here, or a source prohibits it",
            body = ProblemDocument),
        (status = 409, description = "Another document is kept here under its id", body = ProblemDocument),
        (status = 413, description = "It is too large", body = ProblemDocument),
    )
)]
pub(super) async fn manifest_publish(
    State(PublisherState(publisher)): State<PublisherState>,
    signed: SignedBody<Value, Authorised<SoftTier>>,
) -> Result<Response, Failure> {
    let SignedBody { verified, request, .. } = signed;
    // Read anew from the bytes: not every JSON has one meaning only, and this reader refuses what has two.
    let record: ManifestRecord = record_of(&request.body)?;
    let answer = publisher.publish(verified, record, request.body).await?;
    let status = if answer.created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let location: (HeaderName, HeaderValue) = (
        header::LOCATION,
        HeaderValue::from_str(&answer.url).map_err(|_error| Problem::internal())?,
    );
    Ok((status, [location], Json(answer)).into_response())
}
