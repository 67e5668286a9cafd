//! Where payees are at home: at which other node their money is to arrive.

use std::collections::BTreeMap;

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_ledger::{Owner, Purpose, accounts_above};
use imajin_money::Asset;
use imajin_store::{Conn, SealedRow};
use imajin_web::Verified;
use serde::Serialize;
use utoipa::ToSchema;

use crate::PayError;
use crate::context::Context;
use crate::rows::HomeRow;
use crate::schema::payee_homes;

/// The actions in the mutation log.
pub(crate) const HOME_BIND: &str = "home.bind";
const HOME_UNBIND: &str = "home.unbind";
/// Homes that are looked at in one go.
const HOMES: i64 = 500;

/// The node where somebody's money is to arrive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HomeView {
    /// The node.
    pub(crate) node: String,
    /// Its address.
    pub(crate) url: String,
    /// Since when.
    #[schema(value_type = String)]
    pub(crate) bound_at: Timestamp,
}

impl HomeView {
    pub(crate) fn of(row: HomeRow) -> Self {
        Self {
            node: row.node_did,
            url: row.node_url,
            bound_at: row.bound_at,
        }
    }
}

/// The name of a home in the log.
pub(crate) fn home_object(did: &str) -> String {
    format!("home/{did}")
}

/// Somebody's home, its seal checked.
pub(crate) fn home_find(conn: &mut Conn, context: &Context, did: &Did) -> Result<Option<HomeRow>, PayError> {
    let row: Option<HomeRow> = payee_homes::table
        .find(did.canonical().to_string())
        .select(HomeRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// Somebody whose home is elsewhere, and what they have here.
type Moneyed = (HomeRow, i64);

/// Those of a page whose home is elsewhere who have something here, and how much; and where the next page begins.
///
/// Anybody can say where they are at home. Only who has something costs more than a line of the page, and a row that is
/// not as it was signed holds nobody else up.
pub(crate) fn homes_with_money(
    conn: &mut Conn,
    context: &Context,
    asset: Asset,
    after: &str,
) -> Result<(Vec<Moneyed>, Option<String>), PayError> {
    let rows: Vec<HomeRow> = payee_homes::table
        .filter(payee_homes::did.gt(after))
        .order_by(payee_homes::did)
        .limit(HOMES)
        .select(HomeRow::as_select())
        .load(conn)?;
    let next = rows.last().map(|last| last.did.clone());
    let named = rows
        .into_iter()
        .filter_map(|row| Some((row.did.parse::<Did>().ok()?.canonical(), row)));
    let mut homes: BTreeMap<Owner, HomeRow> = named.map(|(did, row)| (Owner::Did(did), row)).collect();
    let owners: Vec<Owner> = homes.keys().cloned().collect();
    let mut found = Vec::new();
    for account in accounts_above(conn, &context.sealer, &owners, Purpose::Available, 1)? {
        let home = (account.key.asset == asset)
            .then(|| homes.remove(&account.key.owner))
            .flatten();
        let Some(row) = home else { continue };
        match row.intact(&context.sealer) {
            Ok(home) => found.push((home, account.balance_units)),
            Err(error) => tracing::error!(%error, "where somebody is at home cannot be read"),
        }
    }
    found.sort_by(|(one, _), (other, _)| one.did.cmp(&other.did));
    Ok((found, next))
}

/// Notes where the signer is at home.
pub(crate) fn home_bind(
    conn: &mut Conn,
    context: &Context,
    request: &(Verified, Vec<u8>),
    node: &Did,
    url: &str,
) -> Result<HomeView, PayError> {
    let did = request.0.did().clone();
    let known = home_find(conn, context, &did)?.is_some();
    let row = HomeRow {
        did: did.to_string(),
        node_did: node.canonical().to_string(),
        node_url: url.to_owned(),
        bound_at: context.now(),
        row_seal: Vec::new(),
    };
    context.signed_append(conn, &request.0, HOME_BIND, &home_object(did.as_str()), &request.1)?;
    let row = if known {
        row.save(conn, &context.sealer)?
    } else {
        row.insert(conn, &context.sealer)?
    };
    Ok(HomeView::of(row))
}

/// From now on the signer's money stays here.
pub(crate) fn home_unbind(conn: &mut Conn, context: &Context, request: &(Verified, Vec<u8>)) -> Result<(), PayError> {
    let did = request.0.did().clone();
    let row = home_find(conn, context, &did)?.ok_or(PayError::NotFound("home of yours"))?;
    context.signed_append(conn, &request.0, HOME_UNBIND, &home_object(did.as_str()), &request.1)?;
    row.delete(conn)?;
    Ok(())
}
