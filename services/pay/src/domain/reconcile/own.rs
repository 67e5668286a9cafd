//! The ledger against the rows beside it, and what should have ended long ago.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Span;
use imajin_kernel::id::{CheckoutId, PayoutId, RailMessageId};
use imajin_ledger::{Account, AccountKey, Owner, Purpose, account_fetch, account_page};
use imajin_money::Asset;
use imajin_pay_api::CheckoutState;
use imajin_store::{Conn, Literal, SealedRow, units_sum};

use super::facts::amount_text;
use super::kind::Kind;
use super::note::{Difference, signed_text};
use super::phases::Subjects;
use super::rail::{FEE_WAIT, fee_overdue};
use super::{GRACE, PAGE};
use crate::PayError;
use crate::context::Context;
use crate::domain::checkout_find;
use crate::domain::payout::part_find;
use crate::domain::share_list::shares_waiting;
use crate::rows::{MessageRow, PLEDGE_OPEN, ShareState, WAITING};
use crate::schema::{checkouts, contract_flows, held_shares, payout_parts, pledges, rail_messages, rail_payments};

/// How long goods may take to be handed over and split.
const DELIVERY_WAIT: Span = Span::hours(1);
/// How long a rail may take to send money to a payee.
const TRANSFER_WAIT: Span = Span::days(1);

/// A page of what the ledger is compared with.
pub(super) fn subjects(conn: &mut Conn, context: &Context, phase: &str, cursor: &str) -> Result<Subjects, PayError> {
    match phase {
        "pending" => accounts(conn, context, Purpose::Pending, cursor),
        "accrued" => accounts(conn, context, Purpose::Accrued, cursor),
        "debts" => accounts(conn, context, Purpose::Debt, cursor),
        "shares" | "flows" => rows_beside(conn, phase, cursor),
        _ => overdue(conn, context, phase, cursor),
    }
}

fn accounts(conn: &mut Conn, context: &Context, purpose: Purpose, cursor: &str) -> Result<Subjects, PayError> {
    let page = account_page(conn, &context.sealer, purpose, cursor, PAGE)?;
    let is_full = i64::try_from(page.len()).is_ok_and(|page| page == PAGE);
    let next = page.last().filter(|_| is_full).map(|last| last.key.id().to_string());
    let subject = |account: &Account| format!("{purpose}/{}|{}", account.key.owner, account.key.asset);
    Ok(Subjects {
        subjects: page.iter().map(subject).collect(),
        next,
    })
}

/// Whose money waits by the rows, whether or not there is an account.
fn rows_beside(conn: &mut Conn, phase: &str, cursor: &str) -> Result<Subjects, PayError> {
    let (owner, asset) = cursor.split_once('|').unwrap_or((cursor, ""));
    let (purpose, pairs): (_, Vec<(String, String)>) = if phase == "shares" {
        let waiting = held_shares::table
            .filter(held_shares::state.eq(Literal(ShareState::Waiting.as_str())))
            .filter(
                held_shares::payee_did
                    .gt(owner)
                    .or(held_shares::payee_did.eq(owner).and(held_shares::asset.gt(asset))),
            );
        let pairs = waiting
            .group_by((held_shares::payee_did, held_shares::asset))
            .order_by((held_shares::payee_did, held_shares::asset))
            .limit(PAGE)
            .select((held_shares::payee_did, held_shares::asset))
            .load(conn)?;
        (Purpose::Pending, pairs)
    } else {
        let waiting = contract_flows::table
            .filter(contract_flows::waiting.ne(Literal(0_i64)))
            .filter(
                contract_flows::recipient_did.gt(owner).or(contract_flows::recipient_did
                    .eq(owner)
                    .and(contract_flows::asset.gt(asset))),
            );
        let pairs = waiting
            .group_by((contract_flows::recipient_did, contract_flows::asset))
            .order_by((contract_flows::recipient_did, contract_flows::asset))
            .limit(PAGE)
            .select((contract_flows::recipient_did, contract_flows::asset))
            .load(conn)?;
        (Purpose::Accrued, pairs)
    };
    let names: Vec<String> = pairs
        .into_iter()
        .map(|(owner, asset)| format!("{owner}|{asset}"))
        .collect();
    Ok(Subjects::page(&names, |name| format!("{purpose}/{name}")))
}

/// What should have ended by now. Each list has an index of what is open alone.
fn overdue(conn: &mut Conn, context: &Context, phase: &str, cursor: &str) -> Result<Subjects, PayError> {
    let now = context.now();
    let names: Vec<String> = match phase {
        "fees" => {
            let rows: Vec<(String, String)> = rail_payments::table
                .filter(rail_payments::fee.is_null())
                .filter(rail_payments::paid_at.lt(now.minus(FEE_WAIT)))
                .filter(rail_payments::reference.gt(cursor))
                .order_by(rail_payments::reference)
                .limit(PAGE)
                .select((rail_payments::rail, rail_payments::reference))
                .load(conn)?;
            let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows == PAGE);
            return Ok(Subjects {
                next: rows.last().filter(|_| is_full).map(|(_, reference)| reference.clone()),
                subjects: rows.iter().map(|(rail, name)| format!("fee/{rail}|{name}")).collect(),
            });
        }
        "checkouts" => {
            let paid = checkouts::state
                .eq(Literal("paid"))
                .and(checkouts::updated_at.lt(now.minus(DELIVERY_WAIT)));
            let open = checkouts::state
                .eq(Literal("open"))
                .and(checkouts::expires_at.lt(now.minus(GRACE)));
            checkouts::table
                .filter(paid.or(open))
                .filter(checkouts::id.gt(cursor))
                .order_by(checkouts::id)
                .limit(PAGE)
                .select(checkouts::id)
                .load(conn)?
        }
        "messages" => rail_messages::table
            .filter(rail_messages::processed_at.is_null())
            .filter(rail_messages::received_at.lt(now.minus(GRACE)))
            .filter(rail_messages::id.gt(cursor))
            .order_by(rail_messages::id)
            .limit(PAGE)
            .select(rail_messages::id)
            .load(conn)?,
        _ => payout_parts::table
            .filter(payout_parts::state.eq(Literal(WAITING)))
            .filter(payout_parts::updated_at.lt(now.minus(TRANSFER_WAIT)))
            .filter(payout_parts::payout_id.gt(cursor))
            .group_by(payout_parts::payout_id)
            .order_by(payout_parts::payout_id)
            .limit(PAGE)
            .select(payout_parts::payout_id)
            .load(conn)?,
    };
    let kind = phase.trim_end_matches('s');
    Ok(Subjects::page(&names, |name| format!("{kind}/{name}")))
}

/// What is different about one thing of the ledger's.
pub(super) fn differences_of(
    conn: &mut Conn,
    context: &Context,
    (kind, name): (&str, &str),
) -> Result<Vec<Difference>, PayError> {
    let pair = name.rsplit_once('|');
    match (kind, pair) {
        ("pending", Some((owner, asset))) => waiting_differs(conn, context, Purpose::Pending, owner, asset),
        ("accrued", Some((owner, asset))) => waiting_differs(conn, context, Purpose::Accrued, owner, asset),
        ("debt", Some((owner, asset))) => debt(conn, context, owner, asset),
        ("fee", Some((rail, reference))) => fee_overdue(conn, context, rail, reference),
        ("transfer", _) => transfer(conn, context, name),
        ("checkout", _) => checkout(conn, context, name),
        ("message", _) => message(conn, context, name),
        _ => Ok(Vec::new()),
    }
}

fn balance_of(
    conn: &mut Conn,
    context: &Context,
    purpose: Purpose,
    owner: &str,
    asset: &str,
) -> Result<Option<i64>, PayError> {
    let (Ok(owner), Ok(asset)) = (owner.parse::<Owner>(), asset.parse::<Asset>()) else {
        return Ok(None);
    };
    let account = account_fetch(conn, &context.sealer, &AccountKey::new(owner, asset, purpose))?;
    Ok(Some(account.map_or(0, |account| account.balance_units)))
}

/// What waits by the ledger against what waits by its rows.
fn waiting_differs(
    conn: &mut Conn,
    context: &Context,
    purpose: Purpose,
    owner: &str,
    asset: &str,
) -> Result<Vec<Difference>, PayError> {
    let (kind, what, sum) = if purpose == Purpose::Pending {
        let shares = shares_waiting(conn, context, &forms_of(owner), asset)?;
        let open = pledges::table
            .filter(pledges::state.eq(Literal(PLEDGE_OPEN)))
            .filter(pledges::did.eq_any(forms_of(owner)))
            .filter(pledges::asset.eq(asset));
        (
            Kind::PendingDiffers,
            "Held shares, and those of promises that no broker has paid,",
            shares.saturating_add(units_sum!(conn, open, pledges::units)?),
        )
    } else {
        let waiting = contract_flows::table
            .filter(contract_flows::waiting.ne(Literal(0_i64)))
            .filter(contract_flows::recipient_did.eq_any(forms_of(owner)))
            .filter(contract_flows::asset.eq(asset));
        (
            Kind::AccruedDiffers,
            "What waits for minimums",
            units_sum!(conn, waiting, contract_flows::waiting)?,
        )
    };
    let balance = balance_of(conn, context, purpose, owner, asset)?.unwrap_or(0);
    if balance == sum {
        return Ok(Vec::new());
    }
    let (rows, ledger) = (signed_text(sum, asset), signed_text(balance, asset));
    let detail = format!("{what} make up {rows}; the account holds {ledger}.");
    Ok(vec![Difference::between(kind, asset, Some(sum), Some(balance), detail)])
}

/// A DID as it may stand in rows: as it was written, and canonical.
fn forms_of(owner: &str) -> Vec<String> {
    let canonical = owner.parse::<Did>().map(|did| did.canonical().to_string());
    let mut forms = vec![owner.to_owned()];
    forms.extend(canonical.ok().filter(|form| form != owner));
    forms
}

fn debt(conn: &mut Conn, context: &Context, owner: &str, asset: &str) -> Result<Vec<Difference>, PayError> {
    let owed = balance_of(conn, context, Purpose::Debt, owner, asset)?.unwrap_or(0);
    if owed >= 0 {
        return Ok(Vec::new());
    }
    let detail = format!("{owner} owes {}.", signed_text(owed.saturating_neg(), asset));
    Ok(vec![Difference::between(
        Kind::DebtOpen,
        asset,
        Some(0),
        Some(owed),
        detail,
    )])
}

fn checkout(conn: &mut Conn, context: &Context, name: &str) -> Result<Vec<Difference>, PayError> {
    let Ok(id) = name.parse::<CheckoutId>() else {
        return Ok(Vec::new());
    };
    let Some(row) = checkout_find(conn, context, id)? else {
        return Ok(Vec::new());
    };
    let now = context.now();
    let detail = match row.state()? {
        CheckoutState::Paid if row.updated_at.plus(DELIVERY_WAIT) < now => {
            "It is paid, and its goods are not handed over or its money is not split."
        }
        CheckoutState::Open if row.expires_at.plus(GRACE) < now => "Its time is over, and it was not ended.",
        _ => return Ok(Vec::new()),
    };
    let detail = format!("{} ({}): {detail}", row.title, amount_text(row.price, &row.asset));
    Ok(vec![Difference::plain(Kind::CheckoutOverdue, detail)])
}

/// A message of a rail, its seal checked.
pub(super) fn message_row(conn: &mut Conn, context: &Context, name: &str) -> Result<Option<MessageRow>, PayError> {
    let Ok(id) = name.parse::<RailMessageId>() else {
        return Ok(None);
    };
    let row: Option<MessageRow> = rail_messages::table
        .find(id)
        .select(MessageRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

fn message(conn: &mut Conn, context: &Context, name: &str) -> Result<Vec<Difference>, PayError> {
    let row = message_row(conn, context, name)?;
    let late = row.filter(|row| row.processed_at.is_none() && row.received_at.plus(GRACE) < context.now());
    let found = late.map(|row| {
        let detail = format!(
            "A message of {} ({}) about {} is not processed.",
            row.rail, row.outcome, row.reference
        );
        Difference::plain(Kind::MessageOverdue, detail)
    });
    Ok(found.into_iter().collect())
}

/// The transfers of a payout that the rail has not made.
fn transfer(conn: &mut Conn, context: &Context, name: &str) -> Result<Vec<Difference>, PayError> {
    let Ok(id) = name.parse::<PayoutId>() else {
        return Ok(Vec::new());
    };
    let late: Vec<i64> = payout_parts::table
        .filter(payout_parts::payout_id.eq(id))
        .filter(payout_parts::state.eq(Literal(WAITING)))
        .filter(payout_parts::updated_at.lt(context.now().minus(TRANSFER_WAIT)))
        .select(payout_parts::part)
        .load(conn)?;
    let Some(first) = late.first() else {
        return Ok(Vec::new());
    };
    let (payout, _) = part_find(conn, context, id, *first)?;
    let mut units: i64 = 0;
    for part in late {
        units = units.saturating_add(part_find(conn, context, id, part)?.1.amount);
    }
    let money = amount_text(units, &payout.asset);
    let detail = format!("{money} of payout {id} to {} has not left.", payout.did);
    let found = Difference::between(Kind::TransferOverdue, &payout.asset, Some(units), None, detail);
    Ok(vec![found])
}
