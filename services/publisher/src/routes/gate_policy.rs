use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use imajin_publisher_api::{GatePolicy, GatePolicyChange};
use imajin_web::{Authorised, Failure, OperatorTier, PathParams, ProblemDocument, SignedBody, Viewer};

use super::PublisherState;

/// The policy of a gate
///
/// For the operator: the text of its file, with the SHA-256 that a change names.
#[utoipa::path(
    get, path = "/api/gates/{name}/policy", tag = "gates",
    params(("name" = String, Path, description = "The gate")),
    responses(
        (status = 200, description = "The file", body = GatePolicy),
        (status = 401, description = "Not logged in", body = ProblemDocument),
        (status = 403, description = "Not the operator", body = ProblemDocument),
        (status = 404, description = "No such gate runs in this process", body = ProblemDocument),
    )
)]
pub(super) async fn policy_fetch(
    State(PublisherState(publisher)): State<PublisherState>,
    PathParams(name): PathParams<String>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    viewer.operator_require()?;
    let policy = publisher.gate_policy(&name).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(policy)).into_response())
}

/// Change the policy of a gate
///
/// By the operator's signature: the text is checked as the file is, replaces it, and is in force at once. The text
/// before is kept beside the file, as `.before`. `replaces` names what was looked at, so that nobody's change is lost.
#[utoipa::path(
    post, path = "/api/gates/{name}/policy", tag = "gates", request_body = GatePolicyChange,
    params(("name" = String, Path, description = "The gate")),
    responses(
        (status = 200, description = "It is in force", body = GatePolicy),
        (status = 400, description = "The text is no policy", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller does not run this node", body = ProblemDocument),
        (status = 404, description = "No such gate runs in this process", body = ProblemDocument),
        (status = 409, description = "The file was changed meanwhile, or cannot be written", body = ProblemDocument),
        (status = 413, description = "The text is too long", body = ProblemDocument),
    )
)]
pub(super) async fn policy_change(
    State(PublisherState(publisher)): State<PublisherState>,
    PathParams(name): PathParams<String>,
    signed: SignedBody<GatePolicyChange, Authorised<OperatorTier>>,
) -> Result<Json<GatePolicy>, Failure> {
    let SignedBody {
        verified,
        value,
        request,
    } = signed;
    let changed = publisher
        .gate_policy_change(&name, value, verified, request.body)
        .await?;
    Ok(Json(changed))
}
