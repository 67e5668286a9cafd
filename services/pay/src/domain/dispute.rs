//! What a buyer's bank takes back walks the split backwards.
//!
//! Each payee gives back their part of what is disputed: from what they have, and what they have not any more becomes
//! a debt that everybody can see. What nobody was split, such as the rail's own fee for the dispute, is the seller's.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_ledger::{AccountKey, Command, EntryKind, Posting, Purpose};
use imajin_money::Money;
use imajin_pay_api::CheckoutState;
use imajin_rails::{Confirmed, DisputeState, RailDispute};
use imajin_store::{Conn, SealedRow, for_update};

use super::checkout_lock;
use super::debts::Moves;
use super::goods_back::goods_unpaid_owe;
use super::notices::{DisputeNews, debts_owe, dispute_owe};
use super::payout::amount;
use super::refund_list::refund_is_under_way;
use super::reversal::{Walk, sale_give, sale_take};
use super::sale::{Sale, apportion};
use crate::PayError;
use crate::context::Context;
use crate::rows::{CheckoutRow, DisputeRow, LineBack, MessageResult, MessageRow, Reversal, ReversalRow, json_text};
use crate::schema::disputes;

/// Brings a dispute to where the rail says that it stands. `None`: it must wait, because its payment is not split yet.
pub(crate) fn dispute_apply(
    conn: &mut Conn,
    context: &Context,
    message: &MessageRow,
    confirmed: &Confirmed,
) -> Result<Option<MessageResult>, PayError> {
    let (Some(said), Some(id)) = (&confirmed.dispute, confirmed.event.checkout) else {
        return Ok(Some(MessageResult::Ignored));
    };
    let checkout = checkout_lock(conn, context, id)?.filter(|row| row.rail == message.rail);
    let Some(checkout) = checkout else {
        return Ok(Some(MessageResult::Ignored));
    };
    if !matches!(checkout.state()?, CheckoutState::Settled | CheckoutState::Refunded) {
        return Ok(None);
    }
    // A refund that the rail has not answered may not have left at all: the rail refuses it because of this dispute.
    if refund_is_under_way(conn, checkout.id)? {
        return Ok(None);
    }
    let found = dispute_lock(conn, context, &message.rail, &message.reference)?;
    let row = match found {
        Some(row) => row,
        // An enquiry of a bank that has taken nothing is not booked.
        None if said.taken.is_zero() => return Ok(Some(MessageResult::Ignored)),
        None => dispute_open(conn, context, message, &checkout, said)?,
    };
    dispute_close(conn, context, &checkout, row, said)?;
    Ok(Some(MessageResult::Noted))
}

fn dispute_lock(
    conn: &mut Conn,
    context: &Context,
    rail: &str,
    reference: &str,
) -> Result<Option<DisputeRow>, PayError> {
    let row: Option<DisputeRow> = for_update!(
        conn,
        disputes::table.find((rail, reference)).select(DisputeRow::as_select()) => first
    )
    .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

fn dispute_open(
    conn: &mut Conn,
    context: &Context,
    message: &MessageRow,
    checkout: &CheckoutRow,
    said: &RailDispute,
) -> Result<DisputeRow, PayError> {
    // What went back to the buyer already is booked; only what the rail took besides is not.
    let booked = if checkout.state()? == CheckoutState::Refunded {
        message.amount
    } else {
        0
    };
    let row = DisputeRow {
        rail: message.rail.clone(),
        reference: message.reference.clone(),
        payment: said.payment.clone(),
        checkout_id: checkout.id.to_string(),
        asset: message.asset.clone(),
        amount: message.amount,
        taken: said.taken.micros().saturating_sub(booked).max(0),
        given_back: None,
        state: DisputeState::Open.as_str().to_owned(),
        opened_at: context.now(),
        closed_at: None,
        row_seal: Vec::new(),
    };
    let row = row.insert(conn, &context.sealer)?;
    let disputed = Money::new(amount(row.amount)?, checkout.price()?.asset);
    dispute_owe(conn, context, checkout, disputed, DisputeNews::Opened)?;
    if row.taken == 0 {
        return Ok(row);
    }
    let walk = Walk {
        key: row.taken_key(),
        kind: EntryKind::Dispute,
        with: AccountKey::rail(&row.rail, message.money()?.asset),
        may_owe: true,
    };
    if checkout.state()? == CheckoutState::Settled {
        let sale = Sale::load(conn, context, checkout.clone())?;
        let units = row.amount.min(row.taken).min(sale.left_units());
        sale_take(conn, context, &sale, walk, units, row.taken.saturating_sub(units))?;
    } else {
        let mut moves = Moves::new(walk.with.asset);
        let seller = AccountKey::of(&did_read(&checkout.seller_did)?, walk.with.asset, Purpose::Available);
        moves.take(conn, context, &seller, row.taken)?;
        post(conn, context, walk, row.taken, checkout, moves)?;
    }
    tracing::error!(checkout = %checkout.id, dispute = row.reference, "a payment is disputed");
    Ok(row)
}

/// A won dispute gives back what it took; a lost one leaves everything as it is.
fn dispute_close(
    conn: &mut Conn,
    context: &Context,
    checkout: &CheckoutRow,
    mut row: DisputeRow,
    said: &RailDispute,
) -> Result<(), PayError> {
    if row.state != DisputeState::Open.as_str() || said.state == DisputeState::Open {
        return Ok(());
    }
    let given_back = said.given_back.micros().min(row.taken);
    // That it is won may be told before its money is back: it stays open until that is told as well.
    if said.state == DisputeState::Won && given_back == 0 && row.taken > 0 {
        return Ok(());
    }
    if given_back > 0 {
        let asset = checkout.price()?.asset;
        let walk = Walk {
            key: row.given_back_key(),
            kind: EntryKind::Dispute,
            with: AccountKey::rail(&row.rail, asset),
            may_owe: true,
        };
        if checkout.state()? == CheckoutState::Settled {
            let sale = Sale::load(conn, context, checkout.clone())?;
            let sale = with_its_taking(conn, context, sale, &row)?;
            sale_give(conn, context, &sale, walk, &[row.taken_key()], given_back)?;
        } else {
            let mut moves = Moves::new(asset);
            let seller = AccountKey::of(&did_read(&checkout.seller_did)?, asset, Purpose::Available);
            moves.give(conn, context, &seller, given_back)?;
            post(conn, context, walk, given_back.saturating_neg(), checkout, moves)?;
        }
    }
    said.state.as_str().clone_into(&mut row.state);
    row.given_back = Some(given_back);
    row.closed_at = Some(context.now());
    let row = row.save(conn, &context.sealer)?;
    if said.state == DisputeState::Lost && checkout.state()? == CheckoutState::Settled {
        let sale = Sale::load(conn, context, checkout.clone())?;
        // Nothing of what the buyer paid is left with anybody here.
        if sale.left_units() == 0 {
            goods_unpaid_owe(conn, context, &sale)?;
        }
    }
    let news = if said.state == DisputeState::Won {
        DisputeNews::Won
    } else {
        DisputeNews::Lost
    };
    let disputed = Money::new(amount(row.amount)?, checkout.price()?.asset);
    dispute_owe(conn, context, checkout, disputed, news)?;
    Ok(())
}

/// Disputes that were opened before reversals were kept line by line took in proportion: that is written down first.
fn with_its_taking(conn: &mut Conn, context: &Context, sale: Sale, row: &DisputeRow) -> Result<Sale, PayError> {
    let key = row.taken_key();
    if sale.reversals.iter().any(|(known, _)| *known == key) {
        return Ok(sale);
    }
    let units = row.amount.min(row.taken).min(sale.left_units());
    let parts = apportion(units, &sale.left());
    let lines = parts.into_iter().enumerate().filter(|(_, units)| *units > 0);
    let reversal = Reversal {
        lines: lines
            .map(|(line, units)| LineBack {
                line,
                part: None,
                units,
                held: false,
                accrued: 0,
            })
            .collect(),
        extra: row.taken.saturating_sub(units),
        flows: Vec::new(),
    };
    let kept = ReversalRow {
        key,
        checkout_id: sale.checkout.id,
        asset: row.asset.clone(),
        units: row.taken,
        document: json_text(&reversal)?,
        booked_at: row.opened_at,
        row_seal: Vec::new(),
    };
    kept.insert(conn, &context.sealer)?;
    Sale::load(conn, context, sale.checkout)
}

/// Whether a payment is disputed, or was and is lost: then nothing of it can be sent back.
pub(crate) fn dispute_standing(conn: &mut Conn, rail: &str, payment: &str) -> Result<Option<String>, PayError> {
    let state: Option<String> = disputes::table
        .filter(disputes::rail.eq(rail))
        .filter(disputes::payment.eq(payment))
        .filter(disputes::state.ne(DisputeState::Won.as_str()))
        .select(disputes::state)
        .first(conn)
        .optional()?;
    Ok(state)
}

fn post(
    conn: &mut Conn,
    context: &Context,
    walk: Walk,
    units: i64,
    checkout: &CheckoutRow,
    mut moves: Moves,
) -> Result<(), PayError> {
    moves.add(walk.with, units);
    debts_owe(conn, context, moves.asset(), &moves.indebted())?;
    let posting = Posting {
        key: walk.key,
        kind: walk.kind,
        reference: checkout.id.to_string(),
        movements: moves.finish(),
    };
    context.ledger.execute_one(conn, &Command::Post(posting))??;
    Ok(())
}

fn did_read(text: &str) -> Result<Did, PayError> {
    text.parse()
        .map_err(|_unreadable| PayError::damaged(CheckoutRow::TABLE, text, "the seller is no DID"))
}
