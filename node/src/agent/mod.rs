//! The node's agent: registers the node, says that it lives, renews in time, and keeps on when the registry is away.

mod documents;
mod state;

use std::time::Duration;

use imajin_did::Keyring;
use imajin_kernel::{Code, Env, Problem, Span, Timestamp};
use imajin_registry_api::{Heartbeat, NodeAttestation, Registration};
use imajin_web::{HttpClient, Readiness};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::run::StartError;

pub use documents::NodeFacts;
pub use state::AgentState;

/// How often the agent looks whether something is due, or was changed by `imajin node register`.
const TICK: Duration = Duration::from_secs(5);

/// A registration is renewed when less than this is left of it.
const RENEW_BEFORE: Span = Span::days(7);

/// Failures are retried after 30 s, then twice as long each time, up to an hour.
const RETRY_FIRST: Span = Span::seconds(30);
const RETRY_DOUBLINGS_MAX: u32 = 7;

/// What the registry answers to a registration.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterAnswer {
    /// `verified` or `pending`: whether the registry knows the build.
    pub status: String,
    /// The full host name.
    pub subdomain: String,
    /// When the registration runs out, in milliseconds.
    pub expires_at: i64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeartbeatAnswer {
    next_heartbeat: i64,
    #[serde(default)]
    actions: Vec<Action>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Action {
    #[serde(rename = "type")]
    kind: String,
    reason: Option<String>,
}

/// Talks to one registry on behalf of one node.
pub struct RegistryLink {
    http: HttpClient,
    keyring: Keyring,
    env: Env,
    facts: NodeFacts,
    checks: Vec<(String, Readiness)>,
}

#[derive(Serialize)]
struct RegisterRequest<'a> {
    attestation: &'a NodeAttestation,
}

impl RegistryLink {
    /// Prepares the link; nothing is sent yet. `checks` say for each service whether it can answer.
    pub fn new(
        keyring: Keyring,
        env: Env,
        facts: NodeFacts,
        checks: Vec<(String, Readiness)>,
    ) -> Result<Self, Problem> {
        Ok(Self {
            http: HttpClient::new(Duration::from_secs(20), None)?,
            keyring,
            env,
            facts,
            checks,
        })
    }

    /// Registers or renews, and gives back what is now on record.
    pub async fn register(&self, registry: &Url, hostname: &str) -> Result<Registration, Problem> {
        let attestation = self.facts.attestation(&self.keyring, hostname, self.env.now())?;
        let answer: RegisterAnswer = self
            .post(
                registry,
                "api/node/register",
                &RegisterRequest {
                    attestation: &attestation,
                },
            )
            .await?;
        let now = self.env.now();
        Ok(Registration {
            registry: registry.clone(),
            hostname: hostname.to_owned(),
            subdomain: Some(answer.subdomain),
            status: answer.status,
            expires_at: Some(Timestamp::from_millis(answer.expires_at)),
            last_heartbeat_at: None,
            next_attempt_at: now,
            failures: 0,
            last_error: None,
        })
    }

    async fn heartbeat(&self, registry: &Url) -> Result<HeartbeatAnswer, Problem> {
        let heartbeat: Heartbeat = self
            .facts
            .heartbeat(&self.keyring, self.env.now(), &self.checks)
            .await?;
        self.post(registry, "api/node/heartbeat", &heartbeat).await
    }

    async fn post<T: Serialize, A: serde::de::DeserializeOwned>(
        &self,
        registry: &Url,
        path: &str,
        body: &T,
    ) -> Result<A, Problem> {
        let base = format!("{}/", registry.as_str().trim_end_matches('/'));
        let url = Url::parse(&base).and_then(|base| base.join(path));
        let url = url.map_err(|error| Problem::invalid(format!("The registry's URL is not usable: {error}.")))?;
        let body = serde_json::to_vec(body).map_err(|error| Problem::invalid(error.to_string()))?;
        let headers = [("content-type", "application/json")]
            .into_iter()
            .map(|(name, value)| {
                (
                    http::HeaderName::from_static(name),
                    http::HeaderValue::from_static(value),
                )
            })
            .collect();
        self.http.send(http::Method::POST, url, headers, body).await?.json()
    }

    /// Does what is due for one registration, and says when to come back.
    async fn attend(&self, mut registration: Registration, heartbeat_seconds: u32) -> Registration {
        let now = self.env.now();
        let renew = registration
            .expires_at
            .is_none_or(|expires_at| expires_at.since(now) < RENEW_BEFORE);
        if renew {
            match self.register(&registration.registry, &registration.hostname).await {
                Ok(renewed) => {
                    registration = Registration {
                        last_heartbeat_at: registration.last_heartbeat_at,
                        ..renewed
                    };
                }
                Err(problem) => return self.postpone(registration, &problem),
            }
        }
        match self.heartbeat(&registration.registry).await {
            Ok(answer) => {
                for action in &answer.actions {
                    tracing::info!(
                        action = action.kind,
                        reason = action.reason,
                        "the registry asks for an action"
                    );
                }
                let again = answer
                    .actions
                    .iter()
                    .any(|action| matches!(action.kind.as_str(), "renew" | "reattest"));
                let by_registry = Timestamp::from_millis(answer.next_heartbeat);
                let by_config = now.plus(self.jittered(Span::seconds(i64::from(heartbeat_seconds))));
                registration.next_attempt_at = if again {
                    now
                } else {
                    by_registry.min(by_config).max(now)
                };
                registration.expires_at = if again { None } else { registration.expires_at };
                registration.last_heartbeat_at = Some(now);
                registration.failures = 0;
                registration.last_error = None;
                registration
            }
            Err(problem) => {
                // The registry no longer knows the node, or let it run out: registering again is the cure.
                if matches!(problem.code, Code::NotFound | Code::Forbidden) {
                    registration.expires_at = None;
                }
                self.postpone(registration, &problem)
            }
        }
    }

    fn postpone(&self, mut registration: Registration, problem: &Problem) -> Registration {
        tracing::warn!(registry = %registration.registry, %problem, "the registry did not hear from this node");
        let doublings = registration.failures.min(RETRY_DOUBLINGS_MAX);
        let wait = Span::seconds(RETRY_FIRST.as_seconds() << doublings);
        registration.failures = registration.failures.saturating_add(1);
        registration.last_error = Some(problem.detail.clone());
        registration.next_attempt_at = self.env.now().plus(self.jittered(wait));
        registration
    }

    /// Up to a tenth earlier, so that many nodes do not all call in the same second.
    fn jittered(&self, span: Span) -> Span {
        let [random] = self.env.random_bytes::<1>();
        Span::millis(span.as_millis() - span.as_millis() * i64::from(random) / 2560)
    }
}

/// What the agent works with.
pub struct AgentParts<'a> {
    /// Where its state is.
    pub data: &'a DataDir,
    /// The registry to announce the node to, if the configuration names one.
    pub config: &'a Config,
    /// The services of this process.
    pub services: Vec<String>,
    /// Says for each service whether it can answer.
    pub checks: Vec<(String, Readiness)>,
    /// The node's keys.
    pub keyring: &'a Keyring,
    /// Time and randomness.
    pub env: &'a Env,
}

/// Starts the agent among the node's background work.
pub fn start(parts: AgentParts<'_>, tasks: &TaskTracker, stop: &CancellationToken) -> Result<(), StartError> {
    let AgentParts {
        data,
        config,
        services,
        checks,
        keyring,
        env,
    } = parts;
    let state = AgentState::new(data);
    let facts = NodeFacts::of_this_process(services, env.now());
    let link = RegistryLink::new(keyring.clone(), env.clone(), facts, checks)
        .map_err(|problem| StartError::Configuration(problem.to_string()))?;
    if let (Some(url), Some(hostname)) = (&config.registry.url, &config.registry.hostname) {
        state.ensure(url, hostname, env.now())?;
    }
    let (stop, env, heartbeat_seconds) = (stop.clone(), env.clone(), config.registry.heartbeat_seconds);
    tasks.spawn(async move {
        loop {
            attend_due(&state, &link, &env, heartbeat_seconds).await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(TICK) => {}
            }
        }
    });
    Ok(())
}

async fn attend_due(state: &AgentState, link: &RegistryLink, env: &Env, heartbeat_seconds: u32) {
    let registrations = match state.load() {
        Ok(registrations) => registrations,
        Err(error) => {
            tracing::warn!(%error, "the registrations of this node cannot be read");
            return;
        }
    };
    for registration in registrations {
        if registration.next_attempt_at > env.now() {
            continue;
        }
        let after = link.attend(registration, heartbeat_seconds).await;
        if let Err(error) = state.store(&after) {
            tracing::warn!(%error, "the state of a registration cannot be kept");
        }
    }
}
