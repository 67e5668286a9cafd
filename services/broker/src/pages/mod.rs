//! The pages of the broker: the operator's console, and the account of whoever is signed in. Handlers ask the domain;
//! pure functions turn the answers into blocks of a page.
//!
//! **Architecture Invariant:** a page reads. Its buttons are forms whose requests the reader's browser signs, and that
//! go the way of every other signed request.

mod account;
mod console;
mod disputes;
mod spend;

use axum::Router;
use axum::routing::get;
use imajin_money::Money;
use imajin_ui::{Block, Cell, MoneyPage, Shell, Table};
use imajin_web::{Custody, Tier, Viewer};

use crate::Broker;
use crate::routes::BrokerState;

/// Where the operator's pages are.
const ROOT: &str = "/broker/operator";
/// Where somebody's own page is.
const ACCOUNT: &str = "/broker/account";

pub(crate) fn routes() -> Router<BrokerState> {
    Router::new()
        .route("/operator", get(console::overview))
        .route("/operator/accounts", get(console::accounts))
        .route("/operator/visas", get(console::visas))
        .route("/operator/redemptions", get(console::redemptions))
        .route("/operator/disputes", get(disputes::list))
        .route("/operator/disputes/{id}", get(disputes::one))
        .route("/account", get(account::account))
}

fn shell_of(broker: &Broker, path: &str, title: &str, viewer: &Viewer) -> Shell {
    let host = broker.site.public.0.host_str().unwrap_or("this node");
    let viewer = viewer.session.as_ref().map(|session| imajin_ui::Viewer {
        is_operator: session.tier >= Tier::Operator,
        custody_node: session.custody == Custody::Node,
        ..imajin_ui::Viewer::new(session.did.as_str(), session.name.as_deref(), session.handle.as_deref())
    });
    let named = &broker.context.config.node_name;
    Shell {
        title: title.to_owned(),
        viewer,
        path: path.to_owned(),
        test_money: broker.context.config.test_money,
        node_name: if named.is_empty() { host } else { named }.to_owned(),
    }
}

/// A page of the operator's.
fn operator_page(
    broker: &Broker,
    viewer: &Viewer,
    (path, title, lead): (&str, &str, &str),
    blocks: Vec<Block>,
) -> MoneyPage {
    let tab = |path: &str, name: &str| (format!("{ROOT}{path}"), name.to_owned());
    MoneyPage {
        shell: shell_of(broker, &format!("{ROOT}{path}"), title, viewer),
        title: title.to_owned(),
        lead: lead.to_owned(),
        tabs: vec![
            tab("", "Broker"),
            tab("/accounts", "Accounts"),
            tab("/visas", "Visas"),
            tab("/redemptions", "Redemptions"),
            tab("/disputes", "Disputes"),
            ("/operator".to_owned(), "Node".to_owned()),
        ],
        blocks,
    }
}

fn table(
    (id, title, empty): (&str, &str, &str),
    columns: &[&str],
    rows: Vec<Vec<Cell>>,
    next: Option<String>,
) -> Block {
    Block::Table(Table {
        id: id.to_owned(),
        title: title.to_owned(),
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        rows,
        empty: empty.to_owned(),
        next: next.unwrap_or_default(),
    })
}

/// The way to the next page, which keeps what this one was asked for.
fn next_of<'a>(
    path: &str,
    kept: impl IntoIterator<Item = (&'a str, Option<String>)>,
    cursor: Option<&String>,
) -> Option<String> {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in kept {
        if let Some(value) = value {
            query.append_pair(name, &value);
        }
    }
    let query = query.append_pair("cursor", cursor?).finish();
    Some(format!("{path}?{query}"))
}

/// The way to the next page of one of the operator's lists.
fn next_in(list: &str, limit: Option<u32>, cursor: Option<&String>) -> Option<String> {
    let limit = limit.map(|limit| limit.to_string());
    next_of(&format!("{ROOT}{list}"), [("limit", limit)], cursor)
}

fn money(amount: Money) -> Cell {
    Cell::number(amount.to_string())
}

/// Amounts of several currencies, in one line.
fn sums(amounts: &[Money]) -> String {
    if amounts.is_empty() {
        return "nothing".to_owned();
    }
    amounts.iter().map(Money::to_string).collect::<Vec<_>>().join(", ")
}
