use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use axum::{Json, Router};
use imajin_did::Did;
use imajin_kernel::{Code, Env, Problem, Span, Timestamp};
use imajin_proof::http_sig::{Expectation, SignedRequest};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::rpc::SERVICE_TAG;
use crate::{Failure, JsonBody, PublicBase};

/// The largest body of a call between services.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// How long a nonce is remembered: longer than any signature is fresh.
const NONCE_MEMORY: Span = Span::minutes(6);

/// Who may call the internal listener of this process.
#[derive(Clone)]
pub struct InternalAccess {
    /// Time and randomness.
    pub env: Env,
    /// The internal listener's own URL, which callers sign.
    pub base: PublicBase,
    /// The DIDs of the processes whose services may call.
    pub allowed: Vec<Did>,
}

struct Guard {
    access: InternalAccess,
    /// Signatures from before this process started could be replays that it no longer remembers.
    started: Timestamp,
    nonces: Mutex<HashMap<(Did, String), Timestamp>>,
}

/// One internal route: JSON in, `Result<answer, problem>` as JSON out.
pub fn internal_route<Q, A, F, Fut>(call: F) -> MethodRouter
where
    Q: DeserializeOwned + Send + 'static,
    A: Serialize + Send + 'static,
    F: Fn(Q) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<A, Problem>> + Send + 'static,
{
    post(move |JsonBody(request): JsonBody<Q>| async move { Json(call(request).await) })
}

/// Puts the guard in front of internal routes: only signed calls from the allow-list come through.
///
/// The routes take facts from other services (an order was paid, say), so they are never mounted on a public listener.
pub fn internal_listener_router(routes: Router, access: InternalAccess) -> Router {
    let started = access.env.now();
    let guard = Arc::new(Guard {
        access,
        started,
        nonces: Mutex::new(HashMap::new()),
    });
    routes.layer(middleware::from_fn_with_state(guard, admit))
}

async fn admit(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else {
        let problem = Problem::new(Code::BodyTooLarge, "The body is larger than this route accepts.");
        return Failure(problem).into_response();
    };
    let target_uri = guard.access.base.absolute(parts.uri.path());
    match guard.check(&parts.headers, parts.method.as_str(), &target_uri, &body) {
        Ok(()) => next.run(Request::from_parts(parts, Body::from(body))).await,
        Err(problem) => {
            tracing::warn!(code = %problem.code, path = parts.uri.path(), "an internal call was refused");
            Failure(problem).into_response()
        }
    }
}

impl Guard {
    fn check(&self, headers: &HeaderMap, method: &str, target_uri: &str, body: &[u8]) -> Result<(), Problem> {
        let text = |name: &str| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        let missing = || {
            Problem::new(
                Code::Unauthenticated,
                "Calls between services must be signed by the caller.",
            )
        };
        let request = SignedRequest {
            method: method.to_owned(),
            target_uri: target_uri.to_owned(),
            content_digest: text("content-digest"),
            idempotency_key: None,
            signature_input: text("signature-input").ok_or_else(missing)?,
            signature: text("signature").ok_or_else(missing)?,
            body: body.to_vec(),
        };
        let keyid = request
            .keyid()
            .map_err(|error| Problem::new(error.code(), error.to_string()))?
            .canonical();
        if !self.access.allowed.contains(&keyid) {
            return Err(Problem::new(
                Code::Forbidden,
                "This process is not one of the services that may call.",
            ));
        }
        let keys: Vec<_> = keyid.public_key().into_iter().collect();
        let now = self.access.env.now();
        let expect = Expectation {
            now,
            target_uri,
            method,
            tag: Some(SERVICE_TAG),
        };
        let verified = request
            .verify(&keys, &expect)
            .map_err(|error| Problem::new(error.code(), error.to_string()))?;
        if verified.created.as_seconds() < self.started.as_seconds() {
            return Err(Problem::new(
                Code::StaleSignature,
                "The call was signed before this process started.",
            ));
        }
        self.nonce_spend(keyid, verified.nonce, now)
    }

    fn nonce_spend(&self, caller: Did, nonce: String, now: Timestamp) -> Result<(), Problem> {
        let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        // Only allow-listed callers get here, so the memory is bounded by what they themselves send in six minutes.
        if nonces.len() % 1024 == 1023 {
            nonces.retain(|_, expires_at| *expires_at > now);
        }
        match nonces.insert((caller, nonce), now.plus(NONCE_MEMORY)) {
            None => Ok(()),
            Some(_) => Err(Problem::new(Code::Replayed, "This call was made before.")),
        }
    }
}
