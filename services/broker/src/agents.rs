//! The manifests of agents: fetched from their domains, remembered, each asked for once at a time.

use std::sync::Arc;
use std::time::Duration;

use imajin_imagxp::{AgentId, AgentManifest, MANIFEST_BYTES_MAX};
use imajin_kernel::{Code, Env, Problem, Span, Timestamp};
use imajin_web::{GuardedClient, Reach};
use moka::future::Cache;
use url::Url;

use crate::BrokerError;

const TIMEOUT: Duration = Duration::from_millis(1_500);
/// How long a manifest counts as the present one.
const FRESH_FOR: Span = Span::hours(1);
/// How long an agent whose manifest could not be read, or did not have the key, is left alone.
const ASK_EVERY: Span = Span::minutes(1);
/// The most agents that are remembered.
const AGENTS_MAX: u64 = 10_000;

#[derive(Clone)]
struct Known {
    manifest: Result<Arc<AgentManifest>, Problem>,
    at: Timestamp,
}

/// Reads the manifests of agents.
pub(crate) struct Agents {
    http: GuardedClient,
    env: Env,
    known: Cache<String, Known>,
}

impl Agents {
    pub(crate) fn new(reach: Reach, env: &Env) -> Result<Self, Problem> {
        Ok(Self {
            http: GuardedClient::new(reach, TIMEOUT)?,
            env: env.clone(),
            known: Cache::new(AGENTS_MAX),
        })
    }

    /// An agent's manifest; with `again`, one that is not older than a minute.
    pub(crate) async fn manifest(&self, agent: &AgentId, again: bool) -> Result<Arc<AgentManifest>, BrokerError> {
        let now = self.env.now();
        let known = self.known.get(agent.as_str()).await;
        if let Some(known) = known {
            let fresh_for = if again || known.manifest.is_err() {
                ASK_EVERY
            } else {
                FRESH_FOR
            };
            if known.at.plus(fresh_for) > now {
                return Ok(known.manifest?);
            }
            self.known.invalidate(agent.as_str()).await;
        }
        // Who comes second waits for the answer to the first.
        let read = async {
            Known {
                manifest: self.read(agent).await.map(Arc::new).map_err(Problem::from),
                at: now,
            }
        };
        let known = self.known.get_with(agent.as_str().to_owned(), read).await;
        Ok(known.manifest?)
    }

    async fn read(&self, agent: &AgentId) -> Result<AgentManifest, BrokerError> {
        let url = Url::parse(&agent.manifest_url()).map_err(|error| BrokerError::Fault(error.to_string()))?;
        let away = |problem: String| {
            let detail = format!("The manifest of the agent {agent} cannot be read: {problem}.");
            BrokerError::from(Problem::new(Code::Unauthenticated, detail))
        };
        let answer = self.http.get(url, "application/json", MANIFEST_BYTES_MAX).await;
        let answer = answer.map_err(|error| away(error.to_string()))?;
        if !answer.status.is_success() {
            return Err(away(format!("it answers with {}", answer.status.as_u16())));
        }
        AgentManifest::parse(agent, &answer.body).map_err(|error| away(error.to_string()))
    }
}
