//! The pages that people see: what is on, buying, tickets and receipts, the operator's page, the directory.
//!
//! A page asks the services through their clients, turns the answers into one of the view models of `imajin-ui` and
//! renders it. The turning is done by pure functions, which is where the tests are. A page that belongs to somebody
//! takes a `Person`: a stranger is sent to the sign-in page before the handler runs.
//!
//! **Architecture Invariant:** this crate has no database and decides nothing. Who may see an order, a ticket or a
//! receipt is decided by the service that keeps it; here it is only asked for in the reader's name.
//!
//! **Architecture Invariant:** a session reads. The one form that changes something (a mailbox identity buys) has
//! the request signed by auth with the identity's own key, and goes the same way as every other signed request.

mod form;
mod frame;
mod local_path;
mod names;
mod pages;
mod person;
mod same_origin;
#[cfg(test)]
#[path = "../tests/suite/samples.rs"]
mod samples;
mod show;

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use imajin_auth_api::AuthClient;
use imajin_connections_api::{PodsClient, TrustClient};
use imajin_did::Did;
use imajin_events_api::EventsClient;
use imajin_kernel::{Problem, Timestamp};
use imajin_pay_api::PayClient;
use imajin_profile_api::ProfileClient;
use imajin_publisher_api::PublisherClient;
use imajin_query_api::ConsentClient;
use imajin_registry_api::{Registrations, RegistryClient};
use imajin_ui::CertificateCard;
use imajin_web::Site;

use pages::directory::LastCensus;
use pages::fair_upload::Uploads;

/// What the pages are made from.
pub struct WwwDeps {
    /// Time, randomness, the public URL and who is who.
    pub site: Site,
    /// What the node calls itself.
    pub node_name: String,
    /// The node's own DID.
    pub node_did: Did,
    /// Whether nothing of what is paid here is worth anything: every page says so.
    pub test_money: bool,
    /// Who is who, and signing for mailbox identities.
    pub auth: AuthClient,
    /// Checkouts, receipts and balances.
    pub pay: PayClient,
    /// Events, orders and tickets.
    pub events: EventsClient,
    /// Who trusts whom, if this node has such a service.
    pub connections: Option<KnownPeople>,
    /// What people allow others, if this node has such a service.
    pub consent: Option<ConsentClient>,
    /// What people say about themselves, if this node has such a service.
    pub profile: Option<ProfileClient>,
    /// The library of manifests, if this node has one.
    pub publisher: Option<PublisherClient>,
    /// Registered nodes, if this node can ask a registry.
    pub registry: Option<RegistryClient>,
    /// Whether this node is a broker.
    pub has_broker: bool,
    /// Whether gates stand in front of sites here.
    pub has_gates: bool,
    /// How this node stands with the registries that it announces itself to.
    pub registrations: Arc<dyn Registrations>,
    /// How it stands with a certificate authority; `None` when none is asked.
    pub certificate: CertificateSource,
    /// What the node's own agent has spent; `None` when it has none.
    pub own_agent: Option<AgentSource>,
}

pub use pages::agent::{AgentPurchase, AgentSource, AgentSpending, PurchaseStanding};

/// Who knows whom: the two sides of one service.
pub struct KnownPeople {
    /// Who trusts whom.
    pub graph: TrustClient,
    /// Named groups of people.
    pub pods: PodsClient,
}

/// Tells how the node stands with its certificate authority.
pub type CertificateSource = Arc<dyn Fn() -> Option<CertificateCard> + Send + Sync>;

/// The pages of a node.
pub struct Www {
    deps: WwwDeps,
    started: Timestamp,
    census: LastCensus,
    uploads: Uploads,
}

impl Www {
    /// Prepares the pages; nothing is asked of anybody yet.
    ///
    /// # Errors
    /// None today: the answer has the form that all services share.
    pub fn start(deps: WwwDeps) -> Result<Arc<Self>, Problem> {
        let started = deps.site.env.now();
        Ok(Arc::new(Self {
            deps,
            started,
            census: LastCensus::default(),
            uploads: Uploads::default(),
        }))
    }

    /// The pages, at the root of a listener. The shell around them renders refusals as pages.
    pub fn routes(self: &Arc<Self>) -> Router {
        pages::routes().with_state(AppState(Arc::clone(self)))
    }

    fn now(&self) -> Timestamp {
        self.deps.site.env.now()
    }
}

/// The pages as the state of a handler.
#[derive(Clone)]
struct AppState(Arc<Www>);

impl Deref for AppState {
    type Target = Www;

    fn deref(&self) -> &Www {
        &self.0
    }
}

impl FromRef<AppState> for Site {
    fn from_ref(state: &AppState) -> Self {
        state.deps.site.clone()
    }
}
