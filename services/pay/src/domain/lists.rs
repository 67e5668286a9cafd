//! What people may read: their own balances, entries and receipts. Every list has a bound and an index.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{EntryId, ReceiptId};
use imajin_ledger::{Account, AccountKey, Owner, Purpose, account_list, statement_list};
use imajin_money::{Amount, Asset, Money};
use imajin_pay_api::{BalanceView, Reader, ReceiptList, ReceiptView};
use imajin_store::{Conn, SealedRow};
use serde::Serialize;
use utoipa::ToSchema;

use super::receipt::{parties_of, receipt_view};
use crate::PayError;
use crate::context::Context;
use crate::rows::ReceiptRow;
use crate::schema::{receipt_parties, receipts};

/// The longest page.
pub(crate) const PAGE_MAX: u32 = 100;

fn money_of(account: &Account) -> Money {
    // Below zero are a rail's account, which is nobody's balance, and debts, which are shown as what is owed.
    let units = match account.key.purpose {
        Purpose::Debt => account.balance_units.saturating_neg(),
        _ => account.balance_units,
    };
    Money::new(Amount::from_micros(units).unwrap_or(Amount::ZERO), account.key.asset)
}

/// An owner's balances; accounts that are empty are left out, except for the spendable ones.
pub(crate) fn balance_list(conn: &mut Conn, context: &Context, owner: &Did) -> Result<Vec<BalanceView>, PayError> {
    let accounts = account_list(conn, &context.sealer, &Owner::Did(owner.canonical()))?;
    let shown = accounts
        .iter()
        .filter(|each| each.balance_units != 0 || each.key.purpose == Purpose::Available);
    Ok(shown
        .map(|each| BalanceView {
            purpose: each.key.purpose.to_string(),
            balance: money_of(each),
        })
        .collect())
}

/// The balances of somebody and of the soft identities that they have claimed, as one: what is held for one of them can
/// not be moved, but it is theirs.
pub(crate) fn balances_of(conn: &mut Conn, context: &Context, owners: &[Did]) -> Result<Vec<BalanceView>, PayError> {
    let mut all: Vec<BalanceView> = Vec::new();
    for owner in owners {
        for more in balance_list(conn, context, owner)? {
            let known = all
                .iter_mut()
                .find(|line| line.purpose == more.purpose && line.balance.asset == more.balance.asset);
            match known {
                Some(line) => {
                    let sum = line.balance.checked_add(more.balance);
                    line.balance = sum.map_err(|error| PayError::Fault(error.to_string()))?;
                }
                None => all.push(more),
            }
        }
    }
    Ok(all)
}

/// A line of a statement on the wire.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EntryLine {
    /// Its number within the account, from 1.
    number: i64,
    /// The ledger's entry.
    #[schema(value_type = String)]
    entry: EntryId,
    /// Why: `payment`, `hold`, `settlement`, `capture`, `void`, `expiry`, `refund`, `transfer`.
    kind: String,
    /// What for.
    reference: String,
    /// When.
    #[schema(value_type = String)]
    time: Timestamp,
    /// `in` or `out`.
    direction: &'static str,
    /// How much moved.
    #[schema(value_type = Object)]
    amount: Money,
    /// The balance afterwards.
    #[schema(value_type = Object)]
    balance: Money,
}

/// A page of a statement.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EntryPage {
    /// What the account's money is for.
    purpose: String,
    /// What it counts.
    currency: String,
    /// The lines, newest first.
    entries: Vec<EntryLine>,
    /// Where the next page starts; none on the last one.
    before: Option<i64>,
}

/// Which account, and which page of it.
#[derive(Debug, Clone)]
pub(crate) struct EntryWish {
    pub(crate) owner: Did,
    pub(crate) purpose: Purpose,
    /// The only one that the owner has, if not said.
    pub(crate) currency: Option<Asset>,
    pub(crate) before: Option<i64>,
    pub(crate) limit: u32,
}

pub(crate) fn entry_page(conn: &mut Conn, context: &Context, wish: &EntryWish) -> Result<EntryPage, PayError> {
    let currency = match wish.currency {
        Some(currency) => currency,
        None => only_currency(conn, context, wish)?,
    };
    let account = AccountKey::of(&wish.owner, currency, wish.purpose);
    let limit = wish.limit.clamp(1, PAGE_MAX);
    let lines = statement_list(conn, &context.sealer, &account, wish.before, i64::from(limit))?;
    let is_full = u32::try_from(lines.len()).is_ok_and(|length| length == limit);
    let before = lines
        .last()
        .map(|line| line.number)
        .filter(|number| is_full && *number > 1);
    let money = |units: i64| {
        let amount = i64::try_from(units.unsigned_abs())
            .ok()
            .and_then(|units| Amount::from_micros(units).ok());
        Money::new(amount.unwrap_or(Amount::MAX), currency)
    };
    let line = |line: imajin_ledger::StatementLine| EntryLine {
        number: line.number,
        entry: line.entry,
        kind: line.kind.to_string(),
        reference: line.reference,
        time: line.posted_at,
        direction: if line.units < 0 { "out" } else { "in" },
        amount: money(line.units),
        balance: money(line.balance_after),
    };
    Ok(EntryPage {
        purpose: wish.purpose.to_string(),
        currency: currency.to_string(),
        entries: lines.into_iter().map(line).collect(),
        before,
    })
}

fn only_currency(conn: &mut Conn, context: &Context, wish: &EntryWish) -> Result<Asset, PayError> {
    let accounts = account_list(conn, &context.sealer, &Owner::Did(wish.owner.canonical()))?;
    let mut assets: Vec<Asset> = accounts
        .iter()
        .filter(|each| each.key.purpose == wish.purpose)
        .map(|each| each.key.asset)
        .collect();
    assets.dedup();
    match assets.as_slice() {
        [] => Err(PayError::NotFound("account")),
        [only] => Ok(*only),
        several => {
            let names = several.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            Err(PayError::invalid("currency", format!("say which, you have {names}")))
        }
    }
}

/// A receipt, for its payer, its payees and the operator.
pub(crate) fn receipt_fetch(
    conn: &mut Conn,
    context: &Context,
    id: ReceiptId,
    reader: &Reader,
) -> Result<Option<ReceiptView>, PayError> {
    let row: Option<ReceiptRow> = receipts::table
        .find(id)
        .select(ReceiptRow::as_select())
        .first(conn)
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let view = receipt_view(&context.keyring, &row.intact(&context.sealer)?)?;
    let did = reader.did.canonical().to_string();
    // Asked of the signed document, not of the index beside it.
    let is_party = parties_of(&view.message).iter().any(|party| party.did == did);
    // The seller sees what was sold, also without a share of it.
    let is_seller = view.message.payload.seller.canonical().as_str() == did;
    Ok((is_party || is_seller || reader.operator).then_some(view))
}

/// Receipts of a payer or payee, or of the whole node, newest first.
pub(crate) fn receipt_list(
    conn: &mut Conn,
    context: &Context,
    list: &ReceiptList,
) -> Result<Vec<ReceiptView>, PayError> {
    let limit = i64::from(list.limit.clamp(1, PAGE_MAX));
    // Receipts are named by time; the text of an identifier sorts as the identifier does.
    let before = list.before.map_or_else(|| "rcp_~".to_owned(), |id| id.to_string());
    let rows: Vec<ReceiptRow> = match &list.owner {
        None => receipts::table
            .filter(receipts::id.lt(before))
            .order_by(receipts::id.desc())
            .limit(limit)
            .select(ReceiptRow::as_select())
            .load(conn)?,
        Some(owner) => {
            let ids: Vec<String> = receipt_parties::table
                .filter(receipt_parties::did.eq(owner.canonical().to_string()))
                .filter(receipt_parties::receipt_id.lt(before))
                .order_by(receipt_parties::receipt_id.desc())
                .limit(limit)
                .select(receipt_parties::receipt_id)
                .load(conn)?;
            receipts::table
                .filter(receipts::id.eq_any(ids))
                .order_by(receipts::id.desc())
                .select(ReceiptRow::as_select())
                .load(conn)?
        }
    };
    rows.into_iter()
        .map(|row| receipt_view(&context.keyring, &row.intact(&context.sealer)?))
        .collect()
}
