use axum::extract::State;
use axum::response::Response;
use imajin_broker_api::{DisputeState, DisputeView};
use imajin_kernel::Problem;
use imajin_kernel::id::DisputeId;
use imajin_ui::{ActField, ActForm, Block, Cell, did_short, moment, render};
use imajin_web::{Failure, PathParams, QueryParams, Viewer};
use serde_json::json;

use super::{ROOT, money, next_in, operator_page, table};
use crate::domain::lists::Wanted;
use crate::routes::BrokerState;

/// All disputes, newest first.
pub(super) async fn list(
    State(BrokerState(broker)): State<BrokerState>,
    QueryParams(wanted): QueryParams<Wanted>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    viewer.operator_require()?;
    let limit = wanted.limit;
    let page = broker.dispute_list(None, wanted).await.map_err(Problem::from)?;
    let next = next_in("/disputes", limit, page.cursor.as_ref());
    let blocks = vec![disputes_table(&page.items, Some(ROOT), next)];
    let head = (
        "/disputes",
        "Disputes",
        "What agents say about what they have paid for, newest first.",
    );
    Ok(render(&operator_page(&broker, &viewer, head, blocks)))
}

/// Disputes as a table; with the way to each of them, where the reader may go there.
pub(super) fn disputes_table(disputes: &[DisputeView], root: Option<&str>, next: Option<String>) -> Block {
    let row = |dispute: &DisputeView| {
        let name = Cell::mono(dispute.id.to_string()).fine(moment(dispute.created_at).text);
        vec![
            match root {
                Some(root) => name.to(format!("{root}/disputes/{}", dispute.id)),
                None => name,
            },
            Cell::text(dispute.url.clone()).fine(format!("{}: {}", dispute.quality_score, dispute.reason)),
            money(dispute.amount),
            state_cell(dispute),
        ]
    };
    let rows = disputes.iter().map(row).collect();
    let columns = ["Dispute", "About", "#Amount", "State"];
    table(
        ("disputes", "Disputes", "Nobody objects to anything."),
        &columns,
        rows,
        next,
    )
}

fn state_cell(dispute: &DisputeView) -> Cell {
    let (word, tone) = match dispute.state {
        DisputeState::Open => ("waits for the publisher", "warn"),
        DisputeState::Answered => ("waits for the arbiter", "bad"),
        DisputeState::Released => ("publisher paid", "calm"),
        DisputeState::Reversed => ("agent paid back", "calm"),
    };
    let until = dispute.due_at.map(|due| format!("until {}", moment(due).text));
    Cell::tag(word, tone).fine(until.or_else(|| dispute.ruling.clone()).unwrap_or_default())
}

/// A dispute, and the forms to decide it.
pub(super) async fn one(
    State(BrokerState(broker)): State<BrokerState>,
    PathParams(id): PathParams<DisputeId>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    viewer.operator_require()?;
    let session = viewer.session_require()?;
    let dispute = broker.dispute_fetch(id, (&session.did, true)).await;
    let dispute = dispute.map_err(Problem::from)?;
    let mut blocks = vec![Block::Facts(facts(&dispute))];
    let decides = broker.context.config.arbiter.is_none() || broker.is_arbiter(&session.did);
    if dispute.state == DisputeState::Answered && decides {
        blocks.push(decision(&dispute, "agent", "The agent is right: it has its money back"));
        blocks.push(decision(&dispute, "publisher", "The publisher is right: it is paid"));
    }
    let head = (format!("/disputes/{id}"), "Dispute");
    let head = (head.0.as_str(), head.1, "");
    Ok(render(&operator_page(&broker, &viewer, head, blocks)))
}

fn facts(dispute: &DisputeView) -> Vec<(String, Cell)> {
    let fact = |name: &str, cell: Cell| (name.to_owned(), cell);
    let mut facts = vec![
        fact("State", state_cell(dispute)),
        fact("Amount", Cell::text(dispute.amount.to_string())),
        fact("Page", Cell::mono(dispute.url.clone())),
        fact("Agent", Cell::mono(did_short(dispute.agent.as_str()))),
        fact(
            "It says",
            Cell::text(dispute.reason.clone()).fine(format!("score {}", dispute.quality_score)),
        ),
        fact("Publisher", Cell::mono(did_short(dispute.node.as_str()))),
    ];
    if let Some(answer) = &dispute.answer {
        let shown = if dispute.is_shown {
            Cell::tag("the agent's own claim was shown", "good")
        } else {
            Cell::tag("no claim was shown", "warn")
        };
        let other = dispute.claimed_resource.as_ref();
        let other = other.map(|url| format!("it asks for {url}, not for the page that the agent names"));
        facts.push(fact("It shows", shown.fine(other.unwrap_or_default())));
        if let Some(note) = &answer.note {
            facts.push(fact("It says", Cell::text(note.clone())));
        }
    }
    facts.push(fact("Visa", Cell::mono(dispute.jti.to_string())));
    facts.push(fact("Receipt", Cell::mono(dispute.receipt.clone())));
    facts
}

fn decision(dispute: &DisputeView, outcome: &str, label: &str) -> Block {
    Block::Form(ActForm {
        id: format!("decide-{outcome}"),
        title: label.to_owned(),
        label: "Sign the decision".to_owned(),
        path: format!("/broker/api/disputes/{}/decide", dispute.id),
        body: json!({"outcome": outcome}).to_string(),
        fields: vec![ActField {
            name: "reason".to_owned(),
            label: "Why; both sides read it".to_owned(),
            ..ActField::default()
        }],
    })
}
