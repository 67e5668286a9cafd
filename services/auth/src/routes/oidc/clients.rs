use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use imajin_kernel::id::OidcClientId;
use imajin_kernel::{Problem, Timestamp};
use imajin_web::{Authorised, Failure, JsonBody, OperatorTier, PathParams, ProblemDocument, SignedBody, Viewer};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::auth::Auth;
use crate::log::Authority;
use crate::oidc::clients::{Client, NewClient};
use crate::oidc::error::OauthError;
use crate::oidc::metadata::{CheckedMetadata, ClientMetadata, MetadataError};

/// An application that is registered here (RFC 7591, section 3.2.1).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ClientAnswer {
    client_id: String,
    /// Shown this once; only its hash is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    /// Seconds since 1970; 0: the secret does not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret_expires_at: Option<i64>,
    client_id_issued_at: i64,
    client_name: String,
    redirect_uris: Vec<String>,
    post_logout_redirect_uris: Vec<String>,
    token_endpoint_auth_method: String,
    id_token_signed_response_alg: String,
    response_types: [&'static str; 1],
    grant_types: [&'static str; 2],
}

impl From<Client> for ClientAnswer {
    fn from(client: Client) -> Self {
        Self {
            client_id: client.id.to_string(),
            client_secret: None,
            client_secret_expires_at: None,
            client_id_issued_at: Timestamp::as_seconds(client.created_at),
            client_name: client.name,
            redirect_uris: client.redirect_uris,
            post_logout_redirect_uris: client.logout_uris,
            token_endpoint_auth_method: client.auth_method,
            id_token_signed_response_alg: client.algorithm.to_string(),
            response_types: ["code"],
            grant_types: ["authorization_code", "refresh_token"],
        }
    }
}

impl From<NewClient> for ClientAnswer {
    fn from(new: NewClient) -> Self {
        Self {
            client_secret_expires_at: new.secret.as_ref().map(|_secret| 0),
            client_secret: new.secret,
            ..Self::from(new.client)
        }
    }
}

/// The applications of this node.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ClientList {
    /// Oldest first, without secrets.
    clients: Vec<ClientAnswer>,
}

fn checked(metadata: &ClientMetadata) -> Result<CheckedMetadata, Problem> {
    metadata.check().map_err(|error| Problem::invalid(error.what))
}

/// Register an application. Signed (RFC 9421) by the operator.
#[utoipa::path(
    post, path = "/api/oidc/clients", tag = "openid",
    request_body = ClientMetadata,
    responses(
        (status = 201, description = "Registered; the secret is shown this once", body = ClientAnswer),
        (status = 400, description = "A member is wrong", body = ProblemDocument),
        (status = 401, description = "Not signed, or not well", body = ProblemDocument),
        (status = 403, description = "Not the operator", body = ProblemDocument),
    )
)]
pub(super) async fn client_add(
    State(auth): State<Arc<Auth>>,
    signed: SignedBody<ClientMetadata, Authorised<OperatorTier>>,
) -> Result<(StatusCode, Json<ClientAnswer>), Failure> {
    let metadata = checked(&signed.value)?;
    let (owner, authority) = (
        signed.verified.did().clone(),
        Authority::Signed(signed.verified.proof().clone()),
    );
    let new = auth
        .oidc_client_add(&metadata, owner, Some(signed.request.body), authority)
        .await?;
    Ok((StatusCode::CREATED, Json(ClientAnswer::from(new))))
}

/// The applications that are registered. For the operator.
#[utoipa::path(
    get, path = "/api/oidc/clients", tag = "openid",
    responses(
        (status = 200, description = "All of them", body = ClientList),
        (status = 401, description = "Not logged in", body = ProblemDocument),
        (status = 403, description = "Not the operator", body = ProblemDocument),
    )
)]
pub(super) async fn client_list(State(auth): State<Arc<Auth>>, viewer: Viewer) -> Result<Json<ClientList>, Failure> {
    viewer.operator_require()?;
    let clients = auth.oidc_clients_list().await?;
    Ok(Json(ClientList {
        clients: clients.into_iter().map(ClientAnswer::from).collect(),
    }))
}

/// Remove an application: its tokens end at once. Signed (RFC 9421) by the operator.
#[utoipa::path(
    delete, path = "/api/oidc/clients/{id}", tag = "openid",
    params(("id" = String, Path, description = "The client")),
    responses(
        (status = 200, description = "Removed", body = Object),
        (status = 401, description = "Not signed, or not well", body = ProblemDocument),
        (status = 403, description = "Not the operator", body = ProblemDocument),
        (status = 404, description = "There is no such client", body = ProblemDocument),
    )
)]
pub(super) async fn client_remove(
    State(auth): State<Arc<Auth>>,
    PathParams(id): PathParams<String>,
    signed: SignedBody<Option<Value>, Authorised<OperatorTier>>,
) -> Result<Json<Value>, Failure> {
    let id: OidcClientId = id.parse().map_err(|_error| Problem::not_found("client"))?;
    let authority = Authority::Signed(signed.verified.proof().clone());
    auth.oidc_client_remove(id, signed.verified.did(), signed.request.body, authority)
        .await?;
    Ok(Json(json!({"client_id": id, "removed": true})))
}

/// Replace the keys that sign ID tokens; the old ones stay published while their tokens live. Signed by the operator.
#[utoipa::path(
    post, path = "/api/oidc/keys/rotate", tag = "openid",
    responses(
        (status = 200, description = "How many were replaced", body = Object),
        (status = 401, description = "Not signed, or not well", body = ProblemDocument),
        (status = 403, description = "Not the operator", body = ProblemDocument),
    )
)]
pub(super) async fn keys_rotate(
    State(auth): State<Arc<Auth>>,
    signed: SignedBody<Option<Value>, Authorised<OperatorTier>>,
) -> Result<Json<Value>, Failure> {
    auth.oidc_rotation_note(&signed.verified, signed.request.body).await?;
    let rotated = auth.oidc_keys_rotate(true).await?;
    Ok(Json(json!({"rotated": rotated})))
}

/// An application registers itself (RFC 7591). Off unless the operator has allowed it.
#[utoipa::path(
    post, path = "/oidc/register", tag = "openid",
    request_body = ClientMetadata,
    responses(
        (status = 201, description = "Registered; the secret is shown this once", body = ClientAnswer),
        (status = 400, description = "Refused, with the error codes of RFC 7591", body = Object),
        (status = 403, description = "Applications do not register themselves here", body = Object),
    )
)]
pub(super) async fn client_register(
    State(auth): State<Arc<Auth>>,
    JsonBody(metadata): JsonBody<ClientMetadata>,
) -> Response {
    match registered(&auth, &metadata).await {
        Ok(new) => (StatusCode::CREATED, Json(ClientAnswer::from(new))).into_response(),
        Err(error) => error.into_response(),
    }
}

async fn registered(auth: &Auth, metadata: &ClientMetadata) -> Result<NewClient, OauthError> {
    if !auth.options.dynamic_clients {
        let text = "Applications do not register themselves at this node; ask its operator.";
        return Err(OauthError::new("access_denied", text));
    }
    let refused = |error: MetadataError| OauthError::new(error.code, error.what);
    let checked = metadata.check().map_err(refused)?;
    let owner = auth.keyring.node_did().clone();
    Ok(auth.oidc_client_add(&checked, owner, None, Authority::Node).await?)
}
