//! Who has which handle, and who had it until a short time ago.
//!
//! A handle is how people find and recognise somebody, so a free one is not simply given to whoever asks next:
//!
//! - one that looks like somebody else's, or like a reserved one, is not given;
//! - one that was given up is kept for its former owner for [`KEPT`], so that nobody steps into their shoes; it leads
//!   nowhere meanwhile;
//! - it can be changed once in [`CHANGE_EVERY`]: otherwise one identity could hold as many as it likes.
//!
//! All three are refused as "taken" alike, and a name that was given up is not told from one that nobody ever had by
//! whoever looks it up.

mod audit;
mod change;

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::{Span, Timestamp};
use imajin_store::{Conn, SealedRow, Sealer, intact_all};

pub(crate) use audit::{Chosen, chosen_handle, handles_audit};
pub(crate) use change::HandleBody;

use crate::AuthError;
use crate::handle::Handle;
use crate::rows::HandleRow;
use crate::schema::{handles, identities};

/// So long a handle waits for its former owner.
pub(crate) const KEPT: Span = Span::days(90);
/// So much time lies between two changes.
pub(crate) const CHANGE_EVERY: Span = Span::days(7);
/// The action in the mutation log.
pub(crate) const ACTION: &str = "identity.handle";

/// What the mutation log calls the handle of an identity.
pub(crate) fn object_of(did: &Did) -> String {
    format!("handle/{did}")
}

/// Whether somebody may have a handle: nobody else has it, had it lately, or has one that looks like it. Gives the
/// rows of those that look like it.
pub(crate) fn handle_check(
    conn: &mut Conn,
    sealer: &Sealer,
    handle: &Handle,
    did: &Did,
    now: Timestamp,
) -> Result<Vec<HandleRow>, AuthError> {
    let known = alike(conn, sealer, handle)?;
    let is_others = |row: &HandleRow| row.did != *did && row.left_at.is_none_or(|left_at| left_at.plus(KEPT) > now);
    // An identity from before there was this table has its handle in its own row only.
    let elsewhere: i64 = identities::table
        .filter(identities::handle.eq(handle.as_str()).and(identities::did.ne(did)))
        .count()
        .get_result(conn)?;
    if elsewhere > 0 || known.iter().any(is_others) {
        return Err(AuthError::HandleTaken);
    }
    Ok(known)
}

/// Gives a handle to somebody who may have it.
pub(crate) fn handle_take(
    conn: &mut Conn,
    sealer: &Sealer,
    handle: &Handle,
    did: &Did,
    now: Timestamp,
    proof: &str,
) -> Result<(), AuthError> {
    let known = handle_check(conn, sealer, handle, did, now)?;
    let row = HandleRow {
        handle: handle.as_str().to_owned(),
        look: handle.look(),
        did: did.clone(),
        proof: proof.to_owned(),
        taken_at: now,
        left_at: None,
        row_seal: Vec::new(),
    };
    if known.iter().any(|known| known.handle == row.handle) {
        row.save(conn, sealer)?;
    } else {
        row.insert(conn, sealer)?;
    }
    Ok(())
}

/// Every handle that looks like this one, itself included.
fn alike(conn: &mut Conn, sealer: &Sealer, handle: &Handle) -> Result<Vec<HandleRow>, AuthError> {
    let rows: Vec<HandleRow> = handles::table
        .filter(handles::look.eq(handle.look()))
        .select(HandleRow::as_select())
        .load(conn)?;
    // Who may be called what: a row that was written by hand is not believed.
    Ok(intact_all(rows, sealer)?)
}
