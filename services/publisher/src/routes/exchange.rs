use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use imajin_kernel::id::ContentId;
use imajin_kernel::{Code, Problem};
use imajin_mjn::{Attribution, VerifiedMjnRequest};
use imajin_publisher_api::UseGrant;
use imajin_web::{Failure, PathParams, ProblemDocument};

use super::PublisherState;

/// Read a work by MJN headers
///
/// Consent to the terms of the manifest, and the payment, in one signed request (docs/mjn-headers.md): the consent is
/// to `read`, names the manifest, and is checked against its terms; what the work costs is taken from the balance here
/// or from a visa, if at most so much is offered. The signed answer names the SHA-256 of the bytes and has a token for
/// reading them, whole or in ranges. Asked again, nothing is paid again. The body is empty.
#[utoipa::path(
    post, path = "/api/content/{id}/use", tag = "content",
    request_body(content = Option<Object>, description = "Empty"),
    params(
        ("id" = String, Path, description = "The work, `cnt_…`"),
        ("X-MJN-DID" = String, Header, description = "Who reads"),
        ("X-MJN-Consent" = String, Header, description = "The consent, to read what the manifest is of"),
        ("X-MJN-Settlement" = String, Header, description = "What is paid at most, and how"),
        ("X-MJN-Timestamp" = String, Header, description = "When it was signed"),
        ("X-MJN-Signature" = String, Header, description = "The signature `mjn` once more"),
    ),
    responses(
        (status = 200, description = "It may be read", body = UseGrant),
        (status = 400, description = "A member is wrong, or there is a body", body = ProblemDocument),
        (status = 401, description = "Signature or consent are missing, wrong, old or used", body = ProblemDocument),
        (status = 402, description = "Too little is offered, or the balance is too small", body = ProblemDocument),
        (status = 403, description = "A term is not met: `term` names it", body = ProblemDocument),
        (status = 404, description = "There is no such work", body = ProblemDocument),
        (status = 409, description = "The payment is under way, or the money went back", body = ProblemDocument),
        (status = 410, description = "It was withdrawn", body = ProblemDocument),
        (status = 503, description = "Pay is away", body = ProblemDocument),
    )
)]
pub(super) async fn content_use(
    State(PublisherState(publisher)): State<PublisherState>,
    PathParams(id): PathParams<ContentId>,
    Extension(request): Extension<Arc<VerifiedMjnRequest>>,
    body: Bytes,
) -> Result<Response, Failure> {
    if !body.is_empty() {
        let problem = "The body must be empty: everything is in the headers.";
        return Err(Problem::new(Code::MalformedBody, problem).into());
    }
    let (grant, receipt) = publisher.work_use(id, &request).await?;
    let attribution = Attribution {
        fair: Some(grant.manifest.clone()),
        receipt,
    };
    let headers = [(header::CACHE_CONTROL, "no-store")];
    Ok((headers, Extension(attribution), Json(grant)).into_response())
}
