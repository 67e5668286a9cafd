use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use imajin_broker_api::{DisputeAnswer, DisputeDecision, DisputeView, Page};
use imajin_kernel::Problem;
use imajin_kernel::id::DisputeId;
use imajin_web::{Failure, PathParams, ProblemDocument, QueryParams, RawRequest};

use super::BrokerState;
use super::operator::Whose;
use super::reader::OwnReader;
use crate::caller::Signed;
use crate::context::Change;

/// Say something about what was paid for
///
/// By the agent whose visa has paid, while the publisher is not paid yet: signed in itself, so that a publisher can
/// pass it on, or with the request. A score above 0.5 lets the money go at once. A lower one keeps it where it is: the
/// publisher answers, and rules or the arbiter decide. One for each payment; said again, it is answered as it stands.
#[utoipa::path(
    post, path = "/api/disputes", tag = "disputes",
    request_body(content = Object, content_type = "application/json",
        description = "`url`, `quality_score` (0 to 1), `reason`, `claim_digest`, `signature` (hex of r and s over the \
                       RFC 8785 bytes of the rest)"),
    responses(
        (status = 201, description = "How it stands", body = DisputeView),
        (status = 400, description = "A member is wrong; `member` names it", body = ProblemDocument),
        (status = 401, description = "It is not signed by the agent that has paid", body = ProblemDocument),
        (status = 404, description = "Nothing was redeemed by this claim at this publisher", body = ProblemDocument),
        (status = 409, description = "It is too late, the payment was disputed already, or the agent objects too often",
            body = ProblemDocument),
    )
)]
pub(super) async fn dispute_say(
    State(BrokerState(broker)): State<BrokerState>,
    raw: RawRequest,
) -> Result<Response, Failure> {
    let view = broker.feedback_take(&raw).await.map_err(Problem::from)?;
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

/// Look at disputes
///
/// One's own, as the agent or as the publisher, newest first; all of them for the operator and the arbiter.
#[utoipa::path(
    get, path = "/api/disputes", tag = "disputes",
    params(
        ("limit" = Option<u32>, Query, description = "At most so many: 50 by default, 200 at most"),
        ("cursor" = Option<String>, Query, description = "Where the last page ended"),
        ("all" = Option<bool>, Query, description = "Those of everybody: for the operator and the arbiter"),
    ),
    responses(
        (status = 200, description = "A page of `items`, with a `cursor` if there are more", body = Vec<DisputeView>),
        (status = 401, description = "Nobody says who asks", body = ProblemDocument),
        (status = 403, description = "Only the operator and the arbiter see all", body = ProblemDocument),
    )
)]
pub(super) async fn dispute_list(
    State(BrokerState(broker)): State<BrokerState>,
    QueryParams(whose): QueryParams<Whose>,
    reader: OwnReader,
) -> Result<Json<Page<DisputeView>>, Failure> {
    let sees_all = broker.is_arbiter(&reader.did);
    let (side, wanted) = whose.seen_by(&reader, sees_all)?;
    Ok(Json(broker.dispute_list(side, wanted).await.map_err(Problem::from)?))
}

/// Look at a dispute
///
/// For its two sides, the arbiter and the operator.
#[utoipa::path(
    get, path = "/api/disputes/{id}", tag = "disputes",
    params(("id" = String, Path, description = "The dispute")),
    responses(
        (status = 200, description = "How it stands", body = DisputeView),
        (status = 401, description = "Nobody says who asks", body = ProblemDocument),
        (status = 404, description = "There is no such dispute of yours", body = ProblemDocument),
    )
)]
pub(super) async fn dispute_fetch(
    State(BrokerState(broker)): State<BrokerState>,
    PathParams(id): PathParams<DisputeId>,
    reader: OwnReader,
) -> Result<Json<DisputeView>, Failure> {
    let sees_all = reader.operator().is_ok() || broker.is_arbiter(&reader.did);
    let view = broker.dispute_fetch(id, (&reader.did, sees_all)).await;
    Ok(Json(view.map_err(Problem::from)?))
}

/// Answer a dispute
///
/// By the node that is to be paid, once: it gives in, shows the agent's own claim with what was answered, or says
/// something to the arbiter. A claim that does not fit the payment is refused, and another can be shown until the time
/// is over. Where the rules decide, they do at once.
#[utoipa::path(
    post, path = "/api/disputes/{id}/answer", tag = "disputes", request_body = DisputeAnswer,
    params(("id" = String, Path, description = "The dispute")),
    responses(
        (status = 200, description = "How it stands", body = DisputeView),
        (status = 400, description = "The evidence shows nothing, or nothing is said", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller is no node", body = ProblemDocument),
        (status = 404, description = "There is no such dispute of yours", body = ProblemDocument),
        (status = 409, description = "It was answered, or has ended", body = ProblemDocument),
    )
)]
pub(super) async fn dispute_answer(
    State(BrokerState(broker)): State<BrokerState>,
    PathParams(id): PathParams<DisputeId>,
    signed: Signed<DisputeAnswer>,
) -> Result<Json<DisputeView>, Failure> {
    let change = Change::of(signed.caller, &signed.request).map_err(Problem::from)?;
    let view = broker.dispute_answer(change, (id, signed.value)).await;
    Ok(Json(view.map_err(Problem::from)?))
}

/// Decide a dispute
///
/// By the arbiter: the DID that the operator has named, else the operator. For what the publisher has answered and the
/// rules have left open.
#[utoipa::path(
    post, path = "/api/disputes/{id}/decide", tag = "disputes", request_body = DisputeDecision,
    params(("id" = String, Path, description = "The dispute")),
    responses(
        (status = 200, description = "How it stands", body = DisputeView),
        (status = 400, description = "A member is wrong; `member` names it", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "Only the arbiter may", body = ProblemDocument),
        (status = 404, description = "There is no such dispute", body = ProblemDocument),
        (status = 409, description = "It was not answered yet, or has ended", body = ProblemDocument),
    )
)]
pub(super) async fn dispute_decide(
    State(BrokerState(broker)): State<BrokerState>,
    PathParams(id): PathParams<DisputeId>,
    signed: Signed<DisputeDecision>,
) -> Result<Json<DisputeView>, Failure> {
    let change = Change::of(signed.caller, &signed.request).map_err(Problem::from)?;
    let view = broker.dispute_decide(change, (id, signed.value)).await;
    Ok(Json(view.map_err(Problem::from)?))
}
