use axum::extract::State;
use axum::response::Response;
use imajin_imagxp::Feedback;
use imajin_kernel::Problem;
use imajin_ui::{Block, Cell, moment, render};
use imajin_web::{Failure, QueryParams, Viewer};

use super::gates::GateQuery;
use super::sums::money_text;
use super::{Head, no_gate, page, site_of, table};
use crate::domain::feedback::feedback_of;
use crate::domain::traffic;
use crate::routes::PublisherState;
use crate::rows::feedback::{PASSED, REFUSED, WAITING};
use crate::rows::{DisputeRow, FeedbackRow};

/// What agents object to, and what became of it.
pub(super) async fn list(
    State(PublisherState(publisher)): State<PublisherState>,
    QueryParams(query): QueryParams<GateQuery>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    viewer.operator_require()?;
    let (site, sites) = site_of(&publisher, query.gate.as_ref()).await?;
    let lead = "What agents object to at their brokers. This node answers by itself, with the agent's own claim and \
                the record of the answer.";
    let head = Head {
        path: "/disputes",
        title: "Disputes",
        lead: lead.to_owned(),
        site: site.as_ref(),
        sites: &sites,
    };
    let Some(named) = site.clone() else {
        return Ok(render(&page(&publisher, &viewer, head, no_gate())));
    };
    let read = publisher.read(move |conn, context| {
        let said = feedback_of(conn, context, &named)?;
        Ok((traffic::disputes_of(conn, context, &named)?, said))
    });
    let (rows, said) = read.await.map_err(Problem::from)?;
    let list = table(
        ("disputes", "Disputes", "Nobody objects to anything."),
        &["Dispute", "About", "Agent", "#Amount", "State"],
        rows.iter().map(row).collect(),
    );
    let passed_on = table(
        (
            "feedback",
            "Said at this gate",
            "No agent has said anything here; they may tell their brokers as well.",
        ),
        &["About", "Agent", "Said", "Passed on"],
        said.iter().map(said_row).collect(),
    );
    let blocks = vec![Block::Table(list), Block::Table(passed_on)];
    Ok(render(&page(&publisher, &viewer, head, blocks)))
}

/// What an agent has said at the gate, and whether its broker has heard it.
fn said_row(said: &FeedbackRow) -> Vec<Cell> {
    let (word, tone) = match said.state.as_str() {
        PASSED => ("the broker has it", "good"),
        REFUSED => ("the broker refuses it", "bad"),
        WAITING => ("on its way", "warn"),
        other => (other, "calm"),
    };
    let feedback = Feedback::parse(said.document.as_bytes()).ok();
    let words = feedback.map(|said| format!("{}: {}", said.quality_score, said.reason));
    vec![
        Cell::mono(said.url.clone()).fine(words.unwrap_or_default()),
        Cell::mono(said.agent.clone()).fine(said.broker.clone()),
        Cell::text(moment(said.said_at).text),
        Cell::tag(word, tone).fine(said.reason.clone().unwrap_or_default()),
    ]
}

fn row(dispute: &DisputeRow) -> Vec<Cell> {
    let (word, tone) = match (dispute.state.as_str(), dispute.is_answered) {
        ("open", false) => ("not answered yet", "warn"),
        ("open", true) | ("answered", _) => ("answered, to be decided", "calm"),
        ("released", _) => ("you are paid", "good"),
        ("reversed", _) => ("the agent has its money back", "bad"),
        (other, _) => (other, "calm"),
    };
    vec![
        Cell::mono(dispute.id.clone()).fine(moment(dispute.said_at).text),
        Cell::mono(dispute.url.clone()).fine(format!("{}: {}", dispute.score, dispute.reason)),
        Cell::mono(dispute.agent.clone()).fine(dispute.broker.clone()),
        Cell::number(money_text(dispute.amount, &dispute.asset)),
        Cell::tag(word, tone).fine(dispute.ruling.clone().unwrap_or_default()),
    ]
}
