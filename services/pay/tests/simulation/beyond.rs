//! What must hold between the node, its broker, and the other node.

use diesel::prelude::*;
use imajin_ledger::{AccountKey, account_fetch};
use imajin_store::Sealer;

use crate::abroad::OfferedState;
use crate::checks::{Checkout, read};
use crate::world::World;

diesel::table! {
    visa_captures (checkout_id) {
        checkout_id -> Text, jti -> Text, receipt_id -> Text, asset -> Text, amount -> BigInt, state -> Text,
    }
}
diesel::table! {
    remittances_out (id) { id -> Text, asset -> Text, amount -> BigInt, state -> Text, }
}
diesel::table! {
    remittances_in (from_did, id) { from_did -> Text, id -> Text, amount -> BigInt, state -> Text, }
}

type Capture = (String, String, String, i64, String);

fn captures_all(world: &World) -> Vec<Capture> {
    read(world, |conn| {
        Ok(visa_captures::table
            .order_by(visa_captures::checkout_id)
            .select((
                visa_captures::checkout_id,
                visa_captures::jti,
                visa_captures::receipt_id,
                visa_captures::amount,
                visa_captures::state,
            ))
            .load(conn)?)
    })
    .unwrap_or_default()
}

/// The sales whose promise the broker has not kept.
pub(crate) fn unpaid_all(world: &World) -> Vec<String> {
    let captures = captures_all(world).into_iter();
    captures
        .filter(|capture| capture.4 == "unpaid")
        .map(|capture| capture.0)
        .collect()
}

fn sent_all(world: &World) -> Vec<(String, i64, String)> {
    read(world, |conn| {
        Ok(remittances_out::table
            .select((remittances_out::id, remittances_out::amount, remittances_out::state))
            .load(conn)?)
    })
    .unwrap_or_default()
}

fn received_all(world: &World) -> Vec<(String, i64, String)> {
    read(world, |conn| {
        Ok(remittances_in::table
            .select((remittances_in::id, remittances_in::amount, remittances_in::state))
            .load(conn)?)
    })
    .unwrap_or_default()
}

/// What is sold for a promise is redeemed once at the broker, and both agree about what became of it.
pub(crate) fn promises(world: &World, rows: &[Checkout]) {
    let (captures, redemptions) = (captures_all(world), world.parts.abroad.broker.redemptions());
    for (checkout, jti, receipt, amount, state) in &captures {
        let sold = rows.iter().any(|row| row.id == *checkout && row.state == "settled");
        let asked: Vec<&str> = redemptions
            .iter()
            .filter(|made| made.jti == *jti && made.receipt == *receipt && made.micros == *amount)
            .map(|made| made.state)
            .collect();
        let fits = match state.as_str() {
            "paid" => sold && asked == ["credited"],
            "unpaid" => sold && matches!(asked[..], ["refused" | "reversed"]),
            "freed" => !sold && asked.is_empty(),
            _ => false,
        };
        if !fits {
            let text = format!("{jti} for {checkout} is {state}, sold {sold}, and at the broker {asked:?}");
            world.ether().wrong(text);
        }
    }
    let due = captures.iter().filter(|capture| capture.4 != "freed").count();
    if due != redemptions.len() {
        let text = format!("{due} promises are due, and {} were redeemed", redemptions.len());
        world.ether().wrong(text);
    }
    let by_promise = rows.iter().filter(|row| row.rail == "visa" && row.state == "settled");
    if by_promise.count() != due {
        world
            .ether()
            .wrong(format!("not every sale for a promise is one of the {due}"));
    }
}

/// What left is there, passed on once; what was not taken has not left.
pub(crate) fn sent(world: &World) {
    let (rows, abroad) = (sent_all(world), &world.parts.abroad);
    let (books, transfers, own) = (
        abroad.books(),
        abroad.broker.transfers(),
        world.parts.keyring.node_did(),
    );
    for (id, amount, state) in &rows {
        let offered = books.offered.get(id);
        let passed_on = transfers
            .iter()
            .filter(|made| made.reference == *id && made.from == own.canonical().to_string())
            .count();
        if passed_on > 1 {
            world.ether().wrong(format!("{id} is passed on {passed_on} times"));
        }
        let fits = match (state.as_str(), offered.map(|offered| &offered.state)) {
            ("delivered", Some(OfferedState::Credited(receipt))) => {
                passed_on == 1 && receipt.payload.amount.amount.micros() == *amount
            }
            ("refused", Some(OfferedState::Refused)) => passed_on == 0,
            _ => false,
        };
        if !fits {
            world
                .ether()
                .wrong(format!("{id} over {amount} is {state}, passed on {passed_on} times"));
        }
    }
    if rows.len() != books.offered.len() {
        world
            .ether()
            .wrong(format!("{} were sent, and {} came", rows.len(), books.offered.len()));
    }
}

/// What came from the other node is in its payees' balances.
pub(crate) fn received(world: &World) {
    let mut rows = received_all(world);
    let books = world.parts.abroad.books();
    let sent = books.sent.iter();
    let mut due: Vec<(String, i64, String)> = sent
        .map(|(id, body)| (id.clone(), body.amount.amount.micros(), "credited".to_owned()))
        .collect();
    rows.sort();
    due.sort();
    if rows != due {
        world
            .ether()
            .wrong(format!("{due:?} were sent here, and {rows:?} came"));
    }
}

/// What the broker has for the node is what the ledger says that it owes.
pub(crate) fn receivables(world: &World) {
    let abroad = &world.parts.abroad;
    for asset in ["USD", "TEST-USD"] {
        let sealer = Sealer::for_service(&world.parts.keyring, "pay");
        let key = AccountKey::rail(
            &format!("receivable:{}", abroad.broker.issuer()),
            asset.parse().unwrap(),
        );
        let account = read(world, move |conn| Ok(account_fetch(conn, &sealer, &key).unwrap())).flatten();
        let owed = -account.map_or(0, |account| account.balance_units);
        let has = abroad.broker.balance(world.parts.keyring.node_did(), asset);
        if owed != has {
            world
                .ether()
                .wrong(format!("the broker has {has} of {asset}, and the ledger says {owed}"));
        }
    }
}

/// Counts what happened.
pub(crate) fn count(world: &mut World) {
    let captures = captures_all(world);
    let of = |state: &str| captures.iter().filter(|capture| capture.4 == state).count();
    let sent = sent_all(world);
    let gone = |state: &str| sent.iter().filter(|row| row.2 == state).count();
    let received = received_all(world).len();
    let tally = &mut world.tally;
    (tally.promised, tally.unpaid, tally.freed) = (of("paid"), of("unpaid"), of("freed"));
    (tally.sent, tally.not_taken, tally.received) = (gone("delivered"), gone("refused"), received);
}
