use axum::Json;
use axum::extract::State;
use imajin_registry_api::DirectoryResumed;
use imajin_web::{Authorised, Failure, OperatorTier, ProblemDocument, SignedBody};
use serde::Deserialize;
use url::Url;
use utoipa::ToSchema;

use super::operator::RegistryRoutes;
use crate::domain::order::Order;

/// Who has a copy of the directory.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ResumeBody {
    /// Registry services of nodes that keep a copy, `https://node.example/registry`: 1 to 8.
    #[schema(value_type = Vec<String>)]
    from: Vec<Url>,
}

/// Put back the rest of the directory
///
/// By the operator, after the database was restored from a backup: what copies have seen of this registry's directory
/// since then comes back, so that it goes on after the newest number instead of telling another story. Only what this
/// registry has signed and what goes on where its log ends is taken.
#[utoipa::path(
    post, path = "/api/operator/directory/resume", tag = "operator", request_body = ResumeBody,
    responses(
        (status = 200, description = "It goes on", body = DirectoryResumed),
        (status = 400, description = "No copy is named", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "Not the operator", body = ProblemDocument),
        (status = 409, description = "It is not this registry's, or does not go on where its log ends",
            body = ProblemDocument),
        (status = 503, description = "A copy does not answer, or is none", body = ProblemDocument),
    )
)]
pub(super) async fn directory_resume(
    State(RegistryRoutes(registry)): State<RegistryRoutes>,
    signed: SignedBody<ResumeBody, Authorised<OperatorTier>>,
) -> Result<Json<DirectoryResumed>, Failure> {
    let (from, order) = (signed.value.from.clone(), Order::from(signed));
    Ok(Json(registry.directory_resume(order, from).await?))
}
