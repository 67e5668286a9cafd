use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use imajin_auth_api::MoveView;
use imajin_did::Did;
use imajin_kernel::{Code, Problem};
use imajin_profile_api::{ProfileDeleted, ProfileSet, ProfileView};
use imajin_web::{Authorised, Failure, PathParams, ProblemDocument, SignedBody, SoftTier, Viewer, json_cached};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{ProfileState, own_headers};
use crate::SERVICE;
use crate::context::Made;
use crate::domain::change::IfMatch;

/// Read one's own profile
///
/// With all contact fields. The `ETag` is the version, for `If-Match` at the next change. Whoever has written none has
/// version 0.
#[utoipa::path(
    get, path = "/api/profile", tag = "profile",
    responses(
        (status = 200, description = "The caller's profile", body = ProfileView),
        (status = 401, description = "Nobody is logged in", body = ProblemDocument),
    )
)]
pub(super) async fn profile_own(
    State(ProfileState(profile)): State<ProfileState>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    let view = profile.own(&viewer.session_require()?.did).await?;
    Ok((own_headers(&view, Made::Now), Json(view)).into_response())
}

/// `If-Match` of a request, if it has one.
#[derive(Debug)]
pub(super) struct IfMatchHeader(Option<IfMatch>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatchHeader {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        let lines = parts.headers.get_all(header::IF_MATCH);
        let mut tags = Vec::new();
        for line in lines {
            let line = line.to_str().map_err(|_error| unreadable())?;
            for tag in line.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
                if tag == "*" {
                    return Ok(Self(Some(IfMatch::Any)));
                }
                let inner = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
                tags.push(inner.ok_or_else(unreadable)?.to_owned());
            }
        }
        Ok(Self((!tags.is_empty()).then_some(IfMatch::One(tags))))
    }
}

fn unreadable() -> Problem {
    Problem::invalid("If-Match: must hold the ETag of the profile, for example \"3\", or *.")
}

/// Make or change one's profile
///
/// The body is the whole of what its owner writes. `version` says which version is changed: when another device has
/// changed it since, nothing happens and the answer is 412. `If-Match` may say the same.
#[utoipa::path(
    put, path = "/api/profile", tag = "profile", request_body = ProfileSet,
    params(
        ("If-Match" = Option<String>, Header, description = "The version that is changed, as an ETag"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat for a day"),
    ),
    responses(
        (status = 200, description = "The profile with its new version", body = ProfileView),
        (status = 400, description = "A member is wrong; `member` names it", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller is not registered here", body = ProblemDocument),
        (status = 409, description = "The idempotency key belongs to another request", body = ProblemDocument),
        (status = 412, description = "It has changed since; `version` says what it is at", body = ProblemDocument),
    )
)]
pub(super) async fn profile_set(
    State(ProfileState(profile)): State<ProfileState>,
    IfMatchHeader(if_match): IfMatchHeader,
    signed: SignedBody<ProfileSet, Authorised<SoftTier>>,
) -> Result<Response, Failure> {
    let SignedBody {
        verified,
        value,
        request,
    } = signed;
    let (view, made) = profile.set(verified, value, &request, if_match).await?;
    Ok((own_headers(&view, made), Json(view)).into_response())
}

/// Delete one's profile
///
/// With the picture. The page is gone from then on; a new profile can be made at any time.
#[utoipa::path(
    delete, path = "/api/profile", tag = "profile", request_body = Option<Object>,
    responses(
        (status = 200, description = "It is gone, or was already", body = ProfileDeleted),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller is not registered here", body = ProblemDocument),
    )
)]
pub(super) async fn profile_delete(
    State(ProfileState(profile)): State<ProfileState>,
    signed: SignedBody<Option<Value>, Authorised<SoftTier>>,
) -> Result<Json<ProfileDeleted>, Failure> {
    profile.delete(signed.verified, &signed.request).await?;
    Ok(Json(ProfileDeleted { deleted: true }))
}

/// Read a profile
///
/// By DID, in any equivalent form, or by handle. Contact fields are there for the person and, as far as the person
/// says so, for their connections. Whoever has moved to another node has their profile there.
#[utoipa::path(
    get, path = "/api/profile/{id}", tag = "profile",
    params(("id" = String, Path, description = "A DID or a handle")),
    responses(
        (status = 200, description = "The profile", body = ProfileView),
        (status = 304, description = "It is as the caller knows it"),
        (status = 308, description = "Its owner has moved; `Location` is the profile at the new home", body = MovedTo),
        (status = 404, description = "There is no such profile", body = ProblemDocument),
        (status = 410, description = "Its owner has deleted it", body = ProblemDocument),
    )
)]
pub(super) async fn profile_fetch(
    State(ProfileState(profile)): State<ProfileState>,
    PathParams(id): PathParams<String>,
    viewer: Viewer,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let reader = viewer.session.as_ref().map(|session| &session.did);
    if let Some(moved) = profile.moved(&id, reader).await? {
        return moved_answer(moved);
    }
    let view = profile.view(&id, reader).await?;
    let view = view.ok_or_else(|| Problem::new(Code::NotFound, "There is no such profile."))?;
    Ok(json_cached(&headers, &view)?)
}

/// Where somebody is at home who was at home here.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MovedTo {
    /// Who.
    #[schema(value_type = String)]
    did: Did,
    /// The address of the new home, `https://node.example`.
    moved_to: String,
}

/// Sends a reader on. The person may come back, so nobody keeps this answer.
fn moved_answer(moved: MoveView) -> Result<Response, Failure> {
    let location = format!("{}/{SERVICE}/api/profile/{}", moved.url, moved.did);
    let location = HeaderValue::from_str(&location).map_err(|_error| Problem::internal())?;
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let body = MovedTo {
        did: moved.did,
        moved_to: moved.url,
    };
    Ok((StatusCode::PERMANENT_REDIRECT, headers, Json(body)).into_response())
}
