use std::sync::{Arc, PoisonError, RwLock};

use imajin_imagxp::Names;
use imajin_imagxp::policy::{Policy, PolicyLinks};
use imajin_kernel::{Env, Timestamp};
use imajin_proof::jose::SigningKey;
use imajin_web::PublicBase;

use crate::{AgentDirectory, Feedbacks, Records, Replays, Till};

/// How a gate behaves.
#[derive(Debug, Clone)]
pub struct GateOptions {
    /// The URL under which the site is reached: what claims name.
    pub public: PublicBase,
    /// Which names of agents are believed.
    pub names: Names,
    /// Whether everything passes, nothing is charged, and it is only written down what would have happened.
    pub is_dry: bool,
}

/// What a gate needs.
pub struct GateDeps {
    /// Time.
    pub env: Env,
    /// The keys of agents.
    pub directory: AgentDirectory,
    /// Where claims are spent.
    pub replays: Arc<dyn Replays>,
    /// Where the money goes.
    pub till: Arc<dyn Till>,
    /// Where decisions are written down.
    pub records: Arc<dyn Records>,
    /// Where agents' feedback goes; without it, nobody listens.
    pub feedbacks: Option<Arc<dyn Feedbacks>>,
    /// The publisher's key, for provenance.
    pub key: SigningKey,
}

/// Decides who gets in; one for each site, shared by all doors.
pub struct Gate {
    options: GateOptions,
    deps: GateDeps,
    policy: RwLock<Arc<Policy>>,
    origin: String,
    audience: String,
}

impl Gate {
    /// A gate with its first policy.
    pub fn new(options: GateOptions, deps: GateDeps, policy: Policy) -> Self {
        Self {
            origin: options.public.origin(),
            audience: options.public.audience(),
            policy: RwLock::new(Arc::new(policy)),
            options,
            deps,
        }
    }

    /// The policy of this moment.
    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another policy in its place; requests that are being decided end by the old one.
    pub fn policy_set(&self, policy: Policy) {
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
    }

    /// The host that visas name.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// Where the documents of the site are.
    pub fn links(&self) -> PolicyLinks<'_> {
        PolicyLinks {
            origin: &self.origin,
            audience: &self.audience,
        }
    }

    /// The whole URL of a path on the site.
    pub fn url(&self, path_and_query: &str) -> String {
        self.options.public.absolute(path_and_query)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.deps.env.now()
    }

    pub(crate) const fn names(&self) -> Names {
        self.options.names
    }

    /// Whether everything passes, and it is only written down what would have happened.
    pub const fn is_dry(&self) -> bool {
        self.options.is_dry
    }

    pub(crate) const fn directory(&self) -> &AgentDirectory {
        &self.deps.directory
    }

    pub(crate) fn replays(&self) -> &dyn Replays {
        self.deps.replays.as_ref()
    }

    pub(crate) fn till(&self) -> &dyn Till {
        self.deps.till.as_ref()
    }

    pub(crate) fn records(&self) -> &dyn Records {
        self.deps.records.as_ref()
    }

    pub(crate) fn feedbacks(&self) -> Option<&dyn Feedbacks> {
        self.deps.feedbacks.as_deref()
    }

    pub(crate) const fn key(&self) -> &SigningKey {
        &self.deps.key
    }

    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }
}
