//! One answer per idempotency key: a request that is sent again gets the answer that it got the first time.
//!
//! When the request and its answer are one transaction: [`check`], do the work, [`store`]. When the work goes beyond
//! one transaction: [`check`] and [`reserve`] in the first, [`store`] in the last, or [`release`] after a failure.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::{Span, Timestamp};
use imajin_proof::digest::sha256;
use imajin_proof::http_sig::SignedRequest;
use serde::Serialize;

use crate::schema::idempotency;
use crate::{Conn, SealedRow, Sealer, StoreError, for_update, sealed_row};

/// How long an answer is kept.
pub const KEPT_FOR: Span = Span::hours(24);

/// How long a request without an answer counts as running: a crash must not block its key for a day.
pub const RESERVED_FOR: Span = Span::minutes(1);

/// The most characters of an `Idempotency-Key`.
pub const KEY_LENGTH_MAX: usize = 255;

#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = idempotency, primary_key(owner_did, key))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct IdempotencyRow {
    owner_did: String,
    key: String,
    request_digest: Vec<u8>,
    status: Option<i32>,
    #[serde(serialize_with = "crate::as_optional_bytes")]
    body: Option<Vec<u8>>,
    created_at: Timestamp,
    expires_at: Timestamp,
    row_seal: Vec<u8>,
}

sealed_row!(IdempotencyRow, idempotency, "idempotency", key = (owner_did, key));

/// What is known of a request with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is new: do the work.
    Fresh,
    /// The first request with this key is still running.
    InFlight,
    /// It was answered: send this again.
    Replay {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: Vec<u8>,
    },
    /// The key belongs to another request.
    Mismatch,
}

/// The key of a signed request, with the digest of what it belongs to: method, address and body.
#[derive(Debug, Clone)]
pub struct Key {
    key: String,
    digest: [u8; 32],
}

/// An `Idempotency-Key` that is empty or longer than [`KEY_LENGTH_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to {KEY_LENGTH_MAX} characters")]
pub struct InvalidKey;

impl Key {
    /// The key of a request, if it has one.
    ///
    /// # Errors
    /// [`InvalidKey`].
    pub fn of(request: &SignedRequest) -> Result<Option<Self>, InvalidKey> {
        let Some(key) = &request.idempotency_key else {
            return Ok(None);
        };
        let head = format!("{} {}\n", request.method, request.target_uri);
        Self::named(key, &[head.as_bytes(), &request.body].concat()).map(Some)
    }

    /// A key with another name than that of a header; `content` is everything that decides about the answer.
    ///
    /// # Errors
    /// [`InvalidKey`].
    pub fn named(key: &str, content: &[u8]) -> Result<Self, InvalidKey> {
        if key.is_empty() || key.len() > KEY_LENGTH_MAX {
            return Err(InvalidKey);
        }
        Ok(Self {
            key: key.to_owned(),
            digest: sha256(content),
        })
    }

    /// The `Idempotency-Key` header.
    pub fn as_str(&self) -> &str {
        &self.key
    }

    /// The request of `owner` that has this key.
    pub fn request<'a>(&'a self, owner: &'a Did) -> Request<'a> {
        Request {
            owner,
            key: &self.key,
            digest: &self.digest,
        }
    }
}

/// A request: whose it is, its key, and the digest of everything in it that decides about the answer.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The caller: keys of different callers do not meet.
    pub owner: &'a Did,
    /// The `Idempotency-Key` header.
    pub key: &'a str,
    /// SHA-256, for example of the body.
    pub digest: &'a [u8; 32],
}

/// Looks whether the request was seen before.
///
/// # Errors
/// Diesel's; [`StoreError::Damaged`] when the stored answer was changed outside the node.
pub fn check(conn: &mut Conn, sealer: &Sealer, request: &Request<'_>, now: Timestamp) -> Result<Outcome, StoreError> {
    let Some(row) = fetch(conn, sealer, request)? else {
        return Ok(Outcome::Fresh);
    };
    if row.expires_at <= now {
        row.delete(conn)?;
        return Ok(Outcome::Fresh);
    }
    if row.request_digest != request.digest {
        return Ok(Outcome::Mismatch);
    }
    let status = row.status.and_then(|status| u16::try_from(status).ok());
    Ok(match (status, row.body) {
        (Some(status), Some(body)) => Outcome::Replay { status, body },
        _ => Outcome::InFlight,
    })
}

/// Marks the request as running, after [`check`] said [`Outcome::Fresh`] in the same transaction.
///
/// # Errors
/// Diesel's.
pub fn reserve(conn: &mut Conn, sealer: &Sealer, request: &Request<'_>, now: Timestamp) -> Result<(), StoreError> {
    let row = row(request, None, now, RESERVED_FOR);
    row.insert(conn, sealer)?;
    Ok(())
}

/// Keeps the answer of a fresh or a reserved request.
///
/// # Errors
/// [`StoreError::Answered`] when another process has answered it meanwhile: let the transaction fail, so that nothing
/// is done twice. Diesel's; [`StoreError::Damaged`] when the reservation was changed outside the node.
pub fn store(
    conn: &mut Conn,
    sealer: &Sealer,
    request: &Request<'_>,
    status: u16,
    body: &[u8],
    now: Timestamp,
) -> Result<(), StoreError> {
    let answered = row(request, Some((status, body)), now, KEPT_FOR);
    match fetch(conn, sealer, request)? {
        None => answered.insert(conn, sealer)?,
        Some(other) if other.status.is_some() => return Err(StoreError::Answered),
        Some(_reserved) => answered.save(conn, sealer)?,
    };
    Ok(())
}

/// Forgets a reservation, so that the request can be tried again. An answer stays.
///
/// # Errors
/// Diesel's.
pub fn release(conn: &mut Conn, request: &Request<'_>) -> QueryResult<()> {
    let reserved = idempotency::table
        .find((request.owner.canonical().to_string(), request.key))
        .filter(idempotency::status.is_null());
    diesel::delete(reserved).execute(conn).map(drop)
}

/// Forgets what has expired; returns how many.
///
/// # Errors
/// Diesel's.
pub fn purge(conn: &mut Conn, now: Timestamp) -> QueryResult<usize> {
    diesel::delete(idempotency::table.filter(idempotency::expires_at.le(now))).execute(conn)
}

fn row(request: &Request<'_>, answer: Option<(u16, &[u8])>, now: Timestamp, kept: Span) -> IdempotencyRow {
    IdempotencyRow {
        owner_did: request.owner.canonical().to_string(),
        key: request.key.to_owned(),
        request_digest: request.digest.to_vec(),
        status: answer.map(|(status, _)| i32::from(status)),
        body: answer.map(|(_, body)| body.to_vec()),
        created_at: now,
        expires_at: now.plus(kept),
        row_seal: Vec::new(),
    }
}

fn fetch(conn: &mut Conn, sealer: &Sealer, request: &Request<'_>) -> Result<Option<IdempotencyRow>, StoreError> {
    let owner = request.owner.canonical().to_string();
    let row: Option<IdempotencyRow> = for_update!(
        conn,
        idempotency::table.find((&owner, request.key)).select(IdempotencyRow::as_select()) => first
    )
    .optional()?;
    row.map(|row| row.intact(sealer)).transpose()
}
