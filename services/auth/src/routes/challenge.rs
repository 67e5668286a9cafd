use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use imajin_kernel::{Problem, Timestamp};
use imajin_web::{Failure, JsonBody, ProblemDocument};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Auth;
use crate::challenge::Challenge;
use crate::login::Who;

/// Something to sign.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChallengeAnswer {
    /// Comes back with the signature.
    challenge_id: String,
    /// 64 hexadecimal digits: sign this text, as UTF-8.
    challenge: String,
    /// Five minutes from now.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl From<Challenge> for ChallengeAnswer {
    fn from(challenge: Challenge) -> Self {
        Self {
            challenge_id: challenge.id,
            challenge: challenge.text,
            expires_at: challenge.expires_at,
        }
    }
}

async fn issue(auth: &Auth, who: &Who) -> Result<Json<ChallengeAnswer>, Failure> {
    let missing = || Problem::invalid("Say who you are: the member `id`, `did` or `handle` is missing.");
    let name = who.name().ok_or_else(missing)?;
    Ok(Json(auth.challenge_issue(name).await?.into()))
}

/// Ask for a challenge, to register a key or to log in with it.
///
/// The answer is the same for names that nobody has.
#[utoipa::path(
    post, path = "/api/challenge", tag = "login",
    request_body = Who,
    responses(
        (status = 200, description = "A challenge", body = ChallengeAnswer),
        (status = 400, description = "The body is not valid", body = ProblemDocument),
    )
)]
pub(super) async fn challenge(
    State(auth): State<Arc<Auth>>,
    JsonBody(body): JsonBody<Who>,
) -> Result<Json<ChallengeAnswer>, Failure> {
    issue(&auth, &body).await
}

/// Ask for a challenge to log in with.
///
/// The answer is the same for names that nobody has.
#[utoipa::path(
    post, path = "/api/login/challenge", tag = "login",
    request_body = Who,
    responses(
        (status = 200, description = "A challenge", body = ChallengeAnswer),
        (status = 400, description = "The body is not valid", body = ProblemDocument),
    )
)]
pub(super) async fn login_challenge(
    State(auth): State<Arc<Auth>>,
    JsonBody(body): JsonBody<Who>,
) -> Result<Json<ChallengeAnswer>, Failure> {
    issue(&auth, &body).await
}
