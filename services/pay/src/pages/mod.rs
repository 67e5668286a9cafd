//! The operator's pages about money, and the public page of the fees: handlers that ask the domain, and pure functions
//! that turn the answers into blocks of a page.
//!
//! **Architecture Invariant:** a page reads. Its buttons are forms whose requests the reader's browser signs, and that
//! go the way of every other signed request.

mod entries;
mod fees;
mod lists;
mod overview;
mod peers;
mod reconcile;
mod search;

use axum::Router;
use axum::routing::get;
use imajin_money::{Amount, Asset, Money};
use imajin_ui::{Block, Cell, MoneyPage};
use imajin_web::Viewer;

use crate::Pay;
use crate::routes::PayRoutes;
use crate::routes::page::shell_of;

/// Where the operator's pages are.
const ROOT: &str = "/pay/operator";

pub(crate) fn routes() -> Router<PayRoutes> {
    Router::new()
        .route("/operator", get(overview::overview))
        .route("/operator/search", get(search::search))
        .route("/operator/accounts/{id}", get(entries::account))
        .route("/operator/entries/{id}", get(entries::entry))
        .route("/operator/orders/{id}", get(entries::order))
        .route("/operator/reconciliation", get(reconcile::reconciliation))
        .route("/operator/peers", get(peers::peers))
        .route("/operator/rails", get(lists::rails))
        .route("/operator/payouts", get(lists::payouts))
        .route("/operator/disputes", get(lists::disputes))
        .route("/operator/messages", get(lists::messages))
        .route("/fees", get(fees::fees))
}

/// A page of the operator's.
fn operator_page(pay: &Pay, viewer: &Viewer, path: &str, title: &str, lead: &str, blocks: Vec<Block>) -> MoneyPage {
    let tab = |path: &str, name: &str| (format!("{ROOT}{path}"), name.to_owned());
    let mut shell = shell_of(pay, &format!("{ROOT}{path}"), viewer, false);
    title.clone_into(&mut shell.title);
    MoneyPage {
        shell,
        title: title.to_owned(),
        lead: lead.to_owned(),
        tabs: vec![
            tab("", "Overview"),
            tab("/search", "Search"),
            tab("/reconciliation", "Reconciliation"),
            tab("/payouts", "Payouts"),
            tab("/disputes", "Disputes"),
            tab("/messages", "Messages"),
            tab("/rails", "Rails"),
            tab("/peers", "Other nodes"),
            ("/pay/fees".to_owned(), "Fees".to_owned()),
            ("/operator".to_owned(), "Node".to_owned()),
        ],
        blocks,
    }
}

/// An amount that may be below zero, without its currency.
fn decimal(units: i64, asset: &str) -> String {
    let size = i64::try_from(units.unsigned_abs()).unwrap_or(i64::MAX);
    let size = Amount::from_micros(size).unwrap_or(Amount::MAX);
    let sign = if units < 0 { "-" } else { "" };
    match asset.parse::<Asset>() {
        Ok(asset) => format!("{sign}{}", Money::new(size, asset).decimal()),
        Err(_unknown) => format!("{units} units"),
    }
}

/// The same with its currency.
fn amount(units: i64, asset: &str) -> String {
    format!("{} {asset}", decimal(units, asset))
}

fn order_cell(id: &str) -> Cell {
    if id.is_empty() {
        return Cell::text("none");
    }
    Cell::mono(id).to(format!("{ROOT}/orders/{id}"))
}

fn receipt_cell(id: &str) -> Cell {
    Cell::mono(id).to(format!("/receipts/{id}"))
}

fn entry_cell(id: &str) -> Cell {
    Cell::mono(id).to(format!("{ROOT}/entries/{id}"))
}
