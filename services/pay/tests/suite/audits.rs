//! Change any one column of any table by SQL: the audit names the row.

use std::sync::atomic::Ordering;

use diesel::Connection;
use imajin_kernel::{Env, ManualClock, Span, Timestamp};
use imajin_pay::{SandboxUse, audit, audit_until};
use imajin_rails::RailOutcome;
use imajin_store::{Conn, StoreError, Sweep, SweptRows, parity, tamper};
use imajin_testkit::broker_peer::BrokerPeer;
use imajin_testkit::stripe_peer::{PeerOptions, StripePeer};
use imajin_testkit::{Backend, on_both};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cards::{Cards, config};
use crate::solana::SOLANA_TABLES;
use crate::world::World;

on_both!(
    every_single_column_of_the_ledger_is_covered,
    every_single_column_of_sales_is_covered,
    every_single_column_of_what_follows_a_sale_is_covered,
    every_single_column_of_the_log_is_covered,
    a_deleted_row_is_missed,
);

/// The tables of a sale itself.
const SALES: [&str; 6] = [
    "checkouts",
    "rail_messages",
    "receipt_parties",
    "receipts",
    "sales_totals",
    "splits",
];
/// The tables of what follows it.
const AFTER_SALES: [&str; 6] = [
    "contract_flows",
    "contracts",
    "fee_schedules",
    "held_shares",
    "refunds",
    "reversals",
];

/// A node with a card processor and the sandbox, with at least one row in every table and payments in every state.
async fn filled(backend: Backend) -> Cards {
    let clock = ManualClock::at(Timestamp::from_seconds(1_900_000_000));
    let broker = BrokerPeer::start(Env::fixed(clock, 8)).await;
    let both = |peer: &StripePeer| {
        let mut config = config(peer);
        config.brokers = crate::brokers::config(&broker).brokers;
        config.rails.sandbox = SandboxUse::On;
        config
    };
    let cards = Cards::with(backend, PeerOptions::live, both).await;
    crate::brokers::fill(&cards.world, &broker).await;
    crate::brokers::fill_remittances(&cards.world, &broker).await;
    let (known, unknown) = (cards.checkout("by card").await, cards.checkout("by card, later").await);
    let paid_out = cards.checkout("by card, again").await;
    let intent = cards.pays(&known).await;
    cards.peer.dispute_open(&intent, 500).unwrap();
    cards.follow().await;
    crate::payouts::onboard(&cards, "mira").await;
    cards.pays(&paid_out).await;
    let body = json!({"currency": "USD"});
    cards.world.post("mira", "/pay/api/payout", Some("k2"), &body).await;
    cards.follow().await;
    cards.peer.fees_later(true);
    cards.pays(&unknown).await;
    fill(&cards.world).await;
    cards.world.pay.reconcile_now(None).await.unwrap();
    cards
}

async fn fill(world: &World) {
    world.checkout("waits").await;
    let settled = world.checkout("pays").await;
    let body = json!({"goods": settled.goods, "successUrl": "/", "cancelUrl": "/"});
    world.post("pays", "/pay/api/checkout", Some("k"), &body).await;
    world.pay_for(&settled).await;
    crate::contracts::contract_sign(
        world,
        "mira",
        1,
        &[("own", "mira", 90), ("charity", "ada", 10)],
        &|contract| {
            contract["minimum_transaction"] = json!("1.00");
            contract["currency"] = json!("TEST-USD");
        },
    )
    .await;
    world.clock.advance(Span::minutes(2));
    for _ in 0..3 {
        // The second of them makes up the minimum, and the third waits again.
        let distributed = world.checkout("gives").await;
        world.pay_for(&distributed).await;
    }
    // One share waits, one is released, one is passed on.
    for (number, accepts) in [(0, false), (1, true), (2, false)] {
        let shares = [("mira", 600_000 + number), ("jonas", 400_000 - number)];
        let goods = world.goods_split("buyer", "5.00 TEST-USD", &shares);
        world
            .seller
            .change(&goods, |quote| quote.accepted = vec![crate::world::key("mira").did()]);
        let checkout = world.checkout_of("buyer", &goods).await;
        world.pay_for(&checkout).await;
        if accepts {
            let manifest = world.manifest(&shares).id;
            crate::shares::accept(world, "jonas", &manifest).await;
        }
        if number == 0 {
            world.clock.advance(imajin_fair::HELD_FOR);
            world.pay.sweep().await.unwrap();
        }
    }
    let back = json!({"checkout": settled.id, "amount": {"amount": "4.00", "currency": "TEST-USD"}, "reason": "Rain."});
    crate::refunds::refund(world, "organiser", "back", &back).await;
    let refunded = world.checkout("too late").await;
    world.seller.refuses.store(true, Ordering::SeqCst);
    world.pay_for(&refunded).await;
    let left = world.checkout("leaves").await;
    world.webhook(&world.event(&left, RailOutcome::Cancelled)).await;
    let hold = json!({"amount": {"amount": "1.00", "currency": "TEST-USD"}});
    world.post("mira", "/pay/api/holds", Some("k"), &hold).await;
    let paid = world.checkout("is served").await;
    world.webhook(&world.event(&paid, RailOutcome::Paid)).await;
    *world.identities.operator.lock().unwrap() = Some(crate::world::key("operator").did());
    let fees = json!({"lines": [{"name": "node", "recipient": "node", "rateMicros": 5_000}]});
    world.post("operator", "/pay/api/fees", None, &fees).await;
    let limits = json!({"owner": crate::world::key("mira").did(), "currency": "TEST-USD", "dayMax": "500.00"});
    world.post("operator", "/pay/api/limits", None, &limits).await;
    let free = world.goods_split("buyer", "0.00 TEST-USD", &[("mira", 1_000_000)]);
    world.checkout_of("buyer", &free).await;
    // The heads are signed when the background starts and ends; nothing else is due.
    world.seller.away.store(true, Ordering::SeqCst);
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    stop.cancel();
    world.pay.background(&tasks, &stop);
    tasks.close();
    tasks.wait().await;
    world.clock.advance(Span::seconds(1));
}

async fn every_single_column_of_the_ledger_is_covered(backend: Backend) {
    every_column_is_covered(backend, |table| table.starts_with("ledger_")).await;
}

async fn every_single_column_of_sales_is_covered(backend: Backend) {
    every_column_is_covered(backend, |table| SALES.contains(&table)).await;
}

async fn every_single_column_of_what_follows_a_sale_is_covered(backend: Backend) {
    every_column_is_covered(backend, |table| AFTER_SALES.contains(&table)).await;
}

/// The log, the outbox and whatever else there is: a new table is in here until it has a place above.
async fn every_single_column_of_the_log_is_covered(backend: Backend) {
    let named = [&SALES[..], &AFTER_SALES[..], &SOLANA_TABLES[..]].concat();
    let is_named = move |table: &str| named.contains(&table);
    every_column_is_covered(backend, move |table| !table.starts_with("ledger_") && !is_named(table)).await;
}

async fn every_column_is_covered(backend: Backend, is_asked: impl Fn(&str) -> bool + Send + Sync + 'static) {
    let Cards { world, .. } = Box::pin(filled(backend)).await;
    world.audit_clean().await;
    let keyring = world.keyring.clone();
    let unnoticed: Result<Vec<String>, StoreError> = world
        .db
        .write(move |conn| {
            let mut unnoticed = Vec::new();
            for table in tamper::tables(conn)?.into_iter().filter(|table| is_asked(table)) {
                let sweep = Sweep {
                    service: "pay",
                    tables: &|other| other == table,
                    rows: SweptRows::FirstAndLast,
                    // The whole audit, which ends early when it has named the table.
                    audit: &|conn| audit_until(conn, &keyring, &|finding| finding.table == table),
                };
                unnoticed.extend(sweep.run(conn)?.unnoticed);
            }
            Ok(unnoticed)
        })
        .await;
    assert_eq!(unnoticed.unwrap(), Vec::<String>::new());
}

async fn a_deleted_row_is_missed(backend: Backend) {
    let tables = [
        "receipts",
        "receipt_parties",
        "rail_payments",
        "disputes",
        "payouts",
        "payout_parts",
        "rail_messages",
        "checkouts",
        "splits",
        "ledger_entries",
        "ledger_lines",
        "sales_totals",
        "contracts",
        "contract_flows",
        "held_shares",
        "fee_schedules",
        "rail_facts",
        "rail_sums",
        "sales_days",
        "refunds",
        "reversals",
        "visas",
        "visa_captures",
        "pledges",
        "remittances_out",
        "remittances_in",
        "remittance_legs",
    ];
    let Cards { world, .. } = Box::pin(filled(backend)).await;
    let keyring = world.keyring.clone();
    let unmissed: Result<Vec<&str>, StoreError> = world
        .db
        .write(move |conn| {
            let audited = |conn: &mut Conn, table: &str| {
                use diesel::connection::SimpleConnection;
                conn.batch_execute(&format!("DELETE FROM {table}"))?;
                audit(conn, &keyring)
            };
            // Each in a savepoint of its own, which brings the rows back.
            let mut findings = |table: &&str| conn.test_transaction(|conn| audited(conn, table)).len();
            Ok(tables.into_iter().filter(|table| findings(table) == 0).collect())
        })
        .await;
    assert_eq!(unmissed.unwrap(), Vec::<&str>::new());
    world.audit_clean().await;
}

#[tokio::test]
async fn both_databases_have_the_same_columns() {
    let (one, two) = (World::new(Backend::Sqlite).await, World::new(Backend::Postgres).await);
    let columns = async |world: &World| {
        let columns: Result<_, StoreError> = world.db.read(|conn| Ok(parity::columns(conn)?)).await;
        columns.unwrap()
    };
    assert_eq!(columns(&one).await, columns(&two).await);
}
