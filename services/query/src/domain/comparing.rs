//! What this node has told askers, compared with what they say themselves: all of it, some rows at a time.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::UseId;
use imajin_proof::SignedMessage;
use imajin_query_api::{Compared, Comparing, Comparison, UseReceipt, UseRecord};
use imajin_store::{Conn, SealedRow};

use super::records::{documents_of, is_forgotten, reading_find};
use super::retention::{Forgotten, forgotten_before};
use crate::QueryError;
use crate::context::Context;
use crate::rows::{RecordRow, UseRow};
use crate::schema::{records, uses};

/// Askers with whom somebody's uses are compared.
const ASKERS_MAX: i64 = 100;
/// Rows that are compared at once: the memory does not grow with the streams.
const PIECE_ROWS: i64 = 500;

/// The comparisons with everybody who was told something about somebody, by asker.
pub(crate) fn comparisons_of(
    conn: &mut Conn,
    context: &Context,
    owner: &Did,
    own_origin: &str,
) -> Result<Vec<Comparison>, QueryError> {
    let told = uses::table.filter(uses::owner_did.eq(owner)).select(uses::asker_did);
    let told_to: Vec<Did> = told.distinct().order_by(uses::asker_did).limit(ASKERS_MAX).load(conn)?;
    let node = context.keyring.node_did().canonical();
    let said = records::table
        .filter(records::subject_did.eq(owner))
        .filter(records::node_did.eq(&node))
        .select(records::owner_did);
    // Whoever says that they were told something of which this node knows nothing is compared too.
    let sayers: Vec<Did> = said
        .distinct()
        .order_by(records::owner_did)
        .limit(ASKERS_MAX)
        .load(conn)?;
    let everybody: BTreeMap<String, Did> = told_to
        .into_iter()
        .chain(sayers)
        .map(|did| (did.to_string(), did))
        .collect();
    everybody
        .into_values()
        .map(|asker| comparison(conn, context, (owner, &asker), own_origin))
        .collect()
}

/// The comparison with one asker.
pub(crate) fn comparison(
    conn: &mut Conn,
    context: &Context,
    pair: (&Did, &Did),
    own_origin: &str,
) -> Result<Comparison, QueryError> {
    let (owner, asker) = pair;
    let home = home_of(conn, context, pair)?;
    let is_kept_here = home.as_deref() == Some(own_origin) || has_own_log(conn, context, pair)?;
    let reading = reading_find(conn, context, owner, asker)?;
    let read_at = if is_kept_here {
        Some(context.now())
    } else {
        reading.as_ref().and_then(|row| row.read_at)
    };
    let compared = read_at.map(|at| streams_compare(conn, context, pair, at)).transpose()?;
    let compared = compared.unwrap_or_default();
    Ok(Comparison {
        asker: asker.clone(),
        home,
        read_at,
        problem: reading.filter(|_| !is_kept_here).and_then(|row| row.problem),
        agreed: compared.agreed,
        differing: compared.differing,
        differences: compared.differences,
    })
}

/// Where an asker has said last that they keep their log.
fn home_of(conn: &mut Conn, context: &Context, (owner, asker): (&Did, &Did)) -> Result<Option<String>, QueryError> {
    let row: Option<UseRow> = uses::table
        .filter(uses::owner_did.eq(owner))
        .filter(uses::asker_did.eq(asker))
        .filter(uses::home.is_not_null())
        .order_by((uses::created_at.desc(), uses::id))
        .select(UseRow::as_select())
        .first(conn)
        .optional()?;
    let row = row.map(|row| row.intact(&context.sealer)).transpose()?;
    Ok(row.and_then(|row| row.home))
}

/// Whether some of an asker's own log is kept here.
fn has_own_log(conn: &mut Conn, context: &Context, (owner, asker): (&Did, &Did)) -> Result<bool, QueryError> {
    let own: Option<String> = records::table
        .filter(records::subject_did.eq(owner))
        .filter(records::owner_did.eq(asker))
        .filter(records::node_did.eq(context.keyring.node_did().canonical()))
        .filter(records::read_from.is_null())
        .select(records::digest)
        .first(conn)
        .optional()?;
    Ok(own.is_some())
}

fn streams_compare(
    conn: &mut Conn,
    context: &Context,
    pair: (&Did, &Did),
    read_at: Timestamp,
) -> Result<Compared, QueryError> {
    let mut comparing = Comparing::at(read_at);
    let forgotten = forgotten_before(conn, Forgotten::Uses)?;
    let mut after = String::new();
    loop {
        let rows = log_piece(conn, context, pair, &after)?;
        let Some(last) = rows.last() else { break };
        after.clone_from(&last.digest);
        let mut said = documents_of(rows, context)?;
        let receipts = receipts_named(conn, context, pair, &said)?;
        let known: BTreeSet<UseId> = receipts.iter().map(|receipt| receipt.payload.id).collect();
        said.retain(|record| !is_forgotten(forgotten, record) || known.contains(&record.payload.use_id));
        comparing.log(&said, &receipts);
    }
    let mut before = None;
    loop {
        let rows = told_piece(conn, pair, before)?;
        let Some(last) = rows.last() else { break };
        before = Some((last.created_at, last.id));
        comparing.told(&receipts_of(rows, context)?);
    }
    Ok(comparing.end())
}

/// Some of what an asker says of this node, by its name.
fn log_piece(
    conn: &mut Conn,
    context: &Context,
    (owner, asker): (&Did, &Did),
    after: &str,
) -> Result<Vec<RecordRow>, QueryError> {
    let rows = records::table
        .filter(records::subject_did.eq(owner))
        .filter(records::owner_did.eq(asker))
        .filter(records::node_did.eq(context.keyring.node_did().canonical()))
        .filter(records::digest.gt(after))
        .order_by(records::digest)
        .limit(PIECE_ROWS)
        .select(RecordRow::as_select())
        .load(conn)?;
    Ok(rows)
}

/// Some of what was told, the newest first.
fn told_piece(
    conn: &mut Conn,
    (owner, asker): (&Did, &Did),
    before: Option<(Timestamp, UseId)>,
) -> Result<Vec<UseRow>, QueryError> {
    let mut query = uses::table
        .filter(uses::owner_did.eq(owner))
        .filter(uses::asker_did.eq(asker))
        .into_boxed();
    if let Some((at, id)) = before {
        // The first of the two bounds is the one that the index can use.
        let beside = uses::created_at.lt(at).or(uses::id.lt(id));
        query = query.filter(uses::created_at.le(at)).filter(beside);
    }
    let rows = query
        .order_by((uses::created_at.desc(), uses::id.desc()))
        .limit(PIECE_ROWS)
        .select(UseRow::as_select())
        .load(conn)?;
    Ok(rows)
}

/// The receipts of the uses that records name, as far as this node has told them.
fn receipts_named(
    conn: &mut Conn,
    context: &Context,
    (owner, asker): (&Did, &Did),
    said: &[SignedMessage<UseRecord>],
) -> Result<Vec<SignedMessage<UseReceipt>>, QueryError> {
    let ids: BTreeSet<UseId> = said.iter().map(|record| record.payload.use_id).collect();
    let rows: Vec<UseRow> = uses::table
        .filter(uses::id.eq_any(ids))
        .filter(uses::owner_did.eq(owner))
        .filter(uses::asker_did.eq(asker))
        .select(UseRow::as_select())
        .load(conn)?;
    receipts_of(rows, context)
}

fn receipts_of(rows: Vec<UseRow>, context: &Context) -> Result<Vec<SignedMessage<UseReceipt>>, QueryError> {
    rows.into_iter()
        .map(|row| row.intact(&context.sealer)?.receipt())
        .collect()
}
