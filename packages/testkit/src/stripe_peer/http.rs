//! The HTTP side: who asks, in which version, under which key; what goes wrong on purpose.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Shared;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use serde_json::Value;

use super::FaultKind;
use super::error::ApiError;
use super::form::{Params, decode};
use super::state::{Kept, SeenRequest, State, page};

/// How long an idempotency key is remembered: Stripe promises a day, and no more.
const KEY_SECONDS: i64 = 24 * 60 * 60;

type Peer = Arc<Mutex<State>>;

pub(super) fn router(peer: Peer) -> Router {
    Router::new().fallback(answer).with_state(peer)
}

/// A request, taken apart.
struct Asked {
    method: Method,
    path: String,
    headers: HeaderMap,
    params: Params,
}

impl Asked {
    fn header(&self, name: &str) -> Option<String> {
        Some(self.headers.get(name)?.to_str().ok()?.to_owned())
    }

    fn segments(&self) -> Vec<&str> {
        self.path.trim_start_matches("/v1/").split('/').collect()
    }
}

async fn answer(Shared(peer): Shared<Peer>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let encoded = if method == Method::GET {
        uri.query().unwrap_or_default().as_bytes()
    } else {
        &body
    };
    let asked = Asked {
        method,
        path: uri.path().to_owned(),
        headers,
        params: Params(decode(encoded)),
    };
    let mut state = peer.lock().unwrap_or_else(PoisonError::into_inner);
    let fault = state.fault_take(&format!("{} {}", asked.method, asked.path));
    let (status, body, replayed) = match fault {
        Some(FaultKind::RateLimited) => {
            let error = ApiError::new(429, "invalid_request_error", "Request rate limit exceeded.").code("rate_limit");
            (error.status, error.body(), false)
        }
        Some(FaultKind::ServerError) => {
            let error = ApiError::new(500, "api_error", "An unknown error occurred");
            (error.status, error.body(), false)
        }
        Some(FaultKind::LostBefore) => return lost(),
        Some(FaultKind::LostAfter) | None => state.ask(&asked),
    };
    state.seen.push(SeenRequest {
        method: asked.method.to_string(),
        path: asked.path.clone(),
        idempotency_key: asked.header("idempotency-key"),
        version: asked.header("stripe-version"),
        status,
    });
    let request_id = state.id("req");
    drop(state);
    if matches!(fault, Some(FaultKind::LostAfter)) {
        return lost();
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, [("request-id", request_id)], axum::Json(shown(body))).into_response();
    let headers = response.headers_mut();
    if replayed {
        headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    if status == StatusCode::TOO_MANY_REQUESTS {
        headers.insert("retry-after", HeaderValue::from_static("1"));
    }
    response
}

/// The connection breaks before the answer is there.
fn lost() -> Response {
    let broken = futures::stream::once(async { Err::<Bytes, _>(std::io::Error::other("the line is dead")) });
    Response::new(Body::from_stream(broken))
}

/// Without what the peer only remembers for itself.
fn shown(mut body: Value) -> Value {
    match &mut body {
        Value::Object(object) => {
            object.retain(|name, _| !name.starts_with('_'));
            object.values_mut().for_each(|value| *value = shown(value.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| *value = shown(value.take())),
        _ => {}
    }
    body
}

impl State {
    fn fault_take(&mut self, asked: &str) -> Option<FaultKind> {
        let index = self.faults.iter().position(|fault| asked.contains(&fault.path))?;
        let fault = self.faults.get_mut(index)?;
        let kind = fault.kind;
        fault.times = fault.times.saturating_sub(1);
        if fault.times == 0 {
            self.faults.remove(index);
        }
        Some(kind)
    }

    /// Answers a request: the status, the body, and whether it was answered before.
    fn ask(&mut self, asked: &Asked) -> (u16, Value, bool) {
        let refused = |error: ApiError| (error.status, error.body(), false);
        if let Err(error) = self.caller_check(asked).and_then(|()| version_check(asked)) {
            return refused(error);
        }
        let key = asked.header("idempotency-key").filter(|_| asked.method == Method::POST);
        let content = (asked.path.clone(), asked.params.0.clone());
        let forgotten_at = self.now() - KEY_SECONDS;
        self.kept.retain(|_key, kept| kept.at > forgotten_at);
        if let Some(kept) = key.as_ref().and_then(|key| self.kept.get(key)) {
            if kept.asked != content {
                let message = "Keys for idempotent requests can only be used with the same parameters they were first \
                               used with. Try using a key other than this one if you meant to execute a different \
                               request.";
                return refused(ApiError::new(400, "idempotency_error", message));
            }
            return (kept.status, kept.body.clone(), true);
        }
        let (status, body) = match self.route(asked) {
            Ok(body) => (200, body),
            Err(error) => (error.status, error.body()),
        };
        if let Some(key) = key {
            let kept = Kept {
                at: self.now(),
                asked: content,
                status,
                body: body.clone(),
            };
            self.kept.insert(key, kept);
        }
        (status, body, false)
    }

    /// The key must be ours, and a restricted one may only do what it is for.
    fn caller_check(&self, asked: &Asked) -> Result<(), ApiError> {
        let given = asked.header("authorization").unwrap_or_default();
        let key = match given.split_once(' ') {
            Some(("Bearer", key)) => key.to_owned(),
            Some(("Basic", encoded)) => {
                let decoded = base64::engine::general_purpose::STANDARD
                    .decode(encoded)
                    .unwrap_or_default();
                String::from_utf8_lossy(&decoded).trim_end_matches(':').to_owned()
            }
            _ => String::new(),
        };
        if key == self.options.secret_key {
            return Ok(());
        }
        let Some((_, allowed)) = self
            .options
            .restricted_keys
            .iter()
            .find(|(restricted, _)| *restricted == key)
        else {
            let shown: String = key.chars().take(8).collect();
            return Err(ApiError::new(
                401,
                "invalid_request_error",
                format!("Invalid API Key provided: {shown}****"),
            ));
        };
        let resource = asked.path.trim_start_matches("/v1/");
        if allowed.iter().any(|allowed| resource.starts_with(allowed)) {
            return Ok(());
        }
        let message = "The provided key does not have the required permissions for this endpoint.";
        Err(ApiError::new(403, "invalid_request_error", message))
    }

    fn route(&mut self, asked: &Asked) -> Result<Value, ApiError> {
        let params = &asked.params;
        params_check(asked)?;
        match (asked.method.as_str(), asked.segments().as_slice()) {
            ("POST", ["checkout", "sessions"]) => self.session_create(params),
            ("GET", ["checkout", "sessions", id]) => self.get("checkout.session", id),
            ("POST", ["checkout", "sessions", id, "expire"]) => self.session_expire(id),
            ("GET", ["payment_intents"]) => self.listed_expanded("payment_intent", params, &[]),
            ("GET", ["payment_intents", id]) => self.expanded("payment_intent", id, params),
            ("GET", ["charges", id]) => self.expanded("charge", id, params),
            ("GET", ["balance_transactions", id]) => self.get("balance_transaction", id),
            ("POST", ["refunds"]) => self.refund_create(params),
            ("GET", ["refunds"]) => Ok(self.listed("refund", params, &["payment_intent", "charge"])),
            ("GET", ["refunds", id]) => self.get("refund", id),
            ("GET", ["disputes"]) => Ok(self.listed("dispute", params, &["payment_intent", "charge"])),
            ("GET", ["disputes", id]) => self.get("dispute", id),
            ("GET", ["account"]) => self.get("account", &self.options.account.clone()),
            ("POST", ["accounts"]) => self.account_create(params),
            ("GET", ["accounts", id]) => self.get("account", id),
            ("POST", ["account_links"]) => self.account_link(params),
            ("POST", ["transfers"]) => self.transfer_create(params),
            ("GET", ["transfers"]) => Ok(self.listed("transfer", params, &["destination", "transfer_group"])),
            ("GET", ["transfers", id]) => self.get("transfer", id),
            ("POST", ["transfers", id, "reversals"]) => self.transfer_reverse(id, params),
            ("POST", ["payouts"]) => self.payout_create(params, asked.header("stripe-account").as_deref()),
            ("GET", ["payouts"]) => Ok(self.listed("payout", params, &["status"])),
            ("GET", ["balance"]) => Ok(self.balance()),
            ("GET", ["payouts", id]) => self.get("payout", id),
            ("GET", ["events"]) => Ok(self.listed("event", params, &["type"])),
            ("GET", ["events", id]) => self.get("event", id),
            (method, _) => {
                let message = format!("Unrecognized request URL ({method}: {}).", asked.path);
                Err(ApiError::new(404, "invalid_request_error", message))
            }
        }
    }

    /// An object, with the objects that `expand[]` names in the place of their identifiers.
    fn expanded(&self, kind: &str, id: &str, params: &Params) -> Result<Value, ApiError> {
        let mut object = self.get(kind, id)?;
        for index in params.names(&["expand"]) {
            let path = params.text(&["expand", &index]).unwrap_or_default();
            self.expand(&mut object, &path)?;
        }
        Ok(object)
    }

    fn expand(&self, object: &mut Value, path: &str) -> Result<(), ApiError> {
        let mut place = object;
        for name in path.split('.') {
            place = &mut place[name];
            if let Some(id) = place.as_str() {
                let found = self.objects.iter().find(|object| object["id"] == id);
                *place = found.cloned().ok_or_else(|| ApiError::no_such(name, id))?;
            }
        }
        Ok(())
    }

    /// A list; of its objects, those are expanded that `expand[]` names with `data.` in front.
    fn listed_expanded(&self, kind: &str, params: &Params, filters: &[&str]) -> Result<Value, ApiError> {
        let mut list = self.listed(kind, params, filters);
        for index in params.names(&["expand"]) {
            let path = params.text(&["expand", &index]).unwrap_or_default();
            let Some(path) = path.strip_prefix("data.") else {
                return Err(ApiError::invalid(format!("This property cannot be expanded ({path}).")));
            };
            for object in list["data"].as_array_mut().into_iter().flatten() {
                self.expand(object, path)?;
            }
        }
        Ok(list)
    }

    /// Newest first, in pages: `created[gte]`, `starting_after`, `limit`.
    fn listed(&self, kind: &str, params: &Params, filters: &[&str]) -> Value {
        let since = params.number(&["created", "gte"]).unwrap_or(i64::MIN);
        let fits = |object: &&Value| {
            let fresh = object["created"].as_i64().is_none_or(|created| created >= since);
            let matches = |name: &&str| params.text(&[name]).is_none_or(|wanted| object[*name] == wanted);
            fresh && filters.iter().all(matches)
        };
        let limit = params
            .number(&["limit"])
            .and_then(|limit| usize::try_from(limit).ok())
            .unwrap_or(10);
        let after = params.text(&["starting_after"]);
        let mut all = self.list(kind).filter(fits).peekable();
        if let Some(after) = after {
            all.find(|object| object["id"] == after);
        }
        let found: Vec<Value> = all.by_ref().take(limit).cloned().collect();
        let mut list = page(&format!("/v1/{kind}s"), &found);
        list["has_more"] = Value::Bool(all.next().is_some());
        list
    }

    /// What is left of everything that came in, by currency.
    fn balance(&self) -> Value {
        let mut sums: std::collections::BTreeMap<String, i64> = std::collections::BTreeMap::new();
        for object in &self.objects {
            let amount = |name: &str| object[name].as_i64().unwrap_or_default();
            let units = match object["object"].as_str().unwrap_or_default() {
                "charge" if object["paid"] == true && object["balance_transaction"].is_null() => amount("amount"),
                "balance_transaction" => amount("net"),
                "refund" | "payout" if object["status"] != "failed" && object["status"] != "canceled" => {
                    -amount("amount")
                }
                "transfer" => amount("amount_reversed") - amount("amount"),
                _ => continue,
            };
            *sums
                .entry(object["currency"].as_str().unwrap_or_default().to_owned())
                .or_default() += units;
        }
        let line = |(currency, amount)| serde_json::json!({"amount": amount, "currency": currency});
        let pending: Vec<Value> = sums.into_iter().map(line).collect();
        serde_json::json!({
            "object": "balance", "available": [], "livemode": self.options.livemode(), "pending": pending,
        })
    }
}

/// Versions have a date and a name since 2024; what a library pins is taken, and noted for the tests.
fn version_check(asked: &Asked) -> Result<(), ApiError> {
    let Some(version) = asked.header("stripe-version") else {
        return Ok(());
    };
    let (date, name) = version.split_once('.').unwrap_or((&version, ""));
    let digits = date.bytes().filter(u8::is_ascii_digit).count();
    if digits == 8 && date.len() == 10 && !name.is_empty() {
        return Ok(());
    }
    Err(ApiError::invalid(format!("Invalid Stripe API version: {version}")))
}

/// Parameters that an endpoint does not know are refused, as Stripe does.
fn params_check(asked: &Asked) -> Result<(), ApiError> {
    let known: &[&str] = match (asked.method.as_str(), asked.segments().as_slice()) {
        ("POST", ["checkout", "sessions"]) => &[
            "mode",
            "success_url",
            "cancel_url",
            "client_reference_id",
            "customer_email",
            "expires_at",
            "line_items",
            "metadata",
            "payment_intent_data",
            "payment_method_types",
            "submit_type",
        ],
        ("POST", ["refunds"]) => &["amount", "charge", "metadata", "payment_intent", "reason"],
        ("POST", ["accounts"]) => &["capabilities", "controller", "country", "email", "metadata", "type"],
        ("POST", ["account_links"]) => &["account", "refresh_url", "return_url", "type"],
        ("POST", ["transfers"]) => &[
            "amount",
            "currency",
            "description",
            "destination",
            "metadata",
            "source_transaction",
            "transfer_group",
        ],
        ("POST", ["transfers", _, "reversals"]) => &["amount", "metadata"],
        ("POST", ["payouts"]) => &["amount", "currency", "metadata"],
        ("POST", _) => &[],
        _ => return Ok(()),
    };
    let unknown = asked
        .params
        .0
        .keys()
        .find(|name| *name != "expand" && !known.contains(&name.as_str()));
    unknown.map_or(Ok(()), |name| Err(ApiError::unknown_param(name)))
}
