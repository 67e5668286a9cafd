//! What a broker says that it holds for this node against what the ledger says that it owes.

use diesel::prelude::*;
use imajin_money::Asset;
use imajin_rails::RailBalance;
use imajin_store::Conn;

use super::GRACE;
use super::kind::Kind;
use super::note::{Difference, signed_text};
use crate::PayError;
use crate::context::Context;
use crate::domain::remit_out::{assets_of, funds};
use crate::rows::{CaptureState, SentState, UNCONFIRMED};
use crate::schema::{remittances_in, remittances_out, visa_captures};

/// What a broker holds against what it owes, for each currency; nothing while something is on its way to or from it,
/// because the two sides are never asked at the same moment.
pub(super) fn broker_compare(
    conn: &mut Conn,
    context: &Context,
    issuer: &str,
    said: &[RailBalance],
) -> Result<Vec<(String, Vec<Difference>)>, PayError> {
    if is_moving(conn, context, issuer)? {
        return Ok(Vec::new());
    }
    let mut assets: Vec<Asset> = assets_of(conn, issuer)?;
    for line in said {
        if !assets.contains(&line.asset) {
            assets.push(line.asset);
        }
    }
    let mut compared = Vec::new();
    for asset in assets {
        let due = funds(conn, context, issuer, asset)?.saturating_add(offered(conn, issuer, asset)?);
        let line = said.iter().find(|line| line.asset == asset);
        let holds = line.map_or(0, |line| line.units);
        let (mut found, name) = (Vec::new(), asset.to_string());
        if holds != due {
            let (holds_text, due_text) = (signed_text(holds, &name), signed_text(due, &name));
            let detail = format!("The broker holds {holds_text} for this node; by the ledger it owes {due_text}.");
            let kind = Kind::BrokerDiffers;
            found.push(Difference::between(kind, &name, Some(due), Some(holds), detail));
        }
        compared.push((format!("balance/{name}"), found));
    }
    Ok(compared)
}

/// What is on its way to other nodes here, and what the broker has not been told of.
fn offered(conn: &mut Conn, issuer: &str, asset: Asset) -> Result<i64, PayError> {
    let units: Vec<i64> = remittances_out::table
        .filter(remittances_out::issuer.eq(issuer))
        .filter(remittances_out::asset.eq(asset.as_str()))
        .filter(remittances_out::state.eq(SentState::Offered.as_str()))
        .select(remittances_out::amount)
        .load(conn)?;
    Ok(units.into_iter().fold(0, i64::saturating_add))
}

fn is_moving(conn: &mut Conn, context: &Context, issuer: &str) -> Result<bool, PayError> {
    let young = context.now().minus(GRACE);
    let open = [CaptureState::Owed, CaptureState::Accepted].map(CaptureState::as_str);
    let redeemed = visa_captures::table.filter(visa_captures::issuer.eq(issuer)).filter(
        visa_captures::state
            .eq_any(open)
            .or(visa_captures::ended_at.assume_not_null().gt(young)),
    );
    let sent = remittances_out::table
        .filter(remittances_out::issuer.eq(issuer))
        .filter(
            remittances_out::state
                .eq(SentState::Agreed.as_str())
                .or(remittances_out::transferred_at.assume_not_null().gt(young)),
        );
    let received = remittances_in::table.filter(remittances_in::issuer.eq(issuer)).filter(
        remittances_in::state
            .eq(UNCONFIRMED)
            .or(remittances_in::ended_at.assume_not_null().gt(young)),
    );
    for count in [
        redeemed.count().get_result::<i64>(conn)?,
        sent.count().get_result(conn)?,
        received.count().get_result(conn)?,
    ] {
        if count > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}
