//! Change any one column of any table by SQL: the audit names the row.

use std::sync::atomic::Ordering;

use imajin_kernel::Span;
use imajin_pay::{SandboxUse, audit};
use imajin_rails::RailOutcome;
use imajin_store::{Finding, StoreError, parity, tamper};
use imajin_testkit::stripe_peer::{PeerOptions, StripePeer};
use imajin_testkit::{Backend, on_both};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cards::{Cards, config};
use crate::world::World;

on_both!(every_single_column_is_covered, a_deleted_row_is_missed);

/// A node with a card processor and the sandbox, with at least one row in every table and payments in every state.
async fn filled(backend: Backend) -> Cards {
    let both = |peer: &StripePeer| {
        let mut config = config(peer);
        config.rails.sandbox = SandboxUse::On;
        config
    };
    let cards = Cards::with(backend, PeerOptions::live, both).await;
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
    cards
}

async fn fill(world: &World) {
    world.checkout("waits").await;
    let settled = world.checkout("pays").await;
    let body = json!({"goods": settled.goods, "successUrl": "/", "cancelUrl": "/"});
    world.post("pays", "/pay/api/checkout", Some("k"), &body).await;
    world.pay_for(&settled).await;
    let refunded = world.checkout("too late").await;
    world.seller.refuses.store(true, Ordering::SeqCst);
    world.pay_for(&refunded).await;
    let left = world.checkout("leaves").await;
    world.webhook(&world.event(&left, RailOutcome::Cancelled)).await;
    let hold = json!({"amount": {"amount": "1.00", "currency": "TEST-USD"}});
    world.post("mira", "/pay/api/holds", Some("k"), &hold).await;
    let paid = world.checkout("is served").await;
    world.webhook(&world.event(&paid, RailOutcome::Paid)).await;
    // The heads are signed when the background starts and ends; nothing else is due.
    world.seller.away.store(true, Ordering::SeqCst);
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    stop.cancel();
    world.pay.background(&tasks, &stop);
    tasks.close();
    tasks.wait().await;
    world.clock.advance(Span::seconds(1));
}

async fn every_single_column_is_covered(backend: Backend) {
    let Cards { world, .. } = filled(backend).await;
    world.audit_clean().await;
    let keyring = world.keyring.clone();
    let missed: Result<Vec<String>, StoreError> = world
        .db
        .write(move |conn| {
            let mut missed = Vec::new();
            for table in tamper::tables(conn)? {
                let count = tamper::rows(conn, &table)?.len();
                assert!(count > 0, "{table} has a row to tamper with");
                for column in tamper::columns(conn, &table)? {
                    // The first and the last row: undoing may move a row to another place.
                    for index in [0, count - 1] {
                        let place = tamper::rows(conn, &table)?.remove(index);
                        let Some(change) = tamper::tamper(conn, &table, &column.name, &place)? else {
                            continue;
                        };
                        let named = |finding: &Finding| finding.service == "pay" && finding.table == table;
                        if !audit(conn, &keyring)?.iter().any(named) {
                            missed.push(format!("{table}.{} row {index}", column.name));
                        }
                        change.undo(conn)?;
                    }
                }
            }
            assert_eq!(audit(conn, &keyring)?, [], "everything was undone");
            Ok(missed)
        })
        .await;
    assert_eq!(missed.unwrap(), Vec::<String>::new());
}

async fn a_deleted_row_is_missed(backend: Backend) {
    for table in [
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
    ] {
        let Cards { world, .. } = filled(backend).await;
        let keyring = world.keyring.clone();
        let findings: Result<Vec<Finding>, StoreError> = world
            .db
            .write(move |conn| {
                use diesel::connection::SimpleConnection;
                conn.batch_execute(&format!("DELETE FROM {table}"))?;
                audit(conn, &keyring)
            })
            .await;
        assert!(!findings.unwrap().is_empty(), "{table}");
    }
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
