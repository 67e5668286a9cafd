//! Somebody says something about somebody else.

use diesel::prelude::*;
use imajin_connections_api::statement::{Fact, Statement, id_of};
use imajin_did::Did;
use imajin_kernel::id::StatementId;
use imajin_kernel::{Span, Timestamp};
use imajin_store::{Conn, SealedRow};

use super::find::{standing_lock, statement_find};
use super::sequence::sequence_next;
use crate::context::{Change, Context};
use crate::rows::{StatementRow, tie_name};
use crate::schema::statements;
use crate::{ConnectionsError, log};

/// Of one person.
const PER_HOUR_MAX: i64 = 200;
/// Of one person; what was taken back counts, because it stays.
const ALL_MAX: i64 = 20_000;
/// Of one person, that nobody has answered yet.
const PENDING_MAX: i64 = 100;

/// A document whose signature was checked, on its way into the database.
#[derive(Debug, Clone)]
pub(crate) struct NewStatement {
    pub(crate) change: Change,
    pub(crate) statement: Statement,
    pub(crate) to: Did,
}

/// Keeps a document. Sent again, it is there already.
pub(crate) fn statement_issue(
    conn: &mut Conn,
    context: &Context,
    new: &NewStatement,
) -> Result<StatementRow, ConnectionsError> {
    let statement = &new.statement;
    let id = id_of(&statement.digest);
    if let Some(known) = statement_find(conn, context, &id)? {
        new.change.spend(conn, context)?;
        return same_or_refused(known, &statement.digest);
    }
    limits_check(conn, &statement.from, context.env.now())?;
    let proof = new.change.log(conn, context, log::ISSUE, log::statement_object(&id))?;
    let fact = Fact {
        kind: statement.kind,
        from: statement.from.clone(),
        to: new.to.clone(),
        number: statement.number,
        expires_at: statement.expires_at,
        is_complete: !statement.kind.is_mutual(),
        is_revoked: false,
        digest: statement.digest.clone(),
    };
    make_room(conn, context, &fact, id)?;
    let row = row_of(context, &fact, new.change.text()?, proof);
    row_insert(conn, context, row)
}

/// Two documents with the same first 16 bytes of their digests are made by somebody who wants to confuse.
pub(super) fn same_or_refused(known: StatementRow, digest: &str) -> Result<StatementRow, ConnectionsError> {
    if known.digest == digest {
        return Ok(known);
    }
    Err(ConnectionsError::Standing("Another document has the same short name."))
}

/// A new row of what somebody has said; the caller completes it where more than one has signed.
pub(super) fn row_of(context: &Context, fact: &Fact, document: String, proof: String) -> StatementRow {
    StatementRow {
        id: fact.id(),
        digest: fact.digest.clone(),
        kind: fact.kind.as_str().to_owned(),
        owner_did: fact.from.clone(),
        subject_did: fact.to.clone(),
        number: i64::from(fact.number),
        expires_at: fact.expires_at,
        document,
        acceptance: None,
        revocation: None,
        replaced_by: None,
        invite: None,
        tie: Some(tie_name(fact.kind, &fact.from, &fact.to)),
        seq: 0,
        proof,
        created_at: context.env.now(),
        accepted_at: None,
        deleted_at: None,
        row_seal: Vec::new(),
        brought_by: None,
    }
}

/// Gives the row its place in the order of changes, and writes it with its tie.
pub(super) fn row_insert(
    conn: &mut Conn,
    context: &Context,
    mut row: StatementRow,
) -> Result<StatementRow, ConnectionsError> {
    row.seq = sequence_next(conn, context)?;
    let row = row.insert(conn, &context.sealer)?;
    if row.counts() {
        row.tie_row().insert(conn, &context.sealer)?;
    }
    Ok(row)
}

/// The standing statement of the same tie gives way to a later one where one person says it. What takes both is
/// refused: it stands already, or waits for an answer.
pub(super) fn make_room(
    conn: &mut Conn,
    context: &Context,
    fact: &Fact,
    id: StatementId,
) -> Result<(), ConnectionsError> {
    let name = tie_name(fact.kind, &fact.from, &fact.to);
    let Some(standing) = standing_lock(conn, context, &name)? else {
        return Ok(());
    };
    if !fact.kind.is_mutual() {
        return replace(conn, context, standing, id);
    }
    let is_pending = !standing.counts();
    Err(ConnectionsError::Standing(if !is_pending {
        "You two are joined by this already."
    } else if standing.owner_did == fact.from {
        "You have asked already; the other has not answered yet."
    } else {
        "The other has asked you already: accept that."
    }))
}

/// Ends a standing statement in favour of another.
pub(super) fn replace(
    conn: &mut Conn,
    context: &Context,
    mut standing: StatementRow,
    by: StatementId,
) -> Result<(), ConnectionsError> {
    if standing.counts() {
        standing.tie_row().delete(conn)?;
    }
    standing.replaced_by = Some(by);
    standing.tie = None;
    standing.deleted_at = Some(context.env.now());
    standing.seq = sequence_next(conn, context)?;
    standing.save(conn, &context.sealer)?;
    Ok(())
}

/// Of what somebody has brought here, whoever has signed it.
pub(super) fn brought_limits_check(conn: &mut Conn, did: &Did, now: Timestamp) -> Result<(), ConnectionsError> {
    let brought = statements::table.filter(statements::brought_by.eq(did));
    let all: i64 = brought.count().get_result(conn)?;
    let recent: i64 = brought
        .filter(statements::created_at.gt(now.minus(Span::hours(1))))
        .count()
        .get_result(conn)?;
    if all < ALL_MAX && recent < PER_HOUR_MAX {
        return Ok(());
    }
    Err(ConnectionsError::Limit(format!(
        "Nobody may bring more than {PER_HOUR_MAX} statements an hour and {ALL_MAX} in all."
    )))
}

/// Of what somebody has signed here; what others have brought is counted of them.
pub(super) fn limits_check(conn: &mut Conn, did: &Did, now: Timestamp) -> Result<(), ConnectionsError> {
    let signed = statements::table.filter(statements::owner_did.eq(did));
    let own = signed.filter(statements::brought_by.is_null());
    let all: i64 = own.count().get_result(conn)?;
    let recent: i64 = own
        .filter(statements::created_at.gt(now.minus(Span::hours(1))))
        .count()
        .get_result(conn)?;
    let pending: i64 = own
        .filter(statements::kind.eq_any(["connection", "co-presence"]))
        .filter(statements::acceptance.is_null())
        .filter(statements::deleted_at.is_null())
        .count()
        .get_result(conn)?;
    if all < ALL_MAX && recent < PER_HOUR_MAX && pending < PENDING_MAX {
        return Ok(());
    }
    Err(ConnectionsError::Limit(format!(
        "Nobody may say more than {PER_HOUR_MAX} things an hour and {ALL_MAX} in all, or have more than {PENDING_MAX} \
         unanswered requests."
    )))
}
