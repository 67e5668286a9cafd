//! Where payees are at home: at which other node their money is to arrive.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_store::{Conn, SealedRow, intact_all};
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

/// A page of those whose home is elsewhere.
pub(crate) fn home_list(conn: &mut Conn, context: &Context, after: &str, limit: i64) -> Result<Vec<HomeRow>, PayError> {
    let rows: Vec<HomeRow> = payee_homes::table
        .filter(payee_homes::did.gt(after))
        .order_by(payee_homes::did)
        .limit(limit)
        .select(HomeRow::as_select())
        .load(conn)?;
    Ok(intact_all(rows, &context.sealer)?)
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
