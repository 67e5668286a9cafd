//! A payment processor on loopback that behaves as Stripe does, as far as the node uses it.
//!
//! It keeps state: what was created can be fetched, a session can be paid once, a charge refunded up to its amount. It
//! keeps idempotency keys, refuses unknown parameters, signs what it tells the webhook, and loses answers when a test
//! says so. The official Python library accepts it: see the test `stripe_sdk`.
//!
//! What a customer, a bank or a payee does at Stripe's own pages, a test does with methods of [`StripePeer`].
#![expect(
    clippy::indexing_slicing,
    reason = "a member of a JSON object that is not there reads as null; the objects are the peer's own"
)]

mod checkout;
mod connect;
mod dashboard;
mod error;
mod form;
mod http;
mod money_back;
mod state;
mod webhook;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use imajin_kernel::Env;
use serde_json::Value;

use state::State;

use crate::served::{Port, Served};

pub use state::SeenRequest;
pub use webhook::{WebhookMessage, webhook_sign};

/// The version whose objects the peer speaks.
pub const API_VERSION: &str = "2026-10-28.endive";

/// How a message to the endpoint is tried at most.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(20);

/// How a peer is set up.
#[derive(Clone)]
pub struct PeerOptions {
    /// Its clock and its randomness.
    pub env: Env,
    /// The key that may do everything: `sk_test_…` or `sk_live_…`.
    pub secret_key: String,
    /// Keys that may only reach what begins with one of the names, for example `checkout` or `refunds`.
    pub restricted_keys: Vec<(String, Vec<String>)>,
    /// What messages are signed with: one secret, or two while one replaces the other.
    pub webhook_secrets: Vec<String>,
    /// The platform's own account.
    pub account: String,
    /// Filled in when it listens: where it is.
    pub base: String,
}

impl PeerOptions {
    /// A platform in test mode.
    pub fn test(env: Env) -> Self {
        Self {
            env,
            secret_key: "sk_test_peer_0123456789abcdef".to_owned(),
            restricted_keys: Vec::new(),
            webhook_secrets: vec!["whsec_peer_0123456789abcdef".to_owned()],
            account: "acct_peerplatform".to_owned(),
            base: String::new(),
        }
    }

    /// The same with real money, as far as anybody can tell.
    pub fn live(env: Env) -> Self {
        Self {
            secret_key: "sk_live_peer_0123456789abcdef".to_owned(),
            ..Self::test(env)
        }
    }

    fn livemode(&self) -> bool {
        self.secret_key.starts_with("sk_live_")
    }
}

/// How a request goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// 429, with `Retry-After`.
    RateLimited,
    /// 500; nothing was done.
    ServerError,
    /// The line breaks before anything was done.
    LostBefore,
    /// It was done, and the answer is lost.
    LostAfter,
}

/// What goes wrong on purpose.
#[derive(Debug, Clone)]
pub struct Fault {
    /// A part of the method and the path of the requests that are hit: `POST /v1/refunds`.
    pub path: String,
    /// How.
    pub kind: FaultKind,
    /// How often; then it works again.
    pub times: u32,
}

/// Something that cannot be done at the peer; the text is Stripe's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PeerRefused(String);

impl From<error::ApiError> for PeerRefused {
    fn from(error: error::ApiError) -> Self {
        Self(error.body()["error"]["message"].as_str().unwrap_or_default().to_owned())
    }
}

/// A running peer. It ends with the value.
pub struct StripePeer {
    state: Arc<Mutex<State>>,
    base: String,
    _served: Served,
}

impl StripePeer {
    /// Starts a peer on a free port of loopback.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start(mut options: PeerOptions) -> Self {
        let port = Port::free().await;
        options.base = port.origin();
        let base = options.base.clone();
        let state = Arc::new(Mutex::new(State::new(options)));
        let router = http::router(Arc::clone(&state));
        let served = port.serve(router);
        Self {
            state,
            base,
            _served: served,
        }
    }

    /// Where it listens, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.base
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key with which to ask.
    pub fn secret_key(&self) -> String {
        self.state().options.secret_key.clone()
    }

    /// The secrets that messages are signed with.
    pub fn webhook_secrets(&self) -> Vec<String> {
        self.state().options.webhook_secrets.clone()
    }

    /// Signs messages with other secrets from here on.
    pub fn webhook_secrets_set(&self, secrets: Vec<String>) {
        self.state().options.webhook_secrets = secrets;
    }

    /// Lets requests go wrong.
    pub fn fault(&self, path: &str, kind: FaultKind, times: u32) {
        let path = path.to_owned();
        self.state().faults.push(Fault { path, kind, times });
    }

    /// Everything works again.
    pub fn faults_clear(&self) {
        self.state().faults.clear();
    }

    /// Forgets all idempotency keys at once; a day after its first use each is forgotten anyway.
    pub fn keys_forget(&self) {
        self.state().kept.clear();
    }

    /// Whether the fees of charges become known only by [`StripePeer::fee_settle`].
    pub fn fees_later(&self, later: bool) {
        self.state().fees_later = later;
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<SeenRequest> {
        self.state().seen.clone()
    }

    /// An object as it stands; null when there is none.
    pub fn object(&self, id: &str) -> Value {
        let state = self.state();
        let found = state.objects.iter().find(|object| object["id"] == id);
        found.cloned().unwrap_or(Value::Null)
    }

    /// All objects of a kind (`refund`, `transfer`, `checkout.session`), newest first.
    pub fn objects(&self, kind: &str) -> Vec<Value> {
        self.state().list(kind).cloned().collect()
    }

    /// Changes an object behind everybody's back.
    pub fn tamper(&self, id: &str, change: impl FnOnce(&mut Value)) {
        let mut state = self.state();
        if let Some(object) = state.objects.iter_mut().find(|object| object["id"] == id) {
            change(object);
        }
    }

    /// The customer pays a session; answers with the payment's identifier.
    ///
    /// # Errors
    /// When the session is not open any more.
    pub fn customer_pays(&self, session: &str) -> Result<String, PeerRefused> {
        Ok(self.state().payment_make(session, true)?)
    }

    /// The customer's card is declined.
    ///
    /// # Errors
    /// When the session is not open any more.
    pub fn card_declined(&self, session: &str) -> Result<String, PeerRefused> {
        Ok(self.state().payment_make(session, false)?)
    }

    /// The customer leaves, and the session's time passes.
    ///
    /// # Errors
    /// When the session is not open any more.
    pub fn customer_abandons(&self, session: &str) -> Result<(), PeerRefused> {
        self.state().session_expire(session)?;
        Ok(())
    }

    /// The fee of a payment becomes known.
    ///
    /// # Errors
    /// When there is no such payment.
    pub fn fee_settle(&self, intent: &str) -> Result<(), PeerRefused> {
        Ok(self.state().fee_settle(intent)?)
    }

    /// The customer's bank takes money back; answers with the dispute.
    ///
    /// # Errors
    /// When there is no such payment.
    pub fn dispute_open(&self, intent: &str, amount: i64) -> Result<String, PeerRefused> {
        Ok(self.state().dispute_open(intent, amount)?)
    }

    /// The dispute is decided.
    ///
    /// # Errors
    /// When there is no such dispute.
    pub fn dispute_close(&self, dispute: &str, won: bool) -> Result<(), PeerRefused> {
        Ok(self.state().dispute_close(dispute, won)?)
    }

    /// The bank refuses a refund.
    ///
    /// # Errors
    /// When there is no such refund.
    pub fn refund_fail(&self, refund: &str) -> Result<(), PeerRefused> {
        Ok(self.state().refund_fail(refund)?)
    }

    /// A refund that was under way is called off: Stripe says so in an update, and in no message of its own.
    ///
    /// # Errors
    /// When there is no such refund.
    pub fn refund_cancel(&self, refund: &str) -> Result<(), PeerRefused> {
        Ok(self.state().refund_cancel(refund)?)
    }

    /// A payee's account can, or can no longer, be paid.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn account_change(&self, account: &str, ready: bool) -> Result<(), PeerRefused> {
        Ok(self.state().account_change(account, ready)?)
    }

    /// The platform's owner takes a transfer back by hand, at Stripe's own pages.
    ///
    /// # Errors
    /// When there is no such transfer, or it is reversed already.
    pub fn transfer_reverse(&self, transfer: &str) -> Result<(), PeerRefused> {
        self.state()
            .transfer_reverse(transfer, &form::Params(serde_json::Map::new()))?;
        Ok(())
    }

    /// A payee's bank does not take what the processor sends there by itself; the account is closed to payouts.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn bank_refuses(&self, account: &str, amount: i64) -> Result<(), PeerRefused> {
        let mut state = self.state();
        state.account_change(account, false)?;
        state.bank_refuses(account, amount);
        Ok(())
    }

    /// The bank refuses a payout.
    ///
    /// # Errors
    /// When there is no such payout.
    pub fn payout_fail(&self, payout: &str, account: Option<&str>) -> Result<(), PeerRefused> {
        Ok(self.state().payout_fail(payout, account)?)
    }

    /// The messages that wait for the endpoint, oldest first, signed now; they count as sent.
    pub fn messages_take(&self) -> Vec<WebhookMessage> {
        let mut state = self.state();
        let events: Vec<Value> = state.outgoing.drain(..).collect();
        events.iter().map(|event| state.message_of(event)).collect()
    }

    /// An event once more, signed now: Stripe repeats what was not acknowledged, and sometimes what was.
    ///
    /// # Errors
    /// When there is no such event.
    pub fn message_again(&self, event: &str) -> Result<WebhookMessage, PeerRefused> {
        let state = self.state();
        let event = state.get("event", event)?;
        Ok(state.message_of(&event))
    }

    /// Tells about an object again in an event of its own, as Stripe does at times.
    pub fn tell_again(&self, kind: &str, object: &str) {
        let mut state = self.state();
        let found = state.objects.iter().find(|each| each["id"] == object).cloned();
        if let Some(found) = found {
            state.tell(kind, &found);
        }
    }

    /// Sends what waits to an endpoint; what is not acknowledged with 2xx waits for the next call. Answers with how
    /// many were acknowledged.
    ///
    /// # Panics
    /// When no client can be made.
    pub async fn deliver(&self, endpoint: &str) -> usize {
        #[expect(
            clippy::disallowed_methods,
            reason = "the peer is no part of a node; it speaks to loopback only"
        )]
        let client = reqwest::Client::builder().timeout(DELIVERY_TIMEOUT).no_proxy().build();
        let client = client.unwrap_or_else(|error| panic!("no client for the peer: {error}"));
        let mut arrived = 0;
        for message in self.messages_take() {
            let request = client
                .post(endpoint)
                .header("content-type", "application/json; charset=utf-8")
                .header("stripe-signature", &message.signature)
                .body(message.body.clone());
            match request.send().await {
                Ok(answer) if answer.status().is_success() => arrived += 1,
                _ => {
                    let mut state = self.state();
                    if let Ok(event) = state.get("event", &message.id) {
                        state.outgoing.push_back(event);
                    }
                }
            }
        }
        arrived
    }
}
