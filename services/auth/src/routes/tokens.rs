use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use imajin_auth_api::{AuthApi, CallerKeysRequest, IdentityFetch};
use imajin_kernel::{Span, Timestamp};
use imajin_proof::{FRESH_FOR, FUTURE_TOLERANCE, SignedMessage};
use imajin_web::{Failure, JsonBody, ProblemDocument, Tier};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::views::{IdentityAnswer, SessionAnswer};
use crate::auth::Auth;

/// A session token to look at.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ValidateBody {
    /// The token.
    token: String,
}

/// Whether a token is a living session of this node.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ValidateAnswer {
    /// Whether it is.
    valid: bool,
    /// Whose session it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<SessionAnswer>,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Is this token a living session?
#[utoipa::path(
    post, path = "/api/validate", tag = "session",
    request_body = ValidateBody,
    responses(
        (status = 200, description = "Whether it is", body = ValidateAnswer),
        (status = 400, description = "The body is not valid", body = ProblemDocument),
    )
)]
pub(super) async fn validate(
    State(auth): State<Arc<Auth>>,
    JsonBody(body): JsonBody<ValidateBody>,
) -> Result<Json<ValidateAnswer>, Failure> {
    let living = auth.session_resolve(&body.token).await?;
    let error = living
        .is_none()
        .then(|| "The token is no living session of this node.".to_owned());
    let identity = living.map(|living| SessionAnswer::new(&living.identity, living.expires_at));
    Ok(Json(ValidateAnswer {
        valid: identity.is_some(),
        identity,
        error,
    }))
}

/// A signed message to check.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct VerifyBody {
    /// `{from, type, timestamp, payload, signature}`, and `to` where it has one.
    #[schema(value_type = Object)]
    message: Value,
    /// The type that the message must have; left out, its own type is taken.
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

/// Whether a message was signed by whom it names.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct VerifyAnswer {
    /// Whether it was.
    valid: bool,
    /// Whether it was signed within the last five minutes: a document may be old, a request may not.
    fresh: bool,
    /// The signer, if registered here.
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<IdentityAnswer>,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl VerifyAnswer {
    fn invalid(error: &dyn std::fmt::Display) -> Self {
        Self {
            error: Some(error.to_string()),
            ..Self::default()
        }
    }
}

/// Is this message signed by whom it names? Nothing is changed or remembered.
#[utoipa::path(
    post, path = "/api/verify", tag = "identity",
    request_body = VerifyBody,
    responses(
        (status = 200, description = "Whether it is", body = VerifyAnswer),
        (status = 400, description = "The body is not valid", body = ProblemDocument),
    )
)]
pub(super) async fn verify(
    State(auth): State<Arc<Auth>>,
    JsonBody(body): JsonBody<VerifyBody>,
) -> Result<Json<VerifyAnswer>, Failure> {
    Ok(Json(message_verify(&auth, body).await?))
}

async fn message_verify(auth: &Auth, body: VerifyBody) -> Result<VerifyAnswer, Failure> {
    let message: SignedMessage = match serde_json::from_value(body.message) {
        Ok(message) => message,
        Err(error) => {
            return Ok(VerifyAnswer::invalid(&format_args!(
                "The message cannot be read: {error}."
            )));
        }
    };
    let kind = body.kind.unwrap_or_else(|| message.kind.clone());
    let caller = match auth
        .caller_keys(CallerKeysRequest {
            did: message.from.clone(),
        })
        .await
    {
        Ok(caller) => caller,
        Err(problem) if imajin_web::status_of(problem.code).is_server_error() => return Err(problem.into()),
        Err(problem) => return Ok(VerifyAnswer::invalid(&problem)),
    };
    if let Err(error) = message.verify_any(&kind, &caller.keys) {
        return Ok(VerifyAnswer::invalid(&error));
    }
    let identity = if caller.tier == Tier::Visitor {
        None
    } else {
        auth.identity_fetch(IdentityFetch {
            did_or_handle: caller.did.to_string(),
        })
        .await?
    };
    let identity = match identity {
        Some(view) => {
            let picture = auth.picture_url(&view.did).await;
            Some(IdentityAnswer::new(view, picture))
        }
        None => None,
    };
    Ok(VerifyAnswer {
        valid: true,
        fresh: is_fresh(auth.env.now().since(Timestamp::from_millis(message.timestamp))),
        identity,
        error: None,
    })
}

fn is_fresh(age: Span) -> bool {
    age <= FRESH_FOR && age.as_millis() >= FUTURE_TOLERANCE.as_millis().saturating_neg()
}
