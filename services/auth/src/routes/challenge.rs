use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use imajin_kernel::Timestamp;
use imajin_web::{Failure, JsonBody, ProblemDocument};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::Auth;
use crate::challenge::Challenge;

/// Who wants to prove a key.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ChallengeBody {
    /// A DID in any form, a public key in hex, or a handle.
    #[serde(alias = "did", alias = "handle")]
    id: String,
}

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

/// Ask for a challenge, to register a key or to log in with it.
///
/// The answer is the same for names that nobody has.
#[utoipa::path(
    post, path = "/api/challenge", tag = "login",
    request_body = ChallengeBody,
    responses(
        (status = 200, description = "A challenge", body = ChallengeAnswer),
        (status = 400, description = "The body is not valid", body = ProblemDocument),
    )
)]
pub(super) async fn challenge(
    State(auth): State<Arc<Auth>>,
    JsonBody(body): JsonBody<ChallengeBody>,
) -> Result<Json<ChallengeAnswer>, Failure> {
    Ok(Json(auth.challenge_issue(&body.id).await?.into()))
}

/// Ask for a challenge to log in with.
///
/// The answer is the same for names that nobody has.
#[utoipa::path(
    post, path = "/api/login/challenge", tag = "login",
    request_body = ChallengeBody,
    responses(
        (status = 200, description = "A challenge", body = ChallengeAnswer),
        (status = 400, description = "The body is not valid", body = ProblemDocument),
    )
)]
pub(super) async fn login_challenge(
    State(auth): State<Arc<Auth>>,
    JsonBody(body): JsonBody<ChallengeBody>,
) -> Result<Json<ChallengeAnswer>, Failure> {
    Ok(Json(auth.challenge_issue(&body.id).await?.into()))
}
