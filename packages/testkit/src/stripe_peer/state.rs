//! What the peer remembers.

use std::collections::{HashMap, VecDeque};

use imajin_kernel::Env;
use serde_json::{Map, Value, json};

use super::error::ApiError;
use super::{Fault, PeerOptions};

/// An answer that is kept under an idempotency key.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    /// When, in seconds.
    pub(super) at: i64,
    pub(super) asked: (String, Map<String, Value>),
    pub(super) status: u16,
    pub(super) body: Value,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct SeenRequest {
    /// `POST`, `GET`.
    pub method: String,
    /// From `/v1/` on, without a query.
    pub path: String,
    /// The header `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// The header `Stripe-Version`.
    pub version: Option<String>,
    /// The status of the answer.
    pub status: u16,
}

pub(super) struct State {
    pub(super) env: Env,
    pub(super) options: PeerOptions,
    /// All objects, oldest first.
    pub(super) objects: Vec<Value>,
    pub(super) kept: HashMap<String, Kept>,
    /// Events that the endpoint has not heard of.
    pub(super) outgoing: VecDeque<Value>,
    pub(super) faults: Vec<Fault>,
    pub(super) seen: Vec<SeenRequest>,
    /// Whether fees of new charges are known only when [`super::StripePeer::fee_settle`] says so.
    pub(super) fees_later: bool,
}

impl State {
    pub(super) fn new(options: PeerOptions) -> Self {
        let env = options.env.clone();
        let platform = json!({
            "id": options.account, "object": "account", "type": "standard", "country": "US", "email": null,
            "default_currency": "usd", "charges_enabled": true, "payouts_enabled": true, "details_submitted": true,
            "metadata": {}, "capabilities": {"card_payments": "active", "transfers": "active"},
        });
        Self {
            env,
            options,
            objects: vec![platform],
            kept: HashMap::new(),
            outgoing: VecDeque::new(),
            faults: Vec::new(),
            seen: Vec::new(),
            fees_later: false,
        }
    }

    /// A new identifier with Stripe's prefix.
    pub(super) fn id(&self, prefix: &str) -> String {
        format!("{prefix}_{}", hex::encode(self.env.random_bytes::<12>()))
    }

    /// Seconds since 1970.
    pub(super) fn now(&self) -> i64 {
        self.env.now().as_micros().div_euclid(1_000_000)
    }

    pub(super) fn add(&mut self, object: Value) -> Value {
        self.objects.push(object.clone());
        object
    }

    /// An object by its identifier.
    pub(super) fn get(&self, kind: &str, id: &str) -> Result<Value, ApiError> {
        let found = self
            .objects
            .iter()
            .find(|object| object["id"] == id && object["object"] == kind);
        found.cloned().ok_or_else(|| ApiError::no_such(kind, id))
    }

    /// Changes an object and answers with what it is now.
    pub(super) fn change(&mut self, kind: &str, id: &str, change: impl FnOnce(&mut Value)) -> Result<Value, ApiError> {
        let found = self
            .objects
            .iter_mut()
            .find(|object| object["id"] == id && object["object"] == kind);
        let object = found.ok_or_else(|| ApiError::no_such(kind, id))?;
        change(object);
        Ok(object.clone())
    }

    /// Objects of a kind, newest first.
    pub(super) fn list<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.objects.iter().rev().filter(move |object| object["object"] == kind)
    }
}

/// A page of a list, as Stripe answers with one.
pub(super) fn page(url: &str, data: &[Value]) -> Value {
    json!({"object": "list", "url": url, "has_more": false, "data": data})
}

/// A number of an object; 0 when it has none.
pub(super) fn number(object: &Value, name: &str) -> i64 {
    object[name].as_i64().unwrap_or_default()
}

/// A text of an object; empty when it has none.
pub(super) fn text(object: &Value, name: &str) -> String {
    object[name].as_str().unwrap_or_default().to_owned()
}
