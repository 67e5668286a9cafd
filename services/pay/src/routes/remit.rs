use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use imajin_pay_api::RemittanceBody;
use imajin_proof::SignedMessage;
use imajin_web::{Failure, ProblemDocument, SignedBody, Viewer};

use super::PayRoutes;
use crate::brokers::wire::RemittanceAnswer;
use crate::domain::peers::{self, PeersView, Remittances};
use crate::rows::CREDITED;
use crate::{Pay, PayError};

/// As many remittances as one answer has.
const REMITTANCES_MAX: i64 = 100;

/// Send money for people of this node
///
/// By another node: a signed message of the type `remittance`, whose payload names the broker that passes the money on
/// and whose parts of it are whose; the same node signs the request. Nobody is credited before that broker has
/// confirmed the transfer of the remittance's name. The same remittance may be sent as often as need be, and always has
/// the same answer: 202 while it waits for the broker, then 200 with a message of the type `remittance-receipt`.
#[utoipa::path(
    post, path = "/api/remit", tag = "peers",
    request_body(content = serde_json::Value, description = "The signed remittance"),
    responses(
        (status = 200, description = "It is in the payees' balances", body = serde_json::Value),
        (status = 202, description = "The broker has not confirmed it", body = serde_json::Value),
        (status = 400, description = "Its parts do not add up, or its currency is unknown", body = ProblemDocument),
        (status = 401, description = "A signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "It is another node's, for another node, or of a broker that is not trusted here",
            body = ProblemDocument),
        (status = 409, description = "It said something else before, or a payee is not at home here",
            body = ProblemDocument),
    )
)]
pub(super) async fn remit(
    State(PayRoutes(pay)): State<PayRoutes>,
    signed: SignedBody<SignedMessage<RemittanceBody>>,
) -> Result<Response, Failure> {
    let SignedBody {
        verified,
        value,
        request,
    } = signed;
    let row = pay.remittance_take(value, verified, request.body).await?;
    let unreadable = |error: serde_json::Error| PayError::Fault(format!("a remittance's receipt: {error}"));
    let receipt = row.receipt.as_deref().map(serde_json::from_str).transpose();
    let status = if row.state == CREDITED {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    let answer = RemittanceAnswer {
        state: row.state,
        receipt: receipt.map_err(unreadable)?,
    };
    Ok((status, Json(answer)).into_response())
}

/// See your money on its way between nodes
///
/// What other nodes have sent for you, and what this node has sent to your home; each with the receipt that the
/// receiving node has signed. The newest first, at most 100.
#[utoipa::path(
    get, path = "/api/remittances", tag = "peers",
    responses(
        (status = 200, description = "The remittances", body = Remittances),
        (status = 401, description = "Not logged in", body = ProblemDocument),
    )
)]
pub(super) async fn remittances(
    State(PayRoutes(pay)): State<PayRoutes>,
    viewer: Viewer,
) -> Result<Json<Remittances>, Failure> {
    let owner = viewer.session_require()?.did.clone();
    let dids = pay.site.identities.holdings(&owner).await?;
    let found = pay.read(move |conn, context| peers::remittances_of(conn, context, &dids, REMITTANCES_MAX));
    Ok(Json(found.await?))
}

pub(crate) async fn peers_of(pay: &Pay) -> Result<PeersView, PayError> {
    let trusted = pay.brokers.trusted();
    pay.read(move |conn, context| peers::peers_view(conn, context, &trusted))
        .await
}

/// See what is owed by and to other nodes
///
/// For the operator: what each broker owes, and of that, what it has only promised; what is on its way to other nodes;
/// and what other nodes have announced and no broker has confirmed.
#[utoipa::path(
    get, path = "/api/peers", tag = "peers",
    responses(
        (status = 200, description = "The brokers and the nodes", body = PeersView),
        (status = 401, description = "Not logged in", body = ProblemDocument),
        (status = 403, description = "Not the operator", body = ProblemDocument),
    )
)]
pub(super) async fn peers(State(PayRoutes(pay)): State<PayRoutes>, viewer: Viewer) -> Result<Json<PeersView>, Failure> {
    viewer.operator_require()?;
    Ok(Json(peers_of(&pay).await?))
}
