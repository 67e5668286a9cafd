//! What events writes to the mutation log.

use imajin_did::Did;
use imajin_kernel::id::{CheckoutId, EventId, Id, Kind, OrderId, ReceiptId, RefundId, TicketId};
use imajin_store::Conn;
use imajin_store::mutation::{self, Mutation, Proof};
use imajin_web::Verified;
use serde::{Deserialize, Serialize};

use crate::EventsError;
use crate::context::Context;

pub(crate) const EVENT_CREATE: &str = "event.create";
pub(crate) const EVENT_PUBLISH: &str = "event.publish";
pub(crate) const EVENT_PAUSE: &str = "event.pause";
pub(crate) const FAIR_ACCEPT: &str = "fair.accept";
pub(crate) const ORDER_HOLD: &str = "order.hold";
pub(crate) const ORDER_CANCEL: &str = "order.cancel";
pub(crate) const ORDER_EXPIRE: &str = "order.expire";
pub(crate) const ORDER_REFUSE: &str = "order.refuse";
pub(crate) const ORDER_FULFIL: &str = "order.fulfil";
pub(crate) const ORDER_RETURN: &str = "order.return";

/// What the node writes down when it ends an order without tickets.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderEnded {
    pub(crate) order_id: OrderId,
    pub(crate) reason: Option<String>,
}

/// What the node writes down when it issues an order's tickets.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderFulfilled {
    pub(crate) order_id: OrderId,
    pub(crate) checkout_id: CheckoutId,
    pub(crate) receipt_id: ReceiptId,
    pub(crate) tickets: Vec<TicketId>,
}

/// What the node writes down when the money of an order went back, and its tickets are revoked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderReturned {
    pub(crate) order_id: OrderId,
    pub(crate) refund_id: RefundId,
    pub(crate) tickets: Vec<TicketId>,
}

/// The name of an acceptance in the log.
pub(crate) fn acceptance_object(event: EventId, did: &Did) -> String {
    format!("{event}/fair/{}", did.canonical())
}

/// Logs a change by the caller's own signature, and spends its nonce.
pub(crate) fn signed_append(
    conn: &mut Conn,
    context: &Context,
    verified: &Verified,
    action: &str,
    object: &impl ToString,
    body: &[u8],
) -> Result<(), EventsError> {
    let mutation = Mutation::signed(verified.proof(), action, object.to_string(), body);
    mutation::append(conn, &context.writer, &mutation)?;
    Ok(())
}

/// Logs a change that the node makes on its own account.
pub(crate) fn node_append<K: Kind>(
    conn: &mut Conn,
    context: &Context,
    owner: &Did,
    action: &str,
    object: Id<K>,
    body: &impl Serialize,
) -> Result<(), EventsError> {
    let body = serde_json::to_vec(body).map_err(|error| EventsError::Fault(format!("a log entry: {error}")))?;
    let mutation = Mutation {
        owner: owner.clone(),
        action,
        object: object.to_string(),
        body,
        proof: Proof::Node,
    };
    mutation::append(conn, &context.writer, &mutation)?;
    Ok(())
}

/// What is stored with a row as its proof: JSON.
pub(crate) fn proof_text(verified: &Verified) -> Result<String, EventsError> {
    crate::rows::json_text(&verified.row_proof())
}
