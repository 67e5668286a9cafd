//! Facts for other services: written in the transaction that makes them true, delivered afterwards, at least once.
//!
//! A worker asks for what is [`due`], hands each item over, and marks it [`done`] in the transaction that records the
//! outcome, or puts it back with [`retry`]. Items of one topic and key are handed out one after the other, in the
//! order in which they were enqueued. Nothing is ever given up: the consumer is idempotent, by the item's id.

use diesel::prelude::*;
use imajin_kernel::id::OutboxId;
use imajin_kernel::{Env, Span, Timestamp};
use serde::Serialize;

use crate::schema::outbox;
use crate::{Conn, SealedRow, Sealer, StoreError, for_update, sealed_row};

/// The longest wait between two attempts.
const BACKOFF_MAX: Span = Span::minutes(10);

/// The longest piece of an error that is kept.
const ERROR_LENGTH_MAX: usize = 500;

/// A fact on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Queryable, Selectable, Insertable, AsChangeset, Identifiable)]
#[diesel(table_name = outbox, treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct OutboxRow {
    /// Also the consumer's key against doing it twice.
    pub id: OutboxId,
    /// What kind of fact, for example `deliver`.
    pub topic: String,
    /// What it is about, for example the id of a checkout.
    pub key: String,
    /// The place among the items of this topic and key, from 1.
    pub position: i64,
    /// JSON.
    pub body: String,
    /// How often it was tried in vain.
    pub attempts: i32,
    /// When it became true.
    pub created_at: Timestamp,
    /// Not before this moment.
    pub due_at: Timestamp,
    /// When it arrived.
    pub done_at: Option<Timestamp>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// Over all other columns.
    pub row_seal: Vec<u8>,
}

sealed_row!(OutboxRow, outbox, "outbox", key = (id));

impl OutboxRow {
    /// The body as the type that was enqueued.
    ///
    /// # Errors
    /// When it is of another type.
    pub fn parse<T: serde::de::DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.body)
    }
}

/// Adds a fact, due now. Call it in the transaction that makes the fact true.
///
/// # Errors
/// Diesel's; [`diesel::result::Error::SerializationError`] when the body is no JSON.
pub fn enqueue<T: Serialize>(
    conn: &mut Conn,
    sealer: &Sealer,
    env: &Env,
    topic: &str,
    key: &str,
    body: &T,
) -> QueryResult<OutboxRow> {
    enqueue_at(conn, sealer, env, topic, key, body, env.now())
}

/// Adds a fact that is not to be delivered before `due_at`.
///
/// # Errors
/// Diesel's; [`diesel::result::Error::SerializationError`] when the body is no JSON.
pub fn enqueue_at<T: Serialize>(
    conn: &mut Conn,
    sealer: &Sealer,
    env: &Env,
    topic: &str,
    key: &str,
    body: &T,
    due_at: Timestamp,
) -> QueryResult<OutboxRow> {
    let body =
        serde_json::to_string(body).map_err(|error| diesel::result::Error::SerializationError(Box::new(error)))?;
    let last: Option<i64> = outbox::table
        .filter(outbox::topic.eq(topic))
        .filter(outbox::key.eq(key))
        .select(diesel::dsl::max(outbox::position))
        .first(conn)?;
    let row = OutboxRow {
        id: env.new_id(),
        topic: topic.to_owned(),
        key: key.to_owned(),
        position: last.unwrap_or(0).saturating_add(1),
        body,
        attempts: 0,
        created_at: env.now(),
        due_at,
        done_at: None,
        last_error: None,
        row_seal: Vec::new(),
    };
    row.insert(conn, sealer)
}

mod alias {
    use crate::schema::outbox;

    diesel::alias!(outbox as earlier: Earlier);
}

/// What is to be delivered now, oldest first: of each topic and key only the first that has not arrived.
///
/// # Errors
/// Diesel's.
pub fn due(conn: &mut Conn, now: Timestamp, limit: i64) -> QueryResult<Vec<OutboxRow>> {
    let earlier = alias::earlier;
    outbox::table
        .filter(outbox::done_at.is_null())
        .filter(outbox::due_at.le(now))
        .filter(diesel::dsl::not(diesel::dsl::exists(
            earlier
                .filter(earlier.field(outbox::done_at).is_null())
                .filter(earlier.field(outbox::topic).eq(outbox::topic))
                .filter(earlier.field(outbox::key).eq(outbox::key))
                .filter(earlier.field(outbox::position).lt(outbox::position)),
        )))
        .order_by((outbox::due_at, outbox::id))
        .limit(limit)
        .select(OutboxRow::as_select())
        .load(conn)
}

/// What is to be delivered now, and what cannot be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Due {
    /// The items, as they were written.
    pub items: Vec<OutboxRow>,
    /// Items that somebody has changed outside the node. What they ask for is not done.
    pub damaged: Vec<OutboxId>,
}

/// As [`due`], of these topics only, and only what is as the node wrote it: for a worker that moves money by an item's
/// word. Damaged items hold nothing up but what comes after them under their own key.
///
/// # Errors
/// Diesel's.
pub fn due_intact(conn: &mut Conn, sealer: &Sealer, topics: &[&str], now: Timestamp, limit: i64) -> QueryResult<Due> {
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut found = Due::default();
    let mut after = None;
    loop {
        let page = due_page(conn, topics, now, after, limit)?;
        let is_last = page.len() < wanted;
        for row in page {
            after = Some((row.due_at, row.id));
            let id = row.id;
            match row.intact(sealer) {
                Ok(_) if found.items.len() >= wanted => return Ok(found),
                Ok(row) => found.items.push(row),
                Err(_changed) => found.damaged.push(id),
            }
        }
        if is_last || found.items.len() >= wanted {
            return Ok(found);
        }
    }
}

fn due_page(
    conn: &mut Conn,
    topics: &[&str],
    now: Timestamp,
    after: Option<(Timestamp, OutboxId)>,
    limit: i64,
) -> QueryResult<Vec<OutboxRow>> {
    let earlier = alias::earlier;
    let (due_at, id) = after.unwrap_or((Timestamp::from_micros(i64::MIN), OutboxId::from_bytes([0; 16])));
    outbox::table
        .filter(outbox::done_at.is_null())
        .filter(outbox::due_at.le(now))
        .filter(outbox::topic.eq_any(topics))
        .filter(
            outbox::due_at
                .gt(due_at)
                .or(outbox::due_at.eq(due_at).and(outbox::id.gt(id))),
        )
        .filter(diesel::dsl::not(diesel::dsl::exists(
            earlier
                .filter(earlier.field(outbox::done_at).is_null())
                .filter(earlier.field(outbox::topic).eq(outbox::topic))
                .filter(earlier.field(outbox::key).eq(outbox::key))
                .filter(earlier.field(outbox::position).lt(outbox::position)),
        )))
        .order_by((outbox::due_at, outbox::id))
        .limit(limit)
        .select(OutboxRow::as_select())
        .load(conn)
}

/// When the next undelivered item is due, for a worker that wants to sleep until then.
///
/// # Errors
/// Diesel's.
pub fn next_due(conn: &mut Conn) -> QueryResult<Option<Timestamp>> {
    outbox::table
        .filter(outbox::done_at.is_null())
        .order_by(outbox::due_at)
        .select(outbox::due_at)
        .first(conn)
        .optional()
}

/// Takes an item for a while: until then nobody else is given it. `None` when somebody else has it, or it has arrived.
/// Only for workers of several processes whose deliveries must not overlap.
///
/// # Errors
/// As [`done`].
pub fn lease(
    conn: &mut Conn,
    sealer: &Sealer,
    id: &OutboxId,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<OutboxRow>, StoreError> {
    let mut row = fetch(conn, sealer, id)?;
    if row.done_at.is_some() || row.due_at > now {
        return Ok(None);
    }
    row.due_at = until;
    Ok(Some(row.save(conn, sealer)?))
}

/// Whether something of a topic and key has not arrived yet.
///
/// # Errors
/// Diesel's.
pub fn is_pending(conn: &mut Conn, topic: &str, key: &str) -> QueryResult<bool> {
    let waiting: i64 = outbox::table
        .filter(outbox::topic.eq(topic))
        .filter(outbox::key.eq(key))
        .filter(outbox::done_at.is_null())
        .count()
        .get_result(conn)?;
    Ok(waiting > 0)
}

/// The first of a topic and key that has not arrived yet.
///
/// # Errors
/// [`StoreError::Damaged`] when it was changed outside the node; diesel's.
pub fn pending_find(conn: &mut Conn, sealer: &Sealer, topic: &str, key: &str) -> Result<Option<OutboxRow>, StoreError> {
    let row: Option<OutboxRow> = outbox::table
        .filter(outbox::topic.eq(topic))
        .filter(outbox::key.eq(key))
        .filter(outbox::done_at.is_null())
        .order_by(outbox::position)
        .select(OutboxRow::as_select())
        .first(conn)
        .optional()?;
    row.map(|row| row.intact(sealer)).transpose()
}

/// Marks an item as arrived. Call it in the transaction that records the outcome. Doing it twice is harmless.
///
/// # Errors
/// [`StoreError::Database`] with `NotFound` when there is no such item; [`StoreError::Damaged`] when it was changed
/// outside the node.
pub fn done(conn: &mut Conn, sealer: &Sealer, id: &OutboxId, now: Timestamp) -> Result<(), StoreError> {
    let mut row = fetch(conn, sealer, id)?;
    if row.done_at.is_none() {
        row.done_at = Some(now);
        row.last_error = None;
        row.save(conn, sealer)?;
    }
    Ok(())
}

/// Puts an item back after a failed attempt: due again in 1 s, 2 s, 4 s, … at most 10 minutes.
///
/// # Errors
/// As [`done`].
pub fn retry(
    conn: &mut Conn,
    sealer: &Sealer,
    id: &OutboxId,
    now: Timestamp,
    reason: &str,
) -> Result<OutboxRow, StoreError> {
    let mut row = fetch(conn, sealer, id)?;
    if row.done_at.is_some() {
        return Ok(row);
    }
    row.due_at = now.plus(backoff(row.attempts));
    row.attempts = row.attempts.saturating_add(1);
    row.last_error = Some(reason.chars().take(ERROR_LENGTH_MAX).collect());
    Ok(row.save(conn, sealer)?)
}

/// Makes an item due now, for an operator who has removed the cause.
///
/// # Errors
/// As [`done`].
pub fn expedite(conn: &mut Conn, sealer: &Sealer, id: &OutboxId, now: Timestamp) -> Result<OutboxRow, StoreError> {
    let mut row = fetch(conn, sealer, id)?;
    if row.done_at.is_none() {
        row.due_at = now;
        row = row.save(conn, sealer)?;
    }
    Ok(row)
}

/// Makes what has not arrived of a topic and key due now, because what it waited for has happened. Returns how many
/// items that is.
///
/// # Errors
/// As [`done`].
pub fn expedite_key(
    conn: &mut Conn,
    sealer: &Sealer,
    topic: &str,
    key: &str,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let ids: Vec<OutboxId> = outbox::table
        .filter(outbox::topic.eq(topic))
        .filter(outbox::key.eq(key))
        .filter(outbox::done_at.is_null())
        .select(outbox::id)
        .load(conn)?;
    for id in &ids {
        expedite(conn, sealer, id, now)?;
    }
    Ok(ids.len())
}

/// Forgets what arrived before `before`; returns how many.
///
/// # Errors
/// Diesel's.
pub fn purge(conn: &mut Conn, before: Timestamp) -> QueryResult<usize> {
    diesel::delete(outbox::table.filter(outbox::done_at.lt(before))).execute(conn)
}

fn fetch(conn: &mut Conn, sealer: &Sealer, id: &OutboxId) -> Result<OutboxRow, StoreError> {
    let row: OutboxRow = for_update!(conn, outbox::table.find(id).select(OutboxRow::as_select()) => first)?;
    row.intact(sealer)
}

fn backoff(attempts: i32) -> Span {
    let doublings = u32::try_from(attempts).unwrap_or(0).min(20);
    Span::seconds(1_i64 << doublings).min(BACKOFF_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_ten_minutes() {
        assert_eq!(backoff(0), Span::seconds(1));
        assert_eq!(backoff(3), Span::seconds(8));
        assert_eq!(backoff(10), Span::minutes(10));
        assert_eq!(backoff(i32::MAX), Span::minutes(10));
        assert_eq!(backoff(-1), Span::seconds(1));
    }
}
