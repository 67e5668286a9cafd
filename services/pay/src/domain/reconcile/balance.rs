//! What a rail holds against what the ledger says that it holds.

use diesel::prelude::*;
use imajin_ledger::{AccountKey, account_fetch};
use imajin_money::Asset;
use imajin_rails::RailBalance;
use imajin_store::{Conn, Literal, SealedRow};

use super::GRACE;
use super::facts::sums_of;
use super::kind::Kind;
use super::note::{Difference, signed_text};
use crate::PayError;
use crate::context::Context;
use crate::rows::{MessageResult, WAITING};
use crate::schema::{checkouts, differences, payout_parts, rail_facts, rail_messages};

/// What the rail holds against what the ledger says that it holds, for each currency; nothing while money is on its way
/// to or from this rail, because the two sides are never asked at the same moment.
pub(super) fn balances_compare(
    conn: &mut Conn,
    context: &Context,
    rail: &str,
    said: Option<&[RailBalance]>,
) -> Result<Vec<(String, Vec<Difference>)>, PayError> {
    if is_moving(conn, context, rail)? {
        return Ok(Vec::new());
    }
    let sums = sums_of(conn, context, rail)?;
    let mut compared = Vec::new();
    for sum in sums {
        let asset: Asset = sum
            .asset
            .parse()
            .map_err(|_unknown| PayError::damaged("rail_sums", &sum.row_key(), "the currency is none"))?;
        let account = account_fetch(conn, &context.sealer, &AccountKey::rail(rail, asset))?;
        let booked = account.map_or(0, |account| account.balance_units).saturating_neg();
        let unbooked = fees_unbooked(conn, rail, &sum.asset)?;
        let due = booked.saturating_sub(sum.withdrawn).saturating_sub(unbooked);
        let holds = match said {
            Some(said) => said
                .iter()
                .find(|line| line.asset == asset)
                .map_or(0, |line| line.units),
            None => sum.held,
        };
        let mut found = Vec::new();
        if holds != due {
            let (holds_text, due_text) = (signed_text(holds, &sum.asset), signed_text(due, &sum.asset));
            let detail = format!("The rail holds {holds_text}; by the ledger it should hold {due_text}.");
            let kind = Kind::BalanceDiffers;
            found.push(Difference::between(kind, &sum.asset, Some(due), Some(holds), detail));
        }
        compared.push((format!("balance/{}", sum.asset), found));
    }
    Ok(compared)
}

/// What the rail keeps of payments that went back: a difference that is named already.
fn fees_unbooked(conn: &mut Conn, rail: &str, asset: &str) -> Result<i64, PayError> {
    let fees: Vec<Option<i64>> = differences::table
        .filter(differences::scope.eq(format!("rail:{rail}")))
        .filter(differences::resolved_at.is_null())
        .filter(differences::kind.eq(Kind::FeeUnbooked.as_str()))
        .filter(differences::asset.eq(asset))
        .select(differences::expected)
        .load(conn)?;
    Ok(fees.into_iter().flatten().fold(0, i64::saturating_add))
}

fn is_moving(conn: &mut Conn, context: &Context, rail: &str) -> Result<bool, PayError> {
    let young = rail_facts::table
        .filter(rail_facts::rail.eq(rail))
        .filter(rail_facts::happened_at.gt(context.now().minus(GRACE)));
    let paid = checkouts::table
        .filter(checkouts::state.eq(Literal("paid")))
        .filter(checkouts::rail.eq(rail));
    let told = rail_messages::table
        .filter(rail_messages::processed_at.is_null())
        .filter(rail_messages::rail.eq(rail));
    let going_back = rail_messages::table
        .filter(rail_messages::result.eq(Literal(MessageResult::Refunded.as_str())))
        .filter(rail_messages::refund_reference.is_null())
        .filter(rail_messages::rail.eq(rail));
    let going_out = payout_parts::table.filter(payout_parts::state.eq(Literal(WAITING)));
    for count in [
        young.count().get_result::<i64>(conn)?,
        paid.count().get_result(conn)?,
        told.count().get_result(conn)?,
        going_back.count().get_result(conn)?,
        going_out.count().get_result(conn)?,
    ] {
        if count > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}
