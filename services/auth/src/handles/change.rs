//! An identity takes a handle, changes it, or gives it up.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::{Span, Timestamp};
use imajin_store::{Conn, SealedRow, Sealer, for_update};
use imajin_web::{Authorised, KeyTier};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ACTION, CHANGE_EVERY, handle_take, object_of};
use crate::AuthError;
use crate::auth::{Auth, Writing};
use crate::handle::Handle;
use crate::identities::{Identity, operator_find};
use crate::log::{Authority, mutation_record};
use crate::rows::{HandleRow, IdentityRow};
use crate::schema::{handles, identities};

/// What somebody wants to be called.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HandleBody {
    /// 3 to 30 of a–z, 0–9 and the underscore; null gives the handle up.
    #[schema(required, example = "ada")]
    pub(crate) handle: Option<String>,
}

/// The same, checked.
#[derive(Debug, Clone)]
pub(crate) struct ChosenHandle(Option<Handle>);

impl HandleBody {
    /// Whether the handle has the right form and is not reserved. Upper case is understood as lower case.
    pub(crate) fn parse(&self) -> Result<ChosenHandle, AuthError> {
        let lower = self.handle.as_deref().map(|text| text.trim().to_ascii_lowercase());
        Ok(ChosenHandle(lower.as_deref().map(str::parse::<Handle>).transpose()?))
    }
}

impl ChosenHandle {
    pub(crate) fn text(&self) -> Option<&str> {
        self.0.as_ref().map(Handle::as_str)
    }
}

impl Auth {
    /// Changes the handle of whoever signed. One that is asked for again is left as it is.
    pub(crate) async fn handle_set(
        &self,
        signer: &Authorised<KeyTier>,
        body: &HandleBody,
        raw: Vec<u8>,
    ) -> Result<Identity, AuthError> {
        let change = Change {
            did: signer.did().clone(),
            chosen: body.parse()?,
            authority: Authority::Signed(signer.proof().clone()),
            raw,
        };
        let auth = self.writing();
        let written = self.write_contended(move |conn| change.run(conn, &auth)).await;
        written.map_err(|error| match error {
            // Somebody with a handle that looks like it was quicker, twice.
            AuthError::Store(error) if error.is_unique_violation() => AuthError::HandleTaken,
            other => other,
        })
    }
}

struct Change {
    did: Did,
    chosen: ChosenHandle,
    authority: Authority,
    raw: Vec<u8>,
}

impl Change {
    fn run(&self, conn: &mut Conn, auth: &Writing) -> Result<Identity, AuthError> {
        let (sealer, now) = (&auth.sealer, auth.env.now());
        let row: Option<IdentityRow> = for_update!(
            conn,
            identities::table.find(self.did.clone()).select(IdentityRow::as_select()) => first
        )
        .optional()?;
        let mut row = row.ok_or(AuthError::IdentityUnknown)?.intact(sealer)?;
        let operator = operator_find(conn, sealer)?;
        if row.handle.as_deref() == self.chosen.text() {
            self.authority.nonce_spend(conn, auth)?;
            return Identity::from_row(row, operator.as_ref());
        }
        if let Some(wait) = change_wait(conn, sealer, &row, now)? {
            return Err(AuthError::HandleTooSoon {
                retry_after_seconds: u32::try_from(wait.as_seconds()).unwrap_or(u32::MAX).max(1),
            });
        }
        let (did, object) = (&self.did, object_of(&self.did));
        let proof = mutation_record(conn, auth, did, ACTION, &object, self.raw.clone(), &self.authority)?;
        if let Some(old) = row.handle.as_deref() {
            handle_leave(conn, sealer, old, &row, now)?;
        }
        row.handle = self.chosen.text().map(str::to_owned);
        if let Some(handle) = &self.chosen.0 {
            handle_take(conn, sealer, handle, did, now, &proof)?;
        }
        let row = row.save(conn, sealer)?;
        Identity::from_row(row, operator.as_ref())
    }
}

/// How long the next change has to wait, if it has to. A handle that came with the registration does not count.
fn change_wait(
    conn: &mut Conn,
    sealer: &Sealer,
    identity: &IdentityRow,
    now: Timestamp,
) -> Result<Option<Span>, AuthError> {
    let rows: Vec<HandleRow> = handles::table
        .filter(handles::did.eq(&identity.did))
        .select(HandleRow::as_select())
        .load(conn)?;
    let mut last: Option<Timestamp> = None;
    for row in rows {
        let row = row.intact(sealer)?;
        let moments = [Some(row.taken_at), row.left_at];
        let changes = moments.into_iter().flatten().filter(|at| *at > identity.created_at);
        last = last.into_iter().chain(changes).max();
    }
    let next = last.map(|last| last.plus(CHANGE_EVERY));
    Ok(next.filter(|next| *next > now).map(|next| next.since(now)))
}

/// Notes that a handle was given up: it waits for its owner for a while.
fn handle_leave(
    conn: &mut Conn,
    sealer: &Sealer,
    handle: &str,
    identity: &IdentityRow,
    now: Timestamp,
) -> Result<(), AuthError> {
    let known: Option<HandleRow> = handles::table
        .find(handle)
        .select(HandleRow::as_select())
        .first(conn)
        .optional()?;
    if let Some(known) = known {
        let mut known = known.intact(sealer)?;
        known.left_at = Some(now);
        known.save(conn, sealer)?;
        return Ok(());
    }
    let row = HandleRow {
        handle: handle.to_owned(),
        look: handle
            .parse::<Handle>()
            .map_or_else(|_reserved| handle.to_owned(), |handle| handle.look()),
        did: identity.did.clone(),
        proof: identity.proof.clone(),
        taken_at: identity.created_at,
        left_at: Some(now),
        row_seal: Vec::new(),
    };
    row.insert(conn, sealer)?;
    Ok(())
}
