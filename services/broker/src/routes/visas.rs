use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use imajin_broker_api::{Page, VisaView};
use imajin_imagxp::broker::VisaOrder;
use imajin_kernel::Problem;
use imajin_web::{Failure, ProblemDocument, QueryParams};

use super::BrokerState;
use super::operator::Whose;
use super::reader::OwnReader;
use crate::caller::Signed;
use crate::context::Change;
use crate::domain::lists::Wanted;

/// Buy a visa
///
/// Signed by RFC 9421 with a key of the agent's manifest, or by a DID that has a balance here; the visa is for the key
/// that has signed. The amount is set aside until publishers have redeemed it, and what is left goes back. With an
/// `Idempotency-Key`, a request that is repeated after a lost answer gets a visa of the same name. The same as
/// `POST /issue-visa`.
#[utoipa::path(
    post, path = "/api/visas", tag = "visas",
    request_body(content = Object, content_type = "application/json",
        description = "`publisher` (its host), `max_amount` ({amount, currency}), `ttl` (seconds, at most 3600), and \
                       if need be `uses` and `purpose`"),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat")),
    responses(
        (status = 201, description = "`token`, and `header_name`, the header that carries it", body = Object),
        (status = 400, description = "A member is wrong; `member` names it", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used, or the manifest cannot be read",
            body = ProblemDocument),
        (status = 402, description = "The account has less than that", body = ProblemDocument),
        (status = 409, description = "The agent has no account or too many visas, or the key is of another request",
            body = ProblemDocument),
    )
)]
pub(super) async fn visa_issue(
    State(BrokerState(broker)): State<BrokerState>,
    signed: Signed<VisaOrder>,
) -> Result<Response, Failure> {
    let holder = broker.holder_of(&signed.caller, &signed.request).await;
    let holder = holder.map_err(Problem::from)?;
    let change = Change::of(signed.caller, &signed.request).map_err(Problem::from)?;
    let issued = broker.visa_issue(change, (signed.value, holder)).await;
    let issued = issued.map_err(Problem::from)?;
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(issued)).into_response())
}

/// Look at visas
///
/// One's own, newest first; all of them for the operator who says so.
#[utoipa::path(
    get, path = "/api/visas", tag = "visas",
    params(
        ("limit" = Option<u32>, Query, description = "At most so many: 50 by default, 200 at most"),
        ("cursor" = Option<String>, Query, description = "Where the last page ended"),
        ("all" = Option<bool>, Query, description = "Those of all agents: for the operator"),
    ),
    responses(
        (status = 200, description = "A page of `items`, with a `cursor` if there are more", body = Vec<VisaView>),
        (status = 401, description = "Nobody says who asks", body = ProblemDocument),
        (status = 403, description = "Only the operator sees all", body = ProblemDocument),
    )
)]
pub(super) async fn visa_list(
    State(BrokerState(broker)): State<BrokerState>,
    QueryParams(whose): QueryParams<Whose>,
    reader: OwnReader,
) -> Result<Json<Page<VisaView>>, Failure> {
    let (owner, wanted): (_, Wanted) = whose.of(&reader)?;
    Ok(Json(broker.visa_list(owner, wanted).await.map_err(Problem::from)?))
}
