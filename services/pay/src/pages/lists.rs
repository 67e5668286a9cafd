use axum::extract::State;
use axum::response::Response;
use imajin_kernel::id::{PayoutId, RailMessageId};
use imajin_ui::{Act, Block, Cell, Table, moment, render};
use imajin_web::{Failure, QueryParams, Viewer};
use serde::Deserialize;

use super::{ROOT, amount, operator_page, order_cell};
use crate::domain::look;
use crate::domain::payout_list::PayoutView;
use crate::routes::PayRoutes;
use crate::routes::rails::{RailView, rail_views};
use crate::rows::{DisputeRow, MessageRow, PayoutRow};

/// Rows of a page.
const PAGE: i64 = 50;

fn next_of(count: usize, path: &str, last: Option<String>) -> String {
    let is_full = i64::try_from(count).is_ok_and(|count| count == PAGE);
    last.filter(|_| is_full)
        .map(|last| format!("{ROOT}{path}before={last}"))
        .unwrap_or_default()
}

/// Each rail as it stands; each of them is asked now.
pub(super) async fn rails(State(PayRoutes(pay)): State<PayRoutes>, viewer: Viewer) -> Result<Response, Failure> {
    viewer.operator_require()?;
    let views = rail_views(&pay, true).await;
    let row = |view: &RailView| {
        let money = match view.test {
            Some(true) => "test money",
            Some(false) => "real money",
            None => "not set up",
        };
        let (works, tone) = match (view.open, view.works) {
            (_, Some(false)) => ("does not work", "bad"),
            (true, _) => ("works", "good"),
            (false, _) => ("off", "calm"),
        };
        vec![
            Cell::text(view.name.clone()),
            Cell::text(money),
            Cell::tag(works, tone).fine(view.problem.clone().unwrap_or_default()),
            Cell::text(if view.pays_out { "yes" } else { "no" }),
        ]
    };
    let table = Table {
        id: "rails".to_owned(),
        title: "Ways to pay".to_owned(),
        columns: ["Rail", "Money", "State", "Pays out"].map(str::to_owned).into(),
        rows: views.iter().map(row).collect(),
        ..Table::default()
    };
    let lead = "Asked just now.";
    Ok(render(&operator_page(
        &pay,
        &viewer,
        "/rails",
        "Rails",
        lead,
        vec![Block::Table(table)],
    )))
}

/// Where a page of payouts begins.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PayoutQuery {
    before: Option<PayoutId>,
}

/// Everybody's payouts.
pub(super) async fn payouts(
    State(PayRoutes(pay)): State<PayRoutes>,
    viewer: Viewer,
    QueryParams(query): QueryParams<PayoutQuery>,
) -> Result<Response, Failure> {
    viewer.operator_require()?;
    let page = pay.read(move |conn, context| look::payout_page(conn, context, query.before, PAGE));
    let page = page.await?;
    let row = |(row, view): &(PayoutRow, PayoutView)| {
        let tone = match view.state.as_str() {
            "paid" => "good",
            "under_way" => "calm",
            _ => "bad",
        };
        let returned = (!view.returned.is_zero()).then(|| format!("{} came back", view.returned));
        vec![
            Cell::mono(row.id.to_string()).fine(moment(row.created_at).text),
            Cell::mono(row.did.clone()),
            Cell::tag(view.state.replace('_', " "), tone).fine(returned.unwrap_or_default()),
            Cell::text(row.rail.clone()),
            Cell::number(view.amount.to_string()),
        ]
    };
    let table = Table {
        id: "payouts".to_owned(),
        title: "Latest".to_owned(),
        columns: ["Payout", "To", "State", "Through", "#Amount"]
            .map(str::to_owned)
            .into(),
        rows: page.iter().map(row).collect(),
        empty: "Nobody was paid out yet.".to_owned(),
        next: next_of(page.len(), "/payouts?", page.last().map(|(row, _)| row.id.to_string())),
    };
    let lead = "Balances that went to their owners through a rail, or are on their way.";
    Ok(render(&operator_page(
        &pay,
        &viewer,
        "/payouts",
        "Payouts",
        lead,
        vec![Block::Table(table)],
    )))
}

/// Payments that a buyer's bank has taken back, or tries to.
pub(super) async fn disputes(State(PayRoutes(pay)): State<PayRoutes>, viewer: Viewer) -> Result<Response, Failure> {
    viewer.operator_require()?;
    let rows = pay.read(look::dispute_page).await?;
    let row = |row: &DisputeRow| {
        let tone = match row.state.as_str() {
            "open" => "bad",
            "won" => "good",
            _ => "calm",
        };
        let back = row.given_back.filter(|units| *units > 0);
        let back = back.map(|units| format!("{} came back", amount(units, &row.asset)));
        vec![
            order_cell(&row.checkout_id).fine(moment(row.opened_at).text),
            Cell::tag(row.state.clone(), tone),
            Cell::mono(row.reference.clone()).fine(row.payment.clone()),
            Cell::number(amount(row.amount, &row.asset)),
            Cell::number(amount(row.taken, &row.asset)).fine(back.unwrap_or_default()),
        ]
    };
    let table = Table {
        id: "disputes".to_owned(),
        title: "Open first, then the latest".to_owned(),
        columns: ["Order", "State", "At the rail", "#Disputed", "#Taken"]
            .map(str::to_owned)
            .into(),
        rows: rows.iter().map(row).collect(),
        empty: "No bank has taken anything back.".to_owned(),
        next: String::new(),
    };
    let lead = "Answer an open dispute at the rail, before its time is over.";
    Ok(render(&operator_page(
        &pay,
        &viewer,
        "/disputes",
        "Disputes",
        lead,
        vec![Block::Table(table)],
    )))
}

/// Where a page of messages begins, and which.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MessageQuery {
    before: Option<RailMessageId>,
    /// Only those that are not processed.
    #[serde(default)]
    waiting: bool,
}

/// What rails have said; what is not processed can be tried again.
pub(super) async fn messages(
    State(PayRoutes(pay)): State<PayRoutes>,
    viewer: Viewer,
    QueryParams(query): QueryParams<MessageQuery>,
) -> Result<Response, Failure> {
    viewer.operator_require()?;
    let waiting = query.waiting;
    let page = pay.read(move |conn, context| look::message_page(conn, context, query.before, waiting, PAGE));
    let page = page.await?;
    let row = |row: &MessageRow| {
        let act = Act {
            label: "Retry".to_owned(),
            path: format!("/pay/api/messages/{}/retry", row.id),
            body: "{}".to_owned(),
        };
        let state = match row.processed_at {
            Some(_) => Cell::tag(row.result.clone(), "good"),
            None => Cell::button(act),
        };
        vec![
            Cell::text(moment(row.received_at).text).fine(row.id.to_string()),
            Cell::text(row.rail.clone()).fine(row.outcome.replace('_', " ")),
            state,
            Cell::mono(row.reference.clone()),
            order_cell(&row.checkout_id),
            Cell::number(amount(row.amount, &row.asset)),
        ]
    };
    let path = if waiting {
        "/messages?waiting=true&"
    } else {
        "/messages?"
    };
    let table = Table {
        id: "messages".to_owned(),
        title: if waiting { "Not processed" } else { "Latest" }.to_owned(),
        columns: ["When", "From", "Result", "About", "Order", "#Amount"]
            .map(str::to_owned)
            .into(),
        rows: page.iter().map(row).collect(),
        empty: "None.".to_owned(),
        next: next_of(page.len(), path, page.last().map(|row| row.id.to_string())),
    };
    let other = if waiting {
        (format!("{ROOT}/messages"), "All messages".to_owned())
    } else {
        (
            format!("{ROOT}/messages?waiting=true"),
            "Only what is not processed".to_owned(),
        )
    };
    let lead = "Each was stored before it was acknowledged, and is processed once.";
    let blocks = vec![Block::Links(vec![other]), Block::Table(table)];
    Ok(render(&operator_page(
        &pay,
        &viewer,
        "/messages",
        "Messages of the rails",
        lead,
        blocks,
    )))
}
