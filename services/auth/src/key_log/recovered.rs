//! What a recovery ends besides sessions: every way in that whoever had the keys before may have made for themselves.

use diesel::prelude::*;
use imajin_kernel::Timestamp;
use imajin_key_log::Entry;
use imajin_store::Conn;

use crate::AuthError;
use crate::auth::Writing;
use crate::claims::claims_end;
use crate::oidc::grants::grants_end;
use crate::passkeys::store::passkeys_end;
use crate::schema::key_log_entries;

/// Ends the passkeys, the consents of applications and the claims of mailboxes that were made since the keys came into
/// force that this recovery does not agree with. The owner can make them again; a thief cannot.
pub(super) fn ways_in_end(conn: &mut Conn, auth: &Writing, recovery: &Entry) -> Result<(), AuthError> {
    let Some(since) = distrusted_since(conn, recovery, auth.env.now())? else {
        return Ok(());
    };
    passkeys_end(conn, auth, &recovery.did, since)?;
    grants_end(conn, auth, &recovery.did, since)?;
    claims_end(conn, auth, &recovery.did, since)
}

/// When the entry was accepted that the recovery displaces; where it displaces none, the one that it follows.
fn distrusted_since(conn: &mut Conn, recovery: &Entry, now: Timestamp) -> QueryResult<Option<Timestamp>> {
    let Some(prev) = recovery.prev.map(|prev| prev.to_string()) else {
        return Ok(None);
    };
    let accepted = key_log_entries::table.filter(key_log_entries::did.eq(recovery.did.clone()));
    // The recovery itself is new: what came together with it is no older.
    let displaced: Option<Timestamp> = accepted
        .clone()
        .filter(
            key_log_entries::prev
                .eq(&prev)
                .and(key_log_entries::accepted_at.lt(now)),
        )
        .order(key_log_entries::accepted_at)
        .select(key_log_entries::accepted_at)
        .first(conn)
        .optional()?;
    match displaced {
        Some(displaced) => Ok(Some(displaced)),
        None => accepted
            .filter(key_log_entries::hash.eq(prev))
            .select(key_log_entries::accepted_at)
            .first(conn)
            .optional(),
    }
}
