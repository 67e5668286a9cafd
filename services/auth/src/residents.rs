//! A visitor who registers here as well: the DID stays, and the home stays where it is.
//!
//! A visitor has a session and no more. Whoever wants to buy, write a profile or have a handle here registers with the
//! key that the DID is, as anybody else. The keys go on being the home's business: this node keeps no key log for a
//! resident, takes no entries of one, and believes the mirrored log of the home as soon as it has one.

use imajin_did::PublicKey;
use imajin_key_log::Status;
use imajin_store::mutation::{self, Logged};
use imajin_store::{Conn, SealedRow, Sealer};

use crate::AuthError;
use crate::auth::Writing;
use crate::federation::audit::visitor_fits;
use crate::handles::{Chosen, handle_check, handle_take};
use crate::identities::{CUSTODY_HOME, CUSTODY_OWN, CUSTODY_RESIDENT};
use crate::key_log::{KeyRefusal, mirrored_find};
use crate::log::{Authority, mutation_record};
use crate::new_home::has_arrived;
use crate::registration::{RegisterBody, Registration};
use crate::rows::IdentityRow;

const ACTION: &str = "identity.settle";

fn object_of(row: &IdentityRow) -> String {
    format!("settle/{}", row.did)
}

/// Whether a row is a visitor's.
pub(crate) fn is_visitor(row: &IdentityRow) -> bool {
    row.custody == CUSTODY_HOME && row.deleted_at.is_none()
}

/// Makes a resident of a visitor who has proven the key. What the registration says of keys is the home's business.
pub(crate) fn settle(
    conn: &mut Conn,
    auth: &Writing,
    mut row: IdentityRow,
    registration: &Registration,
    raw: Vec<u8>,
    authority: &Authority,
) -> Result<IdentityRow, AuthError> {
    let (sealer, now) = (&auth.sealer, auth.env.now());
    key_counts(conn, sealer, &row, &registration.key)?;
    if let Some(handle) = &registration.handle {
        handle_check(conn, sealer, handle, &row.did, now)?;
    }
    row.proof = mutation_record(conn, auth, &row.did, ACTION, &object_of(&row), raw, authority)?;
    CUSTODY_RESIDENT.clone_into(&mut row.custody);
    row.handle = registration.handle.as_ref().map(|handle| handle.as_str().to_owned());
    let row = row.save(conn, sealer)?;
    if let Some(handle) = &registration.handle {
        handle_take(conn, sealer, handle, &row.did, now, &row.proof)?;
    }
    Ok(row)
}

/// A key that the home has replaced makes nobody a resident.
fn key_counts(conn: &mut Conn, sealer: &Sealer, row: &IdentityRow, key: &PublicKey) -> Result<(), AuthError> {
    match mirrored_find(conn, sealer, &row.did)? {
        Some((_log, state)) if state.status != Status::Active || !state.keys.contains(key) => {
            Err(KeyRefusal::HomeElsewhere.into())
        }
        _ => Ok(()),
    }
}

/// What the mutation log says about how a visitor became a resident, and may since have made this node their home.
pub(crate) fn settled_find(conn: &mut Conn, row: &IdentityRow) -> diesel::QueryResult<Option<Logged>> {
    if row.custody == CUSTODY_RESIDENT || row.custody == CUSTODY_OWN && has_arrived(conn, &row.did)? {
        mutation::last_body(conn, &object_of(row))
    } else {
        Ok(None)
    }
}

/// Whether somebody who came from another node is who was linked, and has signed for what has changed since. `settled`
/// is what [`settled_find`] gives.
pub(crate) fn visitor_or_resident_fits(
    row: &IdentityRow,
    linked: &Logged,
    settled: Option<&Logged>,
    chosen: Option<&Chosen>,
) -> bool {
    if ![CUSTODY_RESIDENT, CUSTODY_OWN].contains(&row.custody.as_str()) {
        return visitor_fits(row, linked);
    }
    let Some(settled) = settled.filter(|logged| logged.action == ACTION && logged.owner_did == row.did.as_str()) else {
        return false;
    };
    let said = settled.body.as_deref().map(|body| {
        let said = serde_json::from_slice::<RegisterBody>(body).ok();
        said.and_then(|said| Registration::parse(&said).ok())
    });
    let handle_fits = match (chosen, said) {
        (Some(chosen), _) => chosen.fits(row.handle.as_deref()),
        // Erased.
        (None, None) => true,
        (None, Some(said)) => {
            said.is_some_and(|said| row.handle == said.handle.map(crate::handle::Handle::into_string))
        }
    };
    let as_it_came = IdentityRow {
        custody: CUSTODY_HOME.to_owned(),
        handle: None,
        ..row.clone()
    };
    handle_fits && visitor_fits(&as_it_came, linked)
}
