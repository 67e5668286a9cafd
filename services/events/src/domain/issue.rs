use imajin_did::SecretKey;
use imajin_events_api::{TicketCode, TicketPayload};
use imajin_kernel::Timestamp;
use imajin_kernel::id::ReceiptId;
use imajin_proof::SignedMessage;

use crate::EventsError;
use crate::context::Context;
use crate::rows::{EventRow, OrderRow, TicketRow, TierRow, VALID, json_text};

/// The type of the signed message that is a ticket.
pub(crate) const TICKET: &str = "ticket";

/// Whatever a ticket is made from.
pub(crate) struct Issue<'a> {
    pub(crate) event: &'a EventRow,
    pub(crate) tier: &'a TierRow,
    pub(crate) order: &'a OrderRow,
    pub(crate) receipt: ReceiptId,
    pub(crate) paid_at: Timestamp,
}

/// One ticket for each place of the order, signed with the event's own key.
pub(crate) fn tickets_issue(
    context: &Context,
    key: &SecretKey,
    issue: &Issue<'_>,
) -> Result<Vec<TicketRow>, EventsError> {
    (1..=issue.order.quantity)
        .map(|ordinal| ticket_issue(context, key, issue, ordinal))
        .collect()
}

fn ticket_issue(context: &Context, key: &SecretKey, issue: &Issue<'_>, ordinal: i64) -> Result<TicketRow, EventsError> {
    let Issue {
        event,
        tier,
        order,
        receipt,
        paid_at,
    } = issue;
    let now = context.env.now();
    let holder = order.buyer_did.clone();
    let payload = TicketPayload {
        ticket_id: context.env.new_id(),
        event_id: event.id,
        tier_id: tier.id,
        tier: tier.name.clone(),
        price: order.unit()?,
        purchased_at: paid_at.as_millis(),
        nonce: hex::encode(context.env.random_bytes::<16>()),
        to: holder.clone(),
        receipt: *receipt,
    };
    let qr = TicketCode::of(&payload).sign(key);
    let document = SignedMessage::sign(key, event.did.clone(), TICKET, Some(holder.clone()), now, payload)?;
    Ok(TicketRow {
        id: document.payload.ticket_id,
        event_id: event.id,
        tier_id: tier.id,
        order_id: order.id,
        ordinal,
        holder_did: holder,
        status: VALID.to_owned(),
        receipt_id: *receipt,
        document: json_text(&document)?,
        qr,
        issued_at: now,
        row_seal: Vec::new(),
    })
}
