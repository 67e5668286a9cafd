//! Brokers: other nodes that promise to pay for agents, and that this node's operator trusts.
//!
//! A visa is such a promise: a token that the broker has signed. Its keys are read from beneath its address, remembered
//! for an hour, and read again when a visa names a key that is not among them.

mod visa;
pub(crate) mod wire;

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::StatusCode;
use imajin_did::Keyring;
use imajin_kernel::{Code, Env, Problem, Span, Timestamp};
use imajin_proof::http_sig::{RequestToSign, SignatureParams, sign};
use imajin_proof::jose::{Algorithm, Jwks};
use imajin_web::{GuardError, GuardedAnswer, GuardedClient, Reach};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use url::Url;

pub(crate) use visa::{Visa, VisaAsked};
use wire::{RedemptionBatch, RedemptionList};

use crate::PayError;

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long keys count as the present ones.
const KEYS_FRESH_FOR: Span = Span::hours(1);
/// How long a broker whose keys could not be read, or did not have the one that was named, is left alone.
const KEYS_ASK_EVERY: Span = Span::minutes(1);
const KEYS_BYTES_MAX: usize = 64 * 1024;
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// The brokers whose visas count here, and how they are reached.
#[derive(Debug, Clone, Default)]
pub struct BrokersConfig {
    /// The addresses of the brokers that are trusted: exactly what their visas name as issuer.
    pub trusted: Vec<Url>,
    /// How far requests to brokers and to other nodes may reach.
    pub reach: Reach,
    /// Whether test money of others counts: for development only.
    pub test_money: bool,
}

/// The keys of a broker, as far as they are known.
#[derive(Debug, Default)]
struct Known {
    keys: Option<(Jwks, Timestamp)>,
    asked_at: Option<Timestamp>,
}

/// Talks to the brokers.
pub(crate) struct Brokers {
    known: BTreeMap<String, Mutex<Known>>,
    http: GuardedClient,
    env: Env,
    keyring: Keyring,
    /// What a visa for this node names as its audience.
    pub(crate) audience: String,
    pub(crate) test_money: bool,
}

impl Brokers {
    pub(crate) fn new(config: &BrokersConfig, env: &Env, keyring: &Keyring, public: &Url) -> Result<Self, Problem> {
        let issuers = config.trusted.iter().map(issuer_text);
        let host = public.host_str().unwrap_or_default();
        let audience = public
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Ok(Self {
            known: issuers.map(|issuer| (issuer, Mutex::default())).collect(),
            http: GuardedClient::new(config.reach, TIMEOUT)?,
            env: env.clone(),
            keyring: keyring.clone(),
            audience,
            test_money: config.test_money,
        })
    }

    /// The brokers that are trusted, as their visas name them.
    pub(crate) fn trusted(&self) -> Vec<String> {
        self.known.keys().cloned().collect()
    }

    /// The keys of a broker. They are read again when they are old; with `again`, also when they are not, but never
    /// more than once a minute.
    async fn keys(&self, issuer: &str, again: bool) -> Result<Jwks, PayError> {
        let known = self.known.get(issuer).ok_or_else(untrusted)?;
        // Who comes second waits for the answer to the first.
        let mut known = known.lock().await;
        let now = self.env.now();
        let rests = known.asked_at.is_some_and(|at| at.plus(KEYS_ASK_EVERY) > now);
        let fresh = known.keys.as_ref().filter(|(_, at)| at.plus(KEYS_FRESH_FOR) > now);
        if let Some((keys, _)) = fresh.filter(|_| !again || rests) {
            return Ok(keys.clone());
        }
        if rests {
            return Err(away(issuer).into());
        }
        known.asked_at = Some(now);
        let keys = self.keys_read(issuer).await?;
        known.keys = Some((keys.clone(), now));
        Ok(keys)
    }

    async fn keys_read(&self, issuer: &str) -> Result<Jwks, PayError> {
        let url = address(issuer, "/.well-known/jwks.json")?;
        let answer = self.http.get(url, "application/json", KEYS_BYTES_MAX).await;
        let all: Jwks = answer_read(issuer, answer)?;
        // A visa is signed by ES256, and by no key that is published for something else.
        let keys = all.keys().iter().filter(|key| key.algorithm() == Algorithm::ES256);
        Jwks::new(keys.cloned().collect()).map_err(|_unusable| away(issuer).into())
    }

    /// Asks a broker to pay what it has promised, many promises at once. The same question has the same answer.
    pub(crate) async fn redeem(&self, issuer: &str, batch: &RedemptionBatch) -> Result<RedemptionList, PayError> {
        let url = address(issuer, "/api/redemptions")?;
        self.ask(issuer, "POST", &url, Some(batch)).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        issuer: &str,
        method: &str,
        url: &Url,
        body: Option<&impl Serialize>,
    ) -> Result<T, PayError> {
        let body = body.map(serde_json::to_vec).transpose();
        let body = body
            .map_err(|error| PayError::Fault(error.to_string()))?
            .unwrap_or_default();
        let request = RequestToSign {
            method,
            target_uri: url.as_str(),
            idempotency_key: None,
            body: &body,
        };
        let params = SignatureParams::now(self.keyring.node_did().clone(), &self.env);
        let signed = sign(self.keyring.node_key(), &request, &params)?;
        answer_read(issuer, self.http.send_signed(&signed, ANSWER_BYTES_MAX).await)
    }
}

/// An issuer as visas name it: without a slash at the end.
fn issuer_text(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

fn address(base: &str, path: &str) -> Result<Url, PayError> {
    Url::parse(&format!("{base}{path}")).map_err(|error| PayError::Fault(format!("the address of a peer: {error}")))
}

fn answer_read<T: DeserializeOwned>(issuer: &str, answer: Result<GuardedAnswer, GuardError>) -> Result<T, PayError> {
    let refused = |problem: String| PayError::from(Problem::new(Code::Unavailable, format!("{issuer}: {problem}.")));
    let answer = answer.map_err(|error| refused(error.to_string()))?;
    if answer.status != StatusCode::OK {
        return Err(refused(format!("it answers with {}", answer.status.as_u16())));
    }
    serde_json::from_slice(&answer.body).map_err(|error| refused(format!("its answer cannot be read: {error}")))
}

fn away(issuer: &str) -> Problem {
    let detail = format!("The keys of the broker {issuer} cannot be read now.");
    Problem::new(Code::Unavailable, detail)
        .hint("Try again in a minute, or pay another way.")
        .retry_after_seconds(60)
}

fn untrusted() -> PayError {
    PayError::Visa("It is from a broker that this node does not trust.".to_owned())
}
