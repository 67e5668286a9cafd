use axum::Json;
use axum::extract::State;
use imajin_fair::{Acceptance, ManifestId, ManifestRecord};
use imajin_web::{Authorised, Failure, OperatorTier, PathParams, ProblemDocument, SignedBody, SoftTier};
use serde_json::Value;

use super::PublisherState;

/// Accept a manifest
///
/// The body is a signed message of the type `acceptance` by a contributor, whose payload names the manifest. The
/// contributor, the author or whoever published it sends it. Until then the contributor's share is held. A manifest
/// that a service keeps with its goods is accepted here as well.
#[utoipa::path(
    post, path = "/api/fair/{id}/accept", tag = "fair",
    params(("id" = String, Path, description = "The manifest, `fair_…`")),
    request_body = Object,
    responses(
        (status = 200, description = "The manifest with what others signed about it", body = Object),
        (status = 400, description = "The message is for another manifest", body = ProblemDocument),
        (status = 401, description = "A signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The signer is no contributor", body = ProblemDocument),
        (status = 404, description = "There is no such manifest", body = ProblemDocument),
    )
)]
pub(super) async fn manifest_accept(
    State(PublisherState(publisher)): State<PublisherState>,
    PathParams(id): PathParams<ManifestId>,
    signed: SignedBody<Acceptance, Authorised<SoftTier>>,
) -> Result<Json<ManifestRecord>, Failure> {
    let SignedBody {
        verified,
        value,
        request,
    } = signed;
    Ok(Json(publisher.accept(id, verified, value, request).await?))
}

/// Endorse a manifest
///
/// In the name of this node: it has seen this very document, and its author's signature holds.
#[utoipa::path(
    post, path = "/api/fair/{id}/endorse", tag = "fair",
    params(("id" = String, Path, description = "The manifest, `fair_…`")),
    request_body = Option<Object>,
    responses(
        (status = 200, description = "The manifest with the endorsement", body = Object),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller does not run this node", body = ProblemDocument),
        (status = 404, description = "There is no such manifest in the library", body = ProblemDocument),
        (status = 409, description = "It is kept with its goods, where nothing is endorsed", body = ProblemDocument),
    )
)]
pub(super) async fn manifest_endorse(
    State(PublisherState(publisher)): State<PublisherState>,
    PathParams(id): PathParams<ManifestId>,
    signed: SignedBody<Option<Value>, Authorised<OperatorTier>>,
) -> Result<Json<ManifestRecord>, Failure> {
    Ok(Json(publisher.endorse(id, signed.verified, signed.request.body).await?))
}
