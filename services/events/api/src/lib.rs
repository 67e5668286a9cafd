//! What the other services may ask of events, and the form of a ticket.

mod create;
mod ticket;

use imajin_did::Did;
use imajin_fair::Manifest;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{CheckoutId, EventId, OrderId, ReceiptId, TicketId, TierId};
use imajin_money::Money;
use imajin_proof::SignedMessage;
use imajin_proof::http_sig::SignedRequest;
use imajin_web::service_api;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use create::{EventCreate, TierCreate};
pub use ticket::{QR_PREFIX, TicketCode, TicketCodeError, TicketPayload};

service_api! {
    /// What other services may ask of events.
    pub trait EventsApi, client EventsClient, service "events" {
        /// Published events, the soonest first; with `owner`, that owner's events in every state.
        async fn event_list(EventList) -> EventPage;

        /// One event. A draft is shown to its owner only.
        async fn event_fetch(EventFetch) -> Option<EventView>;

        /// Reserves places and opens a checkout: the signed request of a buyer, as for `POST /api/checkout`.
        async fn checkout(SignedRequest) -> OrderView;

        /// An order, for its buyer, the event's owner and the operator.
        async fn order_fetch(OrderFetch) -> Option<OrderView>;

        /// A buyer's orders, newest first.
        async fn order_list(OrderList) -> Vec<OrderView>;

        /// A buyer's tickets, newest first.
        async fn ticket_list(TicketList) -> Vec<TicketView>;

        /// A ticket, for its holder, the event's owner and the operator.
        async fn ticket_fetch(TicketFetch) -> Option<TicketView>;

        /// How each event of this node sells, for its operator or one owner.
        async fn sales_list(SalesList) -> Vec<EventSales>;
    }
}

/// The life of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventStatus {
    /// Being prepared; only its owner sees it.
    Draft,
    /// On sale, as far as each tier's sales window says.
    Published,
    /// Visible, not on sale for now.
    Paused,
    /// Will not happen.
    Cancelled,
    /// Is over.
    Completed,
}

/// An event, as anyone may see it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventView {
    /// The event.
    #[schema(value_type = String)]
    pub id: EventId,
    /// The event's own DID, whose key signs the tickets.
    #[schema(value_type = String)]
    pub did: Did,
    /// Who made it and sells it.
    #[schema(value_type = String)]
    pub owner: Did,
    /// The title.
    pub title: String,
    /// What it is about, plain text with paragraphs.
    pub description: String,
    /// When it begins.
    #[schema(value_type = String, format = DateTime)]
    pub starts_at: Timestamp,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Timestamp,
    /// The IANA time zone in which its times are shown.
    pub timezone: String,
    /// Where it is.
    pub venue: Option<String>,
    /// The venue's address.
    pub address: Option<String>,
    /// Where to join it from afar: for the event's owner, and for everybody where no ticket costs anything. Whoever has
    /// paid finds it at their ticket.
    pub virtual_url: Option<String>,
    /// Whether it can be joined from afar.
    #[serde(default)]
    pub is_online: bool,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Where it stands.
    pub status: EventStatus,
    /// What can be bought.
    pub tiers: Vec<TierView>,
    /// How each sale is split.
    #[schema(value_type = Object)]
    pub manifest: Manifest,
    /// The contributors who have countersigned the manifest.
    #[schema(value_type = Vec<String>)]
    pub accepted: Vec<Did>,
    /// What happens to the money when a buyer or the organiser steps back, in words.
    pub refund_policy: Option<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// A kind of ticket.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TierView {
    /// The tier.
    #[schema(value_type = String)]
    pub id: TierId,
    /// Its name, unique within the event.
    pub name: String,
    /// What it gives, in words.
    pub description: String,
    /// What one place costs.
    #[schema(value_type = Object)]
    pub price: Money,
    /// How many places there are; none means unlimited.
    pub quantity: Option<u32>,
    /// How many places can be bought now; none means unlimited.
    pub available: Option<u32>,
    /// How many places one order may take.
    pub per_order_limit: u32,
    /// When its sale begins; none means at once.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub sales_start: Option<Timestamp>,
    /// When its sale ends; none means when the event ends.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub sales_end: Option<Timestamp>,
    /// What comes with it.
    pub perks: Vec<String>,
}

/// See [`EventsApi::event_list`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventList {
    /// Only this owner's events, in every state.
    pub owner: Option<Did>,
    /// At most so many: 50 by default, 100 at most.
    pub limit: Option<u32>,
    /// Where the last page ended.
    pub cursor: Option<String>,
}

/// A page of events.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventPage {
    /// The events.
    pub events: Vec<EventView>,
    /// Where the next page starts; none on the last one.
    pub cursor: Option<String>,
}

/// See [`EventsApi::event_fetch`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventFetch {
    /// The event.
    pub id: EventId,
    /// Who asks, if known.
    pub reader: Option<Did>,
}

/// What a buyer asks for: the body of `POST /api/checkout`. It names no price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckoutRequest {
    /// The event.
    #[schema(value_type = String)]
    pub event_id: EventId,
    /// The kind of ticket.
    #[schema(value_type = String)]
    pub tier_id: TierId,
    /// How many places.
    pub quantity: u32,
}

/// The life of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// The places are reserved and wait for the money.
    Held,
    /// The tickets are issued.
    Fulfilled,
    /// Nobody paid in time; the places are free again.
    Expired,
    /// The buyer left; the places are free again.
    Cancelled,
    /// The money came when no places were left; it went back.
    Refused,
    /// All of the money went back after the tickets were issued: they are revoked, and the places free again.
    Refunded,
}

/// An order: places, then tickets.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderView {
    /// The order.
    #[schema(value_type = String)]
    pub id: OrderId,
    /// The event.
    #[schema(value_type = String)]
    pub event_id: EventId,
    /// The event's title.
    pub event_title: String,
    /// The kind of ticket.
    #[schema(value_type = String)]
    pub tier_id: TierId,
    /// The tier's name.
    pub tier_name: String,
    /// How many places.
    pub quantity: u32,
    /// The total price.
    #[schema(value_type = Object)]
    pub total: Money,
    /// Who buys.
    #[schema(value_type = String)]
    pub buyer: Did,
    /// Where it stands.
    pub state: OrderState,
    /// Until when the places are reserved.
    #[schema(value_type = String, format = DateTime)]
    pub hold_expires_at: Timestamp,
    /// The checkout at pay.
    #[schema(value_type = Option<String>)]
    pub checkout_id: Option<CheckoutId>,
    /// Where the buyer pays, while the order waits for the money.
    pub checkout_url: Option<String>,
    /// The tickets, once they are issued.
    #[schema(value_type = Vec<String>)]
    pub tickets: Vec<TicketId>,
    /// The receipt, once the tickets are issued; it can be read when pay has booked the split.
    #[schema(value_type = Option<String>)]
    pub receipt: Option<ReceiptId>,
}

/// Who asks to see something that is not public.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reader {
    /// The reader's DID.
    pub did: Did,
    /// Whether the reader runs the node.
    pub operator: bool,
}

/// See [`EventsApi::order_fetch`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderFetch {
    /// The order.
    pub id: OrderId,
    /// Who asks.
    pub reader: Reader,
}

/// See [`EventsApi::order_list`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderList {
    /// Whose orders.
    pub owner: Did,
    /// Only orders older than this one.
    pub before: Option<OrderId>,
    /// At most so many, 1 to 100.
    pub limit: u32,
}

/// See [`EventsApi::ticket_list`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketList {
    /// Whose tickets.
    pub owner: Did,
    /// Only tickets of this event.
    pub event: Option<EventId>,
    /// Only tickets older than this one.
    pub before: Option<TicketId>,
    /// At most so many, 1 to 100.
    pub limit: u32,
}

/// See [`EventsApi::ticket_fetch`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketFetch {
    /// The ticket.
    pub id: TicketId,
    /// Who asks.
    pub reader: Reader,
}

/// A ticket with what a person wants to see beside it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TicketView {
    /// The ticket.
    #[schema(value_type = String)]
    pub id: TicketId,
    /// The event.
    #[schema(value_type = String)]
    pub event_id: EventId,
    /// The event's title.
    pub event_title: String,
    /// The event's DID: the key to check the ticket with.
    #[schema(value_type = String)]
    pub event_did: Did,
    /// When the event begins.
    #[schema(value_type = String, format = DateTime)]
    pub starts_at: Timestamp,
    /// The IANA time zone in which its times are shown.
    pub timezone: String,
    /// Where the event is.
    pub venue: Option<String>,
    /// Where to join it from afar, while the ticket opens the door.
    #[serde(default)]
    pub virtual_url: Option<String>,
    /// Whether it can be joined from afar.
    #[serde(default)]
    pub is_online: bool,
    /// The tier's name.
    pub tier_name: String,
    /// Who holds it.
    #[schema(value_type = String)]
    pub holder: Did,
    /// `valid`, or `revoked` after a refund or a transfer.
    pub status: String,
    /// The order that it came from.
    #[schema(value_type = String)]
    pub order_id: OrderId,
    /// The receipt of the payment.
    #[schema(value_type = String)]
    pub receipt: ReceiptId,
    /// The signed document.
    #[schema(value_type = Object)]
    pub document: SignedMessage<TicketPayload>,
    /// The text of the QR code, see [`TicketCode`].
    pub qr: String,
}

/// See [`EventsApi::sales_list`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SalesList {
    /// Only this owner's events; `None` for all, which only the operator may ask.
    pub owner: Option<Did>,
}

/// How an event sells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventSales {
    /// The event.
    pub event_id: EventId,
    /// Its title.
    pub title: String,
    /// Where it stands.
    pub status: EventStatus,
    /// Tickets issued and valid.
    pub sold: u32,
    /// Places reserved and not yet paid.
    pub held: u32,
    /// Places there are; none when a tier is unlimited.
    pub quantity: Option<u32>,
    /// What was paid for the issued tickets, one line per asset.
    pub gross: Vec<Money>,
}
