//! From rows to what others see. Whole pages at once: the number of queries does not grow with the page.

use std::collections::BTreeMap;

use diesel::prelude::*;
use imajin_did::Did;
use imajin_events_api::{EventView, OrderState, OrderView, TicketView, TierView};
use imajin_kernel::Timestamp;
use imajin_kernel::id::{EventId, OrderId, TicketId, TierId};
use imajin_store::Conn;

use super::locks;
use crate::EventsError;
use crate::context::Context;
use crate::rows::{EventRow, HELD, OrderRow, REVOKED, TicketRow, TierRow};
use crate::schema::{acceptances, events, orders, tickets, tiers};

/// Events as `reader` may see them, or anyone.
pub(crate) fn event_views(
    conn: &mut Conn,
    context: &Context,
    rows: &[EventRow],
    reader: Option<&Did>,
) -> Result<Vec<EventView>, EventsError> {
    let ids: Vec<EventId> = rows.iter().map(|row| row.id).collect();
    let now = context.env.now();
    let query = tiers::table
        .filter(tiers::event_id.eq_any(&ids))
        .order_by((tiers::event_id, tiers::position));
    let tier_rows: Vec<TierRow> = query.select(TierRow::as_select()).load(conn)?;
    let lapsed = lapsed_places(conn, &tier_rows, now)?;
    let mut tiers: BTreeMap<EventId, Vec<TierView>> = BTreeMap::new();
    for row in &tier_rows {
        let view = row.view(lapsed.get(&row.id).copied().unwrap_or(0))?;
        tiers.entry(row.event_id).or_default().push(view);
    }
    let mut accepted = accepted_by_event(conn, &ids)?;
    rows.iter()
        .map(|row| {
            let accepted = accepted.remove(&row.id).unwrap_or_default();
            let view = event_view(row, tiers.remove(&row.id).unwrap_or_default(), accepted, now)?;
            let is_owner = reader.is_some_and(|reader| reader.canonical() == row.owner_did);
            Ok(if is_owner { view } else { as_others_see(view) })
        })
        .collect()
}

/// Where to join an event is what its tickets are sold for. It is no secret where they cost nothing.
fn as_others_see(mut view: EventView) -> EventView {
    let is_free = !view.tiers.is_empty() && view.tiers.iter().all(|tier| tier.price.is_zero());
    view.virtual_url = view.virtual_url.filter(|_url| is_free);
    view
}

fn event_view(
    row: &EventRow,
    tiers: Vec<TierView>,
    accepted: Vec<Did>,
    now: Timestamp,
) -> Result<EventView, EventsError> {
    let row = row.clone();
    Ok(EventView {
        id: row.id,
        status: row.status_at(now)?,
        tags: row.tags()?,
        accepted: with_author(&row, accepted)?,
        manifest: row.manifest()?,
        did: row.did,
        owner: row.owner_did,
        title: row.title,
        description: row.description,
        starts_at: row.starts_at,
        ends_at: row.ends_at,
        timezone: row.timezone,
        venue: row.venue,
        address: row.address,
        is_online: row.virtual_url.is_some(),
        virtual_url: row.virtual_url,
        tiers,
        refund_policy: row.refund_policy,
        created_at: row.created_at,
    })
}

/// Places of holds that ran out and that nobody has released yet: they count as free.
fn lapsed_places(conn: &mut Conn, tiers: &[TierRow], now: Timestamp) -> Result<BTreeMap<TierId, u32>, EventsError> {
    let held: Vec<TierId> = tiers.iter().filter(|tier| tier.held > 0).map(|tier| tier.id).collect();
    let mut places = BTreeMap::new();
    if held.is_empty() {
        return Ok(places);
    }
    let lapsed: Vec<(TierId, i64)> = orders::table
        .filter(orders::tier_id.eq_any(held))
        .filter(orders::state.eq(HELD))
        .filter(orders::hold_expires_at.le(now))
        .select((orders::tier_id, orders::quantity))
        .load(conn)?;
    for (tier, quantity) in lapsed {
        let place: &mut u32 = places.entry(tier).or_default();
        *place = place.saturating_add(u32::try_from(quantity).unwrap_or(0));
    }
    Ok(places)
}

fn accepted_by_event(conn: &mut Conn, ids: &[EventId]) -> Result<BTreeMap<EventId, Vec<Did>>, EventsError> {
    let query = acceptances::table.filter(acceptances::event_id.eq_any(ids));
    let rows: Vec<(EventId, Did)> = query
        .order_by((acceptances::event_id, acceptances::did))
        .select((acceptances::event_id, acceptances::did))
        .load(conn)?;
    let mut accepted: BTreeMap<EventId, Vec<Did>> = BTreeMap::new();
    for (event, did) in rows {
        accepted.entry(event).or_default().push(did);
    }
    Ok(accepted)
}

/// Who signed the manifest has accepted it, too, if it gives them a share.
fn with_author(event: &EventRow, mut accepted: Vec<Did>) -> Result<Vec<Did>, EventsError> {
    let manifest = event.manifest()?;
    let author = manifest.author.as_ref().map(Did::canonical);
    let has_share = |did: &Did| {
        manifest.contributors.iter().any(|entry| match &entry.payee {
            imajin_fair::Payee::Did(payee) => payee.canonical() == *did,
            imajin_fair::Payee::Fair(_) => false,
        })
    };
    if let Some(author) = author.filter(has_share)
        && !accepted.contains(&author)
    {
        accepted.push(author);
    }
    Ok(accepted)
}

/// The contributors of an event who have accepted its manifest, in the native form of their DIDs.
pub(crate) fn accepted(conn: &mut Conn, _context: &Context, event: &EventRow) -> Result<Vec<Did>, EventsError> {
    let accepted = accepted_by_event(conn, &[event.id])?
        .remove(&event.id)
        .unwrap_or_default();
    with_author(event, accepted)
}

/// An order with what a person wants to see beside it.
pub(crate) fn order_view(conn: &mut Conn, context: &Context, row: &OrderRow) -> Result<OrderView, EventsError> {
    let event_title: String = events::table.find(row.event_id).select(events::title).first(conn)?;
    let tier_name: String = tiers::table.find(row.tier_id).select(tiers::name).first(conn)?;
    let state = row.state_at(context.env.now())?;
    let tickets = match state {
        OrderState::Fulfilled | OrderState::Refunded => super::deliver::ticket_ids(conn, row.id)?,
        _ => Vec::new(),
    };
    Ok(OrderView {
        id: row.id,
        event_id: row.event_id,
        event_title,
        tier_id: row.tier_id,
        tier_name,
        quantity: row.quantity()?,
        total: row.total()?,
        buyer: row.buyer_did.clone(),
        state,
        hold_expires_at: row.hold_expires_at,
        checkout_id: row.checkout_id,
        checkout_url: row.checkout_url.clone().filter(|_url| state == OrderState::Held),
        tickets,
        receipt: row.receipt_id,
    })
}

/// An order, if `reader` may see it.
pub(crate) fn order_fetch(
    conn: &mut Conn,
    context: &Context,
    id: OrderId,
    reader: &imajin_events_api::Reader,
) -> Result<Option<OrderView>, EventsError> {
    let Some(row) = locks::order_find(conn, context, id)? else {
        return Ok(None);
    };
    if !may_see(conn, reader, &row.buyer_did, row.event_id)? {
        return Ok(None);
    }
    order_view(conn, context, &row).map(Some)
}

/// A buyer's orders, newest first.
pub(crate) fn order_list(
    conn: &mut Conn,
    context: &Context,
    list: &imajin_events_api::OrderList,
) -> Result<Vec<OrderView>, EventsError> {
    if !(1..=100).contains(&list.limit) {
        return Err(EventsError::invalid("limit", "must be 1 to 100"));
    }
    let mut query = orders::table
        .filter(orders::buyer_did.eq(list.owner.canonical()))
        .into_boxed();
    if let Some(before) = list.before {
        query = query.filter(orders::id.lt(before));
    }
    let query = query.order_by(orders::id.desc()).limit(i64::from(list.limit));
    let rows: Vec<OrderRow> = query.select(OrderRow::as_select()).load(conn)?;
    rows.iter().map(|row| order_view(conn, context, row)).collect()
}

/// A buyer's own things are for the buyer, for the event's owner and for the operator.
fn may_see(
    conn: &mut Conn,
    reader: &imajin_events_api::Reader,
    buyer: &Did,
    event: EventId,
) -> Result<bool, EventsError> {
    let did = reader.did.canonical();
    if reader.operator || did == *buyer {
        return Ok(true);
    }
    let owner: Did = events::table.find(event).select(events::owner_did).first(conn)?;
    Ok(owner == did)
}

/// A ticket, if `reader` may see it.
pub(crate) fn ticket_fetch(
    conn: &mut Conn,
    id: TicketId,
    reader: &imajin_events_api::Reader,
) -> Result<Option<TicketView>, EventsError> {
    let row: Option<TicketRow> = tickets::table
        .find(id)
        .select(TicketRow::as_select())
        .first(conn)
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    if !may_see(conn, reader, &row.holder_did, row.event_id)? {
        return Ok(None);
    }
    Ok(ticket_views(conn, &[row])?.into_iter().next())
}

/// Tickets with what a person wants to see beside them.
pub(crate) fn ticket_views(conn: &mut Conn, rows: &[TicketRow]) -> Result<Vec<TicketView>, EventsError> {
    let ids: Vec<EventId> = rows.iter().map(|row| row.event_id).collect();
    let query = events::table
        .filter(events::id.eq_any(ids))
        .select(EventRow::as_select());
    let events: Vec<EventRow> = query.load(conn)?;
    let events: BTreeMap<EventId, EventRow> = events.into_iter().map(|event| (event.id, event)).collect();
    rows.iter()
        .map(|row| {
            let event = events.get(&row.event_id);
            let event = event.ok_or_else(|| EventsError::damaged("tickets", &row.id, "its event is gone"))?;
            let document = row.document()?;
            Ok(TicketView {
                id: row.id,
                event_id: row.event_id,
                event_title: event.title.clone(),
                event_did: event.did.clone(),
                starts_at: event.starts_at,
                timezone: event.timezone.clone(),
                venue: event.venue.clone(),
                virtual_url: event.virtual_url.clone().filter(|_url| row.status != REVOKED),
                is_online: event.virtual_url.is_some(),
                tier_name: document.payload.tier.clone(),
                holder: row.holder_did.clone(),
                status: row.status.clone(),
                order_id: row.order_id,
                receipt: row.receipt_id,
                document,
                qr: row.qr.clone(),
            })
        })
        .collect()
}
