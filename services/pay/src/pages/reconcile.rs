use axum::extract::State;
use axum::response::Response;
use imajin_ui::{Act, Block, Cell, Table, moment, render};
use imajin_web::{Failure, Viewer};

use super::operator_page;
use crate::domain::reconcile::list::{DifferenceView, Reconciliation, RoundView};
use crate::routes::PayRoutes;
use crate::routes::reconcile::reconciliation_of;

/// How each rail compares with the ledger, and every difference with what to do about it.
pub(super) async fn reconciliation(
    State(PayRoutes(pay)): State<PayRoutes>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    viewer.operator_require()?;
    let found = reconciliation_of(&pay).await?;
    let lead = if found.open.is_empty() {
        "The rails, the ledger and the rows beside it say the same."
    } else {
        "Each line is a difference between two that should say the same, and what to do about it."
    };
    let blocks = blocks(&found);
    let title = "Reconciliation";
    Ok(render(&operator_page(
        &pay,
        &viewer,
        "/reconciliation",
        title,
        lead,
        blocks,
    )))
}

fn blocks(found: &Reconciliation) -> Vec<Block> {
    vec![
        rounds_table(&found.rounds),
        Block::Acts(vec![Act {
            label: "Compare now".to_owned(),
            path: "/pay/api/reconciliation".to_owned(),
            body: "{}".to_owned(),
        }]),
        differences_table("open", "Differences", &found.open, "There are none."),
        differences_table("resolved", "Resolved", &found.resolved, "None was ever found."),
    ]
}

fn rounds_table(rounds: &[RoundView]) -> Block {
    let row = |round: &RoundView| {
        let (state, tone) = match (round.state, &round.problem) {
            (_, Some(_)) => ("stuck", "bad"),
            ("done", None) => ("done", "good"),
            ("never", None) => ("never yet", "calm"),
            (_, None) => ("under way", "warn"),
        };
        let ended = round.finished_at.map_or_else(|| "–".to_owned(), |at| moment(at).text);
        vec![
            Cell::text(scope_text(&round.scope)),
            Cell::tag(state, tone).fine(round.problem.clone().unwrap_or_default()),
            Cell::number(round.checked.to_string()),
            Cell::text(ended),
        ]
    };
    Block::Table(Table {
        id: "rounds".to_owned(),
        title: "What is compared".to_owned(),
        columns: ["What", "State", "#Compared", "Last time to its end"]
            .map(str::to_owned)
            .into(),
        rows: rounds.iter().map(row).collect(),
        ..Table::default()
    })
}

fn differences_table(id: &str, title: &str, differences: &[DifferenceView], empty: &str) -> Block {
    let row = |each: &DifferenceView| {
        let ended = each.resolved_at.map(|at| moment(at).text);
        let since = moment(each.first_seen_at).text;
        let number = |text: &Option<String>| Cell::number(text.clone().unwrap_or_else(|| "–".to_owned()));
        vec![
            Cell::text(each.detail.clone()).fine(each.advice),
            Cell::text(scope_text(&each.scope)).fine(each.subject.clone()),
            number(&each.expected),
            number(&each.found),
            Cell::text(ended.map_or_else(|| since.clone(), |ended| format!("{since} – {ended}"))),
        ]
    };
    Block::Table(Table {
        id: id.to_owned(),
        title: title.to_owned(),
        columns: ["What, and what to do", "Where", "#Should be", "#Is", "Since"]
            .map(str::to_owned)
            .into(),
        rows: differences.iter().map(row).collect(),
        empty: empty.to_owned(),
        next: String::new(),
    })
}

fn scope_text(scope: &str) -> String {
    match scope.strip_prefix("rail:") {
        Some(rail) => format!("{rail} with the ledger"),
        None => match scope.strip_prefix("broker:") {
            Some(broker) => format!("{broker} with the ledger"),
            None => "The ledger with its rows".to_owned(),
        },
    }
}
