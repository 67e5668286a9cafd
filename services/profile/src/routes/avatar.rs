use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use imajin_kernel::Problem;
use imajin_profile_api::{AvatarSet, ProfileView};
use imajin_web::{Authorised, Failure, PathParams, ProblemDocument, SignedBody, SoftTier};
use serde_json::Value;

use super::{ProfileState, own_headers};
use crate::domain::find;
use crate::{LARGE_SIDE, SMALL_SIDE};

/// Set one's picture
///
/// A PNG, JPEG or WebP file of at most 5 MiB and 16 megapixels. It is decoded and written anew, 256 and 64 pixels wide:
/// what else the file held, such as the place of a photo, is gone. The file itself is not kept.
#[utoipa::path(
    put, path = "/api/avatar", tag = "profile", request_body = AvatarSet,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat for a day")),
    responses(
        (status = 200, description = "The profile with its new picture", body = ProfileView),
        (status = 400, description = "The picture is damaged or has too many pixels", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller is not registered here", body = ProblemDocument),
        (status = 410, description = "The profile was deleted: make it again first", body = ProblemDocument),
        (status = 413, description = "The file is larger than 5 MiB", body = ProblemDocument),
        (status = 415, description = "No PNG, JPEG or WebP", body = ProblemDocument),
        (status = 503, description = "Too many pictures at once", body = ProblemDocument),
    )
)]
pub(super) async fn avatar_set(
    State(ProfileState(profile)): State<ProfileState>,
    signed: SignedBody<AvatarSet, Authorised<SoftTier>>,
) -> Result<Response, Failure> {
    let SignedBody {
        verified,
        value,
        request,
    } = signed;
    let (view, made) = profile.avatar_set(verified, value, &request).await?;
    Ok((own_headers(&view, made), Json(view)).into_response())
}

/// Remove one's picture
#[utoipa::path(
    delete, path = "/api/avatar", tag = "profile", request_body = Option<Object>,
    responses(
        (status = 200, description = "The profile without a picture", body = ProfileView),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller is not registered here", body = ProblemDocument),
    )
)]
pub(super) async fn avatar_remove(
    State(ProfileState(profile)): State<ProfileState>,
    signed: SignedBody<Option<Value>, Authorised<SoftTier>>,
) -> Result<Response, Failure> {
    let (view, made) = profile.avatar_remove(signed.verified, &signed.request).await?;
    Ok((own_headers(&view, made), Json(view)).into_response())
}

/// Read a picture
///
/// The address holds the picture's hash, so a copy can be kept for good.
#[utoipa::path(
    get, path = "/api/avatars/{hash}/{file}", tag = "profile",
    params(
        ("hash" = String, Path, description = "SHA-256 of the large picture, hex"),
        ("file" = String, Path, description = "`256.jpg` or `64.jpg`"),
    ),
    responses(
        (status = 200, description = "The picture", content_type = "image/jpeg", body = Vec<u8>),
        (status = 304, description = "It is as the caller knows it"),
        (status = 404, description = "There is no such picture", body = ProblemDocument),
    )
)]
pub(super) async fn avatar_fetch(
    State(ProfileState(profile)): State<ProfileState>,
    PathParams((hash, file)): PathParams<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let missing = || Problem::not_found("picture");
    let side = file.strip_suffix(".jpg").and_then(|side| side.parse::<u32>().ok());
    let side = side
        .filter(|side| [LARGE_SIDE, SMALL_SIDE].contains(side))
        .ok_or_else(missing)?;
    if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(missing().into());
    }
    let etag = format!("\"{hash}-{side}\"");
    let wanted = hash.clone();
    let row = profile
        .read(move |conn, context| find::avatar_by_hash(conn, context, &wanted))
        .await?
        .ok_or_else(missing)?;
    // It is pixels that were written here; should a browser ever take them for something else, it may do nothing.
    let answer_headers = [
        (header::CONTENT_TYPE, "image/jpeg"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::ETAG, etag.as_str()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    ];
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known.is_some_and(|known| known.split(',').any(|tag| tag.trim() == etag)) {
        return Ok((StatusCode::NOT_MODIFIED, answer_headers).into_response());
    }
    let bytes = if side == LARGE_SIDE { row.large } else { row.small };
    // Pictures of people may be shown by other nodes and clients.
    let shared = [("cross-origin-resource-policy", "cross-origin")];
    Ok((answer_headers, shared, bytes).into_response())
}
