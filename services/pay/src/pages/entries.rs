use axum::extract::State;
use axum::response::Response;
use imajin_kernel::id::{CheckoutId, EntryId};
use imajin_ledger::{Account, AccountId, Entry, StatementLine};
use imajin_ui::{Block, Cell, Table, moment, render};
use imajin_web::{Failure, PathParams, QueryParams, Viewer};
use serde::Deserialize;

use super::{ROOT, amount, decimal, entry_cell, operator_page, order_cell, receipt_cell};
use crate::PayError;
use crate::domain::limits::{LimitsView, limits_of};
use crate::domain::look::{self, Order};
use crate::routes::PayRoutes;

/// Lines of a page.
pub(super) const PAGE: i64 = 50;

/// Which page of a statement.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StatementQuery {
    /// The number of the last line of the page before.
    before: Option<i64>,
}

/// An account, with what came and went and what was left each time.
pub(super) async fn account(
    State(PayRoutes(pay)): State<PayRoutes>,
    PathParams(id): PathParams<String>,
    viewer: Viewer,
    QueryParams(query): QueryParams<StatementQuery>,
) -> Result<Response, Failure> {
    viewer.operator_require()?;
    let id: AccountId = id.parse().map_err(|_unreadable| PayError::NotFound("account"))?;
    let found = pay.read(move |conn, context| {
        let found = look::account(conn, context, id, query.before, PAGE)?;
        let limits = match &found {
            Some((account, _)) => limits_of(conn, context, &account.key)?,
            None => None,
        };
        Ok(found.map(|(account, lines)| (account, lines, limits)))
    });
    let (account, lines, limits) = found.await?.ok_or(PayError::NotFound("account"))?;
    let path = format!("{ROOT}/accounts/{id}");
    let blocks = vec![
        Block::Facts(account_facts(&account, limits.as_ref())),
        statement_table(&account, &lines, &path),
    ];
    let title = format!("{} in {}", account.key.purpose, account.key.asset);
    Ok(render(&operator_page(&pay, &viewer, "/search", &title, "", blocks)))
}

fn account_facts(account: &Account, limits: Option<&LimitsView>) -> Vec<(String, Cell)> {
    let fact = |name: &str, cell| (name.to_owned(), cell);
    let asset = account.key.asset.to_string();
    vec![
        fact("Owner", Cell::mono(account.key.owner.to_string())),
        fact("Purpose", Cell::text(account.key.purpose.to_string())),
        fact("Balance", Cell::text(amount(account.balance_units, &asset))),
        fact(
            "Limits",
            Cell::text(limits.map_or_else(|| "none".to_owned(), LimitsView::text)),
        ),
        fact("Entries", Cell::text(account.legs.to_string())),
        fact("Changed", Cell::text(moment(account.updated_at).text)),
    ]
}

fn statement_table(account: &Account, lines: &[StatementLine], path: &str) -> Block {
    let asset = account.key.asset.to_string();
    let row = |line: &StatementLine| {
        vec![
            Cell::text(moment(line.posted_at).text),
            Cell::text(line.kind.to_string()).to(format!("{ROOT}/entries/{}", line.entry)),
            Cell::mono(line.reference.clone()),
            Cell::number(decimal(line.units, &asset)),
            Cell::number(decimal(line.balance_after, &asset)),
        ]
    };
    let is_full = i64::try_from(lines.len()).is_ok_and(|count| count == PAGE);
    let last = lines
        .last()
        .map(|line| line.number)
        .filter(|number| is_full && *number > 1);
    Block::Table(Table {
        id: "statement".to_owned(),
        title: "Entries".to_owned(),
        columns: ["When", "Why", "What for", "#Moved", "#Balance"]
            .map(str::to_owned)
            .into(),
        rows: lines.iter().map(row).collect(),
        empty: "Nothing was ever booked here.".to_owned(),
        next: last.map(|number| format!("{path}?before={number}")).unwrap_or_default(),
    })
}

/// One entry, with all that it moved.
pub(super) async fn entry(
    State(PayRoutes(pay)): State<PayRoutes>,
    PathParams(id): PathParams<EntryId>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    viewer.operator_require()?;
    let found = pay.read(move |conn, context| look::entry(conn, context, id));
    let (entry, accounts) = found.await?.ok_or(PayError::NotFound("entry"))?;
    let blocks = vec![Block::Facts(entry_facts(&entry)), legs_table(&entry, &accounts)];
    let lead = "Immutable: its hash covers all of it and the entry before it.";
    let title = format!("Entry: {}", entry.kind);
    Ok(render(&operator_page(&pay, &viewer, "/search", &title, lead, blocks)))
}

fn entry_facts(entry: &Entry) -> Vec<(String, Cell)> {
    let fact = |name: &str, cell| (name.to_owned(), cell);
    let is_order = entry.reference.parse::<CheckoutId>().is_ok();
    let reference = match (is_order, entry.reference.starts_with("rcp_")) {
        (true, _) => order_cell(&entry.reference),
        (false, true) => receipt_cell(&entry.reference),
        _ => Cell::mono(entry.reference.clone()),
    };
    vec![
        fact("Entry", Cell::mono(entry.id.to_string())),
        fact("Why", Cell::text(entry.kind.to_string())),
        fact("What for", reference),
        fact(
            "Hold",
            Cell::mono(entry.hold.map_or_else(|| "none".to_owned(), |hold| hold.to_string())),
        ),
        fact("When", Cell::text(moment(entry.posted_at).text)),
        fact("Place", Cell::text(format!("{} of chain {}", entry.seq, entry.chain))),
        fact("Hash", Cell::mono(hex::encode(entry.hash))),
        fact(
            "Proof",
            Cell::text("that it is in the ledger").to(format!("/pay/api/entries/{}/proof", entry.id)),
        ),
    ]
}

fn legs_table(entry: &Entry, accounts: &[Option<Account>]) -> Block {
    let row = |(leg, account): (&imajin_ledger::Leg, &Option<Account>)| {
        let asset = account
            .as_ref()
            .map(|account| account.key.asset.to_string())
            .unwrap_or_default();
        let owner = account
            .as_ref()
            .map_or_else(|| "missing".to_owned(), |it| it.key.owner.to_string());
        let purpose = account
            .as_ref()
            .map(|it| it.key.purpose.to_string())
            .unwrap_or_default();
        vec![
            Cell::mono(owner).to(format!("{ROOT}/accounts/{}", leg.account())),
            Cell::text(purpose),
            Cell::number(amount(leg.units(), &asset)),
            Cell::number(decimal(leg.balance_after(), &asset)),
        ]
    };
    Block::Table(Table {
        id: "legs".to_owned(),
        title: "What moved".to_owned(),
        columns: ["Account of", "Purpose", "#Moved", "#Balance after"]
            .map(str::to_owned)
            .into(),
        rows: entry.legs.iter().zip(accounts).map(row).collect(),
        ..Table::default()
    })
}

/// An order: what was to be paid, what rails said about it, what was booked.
pub(super) async fn order(
    State(PayRoutes(pay)): State<PayRoutes>,
    PathParams(id): PathParams<CheckoutId>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    viewer.operator_require()?;
    let found = pay.read(move |conn, context| look::order(conn, context, id));
    let order = found.await?.ok_or(PayError::NotFound("checkout"))?;
    let lead = order.checkout.title.clone();
    let blocks = order_blocks(&order);
    Ok(render(&operator_page(&pay, &viewer, "/search", "Order", &lead, blocks)))
}

fn order_facts(row: &crate::rows::CheckoutRow) -> Vec<(String, Cell)> {
    let fact = |name: &str, cell| (name.to_owned(), cell);
    let receipt = row
        .receipt_id
        .filter(|_| row.state == "settled")
        .map(|id| id.to_string());
    let payment = row.rail_reference.clone().unwrap_or_else(|| "none".to_owned());
    vec![
        fact("Checkout", Cell::mono(row.id.to_string())),
        fact(
            "State",
            Cell::text(row.state.clone()).fine(row.reason.clone().unwrap_or_default()),
        ),
        fact("Price", Cell::text(amount(row.price, &row.asset))),
        fact("Goods", Cell::mono(format!("{} {}", row.goods_kind, row.goods_id))),
        fact("Buyer", Cell::mono(row.owner_did.clone())),
        fact("Seller", Cell::mono(row.seller_did.clone())),
        fact("Paid through", Cell::text(row.rail.clone()).fine(payment)),
        fact("Opened", Cell::text(moment(row.created_at).text)),
        fact(
            "Receipt",
            receipt.map_or_else(|| Cell::text("none"), |id| receipt_cell(&id)),
        ),
    ]
}

fn order_blocks(order: &Order) -> Vec<Block> {
    let row = &order.checkout;
    let message = |it: &crate::rows::MessageRow| {
        vec![
            Cell::text(moment(it.received_at).text),
            Cell::text(it.outcome.clone()),
            Cell::tag(
                it.result.clone(),
                if it.processed_at.is_some() { "good" } else { "warn" },
            ),
            Cell::mono(it.reference.clone()).fine(it.refund_reference.clone().unwrap_or_default()),
            Cell::number(amount(it.amount, &it.asset)),
        ]
    };
    let entry = |it: &Entry| {
        let moved: i64 = it
            .legs
            .iter()
            .map(imajin_ledger::Leg::units)
            .filter(|units| *units > 0)
            .sum();
        vec![
            entry_cell(&it.id.to_string()),
            Cell::text(it.kind.to_string()),
            Cell::text(moment(it.posted_at).text),
            Cell::number(amount(moved, &row.asset)),
        ]
    };
    vec![
        Block::Facts(order_facts(row)),
        // Where this order is paid back, in whole or in part.
        Block::Place("refund"),
        Block::Table(Table {
            id: "messages".to_owned(),
            title: "What the rail said".to_owned(),
            columns: ["When", "What", "Result", "Reference", "#Amount"]
                .map(str::to_owned)
                .into(),
            rows: order.messages.iter().map(message).collect(),
            empty: "Nothing yet.".to_owned(),
            next: String::new(),
        }),
        Block::Table(Table {
            id: "entries".to_owned(),
            title: "What was booked".to_owned(),
            columns: ["Entry", "Why", "When", "#Moved"].map(str::to_owned).into(),
            rows: order.entries.iter().map(entry).collect(),
            empty: "Nothing yet.".to_owned(),
            next: String::new(),
        }),
    ]
}
