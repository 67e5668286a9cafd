use std::net::IpAddr;

use http::{HeaderMap, HeaderValue, Method, header};
use imajin_acme::DnsAccount;
use imajin_did::Did;
use imajin_kernel::{Code, Env, Problem, Span, Timestamp};
use imajin_registry_api::{
    CREDENTIALS_PURPOSE, CredentialsRequest, Heartbeat, NodeAttestation, NodeType, NodeView, Registration, Unsigned,
};
use imajin_web::{HttpAnswer, HttpClient, Readiness};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{NodeFacts, NodeIdentity, Registrant};
use crate::acme::DnsAccounts;

/// A clock that differs by less is not worth a word.
const CLOCK_TOLERANCE_SECONDS: i64 = 30;

/// What the registry answers to a registration.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RegisterAnswer {
    status: String,
    subdomain: String,
    expires_at: i64,
    /// Given once, with the name.
    credentials: Option<DnsAccount>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HeartbeatAnswer {
    pub(super) next_heartbeat: i64,
    #[serde(default)]
    pub(super) actions: Vec<Action>,
}

/// What a registry asks for. Members that an action does not have are absent.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Action {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) reason: String,
    pub(super) target_version: Option<String>,
}

/// Talks to registries on behalf of one node.
pub struct RegistryLink {
    http: HttpClient,
    identity: NodeIdentity,
    pub(super) env: Env,
    pub(super) facts: NodeFacts,
    checks: Vec<(String, Readiness)>,
    accounts: DnsAccounts,
}

#[derive(Serialize)]
struct RegisterRequest<'a> {
    attestation: &'a NodeAttestation,
}

/// What of a DID document is needed here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeDocument {
    id: String,
    #[serde(default)]
    also_known_as: Vec<String>,
}

/// An address beneath a registry's base URL.
pub(super) fn beneath(registry: &Url, path: &str) -> Result<Url, Problem> {
    let base = format!("{}/", registry.as_str().trim_end_matches('/'));
    let url = Url::parse(&base).and_then(|base| base.join(path));
    url.map_err(|error| Problem::invalid(format!("The registry's URL is not usable: {error}.")))
}

impl RegistryLink {
    /// Prepares the link; nothing is sent yet. `checks` say for each service whether it can answer.
    pub fn new(
        http: HttpClient,
        identity: NodeIdentity,
        env: Env,
        facts: NodeFacts,
        checks: Vec<(String, Readiness)>,
        accounts: DnsAccounts,
    ) -> Self {
        Self {
            http,
            identity,
            env,
            facts,
            checks,
            accounts,
        }
    }

    /// What is sent to register under a name, signed now.
    pub fn attestation(&self, hostname: &str, node_type: Option<NodeType>) -> Result<NodeAttestation, Problem> {
        self.facts
            .attestation(&self.identity.speak()?, (hostname, node_type), self.env.now())
    }

    /// Registers or renews, and gives back what is now on record.
    ///
    /// # Errors
    /// What the registry says, or that it cannot be reached.
    pub async fn register(&self, wanted: &Registration) -> Result<Registration, Problem> {
        let registrant = self.identity.speak()?;
        let shown = self.log_show(&wanted.registry, &registrant).await;
        let asked = (wanted.hostname.as_str(), wanted.node_type);
        let attestation = self.facts.attestation(&registrant, asked, self.env.now())?;
        let request = RegisterRequest {
            attestation: &attestation,
        };
        let sent = self.post(&wanted.registry, "api/node/register", &request).await;
        let (registry, answer): (Url, RegisterAnswer) = match sent {
            // People name the node, and its registry is one of its services.
            Err(problem) if problem.code == Code::NotFound && wanted.registry.path() == "/" => {
                let inner = beneath(&wanted.registry, "registry")?;
                let answer = self.post(&inner, "api/node/register", &request).await?;
                (inner, answer)
            }
            // Without the log a registry cannot know that the key is the node's: that is the reason to tell.
            Err(problem) => return Err(shown.err().unwrap_or(problem)),
            Ok(answer) => (wanted.registry.clone(), answer),
        };
        if let Some(account) = answer.credentials
            && let Err(problem) = self.account_keep(&registry, Some(&answer.subdomain), account)
        {
            tracing::warn!(%problem, "what the registry gave to change the name's records is not kept");
        }
        let witness = match &wanted.witness {
            Some(known) => Some(known.clone()),
            None => self.witness(&registry).await,
        };
        Ok(Registration {
            registry,
            subdomain: Some(answer.subdomain),
            status: answer.status,
            expires_at: Some(Timestamp::from_millis(answer.expires_at)),
            next_attempt_at: self.env.now(),
            failures: 0,
            last_error: None,
            attested_build: Some(attestation.build_hash),
            upgrade: None,
            witness,
            ..wanted.clone()
        })
    }

    /// Shows the node's key log, if it has one, to the node that runs a registry: it says whose key signs.
    async fn log_show(&self, registry: &Url, registrant: &Registrant) -> Result<(), Problem> {
        if registrant.log.entries.is_empty() {
            return Ok(());
        }
        let url = registry.join("/auth/api/mirror");
        let url = url.map_err(|error| Problem::invalid(format!("The registry's URL is not usable: {error}.")))?;
        let _what_is_known: serde_json::Value = self.post_to(url, &registrant.log).await?;
        Ok(())
    }

    /// The name under which a registry knows a DID.
    ///
    /// # Errors
    /// What the registry says, or that it cannot be reached.
    pub async fn name_of(&self, registry: &Url, did: &Did) -> Result<String, Problem> {
        let url = beneath(registry, &format!("api/node/lookup/{did}"))?;
        let answer = self.http.send(Method::GET, url, HeaderMap::new(), Vec::new()).await?;
        Ok(answer.json::<NodeView>()?.hostname)
    }

    /// Asks for what changes the records of the node's name; what it had before ends. For names that were registered
    /// before the registry gave it.
    ///
    /// # Errors
    /// What the registry says, or that it cannot be reached.
    pub async fn credentials(&self, registration: &Registration) -> Result<DnsAccount, Problem> {
        let registrant = self.identity.speak()?;
        let request = CredentialsRequest {
            node_id: registrant.did.clone(),
            purpose: CREDENTIALS_PURPOSE.to_owned(),
            timestamp: self.env.now().as_millis(),
            signature: None,
        };
        let signed = request.sign(&registrant.key);
        let signed = signed.map_err(|error| Problem::new(error.code(), error.to_string()))?;
        let registry = &registration.registry;
        let account: DnsAccount = self.post(registry, "api/node/credentials", &signed).await?;
        self.account_keep(registry, registration.subdomain.as_deref(), account.clone())?;
        Ok(account)
    }

    /// Keeps an account that is for the name that this registry has given, and for an endpoint of its own: the node
    /// sends the proofs for its certificates there.
    fn account_keep(&self, registry: &Url, subdomain: Option<&str>, account: DnsAccount) -> Result<(), Problem> {
        if subdomain != Some(account.hostname.as_str()) {
            let text = format!(
                "{registry} gave an account for {}, which is not the name.",
                account.hostname
            );
            return Err(Problem::invalid(text));
        }
        if account.acme_url.origin() != registry.origin() {
            let text = format!(
                "{registry} gave an account at {}, which is elsewhere.",
                account.acme_url
            );
            return Err(Problem::invalid(text).hint("Name the registry by the address that it has for everybody."));
        }
        let kept = self.accounts.keep(registry, account);
        kept.map_err(|error| Problem::new(Code::Internal, error.to_string()))
    }

    /// The key of the node that runs a registry. One that stands alone has none, and witnesses nothing.
    async fn witness(&self, registry: &Url) -> Option<Did> {
        let url = registry.join("/.well-known/did.json").ok()?;
        let answer = self
            .http
            .send(Method::GET, url, HeaderMap::new(), Vec::new())
            .await
            .ok()?;
        let document: NodeDocument = answer.json().ok()?;
        let names = document.also_known_as.into_iter().chain([document.id]);
        let mut dids = names.filter_map(|name| name.parse::<Did>().ok());
        dids.find(|did| did.public_key().is_some()).map(|did| did.canonical())
    }

    pub(super) async fn heartbeat(&self, registry: &Url, addresses: &[IpAddr]) -> Result<HeartbeatAnswer, Problem> {
        let (now, registrant) = (self.env.now(), self.identity.speak()?);
        let beat = self.facts.heartbeat(&registrant, now, &self.checks, addresses);
        let beat: Heartbeat = beat.await?;
        self.post(registry, "api/node/heartbeat", &beat).await
    }

    async fn post<T: Serialize, A: serde::de::DeserializeOwned>(
        &self,
        registry: &Url,
        path: &str,
        body: &T,
    ) -> Result<A, Problem> {
        self.post_to(beneath(registry, path)?, body).await
    }

    async fn post_to<T: Serialize, A: serde::de::DeserializeOwned>(&self, url: Url, body: &T) -> Result<A, Problem> {
        let body = serde_json::to_vec(body).map_err(|error| Problem::invalid(error.to_string()))?;
        let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let headers = HeaderMap::from_iter([json]);
        let answer = self.http.send(Method::POST, url, headers, body).await?;
        answer.json().map_err(|problem| self.clock_named(problem, &answer))
    }

    /// Says whose clock is wrong, and by how much, where a refusal is about the time.
    fn clock_named(&self, mut problem: Problem, answer: &HttpAnswer) -> Problem {
        let is_about_time = matches!(problem.code, Code::StaleSignature | Code::Replayed);
        if let (true, Some(date)) = (is_about_time, answer.date()) {
            let ahead = self.env.now().since(date);
            if ahead.as_seconds().abs() > CLOCK_TOLERANCE_SECONDS {
                problem.detail = format!("{} {}", problem.detail, clock_text(ahead));
            }
        }
        problem
    }
}

fn clock_text(ahead: Span) -> String {
    let seconds = ahead.as_seconds();
    let side = if seconds > 0 { "ahead of" } else { "behind" };
    let length = seconds.unsigned_abs();
    let length = if length < 120 {
        format!("{length} s")
    } else {
        format!("{} min", length / 60)
    };
    format!("The clock of this node is {length} {side} the registry's: set it.")
}
