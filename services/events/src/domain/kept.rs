//! The manifests of events that anyone may see, by their ids.

use std::collections::BTreeSet;

use diesel::dsl::min;
use diesel::prelude::*;
use imajin_did::Did;
use imajin_events_api::EventStatus;
use imajin_fair::{ManifestId, ManifestRecord};
use imajin_kernel::Timestamp;
use imajin_kernel::id::EventId;
use imajin_publisher_api::{KEPT_MAX, KeptCard, ListPlace, ManifestsKept};
use imajin_store::{Conn, SealedRow, intact_all};

use crate::EventsError;
use crate::context::Context;
use crate::rows::{AcceptanceRow, EventRow, json_read, status_text};
use crate::schema::{acceptances, events};

/// Events with one manifest that are looked at: an author may sell the same split again.
const EVENTS_MAX: i64 = 100;

/// The manifest of events that are no drafts, with the countersignatures that it got at any of them.
pub(crate) fn record_kept(
    conn: &mut Conn,
    context: &Context,
    id: &ManifestId,
) -> Result<Option<ManifestRecord>, EventsError> {
    let events = events_with(conn, context, id, EVENTS_MAX)?;
    let Some(first) = events.first() else { return Ok(None) };
    let mut record = ManifestRecord::new(first.manifest()?);
    let ids: Vec<EventId> = events.iter().map(|event| event.id).collect();
    let rows: Vec<AcceptanceRow> = acceptances::table
        .filter(acceptances::event_id.eq_any(ids))
        .order_by((acceptances::did, acceptances::event_id))
        .select(AcceptanceRow::as_select())
        .load(conn)?;
    let mut seen = BTreeSet::new();
    for row in rows {
        let row = row.intact(&context.sealer)?;
        if seen.insert(row.did.clone()) {
            let acceptance = json_read("acceptances", &format!("{}/{}", row.event_id, row.did), &row.document)?;
            record.acceptances.push(acceptance);
        }
    }
    Ok(Some(record))
}

/// The manifests of an author's events that are no drafts, each once, since the first of its events was published.
/// One owner has a bounded number of events, and they are found by an index.
pub(crate) fn manifests_kept(
    conn: &mut Conn,
    context: &Context,
    wanted: &ManifestsKept,
) -> Result<Vec<KeptCard>, EventsError> {
    let first = min(events::published_at);
    let (before, before_id) = match &wanted.after {
        Some(after) => (after.published_at, after.id.as_str()),
        None => (Timestamp::from_micros(i64::MAX), ""),
    };
    let later = first
        .lt(before)
        .or(first.eq(before).and(events::manifest_id.lt(before_id)));
    let found: Vec<(String, Option<Timestamp>)> = events::table
        .filter(events::owner_did.eq(wanted.author.canonical()))
        .filter(events::status.ne(status_text(EventStatus::Draft)))
        .filter(events::published_at.is_not_null())
        .filter(events::deleted_at.is_null())
        .group_by(events::manifest_id)
        .having(later)
        .order_by((first.desc(), events::manifest_id.desc()))
        .limit(i64::from(wanted.limit.min(KEPT_MAX)))
        .select((events::manifest_id, first))
        .load(conn)?;
    let mut cards = Vec::with_capacity(found.len());
    for (id, published_at) in found {
        let unreadable = || EventsError::damaged("events", &id, "its manifest cannot be listed");
        let place = ListPlace {
            published_at: published_at.ok_or_else(unreadable)?,
            id: id.parse().map_err(|_error| unreadable())?,
        };
        let Some(event) = events_with(conn, context, &place.id, 1)?.pop() else {
            continue;
        };
        let manifest = event.manifest()?;
        cards.push(KeptCard {
            title: manifest.title.or(Some(event.title)),
            kind: manifest.kind,
            place,
        });
    }
    Ok(cards)
}

/// The event with this manifest that `contributor` accepts: the first where the acceptance is missing.
pub(crate) fn event_of(
    conn: &mut Conn,
    context: &Context,
    id: &ManifestId,
    contributor: &Did,
) -> Result<Option<EventId>, EventsError> {
    let events = events_with(conn, context, id, EVENTS_MAX)?;
    for event in &events {
        let known: i64 = acceptances::table
            .find((event.id, contributor))
            .count()
            .get_result(conn)?;
        if known == 0 {
            return Ok(Some(event.id));
        }
    }
    Ok(events.first().map(|event| event.id))
}

fn events_with(conn: &mut Conn, context: &Context, id: &ManifestId, limit: i64) -> Result<Vec<EventRow>, EventsError> {
    let rows: Vec<EventRow> = events::table
        .filter(events::manifest_id.eq(id.as_str()))
        .filter(events::status.ne(status_text(EventStatus::Draft)))
        .filter(events::deleted_at.is_null())
        .order_by(events::id)
        .limit(limit)
        .select(EventRow::as_select())
        .load(conn)?;
    Ok(intact_all(rows, &context.sealer)?)
}
