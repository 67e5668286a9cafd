//! What went back, and what the reconciliation says about it.

use diesel::prelude::*;
use imajin_rails::DisputeState;

use crate::bank::{Books, CARDS};
use crate::beyond::unpaid_all;
use crate::checks::{Checkout, is_settled, rail_messages, read};
use crate::seller::Shelf;
use crate::world::World;

diesel::table! {
    refunds (id) {
        id -> Text, checkout_id -> Text, rail -> Text, amount -> BigInt, state -> Text, reference -> Nullable<Text>,
    }
}
diesel::table! {
    differences (scope, subject, kind, first_seen_at) {
        scope -> Text, subject -> Text, kind -> Text, first_seen_at -> BigInt, resolved_at -> Nullable<BigInt>,
        detail -> Text,
    }
}

/// The refund of a sale: its checkout, rail, amount, state and the rail's reference.
#[derive(Debug, Clone, Queryable)]
pub(crate) struct Back {
    id: String,
    checkout: String,
    pub(crate) rail: String,
    pub(crate) amount: i64,
    state: String,
    reference: Option<String>,
}

impl Back {
    /// Whether the rail has taken it.
    pub(crate) fn is_made(&self) -> bool {
        matches!(self.state.as_str(), "sent" | "returned")
    }
}

pub(crate) fn refunds_all(world: &World) -> Vec<Back> {
    read(world, |conn| {
        Ok(refunds::table
            .order_by(refunds::id)
            .select(refunds::all_columns)
            .load(conn)?)
    })
    .unwrap_or_default()
}

/// The processor has made each refund that pay counts as made, once, and no other; and both know which did not arrive.
pub(crate) fn refunds_check(world: &World, back: &[Back], books: &Books) {
    let made = back.iter().filter(|row| row.rail == CARDS && row.is_made());
    let mut booked: Vec<(String, i64)> = made
        .map(|row| (row.reference.clone().unwrap_or_default(), row.amount))
        .collect();
    let whole: Vec<(Option<String>, i64)> = read(world, |conn| {
        Ok(rail_messages::table
            .filter(rail_messages::rail.eq(CARDS))
            .filter(rail_messages::refund_reference.is_not_null())
            .select((rail_messages::refund_reference, rail_messages::amount))
            .load(conn)?)
    })
    .unwrap_or_default();
    booked.extend(
        whole
            .into_iter()
            .filter_map(|(reference, amount)| Some((reference?, amount))),
    );
    let mut made: Vec<(String, i64)> = books
        .refunds
        .iter()
        .map(|made| (made.reference(), made.amount))
        .collect();
    booked.sort();
    made.sort();
    if booked != made {
        world
            .ether()
            .wrong(format!("refunds {made:?}, and booked are {booked:?}"));
    }
    for row in back.iter().filter(|row| row.rail == CARDS && row.is_made()) {
        let mut made = books.refunds.iter();
        let failed = made.any(|made| made.failed && Some(made.reference()) == row.reference);
        if failed != (row.state == "returned") {
            world.ether().wrong(format!(
                "{row:?}, and that the buyer's bank did not take it is {failed}"
            ));
        }
    }
}

/// Whether the goods are the seller's to hand over and to take back.
fn is_of_seller(row: &Checkout) -> bool {
    matches!(row.kind.as_str(), "order" | "content")
}

/// The seller has heard of each refund that was made, of each sale that nobody has paid for after all, once, and of no
/// other.
pub(crate) fn told(world: &World, rows: &[Checkout], back: &[Back], stock: &Shelf, books: &Books) {
    let own = |row: &&Back| rows.iter().any(|sold| is_of_seller(sold) && sold.id == row.checkout);
    let mut made: Vec<(String, String)> = back
        .iter()
        .filter(|row| row.is_made())
        .filter(own)
        .map(|row| (row.id.clone(), row.checkout.clone()))
        .collect();
    let is_refund = |id: &str| back.iter().any(|row| row.id == id);
    let told = stock.returned.iter();
    let (mut told, others): (Vec<_>, Vec<_>) = told
        .map(|(id, told)| (id.to_string(), told.checkout.to_string()))
        .partition(|(id, _)| is_refund(id));
    made.sort();
    told.sort();
    if made != told {
        world
            .ether()
            .wrong(format!("refunds {made:?}, and the seller was told {told:?}"));
    }
    let promised = unpaid_all(world);
    let lost = |row: &Checkout| {
        let mut disputes = books.disputes.values();
        row.rail == CARDS
            && row.state == "settled"
            && disputes.any(|each| each.state == DisputeState::Lost && each.checkout.to_string() == row.id)
    };
    let gone = rows.iter().filter(|row| is_of_seller(row));
    let gone = gone.filter(|row| promised.contains(&row.id) || lost(row));
    let mut gone: Vec<String> = gone.map(|row| row.id.clone()).collect();
    let mut others: Vec<String> = others.into_iter().map(|(_, checkout)| checkout).collect();
    gone.sort();
    others.sort();
    if gone != others
        || !stock
            .returned
            .values()
            .all(|told| told.whole || is_refund(told.refund.as_str()))
    {
        world
            .ether()
            .wrong(format!("unpaid are {gone:?}, and the seller was told of {others:?}"));
    }
}

/// Nothing is different between the rails and the ledger, but what has been lost to the processor's fees, what somebody
/// owes, and what the processor refuses to send back.
pub(crate) fn differences_check(world: &World, rows: &[Checkout], books: &Books) {
    let found: Vec<(String, String, String)> = read(world, |conn| {
        Ok(differences::table
            .filter(differences::resolved_at.is_null())
            .filter(differences::kind.ne_all(["debt_open", "refund_refused"]))
            .order_by((differences::scope, differences::subject, differences::kind))
            .select((differences::subject, differences::kind, differences::detail))
            .load(conn)?)
    })
    .unwrap_or_default();
    let lost = books.payments.iter();
    let mut lost: Vec<String> = lost
        .filter(|(name, payment)| !is_settled(rows, name, payment))
        .map(|(name, _)| format!("payment/{name}"))
        .collect();
    for (subject, kind, detail) in found {
        let expected = lost.iter().position(|name| *name == subject && kind == "fee_unbooked");
        if let Some(place) = expected {
            lost.remove(place);
        } else {
            world.ether().wrong(format!("{subject} is different: {kind}: {detail}"));
        }
    }
    if !lost.is_empty() {
        world
            .ether()
            .wrong(format!("nobody says that the fees of {lost:?} are lost"));
    }
}
