//! The node's own agent: its manifest and the directory of its keys, by which publishers know it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use imajin_agent::{AgentIdentity, AgentSpent, Purchase, PurchaseState};
use imajin_imagxp::web_bot_auth::{DIRECTORY_PATH, DIRECTORY_TYPE};
use imajin_kernel::{Code, Env, Problem};
use imajin_web::{Failure, PublicBase};
use imajin_www::{AgentPurchase, AgentSource, AgentSpending, PurchaseStanding};

use super::{StartError, gateway};
use crate::config::{Config, ServiceName};
use crate::data_dir::DataDir;

/// Where the documents are.
const PATHS: [&str; 2] = ["/.well-known/imagxp-agent.json", DIRECTORY_PATH];

/// They are for everybody, and not kept longer than the signatures of a directory count.
const PUBLIC: [(HeaderName, HeaderValue); 3] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=60")),
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    ),
];

/// The agent that goes by the name of this node.
pub(super) struct OwnAgent {
    folder: PathBuf,
    public: PublicBase,
    env: Env,
}

impl OwnAgent {
    /// The agent that the configuration names, if it names one: it must be there, and be called as the node is.
    pub(super) fn find(
        data: &DataDir,
        config: &Config,
        public: PublicBase,
        env: &Env,
    ) -> Result<Option<Self>, StartError> {
        let Some(folder) = &config.imagxp.agent else {
            return Ok(None);
        };
        let folder = data.path().join(folder);
        let (host, shown) = (public.audience(), folder.display());
        let make = || format!("Make one: imajin agent key new {host} --agent {shown}");
        let identity = AgentIdentity::read(&folder).map_err(|problem| {
            let text = format!("`imagxp.agent`: {} {}", problem.detail, make());
            StartError::Configuration(text)
        })?;
        let agent = &identity.manifest().agent;
        if agent.as_str() != host {
            let text = format!(
                "`imagxp.agent`: the agent in {shown} is {agent}, and this node is {host}. {}",
                make()
            );
            return Err(StartError::Configuration(text));
        }
        let env = env.clone();
        Ok(Some(Self { folder, public, env }))
    }

    fn routes(self) -> Router {
        let [manifest_path, directory_path] = PATHS;
        Router::new()
            .route(manifest_path, get(manifest))
            .route(directory_path, get(directory))
            .with_state(Arc::new(self))
    }

    /// Who the agent is at the moment: its keys change without the node.
    async fn read<T: Send + 'static>(
        self: Arc<Self>,
        of: impl FnOnce(&Self, &AgentIdentity) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let read = move || of(&self, &AgentIdentity::read(&self.folder)?);
        let read = tokio::task::spawn_blocking(read).await;
        read.map_err(|_ended| Problem::internal())?.map_err(|problem| {
            tracing::error!(%problem, "the node's own agent cannot be read");
            Problem::unavailable("The agent of this node")
        })
    }
}

/// The documents of the node's own agent: those of this process, or of the one that runs auth, as all that others look
/// for at the root.
pub(super) fn routes(config: &Config, agent: Option<OwnAgent>) -> Result<Router, StartError> {
    match (agent, config.remote.get(&ServiceName::Auth)) {
        (Some(agent), _) => Ok(agent.routes()),
        (None, Some(auth)) => gateway::routes_to(&PATHS, &auth.public),
        (None, None) => Ok(nobody()),
    }
}

/// The routes of a node without an agent.
fn nobody() -> Router {
    let refused = || async { Failure(Problem::new(Code::NotFound, "This node has no agent of its own.")) };
    PATHS
        .into_iter()
        .fold(Router::new(), |router, path| router.route(path, get(refused)))
}

/// The manifest: which keys are the agent's own.
async fn manifest(State(own): State<Arc<OwnAgent>>) -> Result<Response, Failure> {
    let document = own.read(|_own, identity| Ok(identity.manifest().to_document())).await?;
    Ok((PUBLIC, Json(document)).into_response())
}

/// The same keys for Web Bot Auth, signed by each of them.
async fn directory(State(own): State<Arc<OwnAgent>>) -> Result<Response, Failure> {
    let answer = own.read(|own, identity| {
        let signed: HeaderMap = identity.directory_headers(&own.public.absolute(DIRECTORY_PATH), own.env.now())?;
        Ok((signed, identity.manifest().to_directory().to_string()))
    });
    let (signed, document) = answer.await?;
    let media_type = [(header::CONTENT_TYPE, HeaderValue::from_static(DIRECTORY_TYPE))];
    Ok((PUBLIC, signed, media_type, document).into_response())
}

/// What the node's own agent has spent, for the operator's page; nothing on a node without one.
pub(super) fn source(data: &Path, config: &Config) -> Option<AgentSource> {
    let folder = data.join(config.imagxp.agent.as_ref()?);
    Some(Arc::new(move || {
        let spent = AgentSpent::read(&folder)?;
        Ok(AgentSpending {
            agent: spent.agent,
            per_day: spent.limits.per_day,
            total: spent.limits.total,
            purchases: spent.purchases.list().into_iter().map(shown).collect(),
        })
    }))
}

/// A purchase without its visa: whoever holds that and the key could spend it.
fn shown(purchase: &Purchase) -> AgentPurchase {
    let (standing, note) = match &purchase.state {
        PurchaseState::Intended => (PurchaseStanding::Open, "the broker is asked for a visa".to_owned()),
        PurchaseState::Promised { .. } => (PurchaseStanding::Open, "there is a visa".to_owned()),
        PurchaseState::Shown { reason, .. } => (PurchaseStanding::Open, format!("no receipt: {reason}")),
        PurchaseState::Paid { receipt } => (PurchaseStanding::Paid, receipt.clone()),
        PurchaseState::Unspent { reason } => (PurchaseStanding::Unspent, reason.clone()),
    };
    AgentPurchase {
        at: purchase.at,
        url: purchase.url.clone(),
        publisher: purchase.publisher.clone(),
        price: purchase.price,
        standing,
        note,
    }
}
