use imajin_fair::{ManifestId, ManifestRecord};
use imajin_proof::http_sig::SignedRequest;
use imajin_web::service_api;
use serde::{Deserialize, Serialize};

service_api! {
    /// What a service answers that keeps the manifests of its own goods. A manifest has one place: with the service
    /// whose goods it splits, or else in the library.
    pub trait KeeperApi, client KeeperClient, service "keeper" {
        /// The manifest of something that anyone may see, with what others signed about it.
        async fn record_kept(RecordKept) -> Option<ManifestRecord>;

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

/// See [`KeeperApi::acceptance_keep`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AcceptanceKeep {
    /// The manifest.
    pub id: ManifestId,
    /// The request, whose body is the acceptance.
    pub request: SignedRequest,
}
