//! The HTTP side: who asks, and what goes wrong on purpose.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Shared;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use imajin_proof::http_sig::{Expectation, SignedRequest};
use imajin_proof::jose::SigningKey;
use serde_json::{Value, json};

use super::state::{BrokerFault, Said, State};

type Broker = Arc<Mutex<State>>;

pub(super) fn router(broker: Broker) -> Router {
    Router::new().fallback(answer).with_state(broker)
}

async fn answer(Shared(broker): Shared<Broker>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let mut state = broker.lock().unwrap_or_else(PoisonError::into_inner);
    let path = uri.path().to_owned();
    state.seen.push(path.clone());
    let fault = state.fault_take(&path);
    if fault == Some(BrokerFault::Away) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let (status, mut said) = state.ask(&method, &path, &headers, &body);
    drop(state);
    match fault {
        Some(BrokerFault::LostAfter) => {
            let cut = futures::stream::once(async { Err::<Bytes, _>(std::io::Error::other("the line is dead")) });
            return Response::new(Body::from_stream(cut));
        }
        Some(BrokerFault::OtherAmount) => lie(&mut said),
        Some(BrokerFault::Silent) => said = json!({"redemptions": []}),
        Some(BrokerFault::Away) | None => {}
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, axum::Json(said)).into_response()
}

/// Every amount in an answer becomes another one.
fn lie(said: &mut Value) {
    match said {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if name == "amount" => "1234.00".clone_into(text),
                    other => lie(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(lie),
        _ => {}
    }
}

impl State {
    fn fault_take(&mut self, path: &str) -> Option<BrokerFault> {
        let place = self.faults.iter().position(|(part, ..)| path.contains(part.as_str()))?;
        let (_, fault, times) = self.faults.get_mut(place)?;
        let fault = *fault;
        *times = times.saturating_sub(1);
        if *times == 0 {
            self.faults.remove(place);
        }
        Some(fault)
    }

    pub(super) fn ask(&mut self, method: &Method, path: &str, headers: &HeaderMap, body: &Bytes) -> Said {
        if path == "/broker/.well-known/jwks.json" {
            let keys = std::iter::once(&self.key).chain(&self.old_keys);
            let keys: Vec<Value> = keys.map(SigningKey::jwk).map(|key| json!(key)).collect();
            return (200, json!({"keys": keys}));
        }
        let Some(node) = self.caller(method, path, headers, body) else {
            return (401, json!({"detail": "Sign the request, and each one anew."}));
        };
        match (method, path) {
            (&Method::POST, "/broker/api/redemptions") => self.redeem(&node, body),
            (&Method::POST, "/broker/api/transfers") => self.transfer(&node, body),
            (&Method::GET, "/broker/api/accounts/me") => self.account(&node),
            (&Method::GET, path) => match path.strip_prefix("/broker/api/transfers/") {
                Some(reference) => self.transfer_find(&node, reference),
                None => (404, json!({"detail": "There is nothing here."})),
            },
            _ => (404, json!({"detail": "There is nothing here."})),
        }
    }

    /// Who has signed the request; nobody, when it is not signed, or was sent before.
    fn caller(&mut self, method: &Method, path: &str, headers: &HeaderMap, body: &Bytes) -> Option<String> {
        let target_uri = format!("{}{path}", self.origin);
        let request = SignedRequest::from_parts(method.as_str(), &target_uri, headers, body.to_vec()).ok()?;
        let key = request.keyid().ok()?.public_key()?;
        let expect = Expectation {
            now: self.env.now(),
            target_uri: &target_uri,
            method: method.as_str(),
            tag: None,
        };
        let verified = request.verify(&[key], &expect).ok()?;
        let node = verified.did.canonical().to_string();
        self.nonce_take(&node, &verified.nonce).then_some(node)
    }
}
