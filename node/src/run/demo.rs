use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, header};
use imajin_did::{Keyring, SecretKey};
use imajin_events::DemoIdentity;
use imajin_kernel::Problem;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::compose::failed;
use super::{Services, StartError, gateway};
use crate::config::{Config, ServiceName};

/// The largest answer of auth that is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

impl Services {
    /// Puts the demo content there, once.
    pub(super) async fn demo_seed(&self, config: &Config, keyring: &Keyring) -> Result<(), StartError> {
        let Some(events) = &self.events else {
            return Err(StartError::Configuration(
                "--demo needs the service `events` in this process".to_owned(),
            ));
        };
        let auth = match (&self.auth, config.remote.get(&ServiceName::Auth)) {
            (Some(auth), _) => Router::new().nest("/auth", auth.routes().into_router()),
            (None, Some(remote)) => gateway::forward_to(&remote.public)?,
            (None, None) => Router::new(),
        };
        identities_register(&auth, &imajin_events::demo_identities(keyring))
            .await
            .map_err(failed(ServiceName::Auth))?;
        imajin_events::demo_seed(events)
            .await
            .map_err(failed(ServiceName::Events))
            .map(drop)
    }
}

/// Registers the people of the demo the way anybody registers: by a proof of their key. Pages can then show their
/// names, and they may make events.
///
/// `auth` answers `/auth/api/…`, whether the service runs in this process or in another.
async fn identities_register(auth: &Router, people: &[DemoIdentity]) -> Result<(), Problem> {
    for person in people {
        let (challenge_id, signature) = challenge_answer(auth, &person.key).await?;
        let body = json!({
            "publicKey": person.key.public().to_hex(), "type": "human", "handle": person.handle, "name": person.name,
            "challengeId": challenge_id, "signature": signature,
        });
        post(auth, "/auth/api/register", &body).await?;
    }
    Ok(())
}

async fn challenge_answer(routes: &Router, key: &SecretKey) -> Result<(Value, String), Problem> {
    let challenge = post(routes, "/auth/api/challenge", &json!({"id": key.did()})).await?;
    let text = challenge.get("challenge").and_then(Value::as_str).unwrap_or_default();
    let signature = key.sign(text.as_bytes()).to_hex();
    Ok((challenge.get("challengeId").cloned().unwrap_or_default(), signature))
}

async fn post(routes: &Router, path: &str, body: &Value) -> Result<Value, Problem> {
    let failed = |cause: &dyn std::fmt::Display| {
        tracing::error!(path, %cause, "the people of the demo could not be registered");
        Problem::internal()
    };
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
    let request = request
        .body(Body::from(body.to_string()))
        .map_err(|error| failed(&error))?;
    let response: Response<Body> = routes
        .clone()
        .oneshot(request)
        .await
        .unwrap_or_else(|never| match never {});
    let status = response.status();
    let bytes = axum::body::to_bytes(response.into_body(), ANSWER_BYTES_MAX)
        .await
        .map_err(|error| failed(&error))?;
    if !status.is_success() {
        return Err(failed(&String::from_utf8_lossy(&bytes)));
    }
    serde_json::from_slice(&bytes).map_err(|error| failed(&error))
}
