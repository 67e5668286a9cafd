//! Lists: each has a bound and an index.

use std::collections::BTreeMap;

use diesel::prelude::*;
use imajin_did::Did;
use imajin_events_api::{EventList, EventPage, EventSales, EventStatus, EventView, SalesList, TicketList, TicketView};
use imajin_kernel::Timestamp;
use imajin_kernel::id::EventId;
use imajin_money::Money;
use imajin_store::Conn;

use super::draft::DURATION_MAX;
use super::{locks, views};
use crate::EventsError;
use crate::context::Context;
use crate::rows::{EventRow, TicketRow, TierRow, status_text};
use crate::schema::{events, tickets, tiers};

const PAGE_DEFAULT: u32 = 50;
const PAGE_MAX: u32 = 100;
/// The most events that one list of sales covers; the newest ones.
const SALES_MAX: i64 = 200;

/// Where a page of events ended: the key of its last row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    starts_at: Timestamp,
    id: EventId,
}

impl Cursor {
    fn to_text(self) -> String {
        format!("{}.{}", self.starts_at.as_micros(), self.id)
    }

    fn parse(text: &str) -> Result<Self, EventsError> {
        let parse = || {
            let (micros, id) = text.split_once('.')?;
            Some(Self {
                starts_at: Timestamp::from_micros(micros.parse().ok()?),
                id: id.parse().ok()?,
            })
        };
        parse().ok_or_else(|| EventsError::invalid("cursor", "is not one that this list gave out"))
    }
}

/// A page of events, the soonest first.
pub(crate) fn event_list(conn: &mut Conn, context: &Context, list: &EventList) -> Result<EventPage, EventsError> {
    let limit = list.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(EventsError::invalid("limit", format!("must be 1 to {PAGE_MAX}")));
    }
    let now = context.env.now();
    let mut query = events::table.filter(events::deleted_at.is_null()).into_boxed();
    query = match &list.owner {
        Some(owner) => query.filter(events::owner_did.eq(owner.canonical())),
        // What began longer ago than any event lasts is over: so the index range begins near the present.
        None => query
            .filter(events::status.eq(status_text(EventStatus::Published)))
            .filter(events::starts_at.gt(now.minus(DURATION_MAX)))
            .filter(events::ends_at.gt(now)),
    };
    if let Some(cursor) = list.cursor.as_deref().map(Cursor::parse).transpose()? {
        let later = events::starts_at.gt(cursor.starts_at);
        let same = events::starts_at.eq(cursor.starts_at).and(events::id.gt(cursor.id));
        query = query
            .filter(events::starts_at.ge(cursor.starts_at))
            .filter(later.or(same));
    }
    let query = query
        .order_by((events::starts_at, events::id))
        .limit(i64::from(limit) + 1);
    let mut rows: Vec<EventRow> = query.select(EventRow::as_select()).load(conn)?;
    let page_length = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > page_length;
    rows.truncate(page_length);
    let cursor = rows.last().filter(|_row| has_more).map(|row| {
        Cursor {
            starts_at: row.starts_at,
            id: row.id,
        }
        .to_text()
    });
    Ok(EventPage {
        events: views::event_views(conn, context, &rows, list.owner.as_ref())?,
        cursor,
    })
}

/// One event, if `reader` may see it: a draft is its owner's alone.
pub(crate) fn event_fetch(
    conn: &mut Conn,
    context: &Context,
    id: EventId,
    reader: Option<&Did>,
) -> Result<Option<EventView>, EventsError> {
    let Some(row) = locks::event_find(conn, context, id)? else {
        return Ok(None);
    };
    let is_owner = reader.is_some_and(|reader| reader.canonical() == row.owner_did);
    if row.status_set()? == EventStatus::Draft && !is_owner {
        return Ok(None);
    }
    Ok(views::event_views(conn, context, &[row], reader)?.into_iter().next())
}

/// A holder's tickets, newest first.
pub(crate) fn ticket_list(conn: &mut Conn, list: &TicketList) -> Result<Vec<TicketView>, EventsError> {
    if !(1..=PAGE_MAX).contains(&list.limit) {
        return Err(EventsError::invalid("limit", format!("must be 1 to {PAGE_MAX}")));
    }
    let mut query = tickets::table
        .filter(tickets::holder_did.eq(list.owner.canonical()))
        .into_boxed();
    if let Some(event) = list.event {
        query = query.filter(tickets::event_id.eq(event));
    }
    if let Some(before) = list.before {
        query = query.filter(tickets::id.lt(before));
    }
    let query = query.order_by(tickets::id.desc()).limit(i64::from(list.limit));
    let rows: Vec<TicketRow> = query.select(TicketRow::as_select()).load(conn)?;
    views::ticket_views(conn, &rows)
}

/// How each event sells, the newest events first. Drafts sell nothing and are left out.
pub(crate) fn sales_list(conn: &mut Conn, list: &SalesList, now: Timestamp) -> Result<Vec<EventSales>, EventsError> {
    let mut query = events::table
        .filter(events::deleted_at.is_null())
        .filter(events::status.ne(status_text(EventStatus::Draft)))
        .into_boxed();
    if let Some(owner) = &list.owner {
        query = query.filter(events::owner_did.eq(owner.canonical()));
    }
    let query = query.order_by(events::id.desc()).limit(SALES_MAX);
    let rows: Vec<EventRow> = query.select(EventRow::as_select()).load(conn)?;
    let ids: Vec<EventId> = rows.iter().map(|row| row.id).collect();
    let query = tiers::table
        .filter(tiers::event_id.eq_any(ids))
        .order_by((tiers::event_id, tiers::position));
    let mut by_event: BTreeMap<EventId, Vec<TierRow>> = BTreeMap::new();
    for tier in query.select(TierRow::as_select()).load::<TierRow>(conn)? {
        by_event.entry(tier.event_id).or_default().push(tier);
    }
    rows.iter()
        .map(|row| event_sales(row, &by_event.remove(&row.id).unwrap_or_default(), now))
        .collect()
}

fn event_sales(event: &EventRow, tiers: &[TierRow], now: Timestamp) -> Result<EventSales, EventsError> {
    let mut sales = EventSales {
        event_id: event.id,
        title: event.title.clone(),
        status: event.status_at(now)?,
        sold: 0,
        held: 0,
        quantity: Some(0),
        gross: Vec::new(),
    };
    for tier in tiers {
        sales.sold = sales.sold.saturating_add(u32::try_from(tier.sold).unwrap_or(0));
        sales.held = sales.held.saturating_add(u32::try_from(tier.held).unwrap_or(0));
        sales.quantity = sales
            .quantity
            .zip(tier.quantity()?)
            .map(|(sum, more)| sum.saturating_add(more));
        gross_add(&mut sales.gross, tier.gross()?)?;
    }
    Ok(sales)
}

fn gross_add(lines: &mut Vec<Money>, money: Money) -> Result<(), EventsError> {
    match lines.iter_mut().find(|line| line.asset == money.asset) {
        Some(line) => {
            let sum = line.checked_add(money);
            *line = sum.map_err(|error| EventsError::Fault(format!("the sales cannot be summed: {error}")))?;
        }
        None => lines.push(money),
    }
    Ok(())
}

/// Whether the database answers and has the tables.
pub(crate) fn ready_check(conn: &mut Conn) -> Result<(), EventsError> {
    let _any: Option<EventId> = events::table.select(events::id).first(conn).optional()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_round_trips_and_nonsense_is_refused() {
        let cursor = Cursor {
            starts_at: Timestamp::from_micros(-5),
            id: EventId::from_bytes([9; 16]),
        };
        assert_eq!(Cursor::parse(&cursor.to_text()).unwrap(), cursor);
        for wrong in ["", ".", "1", "x.evt_1", "1.evt_1"] {
            assert!(Cursor::parse(wrong).is_err(), "{wrong}");
        }
    }
}
