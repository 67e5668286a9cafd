//! What happened on somebody's accounts in a time, and the same for an accountant: leg by leg of the receipts.

use std::collections::BTreeMap;

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_ledger::{Account, Owner, Purpose, account_list, balance_at, statement_between};
use imajin_money::{Amount, Money};
use imajin_pay_api::{BalanceView, CreditNoteBody, ReceiptBody};
use imajin_store::{Conn, SealedRow};
use serde::Serialize;
use utoipa::ToSchema;

use crate::PayError;
use crate::context::Context;
use crate::rows::{ReceiptRow, RefundRow, ShareRow, ShareState};
use crate::schema::{held_shares, receipt_parties, receipts, refunds};

/// The longest statement; a longer one is asked for in parts.
pub(crate) const LINES_MAX: i64 = 10_000;

/// From when until when: the end is not part of it.
pub(crate) type Period = (Timestamp, Timestamp);

fn too_long() -> PayError {
    PayError::invalid(
        "from",
        format!("there are more than {LINES_MAX} lines in this time: ask for a shorter one"),
    )
}

/// The accounts of somebody and of the identities that they have claimed.
fn accounts_of(conn: &mut Conn, context: &Context, owners: &[Did]) -> Result<Vec<Account>, PayError> {
    let mut accounts = Vec::new();
    for owner in owners {
        accounts.extend(account_list(conn, &context.sealer, &Owner::Did(owner.canonical()))?);
    }
    Ok(accounts)
}

/// The balances as they were at a moment.
pub(crate) fn balances_at(
    conn: &mut Conn,
    context: &Context,
    owners: &[Did],
    at: Timestamp,
) -> Result<Vec<BalanceView>, PayError> {
    let mut all: Vec<BalanceView> = Vec::new();
    for account in accounts_of(conn, context, owners)? {
        let units = balance_at(conn, &context.sealer, &account, at)?;
        if units == 0 && account.key.purpose != Purpose::Available {
            continue;
        }
        let purpose = account.key.purpose.to_string();
        let more = Money::new(Amount::from_micros(units).unwrap_or(Amount::ZERO), account.key.asset);
        let known = all
            .iter_mut()
            .find(|line| line.purpose == purpose && line.balance.asset == more.asset);
        match known {
            Some(line) => {
                let sum = line.balance.checked_add(more);
                line.balance = sum.map_err(|error| PayError::Fault(error.to_string()))?;
            }
            None => all.push(BalanceView { purpose, balance: more }),
        }
    }
    Ok(all)
}

/// A line of a statement. Amounts are decimals; what goes out has a minus.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatementRow {
    /// When it was booked.
    #[schema(value_type = String)]
    pub(crate) time: Timestamp,
    /// Whose account: yours, or that of an identity which you have claimed.
    pub(crate) owner: String,
    /// What the account counts.
    pub(crate) currency: String,
    /// What its money is for.
    pub(crate) purpose: String,
    /// Why it was booked.
    pub(crate) kind: String,
    /// What came in, or with a minus what went out.
    pub(crate) amount: String,
    /// What was there afterwards.
    pub(crate) balance: String,
    /// What for.
    pub(crate) reference: String,
    /// The ledger's entry.
    pub(crate) entry: String,
}

/// The statement of all of somebody's accounts, oldest first.
pub(crate) fn statement(
    conn: &mut Conn,
    context: &Context,
    owners: &[Did],
    period: Period,
) -> Result<Vec<StatementRow>, PayError> {
    let mut rows: Vec<StatementRow> = Vec::new();
    for account in accounts_of(conn, context, owners)? {
        let lines = statement_between(conn, &context.sealer, &account, period, LINES_MAX.saturating_add(1))?;
        rows.extend(lines.into_iter().map(|line| row_of(&account, line)));
        if i64::try_from(rows.len()).unwrap_or(i64::MAX) > LINES_MAX {
            return Err(too_long());
        }
    }
    // Stable: the lines of one account stay in their own order.
    rows.sort_by_key(|row| row.time);
    Ok(rows)
}

fn row_of(account: &Account, line: imajin_ledger::StatementLine) -> StatementRow {
    let decimal = |units: i64| {
        let size = i64::try_from(units.unsigned_abs()).unwrap_or(i64::MAX);
        let size = Money::new(Amount::from_micros(size).unwrap_or(Amount::MAX), account.key.asset).decimal();
        if units < 0 { format!("-{size}") } else { size }
    };
    StatementRow {
        time: line.posted_at,
        owner: account.key.owner.to_string(),
        currency: account.key.asset.to_string(),
        purpose: account.key.purpose.to_string(),
        kind: line.kind.to_string(),
        amount: decimal(line.units),
        balance: decimal(line.balance_after),
        reference: line.reference,
        entry: line.entry.to_string(),
    }
}

/// One part of one payment, with what an accountant asks for.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExportRow {
    /// When the payment was split.
    #[schema(value_type = String)]
    pub(crate) time: Timestamp,
    /// The receipt.
    pub(crate) receipt: String,
    /// `share` or `fee`; with a minus, what went back: `refund`, `fee_refund`, and `fee_borne` for what the processor
    /// has kept of a payment that went back.
    pub(crate) kind: &'static str,
    /// What was sold, by kind and number.
    pub(crate) goods: String,
    /// What was sold, in words.
    pub(crate) title: String,
    /// Who sold it.
    pub(crate) seller: String,
    /// Who paid.
    pub(crate) payer: String,
    /// Who got this part.
    pub(crate) payee: String,
    /// In which role, or which fee.
    pub(crate) role: String,
    /// Whose distribution contracts led there, in their order; empty without any.
    pub(crate) through: String,
    /// `paid`, `held` (the payee has not accepted), `released` (has accepted since), `passed_on` (never did, and
    /// somebody else got it), `accrued` (below the minimum of a contract) or `returned` (it went back).
    pub(crate) state: String,
    /// How much.
    pub(crate) amount: String,
    /// What was paid in all.
    pub(crate) gross: String,
    /// What both count.
    pub(crate) currency: String,
    /// `true` for test money, which is worth nothing and no income.
    pub(crate) test_money: bool,
    /// How it was paid.
    pub(crate) rail: String,
    /// The rail's own reference.
    pub(crate) rail_reference: String,
    /// The manifest that decided the split.
    pub(crate) manifest: String,
    /// The ledger's entry.
    pub(crate) entry: String,
}

/// The parts of all receipts of a time, oldest first: those of `owners`, or everybody's.
pub(crate) fn export(
    conn: &mut Conn,
    context: &Context,
    owners: Option<&[Did]>,
    (from, until): Period,
) -> Result<Vec<ExportRow>, PayError> {
    let mut found = receipts::table
        .filter(receipts::issued_at.ge(from))
        .filter(receipts::issued_at.lt(until))
        .into_boxed();
    let owners: Option<Vec<String>> =
        owners.map(|owners| owners.iter().map(|did| did.canonical().to_string()).collect());
    if let Some(owners) = &owners {
        let theirs = receipt_parties::table
            .filter(receipt_parties::did.eq_any(owners.clone()))
            .select(receipt_parties::receipt_id);
        found = found.filter(receipts::id.eq_any(theirs));
    }
    let loaded: Vec<ReceiptRow> = found
        .order_by(receipts::id)
        .limit(LINES_MAX.saturating_add(1))
        .select(ReceiptRow::as_select())
        .load(conn)?;
    let mut rows = Vec::new();
    for row in loaded {
        let message = row.intact(&context.sealer)?.message()?;
        let payer = message.to.as_ref().map(Did::to_string).unwrap_or_default();
        let shares = shares_of(conn, context, &message.payload)?;
        let parts = parts_of(&message.payload, &payer, &shares).into_iter();
        rows.extend(parts.filter(|part| owners.as_ref().is_none_or(|owners| owners.contains(&part.payee))));
        if i64::try_from(rows.len()).unwrap_or(i64::MAX) > LINES_MAX {
            return Err(too_long());
        }
    }
    rows.extend(export_refunds(conn, context, owners.as_deref(), (from, until))?);
    if i64::try_from(rows.len()).unwrap_or(i64::MAX) > LINES_MAX {
        return Err(too_long());
    }
    rows.sort_by_key(|row| row.time);
    Ok(rows)
}

/// What came back of the parts of receipts in a time: the lines of the credit notes, with a minus.
fn export_refunds(
    conn: &mut Conn,
    context: &Context,
    owners: Option<&[String]>,
    (from, until): Period,
) -> Result<Vec<ExportRow>, PayError> {
    let mut found = refunds::table
        .filter(refunds::document.is_not_null())
        .filter(refunds::ended_at.ge(from))
        .filter(refunds::ended_at.lt(until))
        .into_boxed();
    if let Some(owners) = owners {
        let theirs = receipt_parties::table
            .filter(receipt_parties::did.eq_any(owners.to_vec()))
            .select(receipt_parties::receipt_id);
        found = found.filter(refunds::receipt_id.eq_any(theirs));
    }
    let loaded: Vec<RefundRow> = found
        .order_by(refunds::id)
        .limit(LINES_MAX.saturating_add(1))
        .select(RefundRow::as_select())
        .load(conn)?;
    let mut rows = Vec::new();
    for row in loaded {
        let Some(message) = row.intact(&context.sealer)?.note()? else {
            continue;
        };
        let receipt: ReceiptRow = receipts::table
            .find(message.payload.receipt)
            .select(ReceiptRow::as_select())
            .first(conn)?;
        let body = receipt.intact(&context.sealer)?.message()?.payload;
        let payer = message.to.as_ref().map(Did::to_string).unwrap_or_default();
        let parts = refunded_parts_of(&message.payload, &body, &payer).into_iter();
        rows.extend(parts.filter(|part| owners.is_none_or(|owners| owners.contains(&part.payee))));
    }
    Ok(rows)
}

fn refunded_parts_of(note: &CreditNoteBody, body: &ReceiptBody, payer: &str) -> Vec<ExportRow> {
    let minus = |amount| format!("-{}", Money::new(amount, body.gross.asset).decimal());
    let common = ExportRow {
        time: note.time,
        kind: "refund",
        state: "returned".to_owned(),
        rail_reference: note.rail_reference.clone(),
        entry: note.ledger_entry.id.to_string(),
        ..common_of(body, payer)
    };
    let fees = note.fees.iter().map(|fee| ExportRow {
        kind: "fee_refund",
        payee: fee.did.to_string(),
        role: fee.name.clone(),
        amount: minus(fee.amount),
        ..common.clone()
    });
    let legs = note.legs.iter().map(|leg| ExportRow {
        payee: leg.did.to_string(),
        role: leg.role.clone(),
        amount: minus(leg.amount),
        ..common.clone()
    });
    // The processor's fee of what went back is the seller's loss.
    let borne = note.rail_fee_borne.map(|amount| ExportRow {
        kind: "fee_borne",
        payee: note.seller.to_string(),
        role: "payment".to_owned(),
        amount: minus(amount),
        ..common.clone()
    });
    fees.chain(legs).chain(borne).collect()
}

/// What has become of the held legs of a receipt.
fn shares_of(conn: &mut Conn, context: &Context, body: &ReceiptBody) -> Result<BTreeMap<i64, String>, PayError> {
    if !body.legs.iter().any(|leg| leg.held) {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<ShareRow> = held_shares::table
        .filter(held_shares::receipt_id.eq(body.id))
        .select(ShareRow::as_select())
        .load(conn)?;
    let mut states = BTreeMap::new();
    for row in rows {
        let row = row.intact(&context.sealer)?;
        if !row.is(ShareState::Waiting) {
            states.insert(row.leg, row.state);
        }
    }
    Ok(states)
}

fn parts_of(body: &ReceiptBody, payer: &str, shares: &BTreeMap<i64, String>) -> Vec<ExportRow> {
    let decimal = |amount| Money::new(amount, body.gross.asset).decimal();
    let common = common_of(body, payer);
    let fees = body.fees.iter().map(|fee| ExportRow {
        kind: "fee",
        payee: fee.did.to_string(),
        role: fee.name.clone(),
        amount: decimal(fee.amount),
        ..common.clone()
    });
    let legs = body.legs.iter().zip(0_i64..).map(|(leg, number)| ExportRow {
        payee: leg.did.to_string(),
        role: leg.role.clone(),
        through: leg
            .contracts
            .iter()
            .map(|hop| hop.profile.to_string())
            .collect::<Vec<_>>()
            .join(" "),
        state: match (leg.held, leg.accrued) {
            (true, _) => shares.get(&number).cloned().unwrap_or_else(|| "held".to_owned()),
            (false, true) => "accrued".to_owned(),
            (false, false) => "paid".to_owned(),
        },
        amount: decimal(leg.amount),
        ..common.clone()
    });
    fees.chain(legs).collect()
}

/// What all lines of a receipt have in common.
fn common_of(body: &ReceiptBody, payer: &str) -> ExportRow {
    let decimal = |amount| Money::new(amount, body.gross.asset).decimal();
    ExportRow {
        time: body.time,
        receipt: body.id.to_string(),
        kind: "share",
        goods: format!("{}:{}", body.goods.kind, body.goods.id),
        title: body.title.clone(),
        seller: body.seller.to_string(),
        payer: payer.to_owned(),
        payee: String::new(),
        role: String::new(),
        through: String::new(),
        state: "paid".to_owned(),
        amount: String::new(),
        gross: decimal(body.gross.amount),
        currency: body.gross.asset.to_string(),
        test_money: body.test_money,
        rail: body.rail.clone(),
        rail_reference: body.rail_reference.clone(),
        manifest: body.manifest.id.to_string(),
        entry: body.ledger_entry.id.to_string(),
    }
}
