use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use imajin_ui::{Bar, Block, Cell, Chart, Figure, Table, render};
use imajin_web::{Failure, Viewer};

use super::{ROOT, amount, decimal, operator_page};
use crate::domain::overview::{self, Balances, Overview};
use crate::domain::sales::days_since;
use crate::routes::PayRoutes;
use crate::rows::SalesDayRow;

/// How far back the charts go.
const DAYS: i64 = 30;
/// More currencies than anybody looks at.
const ASSETS_MAX: usize = 6;

/// What there is, what came in, and what has to be done.
pub(super) async fn overview(State(PayRoutes(pay)): State<PayRoutes>, viewer: Viewer) -> Result<Response, Failure> {
    viewer.operator_require()?;
    let today = pay.context.now().as_days();
    let asked = pay.read(move |conn, context| {
        let days = days_since(conn, context, today.saturating_sub(DAYS - 1))?;
        Ok((overview::overview(conn)?, overview::balances(conn)?, days))
    });
    let (open, balances, days) = asked.await?;
    let mut blocks = vec![Block::Heading("To do".to_owned()), Block::Figures(work(&open))];
    blocks.extend(sales_blocks(&days, today));
    blocks.push(balances_table(&balances));
    let lead = if open.is_calm() {
        "Nothing waits for you."
    } else {
        "Something waits for you."
    };
    Ok(render(&operator_page(&pay, &viewer, "", "Money", lead, blocks)))
}

fn work(open: &Overview) -> Vec<Figure> {
    let figure = |value: i64, label: &str, path: &str, bad: &'static str| Figure {
        value: value.to_string(),
        label: label.to_owned(),
        href: format!("{ROOT}{path}"),
        tone: if value == 0 { "good" } else { bad },
    };
    vec![
        figure(open.differences, "differences", "/reconciliation", "bad"),
        figure(open.disputes, "open disputes", "/disputes", "bad"),
        figure(open.debts, "debts", "/reconciliation", "warn"),
        figure(open.messages, "messages not processed", "/messages", "warn"),
        figure(open.payouts_failed, "payouts that failed", "/payouts", "warn"),
        figure(open.payouts_waiting, "payouts under way", "/payouts", "calm"),
        figure(open.shares, "held shares", "/reconciliation", "calm"),
    ]
}

/// Of each currency: what came in today, in a week, in a month, and a chart of how it was split.
fn sales_blocks(days: &[SalesDayRow], today: i64) -> Vec<Block> {
    let mut by_asset: BTreeMap<&str, Vec<&SalesDayRow>> = BTreeMap::new();
    for day in days {
        by_asset.entry(&day.asset).or_default().push(day);
    }
    let mut blocks = vec![Block::Heading("Sales".to_owned())];
    if by_asset.is_empty() {
        blocks.push(Block::Text(format!("Nothing was sold in the last {DAYS} days.")));
    }
    for (asset, days) in by_asset.into_iter().take(ASSETS_MAX) {
        let sum = |count: i64| {
            let from = today.saturating_sub(count - 1);
            let days = days.iter().filter(|row| row.day >= from);
            days.fold((0_i64, 0_i64), |(gross, receipts), row| {
                (gross.saturating_add(row.gross), receipts.saturating_add(row.receipts))
            })
        };
        let figure = |count: i64, when: &str| {
            let (gross, receipts) = sum(count);
            Figure {
                value: amount(gross, asset),
                label: format!("{when}, {receipts} receipts"),
                href: String::new(),
                tone: "calm",
            }
        };
        let figures = [figure(1, "today"), figure(7, "in 7 days"), figure(DAYS, "in 30 days")];
        blocks.push(Block::Figures(figures.into()));
        blocks.push(Block::Chart(chart(asset, &days, today)));
    }
    blocks
}

fn chart(asset: &str, days: &[&SalesDayRow], today: i64) -> Chart {
    let units = |day: i64| match days.iter().find(|row| row.day == day) {
        Some(row) => vec![row.payees, row.held, row.fees, row.rail_fees],
        None => vec![0; 4],
    };
    let names = ["To payees", "Held", "Fees", "Kept by the rail"];
    Chart {
        id: format!("sales-{}", asset.to_ascii_lowercase()),
        title: format!("How sales in {asset} were split, day by day (UTC)"),
        series: names.map(str::to_owned).into(),
        bars: Bar::by_day((today, DAYS), units, |units| decimal(units, asset)),
    }
}

fn balances_table(balances: &Balances) -> Block {
    let row = |line: &(String, String, i64, u64)| {
        let (purpose, asset, units, accounts) = line;
        vec![
            Cell::text(purpose.clone()),
            Cell::text(asset.clone()),
            Cell::number(decimal(*units, asset)),
            Cell::number(accounts.to_string()),
        ]
    };
    let title = if balances.is_complete {
        "Balances"
    } else {
        "Balances (of the first accounts only: there are more)"
    };
    Block::Table(Table {
        id: "balances".to_owned(),
        title: title.to_owned(),
        columns: ["Purpose", "Currency", "#Together", "#Accounts"]
            .map(str::to_owned)
            .into(),
        rows: balances.lines.iter().map(row).collect(),
        empty: "The ledger is empty.".to_owned(),
        next: String::new(),
    })
}
