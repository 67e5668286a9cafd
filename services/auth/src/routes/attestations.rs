use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_proof::attestation::{Attestation, Revocation};
use imajin_web::{Authorised, Failure, JsonBody, KeyTier, PathParams, ProblemDocument, QueryParams, SignedBody};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::AuthError;
use crate::attestations::{AttestationList, Stored};
use crate::auth::Auth;

/// A signed attestation, and what this node knows about it.
///
/// The members of the document stand beside `id`, `status` and `recordedAt`; the signature covers the canonical JSON
/// (RFC 8785) of the document's members without `signature`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AttestationAnswer {
    /// The SHA-256 of the document's canonical JSON, in hex.
    id: String,
    /// `active`, or `revoked`.
    status: &'static str,
    /// When this node received it.
    #[schema(value_type = String, format = DateTime)]
    recorded_at: Timestamp,
    /// The document; left out once it was revoked.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    attestation: Option<Attestation>,
    /// The signed document that took it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    revocation: Option<Revocation>,
    /// When this node learned of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
}

impl From<Stored> for AttestationAnswer {
    fn from(stored: Stored) -> Self {
        let (revoked_at, revocation) = stored.revoked.unzip();
        let is_active = revocation.is_none();
        Self {
            id: stored.id,
            status: if is_active { "active" } else { "revoked" },
            recorded_at: stored.recorded_at,
            attestation: is_active.then_some(stored.attestation),
            revocation,
            revoked_at,
        }
    }
}

/// Attestations that were not revoked, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AttestationPageAnswer {
    /// One page.
    attestations: Vec<AttestationAnswer>,
    /// Where the next page begins; left out at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// What to list.
#[derive(Debug, Deserialize)]
pub(super) struct ListQuery {
    subject: Option<Did>,
    attester: Option<Did>,
    #[serde(rename = "type")]
    kind: Option<String>,
    cursor: Option<String>,
    limit: Option<u32>,
}

/// An attestation to check.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct AttestationCheck {
    /// The signed document.
    #[schema(value_type = Object)]
    attestation: Value,
}

/// Whether an attestation counts.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AttestationVerdict {
    /// Whether its signature fits a key of the attester, and it was not revoked here.
    valid: bool,
    /// `active`, `revoked`, or `unknown` when this node does not have it.
    status: &'static str,
    /// Why it does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Say something about somebody. Signed (RFC 9421) by the attester, who has signed the document as well.
///
/// `confidence` is a number from 0 to 1 with at most six decimal places. The same document again is there already.
#[utoipa::path(
    post, path = "/api/attestations", tag = "attestation",
    request_body = Object,
    responses(
        (status = 201, description = "It is kept", body = AttestationAnswer),
        (status = 200, description = "It was there already", body = AttestationAnswer),
        (status = 400, description = "The document is no attestation", body = ProblemDocument),
        (status = 401, description = "Not signed, or not well", body = ProblemDocument),
        (status = 403, description = "The signer has no key of their own here", body = ProblemDocument),
        (status = 409, description = "It was revoked", body = ProblemDocument),
        (status = 429, description = "Too many", body = ProblemDocument),
    )
)]
pub(super) async fn issue(
    State(auth): State<Arc<Auth>>,
    signed: SignedBody<Value, Authorised<KeyTier>>,
) -> Result<(StatusCode, Json<AttestationAnswer>), Failure> {
    let (stored, created) = auth.attestation_issue(&signed.verified, signed.request.body).await?;
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(stored.into())))
}

/// What was said about a subject, or by an attester, and not taken back.
#[utoipa::path(
    get, path = "/api/attestations", tag = "attestation",
    params(
        ("subject" = Option<String>, Query, description = "About whom"),
        ("attester" = Option<String>, Query, description = "By whom"),
        ("type" = Option<String>, Query, description = "Of this type only"),
        ("cursor" = Option<String>, Query, description = "Where the page begins, from the page before"),
        ("limit" = Option<u32>, Query, description = "1 to 100; 50 when left out"),
    ),
    responses(
        (status = 200, description = "One page, the newest first", body = AttestationPageAnswer),
        (status = 400, description = "Neither subject nor attester, or a wrong cursor", body = ProblemDocument),
    )
)]
pub(super) async fn list(
    State(auth): State<Arc<Auth>>,
    QueryParams(query): QueryParams<ListQuery>,
) -> Result<Json<AttestationPageAnswer>, Failure> {
    let page = auth
        .attestation_list(AttestationList {
            subject: query.subject,
            attester: query.attester,
            attestation_type: query.kind,
            cursor: query.cursor,
            limit: query.limit,
            revoked_too: false,
        })
        .await?;
    Ok(Json(AttestationPageAnswer {
        attestations: page.attestations.into_iter().map(AttestationAnswer::from).collect(),
        cursor: page.cursor,
    }))
}

/// One attestation; of a revoked one only that it was, with the attester's word for it.
#[utoipa::path(
    get, path = "/api/attestations/{id}", tag = "attestation",
    params(("id" = String, Path, description = "The SHA-256 of the document's canonical JSON, in hex")),
    responses(
        (status = 200, description = "The attestation", body = AttestationAnswer),
        (status = 404, description = "This node does not have it", body = ProblemDocument),
    )
)]
pub(super) async fn fetch(
    State(auth): State<Arc<Auth>>,
    PathParams(id): PathParams<String>,
) -> Result<Json<AttestationAnswer>, Failure> {
    Ok(Json(auth.attestation_fetch(id).await?.into()))
}

/// Take an attestation back. Signed (RFC 9421) by the attester; the body is a signed message of the type `revocation`
/// with the payload `{attestation, reason?}`, so that others can check it as well.
#[utoipa::path(
    post, path = "/api/attestations/{id}/revoke", tag = "attestation",
    params(("id" = String, Path, description = "The attestation")),
    request_body = Object,
    responses(
        (status = 200, description = "It is revoked", body = AttestationAnswer),
        (status = 400, description = "The body is no revocation of it", body = ProblemDocument),
        (status = 401, description = "Not signed, or not well", body = ProblemDocument),
        (status = 403, description = "The signer has no key of their own here", body = ProblemDocument),
        (status = 404, description = "The signer has no such attestation", body = ProblemDocument),
    )
)]
pub(super) async fn revoke(
    State(auth): State<Arc<Auth>>,
    PathParams(id): PathParams<String>,
    signed: SignedBody<Value, Authorised<KeyTier>>,
) -> Result<Json<AttestationAnswer>, Failure> {
    let stored = auth
        .attestation_revoke(&signed.verified, id, signed.request.body)
        .await?;
    Ok(Json(stored.into()))
}

/// Does this attestation count? Nothing is changed or remembered.
#[utoipa::path(
    post, path = "/api/attestations/verify", tag = "attestation",
    request_body = AttestationCheck,
    responses(
        (status = 200, description = "Whether it does", body = AttestationVerdict),
        (status = 400, description = "The body is not valid", body = ProblemDocument),
    )
)]
pub(super) async fn verify(
    State(auth): State<Arc<Auth>>,
    JsonBody(body): JsonBody<AttestationCheck>,
) -> Result<Json<AttestationVerdict>, Failure> {
    let status = match checked(&auth, &body.attestation).await {
        Ok(id) => match auth.attestation_fetch(id).await {
            Ok(stored) if stored.revoked.is_some() => "revoked",
            Ok(_stored) => "active",
            Err(AuthError::AttestationUnknown) => "unknown",
            Err(error) => return Err(error.into()),
        },
        Err(AuthError::Store(error)) => return Err(AuthError::Store(error).into()),
        Err(error) => {
            return Ok(Json(AttestationVerdict {
                valid: false,
                status: "unknown",
                error: Some(error.to_string()),
            }));
        }
    };
    let is_revoked = status == "revoked";
    Ok(Json(AttestationVerdict {
        valid: !is_revoked,
        status,
        error: is_revoked.then(|| AuthError::AttestationRevoked.to_string()),
    }))
}

/// The name of a document whose signature fits.
async fn checked(auth: &Auth, document: &Value) -> Result<String, AuthError> {
    let attestation = Attestation::from_slice(document.to_string().as_bytes())?;
    let keys = auth.attester_keys(&attestation.attester).await?;
    attestation.verify(&keys)?;
    Ok(attestation.id()?)
}
