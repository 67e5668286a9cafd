//! Sums for pages.

use std::collections::BTreeMap;

use diesel::prelude::*;
use imajin_broker_api::DisputeState;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_money::Money;
use imajin_store::{Conn, SealedRow};

use crate::BrokerError;
use crate::rows::{VisaRow, VisaState, dispute_state, money};
use crate::schema::{accounts, disputes, redemptions, visas};

/// More redemptions than a chart can show one by one.
const ROWS_MAX: i64 = 20_000;

/// A redemption, as charts need it.
#[derive(Debug, Clone, Queryable)]
pub(crate) struct Redeemed {
    pub(crate) created_at: Timestamp,
    pub(crate) state: String,
    pub(crate) asset: String,
    pub(crate) amount: i64,
}

/// What was redeemed since then, of one agent's visas or of all; the newest of them, when there are very many.
pub(crate) fn redeemed_since(
    conn: &mut Conn,
    agent: Option<&Did>,
    since: Timestamp,
) -> Result<Vec<Redeemed>, BrokerError> {
    let mut query = redemptions::table
        .inner_join(visas::table.on(visas::jti.eq(redemptions::jti)))
        .filter(redemptions::created_at.gt(since))
        .into_boxed();
    if let Some(agent) = agent {
        query = query.filter(visas::agent_did.eq(agent.clone()));
    }
    Ok(query
        .order_by(redemptions::created_at.desc())
        .limit(ROWS_MAX)
        .select((
            redemptions::created_at,
            redemptions::state,
            redemptions::asset,
            redemptions::amount,
        ))
        .load(conn)?)
}

/// What there is and what waits.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overview {
    pub(crate) accounts: i64,
    pub(crate) visas_open: i64,
    pub(crate) redemptions_waiting: i64,
    /// Publishers have not answered yet.
    pub(crate) disputes_open: i64,
    /// The arbiter is to decide.
    pub(crate) disputes_answered: i64,
    /// What is promised in visas and neither paid nor returned.
    pub(crate) reserved: Vec<Money>,
}

pub(crate) fn overview(conn: &mut Conn) -> Result<Overview, BrokerError> {
    let waiting = redemptions::table.filter(redemptions::ended_at.is_null());
    let is = |state: DisputeState| disputes::table.filter(disputes::state.eq(dispute_state(state)));
    let open = visas::table
        .filter(visas::closed_at.is_null())
        .filter(visas::state.ne(VisaState::Reserving.as_str()));
    let promised: Vec<(String, i64, i64, Option<i64>)> = open
        .select((
            visas::asset,
            visas::max_micros,
            visas::credited_micros,
            visas::reversed_micros,
        ))
        .limit(ROWS_MAX)
        .load(conn)?;
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for (asset, max, credited, reversed) in promised {
        let left = max.saturating_sub(credited).saturating_sub(reversed.unwrap_or(0));
        let sum = sums.entry(asset).or_default();
        *sum = sum.saturating_add(left);
    }
    let reserved = sums
        .into_iter()
        .map(|(asset, micros)| money(VisaRow::TABLE, &"sum", micros, &asset));
    Ok(Overview {
        accounts: accounts::table.count().get_result(conn)?,
        visas_open: open.count().get_result(conn)?,
        redemptions_waiting: waiting.count().get_result(conn)?,
        disputes_open: is(DisputeState::Open).count().get_result(conn)?,
        disputes_answered: is(DisputeState::Answered).count().get_result(conn)?,
        reserved: reserved.collect::<Result<_, _>>()?,
    })
}
