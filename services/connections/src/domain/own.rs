//! Everything of one person.

use diesel::prelude::*;
use imajin_connections_api::{ConnectionRow, OwnConnections, Proven, StatementKind, StatementView};
use imajin_did::Did;
use imajin_store::{Conn, SealedRow, intact_all};

use super::privacy::{audiences_of, blocked_by};
use super::sequence::sequence_last;
use crate::ConnectionsError;
use crate::context::Context;
use crate::rows::StatementRow;
use crate::schema::statements;

/// So many statements of a person are listed, the newest.
const ROWS_MAX: i64 = 5_000;

/// What somebody has signed, accepted or been asked, as far as it stands.
pub(crate) fn connections_own(
    conn: &mut Conn,
    context: &Context,
    did: &Did,
) -> Result<OwnConnections, ConnectionsError> {
    let blocked = blocked_by(conn, context, did)?;
    let audiences = audiences_of(conn, context, std::slice::from_ref(did))?;
    let token = sequence_last(conn)?.to_string();
    let mut own = OwnConnections {
        connections: Vec::new(),
        requests_received: Vec::new(),
        requests_sent: Vec::new(),
        vouches_given: Vec::new(),
        vouches_received: Vec::new(),
        flags_given: Vec::new(),
        co_presences: Vec::new(),
        audience: audiences.get(did).copied().unwrap_or_default(),
        blocked: blocked.iter().cloned().collect(),
        token: token.clone(),
    };
    let now = context.env.now();
    for row in rows_of(conn, context, did)? {
        let is_given = row.owner_did == *did;
        let (kind, view) = (row.kind()?, || row.view(now, token.clone()));
        let other = if is_given { &row.subject_did } else { &row.owner_did };
        let list: &mut Vec<StatementView> = match (kind, row.counts(), is_given) {
            (StatementKind::Connection, true, _) => {
                own.connections.push(ConnectionRow {
                    did: other.clone(),
                    since: row.accepted_at.unwrap_or(row.created_at),
                    statement: row.id,
                    digest: row.digest.clone(),
                });
                continue;
            }
            (StatementKind::CoPresence, true, _) => &mut own.co_presences,
            (StatementKind::Vouch, _, true) => &mut own.vouches_given,
            (StatementKind::Vouch, _, false) => &mut own.vouches_received,
            (StatementKind::Flag, _, true) => &mut own.flags_given,
            // Who has raised a flag against somebody is not told.
            (StatementKind::Flag, _, false) => continue,
            (_, false, true) => &mut own.requests_sent,
            (_, false, false) if blocked.contains(other) => continue,
            (_, false, false) => &mut own.requests_received,
        };
        list.push(view()?);
    }
    Ok(own)
}

fn rows_of(conn: &mut Conn, context: &Context, did: &Did) -> Result<Vec<StatementRow>, ConnectionsError> {
    let query = statements::table
        .filter(statements::owner_did.eq(did).or(statements::subject_did.eq(did)))
        .filter(statements::deleted_at.is_null())
        .order_by(statements::created_at.desc())
        .limit(ROWS_MAX);
    let rows: Vec<StatementRow> = query.select(StatementRow::as_select()).load(conn)?;
    Ok(intact_all(rows, &context.sealer)?)
}

/// So many statements are taken along.
const BUNDLE_MAX: i64 = 20_000;

/// Everything that somebody has signed or others have signed about them, but for flags of others and what nobody has
/// answered.
pub(crate) fn bundle_of(conn: &mut Conn, context: &Context, did: &Did) -> Result<Vec<Proven>, ConnectionsError> {
    let theirs = statements::subject_did.eq(did).and(statements::kind.ne("flag"));
    let query = statements::table
        .filter(statements::owner_did.eq(did).or(theirs))
        .order_by(statements::created_at.desc())
        .limit(BUNDLE_MAX);
    let rows: Vec<StatementRow> = query.select(StatementRow::as_select()).load(conn)?;
    let mut bundle = Vec::new();
    for row in rows {
        let row = row.intact(&context.sealer)?;
        let is_pending = row.kind()?.is_mutual() && row.acceptance.is_none();
        // Nobody takes back by replacing: the later statement says it.
        if !is_pending && row.replaced_by.is_none() {
            bundle.push(row.proven()?);
        }
    }
    Ok(bundle)
}

/// So many changes are told at once.
const CHANGES_MAX: i64 = 200;

/// What has changed for somebody since, in order; and up to which change that is.
pub(crate) fn changes_of(
    conn: &mut Conn,
    context: &Context,
    did: &Did,
    since: i64,
) -> Result<(Vec<StatementRow>, i64), ConnectionsError> {
    let last = sequence_last(conn)?;
    let theirs = statements::subject_did.eq(did).and(statements::kind.ne("flag"));
    let query = statements::table
        .filter(statements::seq.gt(since))
        .filter(statements::owner_did.eq(did).or(theirs))
        .order_by(statements::seq)
        .limit(CHANGES_MAX);
    let rows: Vec<StatementRow> = query.select(StatementRow::as_select()).load(conn)?;
    let is_full = rows.len() >= usize::try_from(CHANGES_MAX).unwrap_or(usize::MAX);
    let until = rows
        .last()
        .filter(|_last| is_full)
        .map_or(last, |row| row.seq.max(since));
    let blocked = blocked_by(conn, context, did)?;
    let mut told = Vec::with_capacity(rows.len());
    for row in rows {
        let row = row.intact(&context.sealer)?;
        if row.counts() || !blocked.contains(&row.owner_did) {
            told.push(row);
        }
    }
    // What was committed between the two questions is told with the next change.
    let until = told.last().map_or(until, |row| row.seq.max(until));
    Ok((told, until))
}
