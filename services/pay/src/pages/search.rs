use axum::extract::State;
use axum::response::Response;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::ReceiptId;
use imajin_ledger::{Account, Owner};
use imajin_money::Money;
use imajin_store::Conn;
use imajin_ui::{Block, Cell, Search, Table, moment, render};
use imajin_web::{Failure, QueryParams, Viewer};
use serde::Deserialize;

use super::{ROOT, amount, operator_page, order_cell, receipt_cell};
use crate::PayError;
use crate::context::Context;
use crate::domain::limits::LimitsView;
use crate::domain::look::{self, ReceiptsOf};
use crate::routes::PayRoutes;
use crate::rows::ReceiptRow;

/// Receipts of a page.
const PAGE: i64 = 50;
/// Longer than anything that can be looked for.
const QUERY_CHARS_MAX: usize = 300;

/// What is looked for, and where its page begins.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchQuery {
    #[serde(default)]
    q: String,
    before: Option<ReceiptId>,
}

/// What a text can mean.
enum Wanted {
    Receipts(ReceiptsOf),
    Owner(Owner),
    Goods(String),
    Link(Cell),
    Reference(String),
}

fn wanted_of(text: &str) -> Wanted {
    if let Ok(did) = text.parse::<Did>() {
        return Wanted::Receipts(ReceiptsOf::Party(did));
    }
    if let Some(owner) = text
        .parse::<Owner>()
        .ok()
        .filter(|owner| !matches!(owner, Owner::Did(_)))
    {
        return Wanted::Owner(owner);
    }
    if let Ok(day) = format!("{text}T00:00:00Z").parse::<Timestamp>() {
        return Wanted::Receipts(ReceiptsOf::Day(day));
    }
    if let Ok(money) = text.parse::<Money>() {
        return Wanted::Receipts(ReceiptsOf::Gross(money));
    }
    match text.split_once('_').map_or("", |(prefix, _)| prefix) {
        "rcp" => Wanted::Link(receipt_cell(text)),
        "chk" => Wanted::Link(order_cell(text)),
        "ent" => Wanted::Link(super::entry_cell(text)),
        "ord" => Wanted::Goods(text.to_owned()),
        _ => Wanted::Reference(text.to_owned()),
    }
}

/// Finds a receipt, an order, a payment, somebody, an amount or a day.
pub(super) async fn search(
    State(PayRoutes(pay)): State<PayRoutes>,
    viewer: Viewer,
    QueryParams(query): QueryParams<SearchQuery>,
) -> Result<Response, Failure> {
    viewer.operator_require()?;
    let text: String = query.q.trim().chars().take(QUERY_CHARS_MAX).collect();
    let mut blocks = vec![Block::Search(Search {
        action: format!("{ROOT}/search"),
        query: text.clone(),
        help: "A receipt (rcp_…), an order (ord_…), a checkout (chk_…), an entry (ent_…), a rail's reference of a \
               payment, refund or transfer, a DID, rail:stripe, an amount (10.00 USD) or a day (2026-11-21, UTC)."
            .to_owned(),
    })];
    if !text.is_empty() {
        let before = query.before;
        let found = pay.read(move |conn, context| find(conn, context, &text, before));
        blocks.extend(found.await?);
    }
    Ok(render(&operator_page(&pay, &viewer, "/search", "Search", "", blocks)))
}

fn find(conn: &mut Conn, context: &Context, text: &str, before: Option<ReceiptId>) -> Result<Vec<Block>, PayError> {
    Ok(match wanted_of(text) {
        Wanted::Receipts(of) => {
            let mut blocks = Vec::new();
            if let ReceiptsOf::Party(did) = &of {
                let accounts = look::accounts_of(conn, context, &Owner::Did(did.canonical()))?;
                blocks.push(accounts_table(&accounts));
            }
            let rows = look::receipts_of(conn, context, &of, before, PAGE)?;
            blocks.push(receipts_table(&rows, text));
            blocks
        }
        Wanted::Owner(owner) => vec![accounts_table(&look::accounts_of(conn, context, &owner)?)],
        Wanted::Goods(goods) => {
            let orders = look::orders_of_goods(conn, context, &goods)?;
            vec![found_table(
                orders.iter().map(|row| order_cell(&row.id.to_string())).collect(),
            )]
        }
        Wanted::Link(cell) => vec![found_table(vec![cell])],
        Wanted::Reference(reference) => {
            let orders = look::orders_of_reference(conn, &reference)?;
            let mut cells: Vec<Cell> = orders.iter().map(|id| order_cell(id)).collect();
            let payout = look::payout_of_transfer(conn, &reference)?;
            cells.extend(payout.map(|id| Cell::mono(id.to_string()).to(format!("{ROOT}/payouts"))));
            vec![found_table(cells)]
        }
    })
}

fn found_table(cells: Vec<Cell>) -> Block {
    Block::Table(Table {
        id: "found".to_owned(),
        title: "Found".to_owned(),
        columns: vec!["Open it".to_owned()],
        rows: cells.into_iter().map(|cell| vec![cell]).collect(),
        empty: "Nothing here has this name.".to_owned(),
        next: String::new(),
    })
}

fn accounts_table(accounts: &[Account]) -> Block {
    let row = |account: &Account| {
        let asset = account.key.asset.to_string();
        vec![
            Cell::text(account.key.purpose.to_string()).to(format!("{ROOT}/accounts/{}", account.key.id())),
            Cell::number(amount(account.balance_units, &asset))
                .fine(LimitsView::of(&account.key, account.limits, None).text()),
            Cell::number(account.legs.to_string()),
        ]
    };
    Block::Table(Table {
        id: "accounts".to_owned(),
        title: "Accounts".to_owned(),
        columns: ["Purpose", "#Balance", "#Entries"].map(str::to_owned).into(),
        rows: accounts.iter().map(row).collect(),
        empty: "They have no account here.".to_owned(),
        next: String::new(),
    })
}

fn receipts_table(rows: &[ReceiptRow], text: &str) -> Block {
    let row = |row: &ReceiptRow| {
        vec![
            receipt_cell(&row.id.to_string()).fine(moment(row.issued_at).text),
            order_cell(&row.checkout_id.to_string()),
            super::entry_cell(&row.entry_id.to_string()),
            Cell::number(amount(row.gross, &row.asset)),
        ]
    };
    let is_full = i64::try_from(rows.len()).is_ok_and(|count| count == PAGE);
    let next = rows.last().filter(|_| is_full).map(|last| {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("q", text)
            .append_pair("before", &last.id.to_string())
            .finish();
        format!("{ROOT}/search?{query}")
    });
    Block::Table(Table {
        id: "receipts".to_owned(),
        title: "Receipts".to_owned(),
        columns: ["Receipt", "Order", "Entry", "#Paid"].map(str::to_owned).into(),
        rows: rows.iter().map(row).collect(),
        empty: "There are no such receipts.".to_owned(),
        next: next.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_means_one_thing() {
        let is = |text: &str, check: fn(&Wanted) -> bool| assert!(check(&wanted_of(text)), "{text}");
        is("2026-11-21", |it| matches!(it, Wanted::Receipts(ReceiptsOf::Day(_))));
        is("10.00 TEST-USD", |it| {
            matches!(it, Wanted::Receipts(ReceiptsOf::Gross(_)))
        });
        is("did:web:node.example", |it| {
            matches!(it, Wanted::Receipts(ReceiptsOf::Party(_)))
        });
        is("rail:stripe", |it| matches!(it, Wanted::Owner(_)));
        is("rcp_1", |it| matches!(it, Wanted::Link(_)));
        is("ord_1", |it| matches!(it, Wanted::Goods(_)));
        is("pi_123", |it| matches!(it, Wanted::Reference(_)));
        is("' OR 1=1 --", |it| matches!(it, Wanted::Reference(_)));
    }
}
