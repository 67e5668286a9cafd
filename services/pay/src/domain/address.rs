//! Where payees are paid on the chain.

use std::collections::BTreeMap;

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_rails::SolanaClaim;
use imajin_store::{Conn, SealedRow};
use imajin_web::Verified;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::PayError;
use crate::context::Context;
use crate::rows::AddressRow;
use crate::schema::payee_addresses;

/// The action in the mutation log of an address that is bound.
pub(crate) const ADDRESS_BIND: &str = "address.bind";
/// The action in the mutation log of an address that is taken away.
pub(crate) const ADDRESS_UNBIND: &str = "address.unbind";
/// How many keys one query asks for.
const KEYS_PER_QUERY: usize = 500;

/// How the mutation log names somebody's address.
pub(crate) const OBJECT_PREFIX: &str = "address/solana/";

/// An address as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AddressView {
    /// Where: an address of Solana.
    pub(crate) address: String,
    /// Since when.
    #[schema(value_type = String)]
    pub(crate) bound_at: Timestamp,
}

impl AddressView {
    pub(crate) fn of(row: &AddressRow) -> Self {
        Self {
            address: row.address.clone(),
            bound_at: row.bound_at,
        }
    }
}

/// Somebody's address, its seal checked.
pub(crate) fn address_find(conn: &mut Conn, context: &Context, did: &Did) -> Result<Option<AddressRow>, PayError> {
    let row: Option<AddressRow> = payee_addresses::table
        .find(did.canonical().to_string())
        .select(AddressRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// The addresses of those of `dids` who have one.
pub(crate) fn addresses_of(
    conn: &mut Conn,
    context: &Context,
    dids: impl IntoIterator<Item = Did>,
) -> Result<BTreeMap<Did, String>, PayError> {
    let dids: Vec<String> = dids.into_iter().map(|did| did.canonical().to_string()).collect();
    let mut found = BTreeMap::new();
    for chunk in dids.chunks(KEYS_PER_QUERY) {
        let rows: Vec<AddressRow> = payee_addresses::table
            .filter(payee_addresses::did.eq_any(chunk))
            .select(AddressRow::as_select())
            .load(conn)?;
        for row in rows {
            let row = row.intact(&context.sealer)?;
            if let Ok(did) = row.did.parse() {
                found.insert(did, row.address);
            }
        }
    }
    Ok(found)
}

/// A page of those who have an address.
pub(crate) fn addressees(conn: &mut Conn, after: &str, limit: i64) -> Result<Vec<String>, PayError> {
    let dids = payee_addresses::table
        .filter(payee_addresses::did.gt(after))
        .order_by(payee_addresses::did)
        .limit(limit)
        .select(payee_addresses::did);
    Ok(dids.load(conn)?)
}

/// Binds an address that its wallet has vouched for, in place of an earlier one.
pub(crate) fn address_bind(
    conn: &mut Conn,
    context: &Context,
    request: &(Verified, Vec<u8>),
    claim: &SolanaClaim,
    document: &str,
) -> Result<AddressView, PayError> {
    let did = claim.did.canonical();
    let row = AddressRow {
        did: did.to_string(),
        address: claim.address.clone(),
        document: document.to_owned(),
        bound_at: context.now(),
        row_seal: Vec::new(),
    };
    context.signed_append(
        conn,
        &request.0,
        ADDRESS_BIND,
        &format!("{OBJECT_PREFIX}{did}"),
        &request.1,
    )?;
    let row = if address_find(conn, context, &did)?.is_some() {
        row.save(conn, &context.sealer)?
    } else {
        row.insert(conn, &context.sealer)?
    };
    Ok(AddressView::of(&row))
}

/// Takes somebody's address away: shares stay in the ledger again.
pub(crate) fn address_unbind(
    conn: &mut Conn,
    context: &Context,
    request: &(Verified, Vec<u8>),
) -> Result<(), PayError> {
    let did = request.0.did().canonical();
    let row = address_find(conn, context, &did)?.ok_or(PayError::NotFound("address"))?;
    context.signed_append(
        conn,
        &request.0,
        ADDRESS_UNBIND,
        &format!("{OBJECT_PREFIX}{did}"),
        &request.1,
    )?;
    row.delete(conn)?;
    Ok(())
}
