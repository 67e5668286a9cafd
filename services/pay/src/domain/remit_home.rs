//! To which node a remittance goes. Anybody may say that they are at home at an address, and what is there may call
//! itself whatever node it likes: a node is its name together with the address at which people have found it.

use std::collections::BTreeSet;

use diesel::prelude::*;
use imajin_kernel::id::RemittanceId;
use imajin_kernel::{Span, Timestamp};
use imajin_money::Asset;
use imajin_store::{Conn, SealedRow, one_of};

use super::home::home_find;
use super::remit_out::{did_read, legs_of_sent, sent_lock};
use crate::PayError;
use crate::context::Context;
use crate::rows::{HomeRow, SentRow, SentState, UNDER_WAY};
use crate::schema::remittances_out;

/// How long a node has to say whether it takes a remittance.
const OFFERED_FOR: Span = Span::days(7);
/// Remittances that are looked at: after so many refusals in a row the rest is the longest anyway.
const REFUSALS_MAX: i64 = 9;
/// The longest that a node gets nothing new after it has refused something: an hour after the first time, and twice as
/// long after each further one.
const REST_MAX: Span = Span::days(7);

/// A node, and the address at which people have found it.
pub(crate) type NodeKey = (String, String);

/// The nodes to which a remittance by this broker has not arrived: they get the next one when the last has.
pub(crate) fn nodes_under_way(conn: &mut Conn, issuer: &str, asset: Asset) -> Result<BTreeSet<NodeKey>, PayError> {
    let nodes: Vec<NodeKey> = remittances_out::table
        .filter(remittances_out::issuer.eq(issuer))
        .filter(remittances_out::asset.eq(asset.as_str()))
        .filter(one_of(remittances_out::state, &UNDER_WAY))
        .select((remittances_out::node_did, remittances_out::node_url))
        .load(conn)?;
    Ok(nodes.into_iter().collect())
}

pub(crate) fn is_under_way(
    conn: &mut Conn,
    (issuer, asset): (&str, Asset),
    (node, url): (&str, &str),
) -> Result<bool, PayError> {
    let count: i64 = remittances_out::table
        .filter(remittances_out::node_did.eq(node))
        .filter(remittances_out::node_url.eq(url))
        .filter(remittances_out::issuer.eq(issuer))
        .filter(remittances_out::asset.eq(asset.as_str()))
        .filter(one_of(remittances_out::state, &UNDER_WAY))
        .count()
        .get_result(conn)?;
    Ok(count > 0)
}

/// Whether a node has refused what it was sent last, and gets nothing new for a while.
pub(crate) fn node_rests(conn: &mut Conn, node: &NodeKey, now: Timestamp) -> Result<bool, PayError> {
    let latest: Vec<(String, Option<Timestamp>)> = remittances_out::table
        .filter(remittances_out::node_did.eq(&node.0))
        .filter(remittances_out::node_url.eq(&node.1))
        .order_by((remittances_out::created_at.desc(), remittances_out::id.desc()))
        .limit(REFUSALS_MAX)
        .select((remittances_out::state, remittances_out::ended_at))
        .load(conn)?;
    let refused = latest
        .iter()
        .take_while(|(state, _)| state == SentState::Refused.as_str());
    let ended: Vec<Timestamp> = refused.filter_map(|(_, ended_at)| *ended_at).collect();
    let Some(last) = ended.first() else { return Ok(false) };
    let doublings = u32::try_from(ended.len()).unwrap_or(u32::MAX).saturating_sub(1).min(16);
    let rest = Span::hours(1_i64 << doublings).min(REST_MAX);
    Ok(last.plus(rest) > now)
}

/// Where a remittance stands, after another look at where its people are at home. When all of them have left the
/// address that it was for, and one is at the same node at another, it goes there from now on: they had named a wrong
/// one. The reason, when it is to go nowhere.
pub(crate) fn sent_look(
    conn: &mut Conn,
    context: &Context,
    id: RemittanceId,
) -> Result<(SentRow, Option<&'static str>), PayError> {
    let mut row = sent_lock(conn, context, id)?;
    if !matches!(row.state()?, SentState::Offered | SentState::Transferred) {
        return Ok((row, None));
    }
    let mut homes: Vec<HomeRow> = Vec::new();
    for leg in legs_of_sent(conn, context, &row)? {
        let home = home_find(conn, context, &did_read(&leg.did)?)?;
        homes.extend(home.filter(|home| home.node_did == row.node_did));
    }
    if !homes.iter().any(|home| home.node_url == row.node_url)
        && let Some(newest) = homes.iter().max_by_key(|home| home.bound_at)
    {
        tracing::info!(remittance = %id, url = newest.node_url, "its people are at another address of their node");
        row.node_url.clone_from(&newest.node_url);
        row = row.save(conn, &context.sealer)?;
    }
    let is_offered = row.state()? == SentState::Offered;
    let nowhere = if is_offered && homes.is_empty() {
        Some("Nobody of it is at home at that node any more.")
    } else if is_offered && row.created_at.plus(OFFERED_FOR) <= context.now() {
        Some("The node has not said in seven days whether it takes it.")
    } else {
        None
    };
    Ok((row, nowhere))
}
