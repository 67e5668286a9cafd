//! Lists for agents and the operator, newest first.

use std::collections::BTreeMap;

use diesel::prelude::*;
use imajin_broker_api::{AccountView, DisputeView, Page, RedemptionView, VisaView};
use imajin_did::Did;
use imajin_kernel::id::{DisputeId, RedemptionId, VisaId};
use imajin_store::{Conn, intact_all};
use serde::Deserialize;

use super::dispute_find::disputes_about;
use crate::BrokerError;
use crate::context::Context;
use crate::rows::{AccountRow, DisputeRow, RedemptionRow, VisaRow};
use crate::schema::{accounts, disputes, redemptions, visas};

const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 200;
/// So many digests of claims are in one list.
const DIGESTS_MAX: i64 = 1_000;

/// Which part of a list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// At most so many.
    pub(crate) limit: Option<u32>,
    /// Where the last page ended.
    pub(crate) cursor: Option<String>,
}

impl Wanted {
    fn limit(&self) -> i64 {
        i64::from(self.limit.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX))
    }

    fn after<T: std::str::FromStr>(&self) -> Result<Option<T>, BrokerError> {
        let read = |text: &String| {
            text.parse()
                .map_err(|_unreadable| BrokerError::invalid("cursor", "is none"))
        };
        self.cursor.as_ref().map(read).transpose()
    }
}

/// One row more than a page tells that there is another.
fn page<R, T>(
    mut rows: Vec<R>,
    limit: i64,
    cursor: impl Fn(&R) -> String,
    view: impl Fn(&R) -> Result<T, BrokerError>,
) -> Result<Page<T>, BrokerError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    Ok(Page {
        items: rows.iter().map(view).collect::<Result<_, _>>()?,
        cursor: rows.last().filter(|_| more).map(cursor),
    })
}

/// All accounts, by the name of the agent.
pub(crate) fn account_list(
    conn: &mut Conn,
    context: &Context,
    wanted: &Wanted,
) -> Result<Page<AccountView>, BrokerError> {
    let rows: Vec<AccountRow> = accounts::table
        .filter(accounts::agent_id.gt(wanted.cursor.clone().unwrap_or_default()))
        .order_by(accounts::agent_id)
        .limit(wanted.limit().saturating_add(1))
        .select(AccountRow::as_select())
        .load(conn)?;
    let rows = intact_all(rows, &context.sealer)?;
    page(rows, wanted.limit(), |row| row.agent_id.clone(), |row| Ok(row.view()))
}

/// The visas of an agent, or of everybody.
pub(crate) fn visa_list(
    conn: &mut Conn,
    context: &Context,
    agent: Option<&Did>,
    wanted: &Wanted,
) -> Result<Page<VisaView>, BrokerError> {
    let mut query = visas::table.into_boxed();
    if let Some(agent) = agent {
        query = query.filter(visas::agent_did.eq(agent.clone()));
    }
    if let Some(after) = wanted.after::<VisaId>()? {
        query = query.filter(visas::jti.lt(after));
    }
    let rows: Vec<VisaRow> = query
        .order_by(visas::jti.desc())
        .limit(wanted.limit().saturating_add(1))
        .select(VisaRow::as_select())
        .load(conn)?;
    let rows = intact_all(rows, &context.sealer)?;
    let (names, digests) = (names_of(conn, &rows)?, digests_of(conn, &rows)?);
    // Who is no agent has no account row, and is called by the DID.
    let name = |row: &VisaRow| {
        names
            .get(&row.agent_did)
            .cloned()
            .unwrap_or_else(|| row.agent_did.to_string())
    };
    page(
        rows,
        wanted.limit(),
        |row| row.jti.to_string(),
        |row| row.view(&name(row), digests.get(&row.jti).cloned().unwrap_or_default()),
    )
}

/// The redemptions of a node, or of everybody.
pub(crate) fn redemption_list(
    conn: &mut Conn,
    context: &Context,
    node: Option<&Did>,
    wanted: &Wanted,
) -> Result<Page<RedemptionView>, BrokerError> {
    let mut query = redemptions::table.into_boxed();
    if let Some(node) = node {
        query = query.filter(redemptions::node_did.eq(node.clone()));
    }
    if let Some(after) = wanted.after::<RedemptionId>()? {
        query = query.filter(redemptions::id.lt(after));
    }
    let rows: Vec<RedemptionRow> = query
        .order_by(redemptions::id.desc())
        .limit(wanted.limit().saturating_add(1))
        .select(RedemptionRow::as_select())
        .load(conn)?;
    let rows = intact_all(rows, &context.sealer)?;
    let jtis: Vec<VisaId> = rows.iter().map(|row| row.jti).collect();
    let disputes = disputes_about(conn, &jtis)?;
    let dispute = |row: &RedemptionRow| disputes.get(&(row.jti, row.receipt.clone())).copied();
    page(
        rows,
        wanted.limit(),
        |row| row.id.to_string(),
        |row| row.view(dispute(row)),
    )
}

/// The disputes of an agent or a node, or of everybody.
pub(crate) fn dispute_list(
    conn: &mut Conn,
    context: &Context,
    side: Option<&Did>,
    wanted: &Wanted,
) -> Result<Page<DisputeView>, BrokerError> {
    let mut query = disputes::table.into_boxed();
    if let Some(side) = side {
        let is_side = disputes::agent_did
            .eq(side.clone())
            .or(disputes::node_did.eq(side.clone()));
        query = query.filter(is_side);
    }
    if let Some(after) = wanted.after::<DisputeId>()? {
        query = query.filter(disputes::id.lt(after));
    }
    let rows: Vec<DisputeRow> = query
        .order_by(disputes::id.desc())
        .limit(wanted.limit().saturating_add(1))
        .select(DisputeRow::as_select())
        .load(conn)?;
    let rows = intact_all(rows, &context.sealer)?;
    page(rows, wanted.limit(), |row| row.id.to_string(), DisputeRow::view)
}

fn names_of(conn: &mut Conn, rows: &[VisaRow]) -> Result<BTreeMap<Did, String>, BrokerError> {
    let dids: Vec<Did> = rows.iter().map(|row| row.agent_did.clone()).collect();
    let names: Vec<(Did, String)> = accounts::table
        .filter(accounts::did.eq_any(dids))
        .select((accounts::did, accounts::agent_id))
        .load(conn)?;
    Ok(names.into_iter().collect())
}

/// The claims by which these visas were redeemed, the newest first.
fn digests_of(conn: &mut Conn, rows: &[VisaRow]) -> Result<BTreeMap<VisaId, Vec<String>>, BrokerError> {
    let jtis: Vec<VisaId> = rows.iter().map(|row| row.jti).collect();
    let named: Vec<(VisaId, String)> = redemptions::table
        .filter(redemptions::jti.eq_any(jtis))
        .order_by(redemptions::id.desc())
        .limit(DIGESTS_MAX)
        .select((redemptions::jti, redemptions::claim_digest))
        .load(conn)?;
    let mut digests: BTreeMap<VisaId, Vec<String>> = BTreeMap::new();
    for (jti, digest) in named {
        digests.entry(jti).or_default().push(digest);
    }
    Ok(digests)
}

/// Whether the database answers.
pub(crate) fn ready_check(conn: &mut Conn) -> Result<(), BrokerError> {
    let _count: i64 = accounts::table.count().get_result(conn)?;
    Ok(())
}
