use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use imajin_auth_api::{AuthApi, DeviceListRequest, DeviceListView, DeviceRequestView, DeviceView};
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_web::{Failure, PathParams, ProblemDocument, SignedBody, Viewer};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::key_log::EntryAnswer;
use crate::AuthError;
use crate::auth::Auth;
use crate::key_log::devices::{DeviceAddBody, DeviceNameBody};
use crate::key_log::requests::DeviceRequestBody;

/// One of the caller's keys.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeviceItem {
    /// The Multikey.
    key: String,
    /// What its owner calls it.
    name: Option<String>,
    /// When it was added.
    #[schema(value_type = String, format = DateTime)]
    added_at: Timestamp,
    /// The last login with it, to the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
    /// Whether it opened the session that asks.
    current: bool,
}

/// A device that asks to be let in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RequestItem {
    /// Names it when it is granted or refused.
    id: String,
    /// Must be the code that the new device shows.
    code: String,
    /// The Multikey to add.
    key: String,
    /// What the device calls itself.
    name: String,
    /// When it asked.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it stops waiting.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl From<DeviceRequestView> for RequestItem {
    fn from(view: DeviceRequestView) -> Self {
        Self {
            id: view.id,
            code: view.code,
            key: view.key,
            name: view.name,
            created_at: view.created_at,
            expires_at: view.expires_at,
        }
    }
}

impl From<DeviceView> for DeviceItem {
    fn from(view: DeviceView) -> Self {
        Self {
            key: view.key.multikey(),
            name: view.name,
            added_at: view.added_at,
            last_used_at: view.last_used_at,
            current: view.current,
        }
    }
}

/// The caller's keys and the devices that wait.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeviceListAnswer {
    /// Whose.
    #[schema(value_type = String)]
    did: Did,
    /// The head of the key log; none before anything was published.
    head: Option<String>,
    /// Whether two histories of the keys contradict each other, so that nothing can be changed.
    contested: bool,
    /// Whether a key is kept back for the next rotation.
    has_next_key: bool,
    /// The Multikey that can take the identity back.
    recovery: Option<String>,
    /// The keys that count.
    devices: Vec<DeviceItem>,
    /// The devices that wait, newest first.
    requests: Vec<RequestItem>,
}

impl From<DeviceListView> for DeviceListAnswer {
    fn from(view: DeviceListView) -> Self {
        Self {
            did: view.did,
            head: view.head,
            contested: view.contested,
            has_next_key: view.has_next_key,
            recovery: view.recovery.map(|key| key.multikey()),
            devices: view.devices.into_iter().map(DeviceItem::from).collect(),
            requests: view.requests.into_iter().map(RequestItem::from).collect(),
        }
    }
}

/// Which keys speak for me, and which devices ask to?
#[utoipa::path(
    get, path = "/api/devices", tag = "keys",
    responses(
        (status = 200, description = "The keys of the caller", body = DeviceListAnswer),
        (status = 401, description = "Not logged in", body = ProblemDocument),
    )
)]
pub(super) async fn devices(State(auth): State<Arc<Auth>>, viewer: Viewer) -> Result<Json<DeviceListAnswer>, Failure> {
    viewer.session_require()?;
    let token = viewer.token.as_deref().unwrap_or_default();
    let request = DeviceListRequest {
        token: token.to_owned(),
    };
    let view = auth.device_list(request).await?.ok_or(AuthError::SessionEnded)?;
    Ok(Json(view.into()))
}

/// Sign a new device in: the entry that adds its key, with the name that its owner gives it. Signed (RFC 9421).
#[utoipa::path(
    post, path = "/api/devices", tag = "keys",
    request_body = DeviceAddBody,
    responses(
        (status = 200, description = "The key counts", body = EntryAnswer),
        (status = 400, description = "The entry is not valid, or no addition", body = ProblemDocument),
        (status = 401, description = "Not signed, or not well", body = ProblemDocument),
        (status = 404, description = "No such request, or it has expired", body = ProblemDocument),
    )
)]
pub(super) async fn device_add(
    State(auth): State<Arc<Auth>>,
    signed: SignedBody<DeviceAddBody>,
) -> Result<Json<EntryAnswer>, Failure> {
    let accepted = auth
        .device_add(&signed.verified, signed.value, signed.request.body)
        .await?;
    Ok(Json(accepted.try_into()?))
}

/// Give one of my keys a name. Signed (RFC 9421).
#[utoipa::path(
    post, path = "/api/devices/{key}/name", tag = "keys",
    params(("key" = String, Path, description = "The Multikey")),
    request_body = DeviceNameBody,
    responses(
        (status = 204, description = "It has the name"),
        (status = 401, description = "Not signed, or not well", body = ProblemDocument),
        (status = 404, description = "The caller has no such key", body = ProblemDocument),
    )
)]
pub(super) async fn device_name(
    State(auth): State<Arc<Auth>>,
    PathParams(key): PathParams<String>,
    signed: SignedBody<DeviceNameBody>,
) -> Result<StatusCode, Failure> {
    auth.device_rename(&signed.verified, &key, &signed.value, signed.request.body)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a new device keeps while it waits.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RequestedAnswer {
    /// Asks how the request stands.
    request_id: String,
    /// Show it: the other device shows the same.
    code: String,
    /// In fifteen minutes.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Ask an identity to let this device in. Signed (RFC 9421) by the device's own key, as the DID that this key is.
///
/// The answer is the same for names that nobody has.
#[utoipa::path(
    post, path = "/api/devices/requests", tag = "keys",
    request_body = DeviceRequestBody,
    responses(
        (status = 202, description = "The identity's devices can see the request", body = RequestedAnswer),
        (status = 400, description = "A member is wrong", body = ProblemDocument),
        (status = 401, description = "Not signed, or not well", body = ProblemDocument),
    )
)]
pub(super) async fn device_request(
    State(auth): State<Arc<Auth>>,
    signed: SignedBody<DeviceRequestBody>,
) -> Result<(StatusCode, Json<RequestedAnswer>), Failure> {
    let requested = auth.device_request(&signed.verified, &signed.value).await?;
    let answer = RequestedAnswer {
        request_id: requested.token,
        code: requested.code,
        expires_at: requested.expires_at,
    };
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

/// How a device's request stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct StandingAnswer {
    /// pending, approved or refused.
    status: &'static str,
    /// The identity, once the device belongs to it.
    #[schema(value_type = Option<String>)]
    did: Option<Did>,
    /// When the request stops waiting.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Am I let in? For the new device, with the id that only it has.
#[utoipa::path(
    get, path = "/api/devices/requests/{id}", tag = "keys",
    params(("id" = String, Path, description = "The `requestId`")),
    responses(
        (status = 200, description = "How it stands", body = StandingAnswer),
        (status = 404, description = "No such request, or it has expired", body = ProblemDocument),
    )
)]
pub(super) async fn device_request_standing(
    State(auth): State<Arc<Auth>>,
    PathParams(id): PathParams<String>,
) -> Result<Json<StandingAnswer>, Failure> {
    let standing = auth.device_request_standing(&id).await?;
    Ok(Json(StandingAnswer {
        status: standing.status,
        did: standing.did,
        expires_at: standing.expires_at,
    }))
}

/// Send a device away. Signed (RFC 9421), without a body.
#[utoipa::path(
    delete, path = "/api/devices/requests/{id}", tag = "keys",
    params(("id" = String, Path, description = "The request, as `GET /api/devices` names it")),
    responses(
        (status = 204, description = "It is refused"),
        (status = 401, description = "Not signed, or not well", body = ProblemDocument),
        (status = 404, description = "No such request, or it has expired", body = ProblemDocument),
    )
)]
pub(super) async fn device_request_refuse(
    State(auth): State<Arc<Auth>>,
    PathParams(id): PathParams<String>,
    signed: SignedBody<Option<Value>>,
) -> Result<StatusCode, Failure> {
    auth.device_request_refuse(&signed.verified, &id, signed.request.body)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
