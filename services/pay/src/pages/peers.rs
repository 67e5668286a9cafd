use axum::extract::State;
use axum::response::Response;
use imajin_ui::{Block, Cell, Table, moment, render};
use imajin_web::{Failure, Viewer};

use super::operator_page;
use crate::domain::peers::{BrokerLine, PeersView, PromiseLine, RemittanceLine};
use crate::routes::PayRoutes;
use crate::routes::remit::peers_of;

/// What is owed by and to other nodes.
pub(super) async fn peers(State(PayRoutes(pay)): State<PayRoutes>, viewer: Viewer) -> Result<Response, Failure> {
    viewer.operator_require()?;
    let found = peers_of(&pay).await?;
    let lead = "Brokers promise money for agents and pass it on between nodes. Nothing here is done by hand: what \
                waits is asked for again and again, and Reconciliation says what takes too long.";
    let title = "Other nodes";
    Ok(render(&operator_page(
        &pay,
        &viewer,
        "/peers",
        title,
        lead,
        blocks(&found),
    )))
}

fn blocks(found: &PeersView) -> Vec<Block> {
    vec![
        brokers_table(&found.brokers),
        promises_table(&found.promises),
        remittances_table("sent", "Sent to other nodes", &found.sent),
        remittances_table("received", "Received from other nodes", &found.received),
    ]
}

fn table(id: &str, title: &str, columns: &[&str], rows: Vec<Vec<Cell>>, empty: &str) -> Block {
    Block::Table(Table {
        id: id.to_owned(),
        title: title.to_owned(),
        columns: columns.iter().map(|name| (*name).to_owned()).collect(),
        rows,
        empty: empty.to_owned(),
        next: String::new(),
    })
}

fn brokers_table(lines: &[BrokerLine]) -> Block {
    let row = |line: &BrokerLine| {
        vec![
            Cell::text(line.broker.clone()),
            Cell::number(line.owes.to_string()),
            Cell::number(line.free.to_string()),
        ]
    };
    let empty = "No broker has promised anything. Those that are trusted are in the configuration: [brokers] trusted.";
    let columns = ["Broker", "#Owes", "#Of that, paid to this node there"];
    table("brokers", "Brokers", &columns, lines.iter().map(row).collect(), empty)
}

fn tone_of(state: &str) -> &'static str {
    match state {
        "delivered" | "credited" | "paid" => "good",
        "unpaid" | "refused" => "bad",
        _ => "warn",
    }
}

fn promises_table(lines: &[PromiseLine]) -> Block {
    let row = |line: &PromiseLine| {
        vec![
            super::receipt_cell(&line.receipt),
            Cell::text(line.broker.clone()),
            Cell::tag(&line.state, tone_of(&line.state)).fine(line.problem.clone().unwrap_or_default()),
            Cell::number(line.amount.to_string()),
            Cell::text(moment(line.since).text),
        ]
    };
    let columns = ["Receipt", "Broker", "State", "#Amount", "Since"];
    let empty = "Everything that brokers have promised is paid.";
    let rows = lines.iter().map(row).collect();
    table("promises", "Promises that are not paid", &columns, rows, empty)
}

fn remittances_table(id: &str, title: &str, lines: &[RemittanceLine]) -> Block {
    let row = |line: &RemittanceLine| {
        vec![
            Cell::mono(&line.id).fine(line.node.clone()),
            Cell::text(line.broker.clone()),
            Cell::tag(&line.state, tone_of(&line.state)).fine(line.problem.clone().unwrap_or_default()),
            Cell::number(line.amount.to_string()),
            Cell::text(moment(line.since).text),
        ]
    };
    let columns = ["Remittance", "Broker", "State", "#Amount", "Since"];
    table(id, title, &columns, lines.iter().map(row).collect(), "There are none.")
}
