use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRef, FromRequest, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use imajin_did::Did;
use imajin_web::{Failure, JsonBody, ProblemDocument, SignedBody, Site, Verified, is_signed};
use serde::Serialize;
use utoipa::ToSchema;

use super::browser::Caller;
use crate::auth::Auth;
use crate::registration::{RegisterBody, Registered};
use crate::sessions::METHOD_KEY;

/// The outcome of a registration.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RegisterAnswer {
    /// The native DID of the key.
    #[schema(value_type = String)]
    did: Did,
    /// The handle.
    handle: Option<String>,
    /// What kind of actor it is.
    #[serde(rename = "type")]
    kind: String,
    /// Whether it is new here. A known identity stays as it was, and is not logged in.
    created: bool,
}

impl From<Registered> for RegisterAnswer {
    fn from(registered: Registered) -> Self {
        let Registered { identity, created } = registered;
        Self {
            did: identity.did,
            handle: identity.handle,
            kind: identity.kind,
            created,
        }
    }
}

/// A body whose request may be signed: where it is, the signature was checked.
pub(super) struct MaybeSigned {
    value: RegisterBody,
    raw: Vec<u8>,
    verified: Option<Verified>,
}

impl<S> FromRequest<S> for MaybeSigned
where
    S: Send + Sync,
    Site: FromRef<S>,
{
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        if is_signed(request.headers()) {
            let SignedBody {
                verified,
                value,
                request,
            } = SignedBody::from_request(request, state).await?;
            return Ok(Self {
                value,
                raw: request.body,
                verified: Some(verified),
            });
        }
        let JsonBody(value) = JsonBody::<RegisterBody>::from_request(request, state).await?;
        // Nothing covers the exact bytes here, so the log gets what was understood.
        let raw = serde_json::to_vec(&value).map_err(|_error| imajin_kernel::Problem::internal())?;
        Ok(Self {
            value,
            raw,
            verified: None,
        })
    }
}

/// Make an identity known here.
///
/// The key proves itself by answering a fresh challenge of `/api/challenge`. If the request is also signed (RFC 9421),
/// it must be by the same key, and that signature goes into the log. A new identity is logged in.
#[utoipa::path(
    post, path = "/api/register", tag = "identity",
    request_body = RegisterBody,
    responses(
        (status = 201, description = "Registered, and logged in by a cookie", body = RegisterAnswer),
        (status = 200, description = "The key was known: nothing has changed", body = RegisterAnswer),
        (status = 400, description = "A member is wrong", body = ProblemDocument),
        (status = 401, description = "The challenge was not answered, or is too old or used", body = ProblemDocument),
        (status = 409, description = "The handle is taken", body = ProblemDocument),
    )
)]
pub(super) async fn register(
    State(auth): State<Arc<Auth>>,
    caller: Caller,
    body: MaybeSigned,
) -> Result<Response, Failure> {
    caller.login_origin_require()?;
    let registered = auth.register(&body.value, body.raw, body.verified).await?;
    if !registered.created {
        return Ok((StatusCode::OK, Json(RegisterAnswer::from(registered))).into_response());
    }
    let opened = auth
        .session_open(registered.identity.clone(), METHOD_KEY, caller.client())
        .await?;
    let cookie = caller.session_cookie(&opened.token);
    Ok((StatusCode::CREATED, cookie, Json(RegisterAnswer::from(registered))).into_response())
}
