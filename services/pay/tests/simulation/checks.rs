//! What must hold at the end of every history, and some of it at every moment.

use std::collections::BTreeMap;

use diesel::prelude::*;
use imajin_ledger::{AccountKey, account_fetch};
use imajin_pay::audit as pay_audit;
use imajin_rails::{DisputeState, SANDBOX};
use imajin_store::{Conn, Sealer, StoreError};

use crate::back::{self, Back, differences_check, refunds_all, refunds_check, told};
use crate::bank::{Books, CARDS, Payment};
use crate::beyond;
use crate::node::now;
use crate::seller::{OrderState, Shelf, WorkSale};
use crate::world::World;

diesel::table! {
    ledger_accounts (id) { id -> Text, asset -> Text, balance -> BigInt, }
}
diesel::table! {
    ledger_heads (chain) { chain -> Text, seq -> BigInt, hash -> Binary, }
}
diesel::table! {
    ledger_holds (id) { id -> Text, state -> Text, }
}
diesel::table! {
    outbox (id) { id -> Text, topic -> Text, key -> Text, done_at -> Nullable<BigInt>, }
}
diesel::table! {
    checkouts (id) {
        id -> Text, rail -> Text, goods_kind -> Text, goods_id -> Text, state -> Text, price -> BigInt,
        rail_reference -> Nullable<Text>,
        receipt_id -> Nullable<Text>,
    }
}
diesel::table! {
    rail_messages (id) {
        id -> Text, rail -> Text, event_id -> Text, outcome -> Text, amount -> BigInt, result -> Text,
        processed_at -> Nullable<BigInt>,
        refund_reference -> Nullable<Text>,
    }
}
diesel::table! {
    payout_parts (payout_id, part) {
        payout_id -> Text, part -> BigInt, payment -> Text, amount -> BigInt, state -> Text,
        reversed -> Nullable<BigInt>,
    }
}

/// The rail of what a balance pays, and of what a promise pays.
const BALANCE: &str = "balance";
const VISA: &str = "visa";

/// A checkout: its rail, goods, state, price, and payment.
#[derive(Debug, Clone, Queryable)]
pub(crate) struct Checkout {
    pub(crate) id: String,
    pub(crate) rail: String,
    pub(crate) kind: String,
    goods: String,
    pub(crate) state: String,
    price: i64,
    payment: Option<String>,
    receipt: Option<String>,
}

pub(crate) fn read<T: Send + 'static>(
    world: &World,
    read: impl FnOnce(&mut Conn) -> Result<T, StoreError> + Send + 'static,
) -> Option<T> {
    let node = world.nodes.iter().flatten().next()?;
    Some(now(node.db.read(read)).unwrap())
}

/// Nothing in the database contradicts anything else in it.
pub(crate) fn audit(world: &World) {
    let keyring = world.parts.keyring.clone();
    let findings = read(world, move |conn| pay_audit(conn, &keyring)).unwrap_or_default();
    for finding in findings {
        world.ether().wrong(finding.to_string());
    }
}

/// The ledger's accounts sum up to nothing.
pub(crate) fn sums(world: &World) {
    let balances: Vec<(String, i64)> = read(world, |conn| {
        Ok(ledger_accounts::table
            .select((ledger_accounts::asset, ledger_accounts::balance))
            .load(conn)?)
    })
    .unwrap_or_default();
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for (asset, units) in balances {
        *sums.entry(asset).or_default() += units;
    }
    for (asset, units) in sums.into_iter().filter(|(_, units)| *units != 0) {
        world
            .ether()
            .wrong(format!("the ledger has {units} of {asset} too much"));
    }
}

fn checkouts_all(world: &World) -> Vec<Checkout> {
    read(world, |conn| {
        Ok(checkouts::table
            .order_by(checkouts::id)
            .select((
                checkouts::id,
                checkouts::rail,
                checkouts::goods_kind,
                checkouts::goods_id,
                checkouts::state,
                checkouts::price,
                checkouts::rail_reference,
                checkouts::receipt_id,
            ))
            .load(conn)?)
    })
    .unwrap_or_default()
}

/// What still has to happen.
pub(crate) fn unfinished(world: &World) -> Vec<String> {
    let states = checkouts_all(world).into_iter();
    let open = states.filter(|row| matches!(row.state.as_str(), "open" | "paid"));
    let mut left: Vec<String> = open
        .map(|row| format!("checkout {} is {}", row.id, row.state))
        .collect();
    let rows = read(world, |conn| {
        let items: Vec<(String, String)> = outbox::table
            .filter(outbox::done_at.is_null())
            .select((outbox::topic, outbox::key))
            .load(conn)?;
        let messages: Vec<String> = rail_messages::table
            .filter(rail_messages::processed_at.is_null())
            .select(rail_messages::event_id)
            .load(conn)?;
        let holds: Vec<String> = ledger_holds::table
            .filter(ledger_holds::state.eq("open"))
            .select(ledger_holds::id)
            .load(conn)?;
        let parts: Vec<String> = payout_parts::table
            .filter(payout_parts::state.eq("waiting"))
            .select(payout_parts::payout_id)
            .load(conn)?;
        let back: Vec<String> = back::refunds::table
            .filter(back::refunds::state.eq("waiting"))
            .select(back::refunds::id)
            .load(conn)?;
        Ok((items, messages, holds, parts, back))
    });
    let (items, messages, holds, parts, back) = rows.unwrap_or_default();
    left.extend(back.into_iter().map(|id| format!("refund {id}")));
    left.extend(items.into_iter().map(|(topic, key)| format!("{topic} of {key}")));
    left.extend(messages.into_iter().map(|id| format!("message {id}")));
    left.extend(holds.into_iter().map(|id| format!("hold {id}")));
    left.extend(parts.into_iter().map(|id| format!("payout {id}")));
    let stock = world.parts.seller.stock();
    let held = stock.orders.iter().filter(|(_, order)| order.state == OrderState::Held);
    left.extend(held.map(|(id, _)| format!("order {id} is held")));
    left
}

/// Everything, after everything has ended.
pub(crate) fn all(world: &mut World) {
    audit(world);
    sums(world);
    let rows = checkouts_all(world);
    let back = refunds_all(world);
    goods(world, &rows, &world.parts.seller.stock());
    works(world, &rows, &world.parts.seller.stock());
    payments(world, &rows, &world.parts.bank.books());
    refunds_check(world, &back, &world.parts.bank.books());
    let (stock, books) = (world.parts.seller.stock(), world.parts.bank.books());
    told(world, &rows, &back, &stock, &books);
    drop((stock, books));
    transfers(world, &world.parts.bank.books());
    messages(world, &rows);
    balances(world, &rows, &back, &world.parts.bank.books());
    differences_check(world, &rows, &world.parts.bank.books());
    beyond::promises(world, &rows);
    beyond::sent(world);
    beyond::received(world);
    beyond::receivables(world);
    answers(world, &rows);
    heads(world);
    count(world, &rows, &back);
}

/// No ticket without a payment, and no payment without a ticket; each of them once.
fn goods(world: &World, rows: &[Checkout], stock: &Shelf) {
    let ether = world.ether();
    for (id, order) in &stock.orders {
        let settled: Vec<&Checkout> = rows
            .iter()
            .filter(|row| row.kind == "order" && row.goods == *id && row.state == "settled")
            .collect();
        let receipts: Vec<String> = settled.iter().filter_map(|row| row.receipt.clone()).collect();
        if order.tickets.len() > 1 {
            ether.wrong(format!("{id} has {} tickets", order.tickets.len()));
        }
        if order.tickets != receipts {
            ether.wrong(format!(
                "{id} has tickets of {:?} and receipts {receipts:?}",
                order.tickets
            ));
        }
        if settled
            .iter()
            .any(|row| order.state != OrderState::Fulfilled(row.id.parse().unwrap()))
        {
            ether.wrong(format!("{id} is {:?} and settled", order.state));
        }
    }
}

/// A work is theirs who have a receipt for it, and nobody else's.
fn works(world: &World, rows: &[Checkout], stock: &Shelf) {
    let sold = stock.works.iter().filter_map(|(id, sale)| match sale {
        WorkSale::Sold(receipt) => Some((id.to_string(), Some(receipt.clone()))),
        WorkSale::Refused => None,
    });
    let settled = rows
        .iter()
        .filter(|row| row.kind == "content" && row.state == "settled");
    let (sold, settled): (BTreeMap<_, _>, BTreeMap<_, _>) = (
        sold.collect(),
        settled.map(|row| (row.id.clone(), row.receipt.clone())).collect(),
    );
    if sold != settled {
        world
            .ether()
            .wrong(format!("works are sold with {sold:?}, and settled with {settled:?}"));
    }
}

/// Whether a payment at the processor was split.
pub(crate) fn is_settled(rows: &[Checkout], name: &str, payment: &Payment) -> bool {
    rows.iter().any(|row| {
        row.state == "settled"
            && row.rail == CARDS
            && row.payment.as_deref() == Some(name)
            && row.id == payment.checkout.to_string()
    })
}

/// Each payment at the processor is settled, and then never more goes back than was paid; or it went back once.
fn payments(world: &World, rows: &[Checkout], books: &Books) {
    for (name, payment) in &books.payments {
        let settled = is_settled(rows, name, payment);
        let refunds = books.refunds.iter().filter(|refund| refund.payment == *name).count();
        let amount = payment.amount.amount.micros();
        let dispute = books.dispute_of(name).filter(|each| each.state != DisputeState::Won);
        let disputed = dispute.map_or(0, |each| each.amount.amount.micros());
        let fits = if settled {
            books.refunded(name) + disputed <= amount
        } else {
            refunds == 1 && books.refunded(name) == amount
        };
        if !fits {
            world.ether().wrong(format!(
                "{name}: settled {settled}, {refunds} refunds of {}, {disputed} disputed",
                books.refunded(name)
            ));
        }
    }
}

/// The processor has made each transfer that pay counts as sent, once, and no other.
fn transfers(world: &World, books: &Books) {
    type Part = (String, String, i64, String, Option<i64>);
    let parts: Vec<Part> = read(world, |conn| {
        Ok(payout_parts::table
            .select((
                payout_parts::payout_id,
                payout_parts::payment,
                payout_parts::amount,
                payout_parts::state,
                payout_parts::reversed,
            ))
            .load(conn)?)
    })
    .unwrap_or_default();
    let mut booked: Vec<(String, String, i64, i64)> = parts
        .into_iter()
        .filter(|part| part.3 == "sent")
        .map(|(payout, payment, amount, _, reversed)| (payout, payment, amount, reversed.unwrap_or(0)))
        .collect();
    let made = books.transfers.iter();
    let mut made: Vec<(String, String, i64, i64)> = made
        .map(|made| (made.payout.clone(), made.source.clone(), made.amount, made.reversed))
        .collect();
    booked.sort();
    made.sort();
    if booked != made {
        world
            .ether()
            .wrong(format!("transfers {made:?}, and booked are {booked:?}"));
    }
}

/// What was acknowledged is there, and nothing else but what the rails have said.
fn messages(world: &World, rows: &[Checkout]) {
    type Row = (String, String, String, String, Option<String>);
    let stored: Vec<Row> = read(world, |conn| {
        Ok(rail_messages::table
            .select((
                rail_messages::rail,
                rail_messages::event_id,
                rail_messages::outcome,
                rail_messages::result,
                rail_messages::refund_reference,
            ))
            .load(conn)?)
    })
    .unwrap_or_default();
    let ether = world.ether();
    for letter in &world.acknowledged {
        let found = stored
            .iter()
            .filter(|row| row.0 == letter.rail() && row.1 == letter.id())
            .count();
        if found != 1 {
            ether.wrong(format!("{} was acknowledged, and is there {found} times", letter.id()));
        }
    }
    if stored.len() != world.acknowledged.len() {
        ether.wrong(format!("{} messages of {}", stored.len(), world.acknowledged.len()));
    }
    let paid = stored.iter().filter(|row| row.2 == "paid");
    let (mut settled, mut back) = (0, 0);
    for (rail, id, _, result, refund) in paid {
        match (result.as_str(), refund) {
            ("booked", None) => settled += 1,
            ("refunded", Some(_)) => back += 1,
            // The processor may tell twice about one payment, and of one that it does not know any more.
            ("ignored", None) if rail != SANDBOX => {}
            _ => ether.wrong(format!("{id} of {rail} is {result}, with the refund {refund:?}")),
        }
    }
    let due = rows
        .iter()
        .filter(|row| row.state == "settled" && row.rail != BALANCE && row.rail != VISA)
        .count();
    if settled != due {
        ether.wrong(format!(
            "{due} checkouts are settled with {settled} payments, {back} went back"
        ));
    }
}

/// What the rails have is what the ledger says that they have.
fn balances(world: &World, rows: &[Checkout], back: &[Back], books: &Books) {
    // Of what went back without being sold, nobody has booked the fee: the reconciliation names it.
    let lost = books.payments.iter();
    let lost: i64 = lost
        .filter(|(name, payment)| !is_settled(rows, name, payment))
        .map(|(_, payment)| payment.fee)
        .sum();
    let cards = books.balance() + lost;
    let test = rows.iter().filter(|row| row.state == "settled" && row.rail == SANDBOX);
    let gone = back.iter().filter(|row| row.rail == SANDBOX && row.is_made());
    let test = test.map(|row| row.price).sum::<i64>() - gone.map(|row| row.amount).sum::<i64>();
    for (rail, asset, has) in [(CARDS, "USD", cards), (SANDBOX, "TEST-USD", test)] {
        let sealer = Sealer::for_service(&world.parts.keyring, "pay");
        let key = AccountKey::rail(rail, asset.parse().unwrap());
        let account = read(world, move |conn| Ok(account_fetch(conn, &sealer, &key).unwrap())).flatten();
        let booked = -account.map_or(0, |account| account.balance_units);
        if booked != has {
            world
                .ether()
                .wrong(format!("{rail} has {has}, and the ledger says {booked}"));
        }
    }
}

/// Whoever was told of something can count on it.
fn answers(world: &World, rows: &[Checkout]) {
    for (id, _) in world.desk.checkouts.borrow().iter() {
        if !rows.iter().any(|row| row.id == id.to_string()) {
            world
                .ether()
                .wrong(format!("somebody was told of checkout {id}, and there is none"));
        }
    }
    for (key, id) in world
        .desk
        .answers
        .borrow()
        .iter()
        .filter(|(key, _)| key.contains(" settle-") || key.contains(" visa-"))
    {
        let rail = if key.contains(" visa-") { VISA } else { BALANCE };
        let mut ended = rows.iter().filter(|row| row.id == *id && row.rail == rail);
        if !ended.any(|row| matches!(row.state.as_str(), "settled" | "refunded")) {
            world.ether().wrong(format!("{key} was answered, and {id} is not paid"));
        }
    }
    for (key, id) in world
        .desk
        .answers
        .borrow()
        .iter()
        .filter(|(key, _)| key.contains(" hold-"))
    {
        let id = id.clone();
        let found: i64 = read(world, move |conn| {
            Ok(ledger_holds::table
                .filter(ledger_holds::id.eq(id))
                .count()
                .get_result(conn)?)
        })
        .unwrap_or_default();
        if found != 1 {
            world.ether().wrong(format!("{key} was answered, and there is no hold"));
        }
    }
}

/// Where the chains end goes into the trace: they cover every entry.
fn heads(world: &World) {
    let heads: Vec<(String, i64, Vec<u8>)> = read(world, |conn| {
        Ok(ledger_heads::table
            .order_by(ledger_heads::chain)
            .select(ledger_heads::all_columns)
            .load(conn)?)
    })
    .unwrap_or_default();
    for (chain, seq, hash) in heads {
        world
            .ether()
            .say(&format!("{chain} ends at {seq} with {}", hex::encode(hash)));
    }
}

fn count(world: &mut World, rows: &[Checkout], back: &[Back]) {
    beyond::count(world);
    let of = |state: &str| rows.iter().filter(|row| row.state == state).count();
    let tally = &mut world.tally;
    (tally.settled, tally.refunded) = (of("settled"), of("refunded"));
    (tally.expired, tally.cancelled) = (of("expired"), of("cancelled"));
    let books = world.parts.bank.books();
    (tally.refunds, tally.disputes, tally.transfers) =
        (books.refunds.len(), books.disputes.len(), books.transfers.len());
    tally.refunds_failed = books.refunds.iter().filter(|made| made.failed).count();
    tally.requests = world.desk.answers.borrow().len();
    tally.sales_back = back.iter().filter(|row| row.is_made()).count();
    let sold = |kind: &str| {
        let sold = rows.iter().filter(|row| row.kind == kind && row.state == "settled");
        sold.count()
    };
    (tally.topups, tally.works, tally.tips) = (sold("topup"), sold("content"), sold("tip"));
}
