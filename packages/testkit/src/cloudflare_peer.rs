//! A hoster of zones on loopback that behaves as Cloudflare's API of version 4 does, as far as the registry uses it.
//!
//! It keeps records, refuses what Cloudflare refuses (two records that are the same, a CNAME beside others, a time to
//! live out of bounds, a foreign token), makes a batch as a whole or not at all, and fails when a test says so.
#![expect(
    clippy::indexing_slicing,
    reason = "a member of a JSON object that is not there reads as null; the objects are the peer's own"
)]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::served::{Port, Served};

/// How a request goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloudflareFault {
    /// 429.
    RateLimited,
    /// 500, with a page that is no JSON; nothing was done.
    ServerError,
    /// It was done, and the answer says 502.
    LostAfter,
}

#[derive(Default)]
struct State {
    records: Vec<Value>,
    next_id: u64,
    fault: Option<CloudflareFault>,
    batches: usize,
}

/// What Cloudflare says when it refuses.
struct Refused(StatusCode, i64, &'static str);

/// A running peer. It ends with the value.
pub struct CloudflarePeer {
    state: Arc<Mutex<State>>,
    base: String,
    _served: Served,
}

impl CloudflarePeer {
    /// The token that may edit the zone.
    pub const TOKEN: &'static str = "peer-token-0123456789abcdefghijklmnopqrst";
    /// The zone's identifier.
    pub const ZONE_ID: &'static str = "023e105f4ecef8ad9ca31a8372d0c353";

    /// Starts a peer on a free port of loopback.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start() -> Self {
        let port = Port::free().await;
        let base = format!("{}/client/v4", port.origin());
        let state = Arc::new(Mutex::new(State::default()));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        let served = port.serve(router);
        Self {
            state,
            base,
            _served: served,
        }
    }

    /// Where its API is.
    pub fn url(&self) -> &str {
        &self.base
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the next change go wrong.
    pub fn fault(&self, fault: CloudflareFault) {
        self.state().fault = Some(fault);
    }

    /// How many batches were made.
    pub fn batches(&self) -> usize {
        self.state().batches
    }

    /// Adds a record that somebody else has made.
    pub fn foreign(&self, name: &str, kind: &str, content: &str) {
        let mut state = self.state();
        let record = json!({"name": name, "type": kind, "content": content, "ttl": 300});
        drop(state.add(&record));
    }

    /// All records, as `name type content`, sorted.
    pub fn records(&self) -> Vec<String> {
        let state = self.state();
        let text = |record: &Value| {
            let part = |member: &str| record[member].as_str().unwrap_or_default().to_owned();
            format!("{} {} {}", part("name"), part("type"), part("content"))
        };
        let mut records: Vec<String> = state.records.iter().map(text).collect();
        records.sort();
        records
    }
}

impl State {
    fn add(&mut self, record: &Value) -> Result<Value, Refused> {
        let bad = |code, text| Err(Refused(StatusCode::BAD_REQUEST, code, text));
        let (name, kind) = (record["name"].clone(), record["type"].as_str().unwrap_or_default());
        let ttl = record["ttl"].as_u64().unwrap_or_default();
        if !["A", "AAAA", "CNAME", "MX", "TXT"].contains(&kind) {
            return bad(9005, "Content for the record is invalid.");
        }
        if ttl != 1 && !(60..=86_400).contains(&ttl) {
            return bad(
                9021,
                "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic.",
            );
        }
        let of_name = || self.records.iter().filter(|known| known["name"] == name);
        if of_name().any(|known| known["type"] == kind && known["content"] == record["content"]) {
            return bad(81058, "An identical record already exists.");
        }
        let is_address = |kind: &str| ["A", "AAAA"].contains(&kind);
        let known_kinds = || of_name().filter_map(|known| known["type"].as_str());
        if kind == "CNAME" && known_kinds().next().is_some() {
            return bad(81053, "An A, AAAA, or CNAME record with that host already exists.");
        }
        if is_address(kind) && known_kinds().any(|known| known == "CNAME") {
            return bad(81054, "A CNAME record with that host already exists.");
        }
        self.next_id += 1;
        let mut made = record.clone();
        made["id"] = format!("{:032x}", self.next_id).into();
        self.records.push(made.clone());
        Ok(made)
    }

    fn remove(&mut self, id: &Value) -> Result<Value, Refused> {
        let found = self.records.iter().position(|record| record["id"] == *id);
        let position = found.ok_or(Refused(StatusCode::NOT_FOUND, 81044, "Record does not exist."))?;
        Ok(self.records.remove(position))
    }

    /// All or nothing, in the order in which Cloudflare does it.
    fn batch(&mut self, asked: &Value) -> Result<Value, Refused> {
        let before = self.records.clone();
        let list = |member: &str| asked[member].as_array().cloned().unwrap_or_default();
        let mut attempt = || {
            let deletes: Result<Vec<Value>, Refused> = list("deletes")
                .iter()
                .map(|record| self.remove(&record["id"]))
                .collect();
            let deletes = deletes?;
            let posts: Result<Vec<Value>, Refused> = list("posts").iter().map(|record| self.add(record)).collect();
            Ok(json!({"deletes": deletes, "posts": posts?, "patches": [], "puts": []}))
        };
        let done = attempt();
        if done.is_err() {
            self.records = before;
        } else {
            self.batches += 1;
        }
        done
    }

    fn list(&self, query: &str) -> Value {
        let wanted: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).collect();
        let fits = |record: &&Value| {
            let name = record["name"].as_str().unwrap_or_default();
            wanted.iter().all(|(filter, text)| match filter.as_ref() {
                "name" => name == text,
                "name.endswith" => name.ends_with(text.as_ref()),
                _ => true,
            })
        };
        self.records.iter().filter(fits).cloned().collect::<Vec<_>>().into()
    }
}

async fn answer(
    Shared(peer): Shared<Arc<Mutex<State>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut state = peer.lock().unwrap_or_else(PoisonError::into_inner);
    let bearer = format!("Bearer {}", CloudflarePeer::TOKEN);
    let is_known = headers
        .get(header::AUTHORIZATION)
        .is_some_and(|given| given == bearer.as_str());
    if !is_known {
        return envelope(Err(Refused(StatusCode::FORBIDDEN, 10000, "Authentication error")));
    }
    let records = format!("/client/v4/zones/{}/dns_records", CloudflarePeer::ZONE_ID);
    let batch = format!("{records}/batch");
    let is_change = method == Method::POST;
    let fault = if is_change { state.fault.take() } else { None };
    match fault {
        Some(CloudflareFault::RateLimited) => {
            let text = "Rate limited. Please wait and consider throttling your request speed";
            return envelope(Err(Refused(StatusCode::TOO_MANY_REQUESTS, 10429, text)));
        }
        Some(CloudflareFault::ServerError) => {
            return (StatusCode::INTERNAL_SERVER_ERROR, "<html>error 1101</html>").into_response();
        }
        Some(CloudflareFault::LostAfter) | None => {}
    }
    let done = match uri.path() {
        path if path == records && method == Method::GET => Ok(state.list(uri.query().unwrap_or_default())),
        path if path == batch && is_change => {
            let asked = serde_json::from_slice(&body).unwrap_or_default();
            state.batch(&asked)
        }
        _ => Err(Refused(
            StatusCode::BAD_REQUEST,
            7003,
            "Could not route to that address",
        )),
    };
    if fault == Some(CloudflareFault::LostAfter) {
        return (StatusCode::BAD_GATEWAY, "error code: 502").into_response();
    }
    envelope(done)
}

fn envelope(done: Result<Value, Refused>) -> Response {
    let (status, success, errors, result) = match done {
        Ok(result) => (StatusCode::OK, true, json!([]), result),
        Err(Refused(status, code, message)) => {
            (status, false, json!([{"code": code, "message": message}]), Value::Null)
        }
    };
    let body = json!({"success": success, "errors": errors, "messages": [], "result": result});
    (status, axum::Json(body)).into_response()
}
