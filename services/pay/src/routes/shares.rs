use axum::Json;
use axum::extract::State;
use imajin_fair::Acceptance;
use imajin_web::{Failure, ProblemDocument, SignedBody, Viewer};
use serde::Serialize;
use utoipa::ToSchema;

use super::PayRoutes;
use crate::domain::share_list::{self, ShareView};

/// As many shares as one answer has.
const SHARES_MAX: i64 = 100;

/// Held shares.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Shares {
    /// The newest first, at most 100.
    shares: Vec<ShareView>,
}

/// Held shares that concern you
///
/// Your own that wait for you to accept a manifest, and those of others in what you have made or sold. A share that
/// nobody accepts within 90 days goes to the overflow of the author's distribution contract, else to the author.
#[utoipa::path(
    get, path = "/api/shares", tag = "shares",
    responses(
        (status = 200, description = "The shares", body = Shares),
        (status = 401, description = "Not logged in", body = ProblemDocument),
    )
)]
pub(super) async fn share_list(
    State(PayRoutes(pay)): State<PayRoutes>,
    viewer: Viewer,
) -> Result<Json<Shares>, Failure> {
    let owner = viewer.session_require()?.did.clone();
    let dids = pay.site.identities.holdings(&owner).await?;
    pay.shares_look(dids.clone()).await?;
    let shares = pay.read(move |conn, context| share_list::share_list(conn, context, &dids, SHARES_MAX));
    Ok(Json(Shares { shares: shares.await? }))
}

/// What an acceptance has released.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Accepted {
    /// How many shares.
    released: usize,
}

/// Accept a manifest and get what waits for it
///
/// The body is a signed message of the type `acceptance`, whose payload names the manifest, by the contributor or by
/// whoever has claimed the contributor's mailbox identity; the same identity signs the request.
#[utoipa::path(
    post, path = "/api/shares/accept", tag = "shares",
    request_body(content = serde_json::Value, description = "The signed acceptance"),
    responses(
        (status = 200, description = "It is paid", body = Accepted),
        (status = 401, description = "A signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The acceptance is somebody else's", body = ProblemDocument),
        (status = 404, description = "Nothing of yours waits for this manifest", body = ProblemDocument),
    )
)]
pub(super) async fn share_accept(
    State(PayRoutes(pay)): State<PayRoutes>,
    signed: SignedBody<Acceptance>,
) -> Result<Json<Accepted>, Failure> {
    let SignedBody {
        verified,
        value,
        request,
    } = signed;
    let released = pay.share_accept(value, verified, request.body).await?;
    Ok(Json(Accepted { released }))
}
