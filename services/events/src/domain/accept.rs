use diesel::prelude::*;
use imajin_fair::Acceptance;
use imajin_kernel::id::EventId;
use imajin_store::{Conn, SealedRow, is_unique_violation};
use imajin_web::{Authorised, SignerKeys, SoftTier};

use super::locks;
use crate::context::Context;
use crate::rows::{AcceptanceRow, json_text};
use crate::schema::acceptances;
use crate::{EventsError, log};

/// A countersignature on its way into the database.
#[derive(Clone)]
pub(crate) struct NewAcceptance {
    pub(crate) event: EventId,
    pub(crate) acceptance: Acceptance,
    /// The keys with which the contributor could sign it then.
    pub(crate) contributor: SignerKeys,
    /// Who brings it: the contributor, or the event's owner.
    pub(crate) verified: Authorised<SoftTier>,
    pub(crate) body: Vec<u8>,
}

/// Keeps a contributor's countersignature. A second one changes nothing.
pub(crate) fn acceptance_add(conn: &mut Conn, context: &Context, new: &NewAcceptance) -> Result<(), EventsError> {
    let event = locks::event_lock(conn, context, new.event)?.ok_or(EventsError::NotFound("event"))?;
    let did = new.acceptance.contributor().canonical();
    let is_contributor = [&did, &new.contributor.did].contains(&new.verified.did());
    if !is_contributor {
        event.owner_require(new.verified.did())?;
    }
    let manifest = event.manifest()?;
    let signed: Result<(), EventsError> = new.contributor.check(|key| new.acceptance.verify(&manifest, key));
    signed?;
    let known: i64 = acceptances::table.find((new.event, &did)).count().get_result(conn)?;
    if known > 0 {
        return context.nonce_spend(conn, &new.verified);
    }
    let object = log::acceptance_object(new.event, &did);
    log::signed_append(conn, context, &new.verified, log::FAIR_ACCEPT, &object, &new.body)?;
    let row = AcceptanceRow {
        event_id: new.event,
        did,
        manifest_id: event.manifest_id,
        document: json_text(&new.acceptance)?,
        created_at: context.env.now(),
        row_seal: Vec::new(),
    };
    match row.insert(conn, &context.sealer) {
        Err(error) if !is_unique_violation(&error) => Err(error.into()),
        Err(_known) => Err(EventsError::State {
            detail: "This contributor has accepted already.".to_owned(),
            hint: "Nothing needs to be done.",
        }),
        Ok(_row) => Ok(()),
    }
}
