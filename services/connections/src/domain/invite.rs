//! Invitations: signed by whoever invites, taken up by whoever holds the code.

use diesel::prelude::*;
use imajin_connections_api::Proven;
use imajin_connections_api::statement::{InviteTerms, Statement, digest_of, id_of};
use imajin_kernel::Timestamp;
use imajin_kernel::id::InviteId;
use imajin_proof::SignedMessage;
use imajin_store::{Conn, SealedRow, for_update, intact_all};

use super::find::{standing_lock, statement_find};
use super::issue::{replace, row_insert, row_of, same_or_refused};
use crate::context::{Change, Context};
use crate::rows::{InviteRow, StatementRow, json_text, tie_name};
use crate::schema::invites;
use crate::{ConnectionsError, log};

/// The characters of a note at most.
const NOTE_LENGTH_MAX: usize = 280;

/// An invitation whose signature was checked.
#[derive(Debug, Clone)]
pub(crate) struct NewInvite {
    pub(crate) change: Change,
    pub(crate) document: SignedMessage,
    pub(crate) statement: Statement,
    pub(crate) terms: InviteTerms,
    pub(crate) note: Option<String>,
    /// How many open places somebody of this standing may have.
    pub(crate) places_max: i64,
}

/// Keeps an invitation, if its owner has not too many open ones.
pub(crate) fn invite_issue(conn: &mut Conn, context: &Context, new: &NewInvite) -> Result<InviteRow, ConnectionsError> {
    let note = new.note.as_deref().map(str::trim).filter(|note| !note.is_empty());
    if note.is_some_and(|note| note.chars().count() > NOTE_LENGTH_MAX || note.chars().any(char::is_control)) {
        return Err(ConnectionsError::invalid(
            "note",
            "must have at most 280 characters on one line",
        ));
    }
    let id: InviteId = context.env.new_id();
    let proof = new
        .change
        .log(conn, context, log::INVITE_ISSUE, log::invite_object(&id))?;
    let key = new.terms.key.multikey();
    let taken: i64 = invites::table.filter(invites::key.eq(&key)).count().get_result(conn)?;
    if taken > 0 {
        return Err(ConnectionsError::Standing(
            "An invitation with this key exists already.",
        ));
    }
    let now = context.env.now();
    let open: i64 = invites_of(conn, context, new, now)?
        .iter()
        .map(|row| row.uses_max.saturating_sub(row.uses))
        .sum();
    if open.saturating_add(i64::from(new.terms.max_uses)) > new.places_max {
        return Err(ConnectionsError::Limit(format!(
            "Your standing allows {} open places in invitations, and {open} are open already.",
            new.places_max
        )));
    }
    let row = InviteRow {
        id,
        key,
        owner_did: new.statement.from.clone(),
        document: json_text(&new.document)?,
        note: note.map(str::to_owned),
        uses: 0,
        uses_max: i64::from(new.terms.max_uses),
        expires_at: Timestamp::from_millis(new.terms.expires),
        proof,
        created_at: now,
        deleted_at: None,
        row_seal: Vec::new(),
    };
    Ok(row.insert(conn, &context.sealer)?)
}

fn invites_of(
    conn: &mut Conn,
    context: &Context,
    new: &NewInvite,
    now: Timestamp,
) -> Result<Vec<InviteRow>, ConnectionsError> {
    let mut rows = invite_list(conn, context, new.change.verified.did())?;
    rows.retain(|row| row.is_open(now));
    Ok(rows)
}

/// Somebody's own invitations, the newest first.
pub(crate) fn invite_list(
    conn: &mut Conn,
    context: &Context,
    owner: &imajin_did::Did,
) -> Result<Vec<InviteRow>, ConnectionsError> {
    let query = invites::table
        .filter(invites::owner_did.eq(owner))
        .order_by(invites::created_at.desc())
        .limit(500);
    let rows: Vec<InviteRow> = query.select(InviteRow::as_select()).load(conn)?;
    Ok(intact_all(rows, &context.sealer)?)
}

/// The open invitation with this key. Whatever is wrong, the answer is the same.
pub(crate) fn invite_open(conn: &mut Conn, context: &Context, key: &str) -> Result<InviteRow, ConnectionsError> {
    let query = invites::table
        .filter(invites::key.eq(key))
        .select(InviteRow::as_select());
    let row: Option<InviteRow> = query.first(conn).optional()?;
    let row = row.ok_or(ConnectionsError::NoInvite)?.intact(&context.sealer)?;
    if row.is_open(context.env.now()) {
        Ok(row)
    } else {
        Err(ConnectionsError::NoInvite)
    }
}

fn invite_lock(conn: &mut Conn, context: &Context, id: &InviteId) -> Result<InviteRow, ConnectionsError> {
    let row: Option<InviteRow> =
        for_update!(conn, invites::table.find(id).select(InviteRow::as_select()) => first).optional()?;
    Ok(row.ok_or(ConnectionsError::NoInvite)?.intact(&context.sealer)?)
}

/// An acceptance of an invitation, whose signature was checked.
#[derive(Debug, Clone)]
pub(crate) struct NewGuest {
    pub(crate) change: Change,
    pub(crate) acceptance: SignedMessage,
    /// Of the code in the address.
    pub(crate) key: String,
}

/// Joins whoever holds the code with whoever has invited. Sent again, they are joined already.
pub(crate) fn invite_accept(
    conn: &mut Conn,
    context: &Context,
    new: &NewGuest,
) -> Result<StatementRow, ConnectionsError> {
    let digest = digest_of(&new.acceptance)?;
    if let Some(known) = statement_find(conn, context, &id_of(&digest))? {
        new.change.spend(conn, context)?;
        return same_or_refused(known, &digest);
    }
    let open = invite_open(conn, context, &new.key)?;
    let mut invite = invite_lock(conn, context, &open.id)?;
    if !invite.is_open(context.env.now()) {
        return Err(ConnectionsError::NoInvite);
    }
    let proven = Proven {
        document: invite.message()?,
        acceptance: Some(new.acceptance.clone()),
        revocation: None,
    };
    let fact = proven.read()?;
    let name = tie_name(fact.kind, &fact.from, &fact.to);
    match standing_lock(conn, context, &name)? {
        Some(standing) if standing.counts() => {
            return Err(ConnectionsError::Standing("You two are connected already."));
        }
        // One of them had asked: the invitation is the answer.
        Some(asked) => replace(conn, context, asked, fact.id())?,
        None => {}
    }
    let object = log::statement_object(&fact.id());
    let proof = new.change.log(conn, context, log::ACCEPT, object)?;
    let mut row = row_of(context, &fact, invite.document.clone(), proof);
    row.acceptance = Some(new.change.text()?);
    row.accepted_at = Some(context.env.now());
    row.invite = Some(invite.id.to_string());
    invite.uses = invite.uses.saturating_add(1);
    invite.save(conn, &context.sealer)?;
    row_insert(conn, context, row)
}

/// Ends one of the signer's invitations.
pub(crate) fn invite_revoke(
    conn: &mut Conn,
    context: &Context,
    change: &Change,
    id: &InviteId,
) -> Result<InviteRow, ConnectionsError> {
    let mut row = invite_lock(conn, context, id)?;
    if row.owner_did != *change.verified.did() {
        return Err(ConnectionsError::NoInvite);
    }
    if row.deleted_at.is_some() {
        change.spend(conn, context)?;
        return Ok(row);
    }
    row.proof = change.log(conn, context, log::INVITE_REVOKE, log::invite_object(id))?;
    row.deleted_at = Some(context.env.now());
    Ok(row.save(conn, &context.sealer)?)
}
