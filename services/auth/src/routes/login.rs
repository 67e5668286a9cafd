use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue};
use imajin_web::{Failure, JsonBody, ProblemDocument};
use serde::Serialize;
use utoipa::ToSchema;

use super::browser::Caller;
use super::views::SessionAnswer;
use crate::auth::Auth;
use crate::login::AnswerBody;

/// A session for a client without cookies.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenAnswer {
    /// Send it as `Authorization: Bearer …`.
    token: String,
    /// Whose session it is.
    identity: SessionAnswer,
}

/// Answer a challenge and get a session token.
#[utoipa::path(
    post, path = "/api/authenticate", tag = "login",
    request_body = AnswerBody,
    responses(
        (status = 200, description = "Logged in", body = TokenAnswer),
        (status = 401, description = "The challenge was not answered, or is too old or used", body = ProblemDocument),
        (status = 403, description = "The key is not registered here", body = ProblemDocument),
    )
)]
pub(super) async fn authenticate(
    State(auth): State<Arc<Auth>>,
    caller: Caller,
    JsonBody(body): JsonBody<AnswerBody>,
) -> Result<Json<TokenAnswer>, Failure> {
    let opened = auth.login(&body, caller.client()).await?;
    let identity = SessionAnswer::from(&opened);
    Ok(Json(TokenAnswer {
        token: opened.token,
        identity,
    }))
}

/// Answer a challenge and get a session cookie.
///
/// A browser gets `__Host-imajin_session`; a client that sends neither `Origin` nor `Sec-Fetch-Site` gets
/// `imajin_session`.
#[utoipa::path(
    post, path = "/api/login/verify", tag = "login",
    request_body = AnswerBody,
    responses(
        (status = 200, description = "Logged in", body = SessionAnswer),
        (status = 401, description = "The challenge was not answered, or is too old or used", body = ProblemDocument),
        (status = 403, description = "The key is not registered here, or a foreign page asked", body = ProblemDocument),
    )
)]
pub(super) async fn login_verify(
    State(auth): State<Arc<Auth>>,
    caller: Caller,
    JsonBody(body): JsonBody<AnswerBody>,
) -> Result<([(HeaderName, HeaderValue); 1], Json<SessionAnswer>), Failure> {
    caller.login_origin_require()?;
    let opened = auth.login(&body, caller.client()).await?;
    Ok((caller.session_cookie(&opened.token), Json(SessionAnswer::from(&opened))))
}
