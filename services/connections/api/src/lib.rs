//! What the other services may ask of connections, and the signed statements that the trust graph is made of.

mod path;
mod pods;
pub mod statement;
mod views;

use imajin_did::Did;
use imajin_web::service_api;

pub use path::{PathError, path_verify};
pub use pods::{
    PodAccept, PodBody, PodCard, PodCheck, PodCheckAnswer, PodFetch, PodInvitation, PodKind, PodMemberPage,
    PodMemberView, PodMembersFetch, PodOffer, PodPage, PodPageAsk, PodPerson, PodRef, PodRole, PodSettings, PodView,
    PodVisibility, PodWho, PodsApi, PodsClient, PodsOwn,
};
pub use statement::{FlagLevel, Proven, StatementError, StatementKind};
pub use views::{
    Audience, CheckAnswer, ConnectionRow, InviteView, Neighbour, NeighbourhoodView, OwnConnections, PathAnswer,
    PathStep, StandingView, StatementStatus, StatementView, TrustAsk, TrustRecord, WhyNotView,
};

service_api! {
    /// What other services may ask of connections.
    pub trait TrustApi, client TrustClient, service "connections" {
        /// How many steps it is from one to another. The caller vouches for whoever asks.
        async fn trust_check(TrustAsk) -> CheckAnswer;

        /// A way from one to another as `reader` may see it, with what was signed; or why there is none.
        async fn trust_path(PathFetch) -> PathAnswer;

        /// Everything that somebody has signed, accepted or been asked.
        async fn connections_own(ConnectionsOwn) -> OwnConnections;

        /// Everything that is kept of somebody, for the export of their own data.
        async fn trust_export(ConnectionsOwn) -> TrustRecord;

        /// Who is one step from somebody, as `reader` may see it.
        async fn neighbourhood(NeighbourhoodFetch) -> NeighbourhoodView;
    }
}

/// See [`TrustApi::trust_path`].
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PathFetch {
    /// From whom to whom.
    pub ask: TrustAsk,
    /// Who reads the answer.
    pub reader: Did,
}

/// See [`TrustApi::connections_own`].
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionsOwn {
    /// Whose.
    pub did: Did,
}

/// See [`TrustApi::neighbourhood`].
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NeighbourhoodFetch {
    /// Around whom.
    pub did: Did,
    /// Who reads the answer.
    pub reader: Did,
}
