use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use imajin_web::{Failure, PathParams, ProblemDocument};

use super::root::document_answer;
use super::views::IdentityAnswer;
use crate::AuthError;
use crate::auth::Auth;
use crate::identities::{Identity, identity_find};
use crate::names::Name;

/// A registered identity; a deactivated one is gone.
async fn known(auth: &Auth, text: &str) -> Result<Identity, AuthError> {
    let (name, sealer) = (Name::parse(text), auth.sealer.clone());
    let identity = auth.db.read(move |conn| identity_find(conn, &sealer, &name)).await?;
    match identity {
        None => Err(AuthError::IdentityUnknown),
        Some(identity) if identity.deactivated => Err(AuthError::IdentityDeactivated),
        Some(identity) => Ok(identity),
    }
}

/// The public facts, with the picture that profile keeps, and where they have moved to.
async fn facts(auth: &Auth, text: &str) -> Result<IdentityAnswer, AuthError> {
    let view = known(auth, text).await?.view();
    let picture = auth.picture_url(&view.did).await;
    let moved = auth.move_find(&view.did).await?;
    Ok(IdentityAnswer::new(view, picture).moved_to(moved.map(|moved| moved.to_url)))
}

/// Find an identity by a DID in any form, or by its handle.
#[utoipa::path(
    get, path = "/api/lookup/{did_or_handle}", tag = "identity",
    params(("did_or_handle" = String, Path, description = "A DID in any form, or a handle")),
    responses(
        (status = 200, description = "The public facts", body = IdentityAnswer),
        (status = 404, description = "Nobody here", body = ProblemDocument),
        (status = 410, description = "Deactivated by its owner", body = ProblemDocument),
    )
)]
pub(super) async fn lookup(
    State(auth): State<Arc<Auth>>,
    PathParams(name): PathParams<String>,
) -> Result<Json<IdentityAnswer>, Failure> {
    Ok(Json(facts(&auth, &name).await?))
}

/// The public facts about an identity.
#[utoipa::path(
    get, path = "/api/identity/{did}", tag = "identity",
    params(("did" = String, Path, description = "A DID in any form")),
    responses(
        (status = 200, description = "The public facts", body = IdentityAnswer),
        (status = 404, description = "Nobody here", body = ProblemDocument),
        (status = 410, description = "Deactivated by its owner", body = ProblemDocument),
    )
)]
pub(super) async fn identity(
    State(auth): State<Arc<Auth>>,
    PathParams(did): PathParams<String>,
) -> Result<Json<IdentityAnswer>, Failure> {
    Ok(Json(facts(&auth, &did).await?))
}

/// The DID document of an identity, under its native DID.
#[utoipa::path(
    get, path = "/api/identity/{did}/did.json", tag = "identity",
    params(("did" = String, Path, description = "A DID in any form")),
    responses(
        (status = 200, description = "The document", content_type = "application/did+json"),
        (status = 304, description = "It is as the entity tag says"),
        (status = 404, description = "Nobody here", body = ProblemDocument),
        (status = 410, description = "Deactivated by its owner", body = ProblemDocument),
    )
)]
pub(super) async fn did_document(
    State(auth): State<Arc<Auth>>,
    PathParams(did): PathParams<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let identity = known(&auth, &did).await?;
    let mut document = auth.identity_document(&identity);
    auth.document_moved(&identity.did, &mut document).await?;
    document_answer(&document, &headers)
}
