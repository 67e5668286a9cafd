use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use imajin_kernel::Problem;
use imajin_registry_api::{NameCredentials, NodeAttestation};
use imajin_web::{Failure, JsonBody, PeerAddress, ProblemDocument, status_of};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::RegistryError;
use crate::names::host_of;
use crate::registry::Registry;

/// A request to register.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; it is read as it comes, because the signature covers all of it"
)]
pub(crate) struct RegisterRequest {
    /// What the node says about itself, signed by its key.
    attestation: NodeAttestation,
}

/// An accepted registration.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegisterAnswer {
    /// `pending`: the build is what the node reports. `verified` is for builds that a trusted release key has signed.
    status: &'static str,
    /// The full host name.
    subdomain: String,
    /// When the registration runs out, in milliseconds since the Unix epoch.
    expires_at: i64,
    /// Present and true when the node was registered before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    renewed: bool,
    /// With what the name's records are changed; present once, when the node has got the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials: Option<NameCredentials>,
}

/// Registers a node, renews its registration, or gives it another name.
///
/// No session is needed: the attestation's signature is the proof. An attestation is good once, within five minutes.
#[utoipa::path(
    post, path = "/api/node/register", tag = "node", request_body = RegisterRequest,
    responses(
        (status = 201, description = "registered", body = RegisterAnswer),
        (status = 200, description = "renewed", body = RegisterAnswer),
        (status = 400, description = "shape, name or reserved name", body = RejectedDocument),
        (status = 401, description = "signature missing, wrong, stale or used before", body = RejectedDocument),
        (status = 403, description = "the node was taken off, or its build is not taken", body = RejectedDocument),
        (status = 409, description = "the name is taken, or reserved for its former holder", body = RejectedDocument),
        (status = 429, description = "too many; see Retry-After", body = RejectedDocument),
        (status = 503, description = "the registry is being put back from a backup", body = RejectedDocument),
    )
)]
pub(super) async fn node_register(
    State(registry): State<Arc<Registry>>,
    peer: Option<Extension<PeerAddress>>,
    body: Result<JsonBody<Value>, Failure>,
) -> Result<(StatusCode, Json<RegisterAnswer>), Rejection> {
    let JsonBody(mut body) = body.map_err(|Failure(problem)| Rejection(problem))?;
    let attestation = body
        .as_object_mut()
        .and_then(|members| members.remove("attestation"))
        .ok_or_else(|| RegistryError::shape("attestation", "it is missing"))?;
    let registered = registry
        .register(attestation, peer.map(|Extension(PeerAddress(peer))| peer.ip()))
        .await?;
    let status = if registered.renewed {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let answer = RegisterAnswer {
        status: if registered.is_verified { "verified" } else { "pending" },
        subdomain: host_of(&registered.hostname, &registry.context.zone),
        expires_at: registered.expires_at.as_millis(),
        renewed: registered.renewed,
        credentials: registered
            .credentials
            .map(|fresh| registry.credentials_view(&registered.hostname, fresh)),
    };
    Ok((status, Json(answer)))
}

/// A refusal as a problem document, with the members that the network's software looks for. RFC 9457, section 3.1.2,
/// lets readers ignore a `status` that is no number; the number is that of the answer itself.
pub(super) struct Rejection(Problem);

/// See [`Rejection`].
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body")]
pub(crate) struct RejectedDocument {
    /// `rejected`.
    status: String,
    /// What was wrong.
    error: String,
    /// What to do about it.
    hint: String,
    /// A relative reference that names the kind of problem.
    r#type: String,
    /// A summary that is the same for every occurrence.
    title: String,
    /// What was wrong, again under the name of RFC 9457.
    detail: String,
    /// The machine-readable name of the refusal.
    code: String,
}

impl From<RegistryError> for Rejection {
    fn from(error: RegistryError) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let Self(problem) = self;
        let mut document = serde_json::to_value(ProblemDocument::new(&problem, None)).unwrap_or_default();
        if let Some(members) = document.as_object_mut() {
            members.insert("status".to_owned(), "rejected".into());
            members.insert("error".to_owned(), problem.detail.into());
            members
                .entry("hint")
                .or_insert_with(|| "Correct the request and send it again.".into());
        }
        let mut response = (status_of(problem.code), Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = problem.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
