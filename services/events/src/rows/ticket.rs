use diesel::prelude::*;
use imajin_did::Did;
use imajin_events_api::TicketPayload;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{EventId, OrderId, ReceiptId, TicketId, TierId};
use imajin_proof::SignedMessage;
use imajin_store::sealed_row;
use serde::Serialize;

use super::json_read;
use crate::EventsError;
use crate::schema::tickets;

/// The status of a ticket that opens the door.
pub(crate) const VALID: &str = "valid";

/// The status of a ticket that lets nobody in any more: its money went back.
pub(crate) const REVOKED: &str = "revoked";

/// An issued ticket.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = tickets, treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct TicketRow {
    pub(crate) id: TicketId,
    pub(crate) event_id: EventId,
    pub(crate) tier_id: TierId,
    pub(crate) order_id: OrderId,
    /// Which of the order's places, from 1.
    pub(crate) ordinal: i64,
    pub(crate) holder_did: Did,
    pub(crate) status: String,
    pub(crate) receipt_id: ReceiptId,
    /// The signed message.
    pub(crate) document: String,
    pub(crate) qr: String,
    pub(crate) issued_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(TicketRow, tickets, "tickets", key = (id));

impl TicketRow {
    /// The signed message.
    pub(crate) fn document(&self) -> Result<SignedMessage<TicketPayload>, EventsError> {
        json_read("tickets", &self.id, &self.document)
    }
}
