use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use imajin_registry_api::{RegistryApi, StatusChange, StatusList};
use imajin_web::{Failure, PathParams};

use crate::registry::Registry;

/// How a node's status has changed, the last change first, at most 100.
#[utoipa::path(
    get, path = "/api/node/lookup/{key}/statuses", tag = "directory",
    params(("key" = String, Path, description = "a DID in any form, a name, or a full host name")),
    responses((status = 200, description = "the changes; none for a node that is not known", body = Vec<StatusChange>))
)]
pub(super) async fn status_list(
    State(registry): State<Arc<Registry>>,
    PathParams(key): PathParams<String>,
) -> Result<Json<Vec<StatusChange>>, Failure> {
    Ok(Json(RegistryApi::status_list(&*registry, StatusList { key }).await?))
}
