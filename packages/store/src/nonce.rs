//! Nonces of signatures: each is good once.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::{Span, Timestamp};
use imajin_proof::http_sig::{NONCE_KEPT_FOR, VerifiedRequest};
use serde::Serialize;

use crate::error::is_unique_violation;
use crate::schema::nonces;
use crate::{Conn, SealedRow, Sealer, StoreError, sealed_row};

#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = nonces, primary_key(did, nonce))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct NonceRow {
    did: String,
    nonce: String,
    created_at: Timestamp,
    expires_at: Timestamp,
    row_seal: Vec<u8>,
}

sealed_row!(NonceRow, nonces, "nonces", key = (did, nonce));

/// Spends the nonce of a signed request, in the transaction of what it authorises.
///
/// [`mutation::append`](crate::mutation::append) does this by itself: this is for requests that change nothing.
///
/// # Errors
/// As [`spend`].
pub fn request_spend(conn: &mut Conn, sealer: &Sealer, request: &VerifiedRequest) -> Result<(), StoreError> {
    spend(
        conn,
        sealer,
        &request.did,
        &request.nonce,
        request.created,
        NONCE_KEPT_FOR,
    )
}

/// Spends a nonce of a signer, in the transaction of what it authorises.
///
/// It is kept until `created` + `kept`: afterwards the signature is too old to count.
///
/// # Errors
/// [`StoreError::Replayed`] when it was spent before: let the transaction fail.
pub fn spend(
    conn: &mut Conn,
    sealer: &Sealer,
    did: &Did,
    nonce: &str,
    created: Timestamp,
    kept: Span,
) -> Result<(), StoreError> {
    let row = NonceRow {
        did: did.canonical().to_string(),
        nonce: nonce.to_owned(),
        created_at: created,
        expires_at: created.plus(kept),
        row_seal: Vec::new(),
    };
    match row.insert(conn, sealer) {
        Ok(_row) => Ok(()),
        Err(error) if is_unique_violation(&error) => Err(StoreError::Replayed),
        Err(error) => Err(error.into()),
    }
}

/// Forgets nonces whose window has passed; returns how many.
///
/// # Errors
/// Diesel's.
pub fn purge(conn: &mut Conn, now: Timestamp) -> QueryResult<usize> {
    diesel::delete(nonces::table.filter(nonces::expires_at.lt(now))).execute(conn)
}
