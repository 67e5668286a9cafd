use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use imajin_broker_api::{Page, RedemptionView};
use imajin_imagxp::broker::{RedemptionBatch, RedemptionList, TransferAsked, Transferred};
use imajin_kernel::Problem;
use imajin_web::{Failure, PathParams, ProblemDocument, QueryParams};

use super::BrokerState;
use super::operator::Whose;
use super::reader::OwnReader;
use crate::caller::Signed;
use crate::context::Change;

/// Redeem visas
///
/// By the node whose host the visas name, at most 100 at once. Each is named by its visa and the publisher's receipt:
/// asked again, it is answered as it stands. What is `accepted` is paid when the time for disputes has passed. What is
/// missing in the answer could not be decided now: ask again.
#[utoipa::path(
    post, path = "/api/redemptions", tag = "payments",
    request_body(content = Object, content_type = "application/json",
        description = "`redemptions`: a list of {jti, receipt, amount {amount, currency}, claimDigest}"),
    responses(
        (status = 200, description = "`redemptions`: {jti, receipt, amount, state, reference, reason}; the state is \
            `accepted`, `credited`, `reversed` or `refused`", body = Object),
        (status = 400, description = "There are none, or too many", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller is no node", body = ProblemDocument),
    )
)]
pub(super) async fn redeem(
    State(BrokerState(broker)): State<BrokerState>,
    signed: Signed<RedemptionBatch>,
) -> Result<Json<RedemptionList>, Failure> {
    let change = Change::of(signed.caller, &signed.request).map_err(Problem::from)?;
    Ok(Json(broker.redeem(change, signed.value).await.map_err(Problem::from)?))
}

/// Look at redemptions
///
/// One's own, newest first; all of them for the operator who says so.
#[utoipa::path(
    get, path = "/api/redemptions", tag = "payments",
    params(
        ("limit" = Option<u32>, Query, description = "At most so many: 50 by default, 200 at most"),
        ("cursor" = Option<String>, Query, description = "Where the last page ended"),
        ("all" = Option<bool>, Query, description = "Those of all publishers: for the operator"),
    ),
    responses(
        (status = 200, description = "A page of `items`, with a `cursor` if there are more",
            body = Vec<RedemptionView>),
        (status = 401, description = "Nobody says who asks", body = ProblemDocument),
        (status = 403, description = "Only the operator sees all", body = ProblemDocument),
    )
)]
pub(super) async fn redemption_list(
    State(BrokerState(broker)): State<BrokerState>,
    QueryParams(whose): QueryParams<Whose>,
    reader: OwnReader,
) -> Result<Json<Page<RedemptionView>>, Failure> {
    let (node, wanted) = whose.of(&reader)?;
    Ok(Json(broker.redemption_list(node, wanted).await.map_err(Problem::from)?))
}

/// Pass money on to another node
///
/// From one's own balance here. The reference is the sender's own, and names this transfer: asked again, it is the same
/// one, and both sides can look at it.
#[utoipa::path(
    post, path = "/api/transfers", tag = "payments",
    request_body(content = Object, content_type = "application/json",
        description = "`reference`, `to` (a DID), `amount` ({amount, currency})"),
    responses(
        (status = 200, description = "`reference`, `from`, `to`, `amount`", body = Object),
        (status = 400, description = "A member is wrong; `member` names it", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 402, description = "There is less than that", body = ProblemDocument),
        (status = 403, description = "The caller is no node", body = ProblemDocument),
        (status = 409, description = "The reference names another transfer", body = ProblemDocument),
    )
)]
pub(super) async fn transfer(
    State(BrokerState(broker)): State<BrokerState>,
    signed: Signed<TransferAsked>,
) -> Result<Json<Transferred>, Failure> {
    let change = Change::of(signed.caller, &signed.request).map_err(Problem::from)?;
    Ok(Json(
        broker.transfer(change, signed.value).await.map_err(Problem::from)?,
    ))
}

/// Look at a transfer
///
/// For its two sides.
#[utoipa::path(
    get, path = "/api/transfers/{reference}", tag = "payments",
    params(("reference" = String, Path, description = "The sender's name for it")),
    responses(
        (status = 200, description = "`reference`, `from`, `to`, `amount`", body = Object),
        (status = 401, description = "Nobody says who asks", body = ProblemDocument),
        (status = 404, description = "There is no such transfer of yours", body = ProblemDocument),
    )
)]
pub(super) async fn transfer_fetch(
    State(BrokerState(broker)): State<BrokerState>,
    PathParams(reference): PathParams<String>,
    OwnReader { did, .. }: OwnReader,
) -> Result<Response, Failure> {
    let found = broker.transfer_find(reference, did).await.map_err(Problem::from)?;
    Ok(Json(found).into_response())
}
