use imajin_did::Did;
use imajin_fair::{ManifestId, ManifestRecord};
use imajin_kernel::Timestamp;
use imajin_proof::http_sig::SignedRequest;
use imajin_web::service_api;
use serde::{Deserialize, Serialize};

service_api! {
    /// What a service answers that keeps the manifests of its own goods. A manifest has one place: with the service
    /// whose goods it splits, or else in the library.
    pub trait KeeperApi, client KeeperClient, service "keeper" {
        /// The manifest of something that anyone may see, with what others signed about it.
        async fn record_kept(RecordKept) -> Option<ManifestRecord>;

        /// What an author has published with the goods, the newest first: each manifest once, since it was first seen.
        async fn manifests_kept(ManifestsKept) -> Vec<KeptCard>;

        /// Keeps a contributor's countersignature: the signed request, as for `POST /publisher/api/fair/{id}/accept`.
        /// `None` when it keeps no such manifest.
        async fn acceptance_keep(AcceptanceKeep) -> Option<ManifestRecord>;
    }
}

/// See [`KeeperApi::record_kept`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecordKept {
    /// The manifest.
    pub id: ManifestId,
}

/// See [`KeeperApi::manifests_kept`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ManifestsKept {
    /// Whose.
    pub author: Did,
    /// Only those after this place in the list.
    pub after: Option<ListPlace>,
    /// At most so many, and never more than [`KEPT_MAX`].
    pub limit: u32,
}

/// The most manifests that a keeper lists at once.
pub const KEPT_MAX: u32 = 101;

/// A place in a list of manifests that begins with the newest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ListPlace {
    /// Since when the manifest is here.
    pub published_at: Timestamp,
    /// Of several at one moment, which.
    pub id: ManifestId,
}

/// A manifest in a keeper's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptCard {
    /// Which, and since when.
    pub place: ListPlace,
    /// What the work is called.
    pub title: Option<String>,
    /// What kind of work it is.
    pub kind: Option<String>,
}

/// See [`KeeperApi::acceptance_keep`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AcceptanceKeep {
    /// The manifest.
    pub id: ManifestId,
    /// The request, whose body is the acceptance.
    pub request: SignedRequest,
}
