//! Brokers: other nodes that promise to pay for agents, and that this node's operator trusts.
//!
//! A visa is such a promise: a token that the broker has signed. Its keys are read from beneath its address, remembered
//! for an hour, and read again when a visa names a key that is not among them.

mod visa;
pub(crate) mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use imajin_did::{Did, DidDocument, Keyring};
use imajin_imagxp::visa::visa_keys;
use imajin_kernel::{Code, Env, Problem, Span, Timestamp};
use imajin_money::Money;
use imajin_proof::http_sig::{RequestToSign, SignatureParams, sign};
use imajin_proof::jose::Jwks;
use imajin_web::{Carrier, GuardError, GuardedAnswer, GuardedClient, PeersOf, Reach, Site};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use url::Url;

pub(crate) use visa::{Visa, VisaAsked};
use wire::{BrokerAccount, RedemptionBatch, RedemptionList, RemittanceAnswer, TransferAsked, Transferred};

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
    /// Asks the brokers, which the operator has chosen.
    http: GuardedClient,
    /// Asks whatever anybody has named: as many of them as hang keep no broker from being asked.
    strangers: GuardedClient,
    /// Who is having a node looked at.
    looking: StdMutex<BTreeSet<Did>>,
    env: Env,
    keyring: Keyring,
    /// What a visa for this node names as its audience.
    pub(crate) audience: String,
    pub(crate) test_money: bool,
}

impl Brokers {
    pub(crate) fn new(
        config: &BrokersConfig,
        site: &Site,
        keyring: &Keyring,
        carrier: Option<&Arc<dyn Carrier>>,
    ) -> Result<Self, Problem> {
        let client = || -> Result<GuardedClient, Problem> {
            let policy = Arc::new(PeersOf(Arc::clone(&site.identities)));
            let http = GuardedClient::new(config.reach, TIMEOUT)?.with_policy(policy);
            Ok(match carrier {
                Some(carrier) => http.with_carrier(Arc::clone(carrier)),
                None => http,
            })
        };
        let issuers = config.trusted.iter().map(issuer_text);
        Ok(Self {
            known: issuers.map(|issuer| (issuer, Mutex::default())).collect(),
            http: client()?,
            strangers: client()?,
            looking: StdMutex::default(),
            env: site.env.clone(),
            keyring: keyring.clone(),
            audience: site.public.audience(),
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
        let read = self.keys_read(issuer).await;
        // Not before: whoever asks and hangs up meanwhile must not keep all others waiting for a minute.
        known.asked_at = Some(now);
        let keys = read?;
        known.keys = Some((keys.clone(), now));
        Ok(keys)
    }

    async fn keys_read(&self, issuer: &str) -> Result<Jwks, PayError> {
        let url = address(issuer, "/.well-known/jwks.json")?;
        let answer = self.http.get(url, "application/json", KEYS_BYTES_MAX).await;
        let all: Jwks = answer_read(issuer, answer)?;
        Ok(visa_keys(&all))
    }

    /// Asks a broker to pay what it has promised, many promises at once. The same question has the same answer.
    pub(crate) async fn redeem(&self, issuer: &str, batch: &RedemptionBatch) -> Result<RedemptionList, PayError> {
        let url = address(issuer, "/api/redemptions")?;
        self.ask(issuer, "POST", &url, Some(batch)).await
    }

    /// Has a broker pass money on to another node. The same question has the same answer.
    pub(crate) async fn transfer(&self, issuer: &str, asked: &TransferAsked) -> Result<Transferred, PayError> {
        let url = address(issuer, "/api/transfers")?;
        self.ask(issuer, "POST", &url, Some(asked)).await
    }

    /// What a broker has passed on under a name, if it is from or for this node.
    pub(crate) async fn transfer_find(&self, issuer: &str, reference: &str) -> Result<Option<Transferred>, PayError> {
        let url = address(issuer, &format!("/api/transfers/{reference}"))?;
        let answer = self.send(&self.http, "GET", &url, Vec::new()).await;
        if answer
            .as_ref()
            .is_ok_and(|answer| answer.status == StatusCode::NOT_FOUND)
        {
            return Ok(None);
        }
        answer_read(issuer, answer).map(Some)
    }

    /// What a broker holds for this node.
    pub(crate) async fn account(&self, issuer: &str) -> Result<Vec<Money>, PayError> {
        let url = address(issuer, "/api/accounts/me")?;
        let account: BrokerAccount = answer_read(issuer, self.send(&self.http, "GET", &url, Vec::new()).await)?;
        Ok(account.balances)
    }

    /// Gives a remittance to another node: what it says, or why it does not take it.
    pub(crate) async fn remit(&self, node: &str, body: &[u8]) -> Result<Result<RemittanceAnswer, Problem>, PayError> {
        let url = address(node, "/pay/api/remit")?;
        let answer = self.send(&self.strangers, "POST", &url, body.to_vec()).await;
        let refused = answer.as_ref().ok().filter(|answer| answer.status.is_client_error());
        if let Some(refusal) = refused.and_then(|answer| serde_json::from_slice::<Refusal>(&answer.body).ok()) {
            return Ok(Err(Problem::new(refusal.code, refusal.detail)));
        }
        answer_read(node, answer).map(Ok)
    }

    /// The node at an address that somebody named: its origin, and who it is by its own word. Nobody has two looked at
    /// at once.
    pub(crate) async fn node_read(&self, who: &Did, named: &Url) -> Result<(String, Did), PayError> {
        let _looking = Looking::begin(&self.looking, who)?;
        let wrong = |problem: &str| PayError::invalid("node", problem);
        let has_host = matches!(named.scheme(), "http" | "https") && named.username().is_empty();
        if !has_host || named.password().is_some() {
            return Err(wrong("must be the address of a node, https://node.example"));
        }
        let origin = named.origin().ascii_serialization();
        let url = address(&origin, "/.well-known/did.json")?;
        let answer = self
            .strangers
            .get(url, "application/did+json, application/json;q=0.9", KEYS_BYTES_MAX)
            .await;
        let document: Result<DidDocument, _> = answer_read(&origin, answer);
        let document = document.map_err(|error| wrong(&format!("is no node that answers ({error})")))?;
        let key = document.assertion_keys().into_iter().next();
        let key = key.ok_or_else(|| wrong("is no node: it names no key"))?;
        Ok((origin, Did::from_key(&key)))
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
        answer_read(issuer, self.send(&self.http, method, url, body).await)
    }

    /// Sends a request that this node signs.
    async fn send(
        &self,
        http: &GuardedClient,
        method: &str,
        url: &Url,
        body: Vec<u8>,
    ) -> Result<GuardedAnswer, GuardError> {
        let request = RequestToSign {
            method,
            target_uri: url.as_str(),
            idempotency_key: None,
            body: &body,
        };
        let params = SignatureParams::now(self.keyring.node_did().clone(), &self.env);
        let signed = sign(self.keyring.node_key(), &request, &params).or(Err(GuardError::Refused))?;
        http.send_signed(&signed, ANSWER_BYTES_MAX).await
    }
}

/// Somebody has a node looked at, until this is dropped.
struct Looking<'a> {
    all: &'a StdMutex<BTreeSet<Did>>,
    who: Did,
}

impl<'a> Looking<'a> {
    fn begin(all: &'a StdMutex<BTreeSet<Did>>, who: &Did) -> Result<Self, PayError> {
        let who = who.canonical();
        let is_new = all.lock().unwrap_or_else(PoisonError::into_inner).insert(who.clone());
        if !is_new {
            return Err(PayError::State {
                detail: "A node that you have named is being looked at.".to_owned(),
                hint: "Wait until it has answered, for at most ten seconds.",
            });
        }
        Ok(Self { all, who })
    }
}

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.all
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.who);
    }
}

/// Why another node refuses something.
#[derive(Deserialize)]
struct Refusal {
    code: Code,
    detail: String,
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
    if !answer.status.is_success() {
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
