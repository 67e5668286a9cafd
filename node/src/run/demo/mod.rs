//! Demonstration content: events with their artists, and a leader who answers questions.

mod leader;

use axum::Router;
use axum::body::Body;
use axum::http::request::Builder;
use axum::http::{Request, header};
use imajin_did::{Keyring, SecretKey};
use imajin_events::DemoIdentity;
use imajin_kernel::{Env, Problem};
use imajin_web::{HttpAnswer, PublicBase};
use serde_json::{Value, json};
use tower::ServiceExt;

pub use self::leader::LeaderLinks;
use self::leader::{Leader, leader_identity};
use super::compose::failed;
use super::{Services, StartError, gateway};
use crate::config::{Config, ServiceName};

/// The largest answer that is read.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

impl Services {
    /// Puts the demo content there, once. Gives where the leader is found, on a node that answers questions.
    pub(super) async fn demo_seed(
        &self,
        config: &Config,
        keyring: &Keyring,
        env: &Env,
        public: &PublicBase,
    ) -> Result<Option<LeaderLinks>, StartError> {
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
        let mut people = imajin_events::demo_identities(keyring);
        people.push(leader_identity(keyring));
        identities_register(&auth, &people)
            .await
            .map_err(failed(ServiceName::Auth))?;
        imajin_events::demo_seed(events)
            .await
            .map_err(failed(ServiceName::Events))?;
        let (Some(query), Some(connections)) = (&self.query, &self.connections) else {
            return Ok(None);
        };
        let leader = Leader {
            keyring,
            env,
            public,
            query: Router::new().nest("/query", query.routes().into_router()),
            connections: Router::new().nest("/connections", connections.routes().into_router()),
        };
        leader.seed().await.map(Some).map_err(failed(ServiceName::Query))
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
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
    exchange(routes, request, Body::from(body.to_string())).await
}

/// The answer of a route in this process.
///
/// # Errors
/// The route's.
async fn exchange(routes: &Router, request: Builder, body: Body) -> Result<Value, Problem> {
    let failed = |cause: &dyn std::fmt::Display| {
        tracing::error!(%cause, "a part of the demo could not be made");
        Problem::internal()
    };
    let request = request.body(body).map_err(|error| failed(&error))?;
    let response = routes
        .clone()
        .oneshot(request)
        .await
        .unwrap_or_else(|never| match never {});
    let (status, headers) = (response.status(), response.headers().clone());
    let body = axum::body::to_bytes(response.into_body(), ANSWER_BYTES_MAX).await;
    let body = body.map_err(|error| failed(&error))?;
    HttpAnswer { status, headers, body }.json()
}
