use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use imajin_kernel::id::OidcClientId;
use imajin_kernel::{Problem, Timestamp};
use imajin_web::{Failure, PathParams, ProblemDocument, SignedBody, Viewer};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::auth::Auth;

/// What the caller allows an application.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct GrantItem {
    client_id: String,
    /// Its name, if it is still registered.
    client_name: Option<String>,
    /// Separated by spaces.
    scope: String,
    /// When it was first allowed.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last given something, as far as that is still kept.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
}

/// What the caller allows.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GrantList {
    /// Newest first.
    grants: Vec<GrantItem>,
}

/// Which applications may know what about me?
#[utoipa::path(
    get, path = "/api/oidc/grants", tag = "openid",
    responses(
        (status = 200, description = "What the caller allows", body = GrantList),
        (status = 401, description = "Not logged in", body = ProblemDocument),
    )
)]
pub(super) async fn grant_list(State(auth): State<Arc<Auth>>, viewer: Viewer) -> Result<Json<GrantList>, Failure> {
    let did = &viewer.session_require()?.did;
    let grants = auth.oidc_grants_list(did).await?;
    let items = grants.into_iter().map(|grant| GrantItem {
        client_id: grant.row.client_id.to_string(),
        client_name: grant.client.map(|client| client.name),
        scope: grant.row.scope,
        created_at: grant.row.created_at,
        last_used_at: grant.used_at,
    });
    Ok(Json(GrantList {
        grants: items.collect(),
    }))
}

/// Take a consent back: the application's tokens end at once. Signed (RFC 9421).
#[utoipa::path(
    delete, path = "/api/oidc/grants/{client_id}", tag = "openid",
    params(("client_id" = String, Path, description = "The application")),
    responses(
        (status = 200, description = "Taken back", body = Object),
        (status = 401, description = "Not signed, or not well", body = ProblemDocument),
        (status = 404, description = "Nothing was allowed", body = ProblemDocument),
    )
)]
pub(super) async fn grant_revoke(
    State(auth): State<Arc<Auth>>,
    PathParams(id): PathParams<String>,
    signed: SignedBody<Option<Value>>,
) -> Result<Json<Value>, Failure> {
    let id: OidcClientId = id.parse().map_err(|_error| Problem::not_found("consent"))?;
    auth.oidc_grant_revoke(id, &signed.verified, signed.request.body)
        .await?;
    Ok(Json(json!({"clientId": id, "revoked": true})))
}
