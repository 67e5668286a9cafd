//! Messages to the endpoint: events, signed.

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use super::state::State;

/// A message on its way to the webhook endpoint.
#[derive(Debug, Clone)]
pub struct WebhookMessage {
    /// The event.
    pub id: String,
    /// Its type, for example `checkout.session.completed`.
    pub kind: String,
    /// The bytes that are signed.
    pub body: Vec<u8>,
    /// The header `Stripe-Signature`.
    pub signature: String,
}

/// The header `Stripe-Signature` of a body: a time in seconds, and a signature under each secret in force.
pub fn webhook_sign(secrets: &[String], seconds: i64, body: &[u8]) -> String {
    let mut header = format!("t={seconds}");
    let mut signed = format!("{seconds}.").into_bytes();
    signed.extend_from_slice(body);
    for secret in secrets {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        header.push_str(",v1=");
        header.push_str(&hex::encode(hmac::sign(&key, &signed)));
    }
    header
}

impl State {
    /// Tells the endpoint that something happened to an object of the platform.
    pub(super) fn tell(&mut self, kind: &str, object: &Value) {
        self.tell_of(kind, object, None);
    }

    /// Tells the endpoint that something happened, to an object of a connected account if one is named.
    pub(super) fn tell_of(&mut self, kind: &str, object: &Value, account: Option<&str>) {
        let mut event = json!({
            "id": self.id("evt"), "object": "event", "api_version": super::API_VERSION, "created": self.now(),
            "data": {"object": object}, "livemode": self.options.livemode(), "pending_webhooks": 1,
            "request": {"id": null, "idempotency_key": null}, "type": kind,
        });
        if let Some(account) = account {
            event["account"] = json!(account);
        }
        self.outgoing.push_back(event.clone());
        self.add(event);
    }

    /// An event as it goes out now, signed at this second.
    pub(super) fn message_of(&self, event: &Value) -> WebhookMessage {
        let body = serde_json::to_vec_pretty(event).unwrap_or_default();
        WebhookMessage {
            id: super::state::text(event, "id"),
            kind: super::state::text(event, "type"),
            signature: webhook_sign(&self.options.webhook_secrets, self.now(), &body),
            body,
        }
    }
}
