//! Gates in front of sites: what a gate remembers, where its money goes, and what it writes down.
//!
//! The gate itself decides ([`imajin_gate`]). Here are its three seams: claims are spent in this service's database,
//! what has a price is charged at pay and split along the manifest of the work, and decisions go into a chain.

pub(crate) mod disputes;
mod feedback;
mod goods;
mod policy_file;
mod records;
mod replays;
mod shown;
mod strangers;
mod till;

use std::sync::Arc;

use imajin_did::Did;
use imajin_fair::ManifestId;
use imajin_kernel::{Problem, Span};
use imajin_pay_api::PayClient;
use imajin_publisher_api::{Chain, ChainFetch, ChainGather, ChainOf};
use moka::future::Cache;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Publisher;
use records::RecordQueue;

pub(crate) use goods::{SiteManifests, access_of};
pub use shown::{GateShown, policy_read};

/// The goods of gates: an access of an agent.
pub const ACCESS_GOODS: &str = "access";

/// How many manifests, with everything behind them, are remembered for a moment.
const CHAINS_MAX: u64 = 256;
/// How long countersignatures may be unknown to a gate.
const CHAINS_FRESH_FOR: std::time::Duration = std::time::Duration::from_mins(1);

/// A site behind a gate.
#[derive(Debug, Clone)]
pub struct GateSite {
    /// What the operator calls it.
    pub name: String,
    /// The host that visas name, with its port if it has one.
    pub audience: String,
    /// Whose is what is paid where no manifest says otherwise.
    pub payee: Did,
    /// How long records are kept.
    pub kept: Span,
}

/// What a gate remembers, and where its money goes.
pub struct GateBooks {
    publisher: Arc<Publisher>,
    pay: PayClient,
    site: GateSite,
    chains: Cache<ManifestId, Arc<Chain>>,
    queue: RecordQueue,
}

impl GateBooks {
    /// The books of one site.
    pub fn new(publisher: Arc<Publisher>, pay: PayClient, site: GateSite) -> Arc<Self> {
        let chains = Cache::builder()
            .max_capacity(CHAINS_MAX)
            .time_to_live(CHAINS_FRESH_FOR)
            .build();
        Arc::new(Self {
            publisher,
            pay,
            site,
            chains,
            queue: RecordQueue::new(),
        })
    }

    /// Starts what writes the records down and forgets the old ones, until `stop`; what is waiting then is still
    /// written.
    pub fn background(self: &Arc<Self>, tasks: &TaskTracker, stop: &CancellationToken) {
        let (books, stopped) = (Arc::clone(self), stop.clone());
        tasks.spawn(async move { books.records_keep(&stopped).await });
        let (books, stopped) = (Arc::clone(self), stop.clone());
        tasks.spawn(async move {
            let every = books.publisher.sweep_every().to_std();
            while stopped.run_until_cancelled(tokio::time::sleep(every)).await.is_some() {
                if let Err(problem) = books.forget().await {
                    tracing::warn!(%problem, "old records of a gate were not forgotten");
                }
            }
        });
    }

    /// A work with everything behind it.
    async fn chain(&self, id: &ManifestId) -> Result<Arc<Chain>, Problem> {
        if let Some(known) = self.chains.get(id).await {
            return Ok(known);
        }
        let chain = self.publisher.gather(ChainGather {
            of: ChainOf::Id(id.clone()),
            fetch: ChainFetch::Keep,
            shown_by: None,
        });
        let chain = Arc::new(chain.await?);
        chain.require_sound()?;
        self.chains.insert(id.clone(), Arc::clone(&chain)).await;
        Ok(chain)
    }
}
