use axum::extract::State;
use axum::response::Response;
use imajin_gate::reason_alone;
use imajin_kernel::Problem;
use imajin_ui::{Block, Cell, Figure, Table, did_short, moment, render};
use imajin_web::{Failure, QueryParams, Viewer};
use serde::Deserialize;

use super::sums::{DAYS, Line, Sums, charts, lines, since};
use super::{Head, ROOT, address, no_gate, page, site_of, table};
use crate::Publisher;
use crate::domain::traffic::{self, Asked, Earned, ROWS_MAX};
use crate::routes::PublisherState;
use crate::rows::DisputeRow;

/// How many lines a list has.
const LINES_MAX: usize = 25;

/// Which gate.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GateQuery {
    pub(super) gate: Option<String>,
}

/// Who comes, what is paid, what is refused.
pub(super) async fn overview(
    State(PublisherState(publisher)): State<PublisherState>,
    QueryParams(query): QueryParams<GateQuery>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    viewer.operator_require()?;
    let (site, sites) = site_of(&publisher, query.gate.as_ref()).await?;
    let mut head = Head {
        path: "",
        title: "Gate",
        lead: String::new(),
        site: site.as_ref(),
        sites: &sites,
    };
    let Some(named) = site.clone() else {
        return Ok(render(&page(&publisher, &viewer, head, no_gate())));
    };
    let now = publisher.context.env.now();
    let read = publisher.read(move |conn, context| {
        let since = since(now);
        let asked = traffic::asked_since(conn, &named, since)?;
        let earned = traffic::earned_since(conn, &named, since)?;
        Ok((asked, earned, traffic::disputes_of(conn, context, &named)?))
    });
    let (asked, earned, disputes) = read.await.map_err(Problem::from)?;
    let of_site = site.as_deref().unwrap_or_default();
    let mut blocks = vec![Block::Figures(figures(of_site, &asked, &earned, &disputes))];
    blocks.push(Block::Text(format!("Paid: {}.", sum(&earned).text())));
    blocks.extend(charts(&earned, now).into_iter().map(Block::Chart));
    blocks.extend(tables(of_site, &asked, &earned).map(Block::Table));
    blocks.push(Block::Table(authors(&publisher, of_site, &earned).await?));
    let many = i64::try_from(asked.len().max(earned.len())).unwrap_or(i64::MAX) >= ROWS_MAX;
    head.lead = if many {
        format!("The newest {ROWS_MAX} requests and payments.")
    } else {
        format!("The last {DAYS} days.")
    };
    Ok(render(&page(&publisher, &viewer, head, blocks)))
}

fn sum(earned: &[Earned]) -> Sums {
    let mut sums = Sums::default();
    for one in earned {
        sums.add(&one.asset, one.price);
    }
    sums
}

fn figures(site: &str, asked: &[Asked], earned: &[Earned], disputes: &[DisputeRow]) -> Vec<Figure> {
    let agents = asked.iter().filter_map(|one| one.agent.as_ref());
    let agents: std::collections::BTreeSet<&String> = agents.collect();
    let refused = asked.iter().filter(|one| one.refusal.is_some()).count();
    let waiting = disputes
        .iter()
        .filter(|row| row.state == "open" || row.state == "answered");
    let waiting = waiting.count();
    let figure = |value: usize, label: &str, path: &str, tone: &'static str| Figure {
        value: value.to_string(),
        label: label.to_owned(),
        href: if path.is_empty() {
            String::new()
        } else {
            format!("{ROOT}{path}gate={site}")
        },
        tone,
    };
    vec![
        figure(asked.len(), "requests", "/log?", "calm"),
        figure(agents.len(), "agents", "", "calm"),
        figure(earned.len(), "payments", "", "calm"),
        figure(refused, "refused", "/log?refused=true&", "calm"),
        figure(
            waiting,
            "disputes that wait",
            "/disputes?",
            if waiting == 0 { "good" } else { "warn" },
        ),
    ]
}

fn tables(site: &str, asked: &[Asked], earned: &[Earned]) -> impl Iterator<Item = Table> {
    let agents = lines(asked, earned, |one| one.agent.clone(), |one| one.agent.clone());
    let purposes = lines(asked, earned, |one| one.purpose.clone(), |one| one.purpose.clone());
    let works = lines(&[], earned, |_| None, |one| work_of(one).to_owned());
    let refused: Vec<Asked> = asked.iter().filter(|one| one.refusal.is_some()).cloned().collect();
    let why = |one: &Asked| {
        Some(format!(
            "{}\n{}",
            one.refusal.as_deref().unwrap_or_default(),
            reason_alone(&one.reason)
        ))
    };
    let refusals = lines(&refused, &[], why, |_| String::new());
    let count = |number: u64| Cell::number(number.to_string());
    let last = |line: &Line| Cell::text(line.last.map(|at| moment(at).text).unwrap_or_default());
    let counted = |name: Cell, line: &Line| {
        vec![
            name,
            count(line.requests),
            count(line.refused),
            count(line.payments),
            Cell::number(line.paid.text()),
            last(line),
        ]
    };
    let columns = ["Name", "#Requests", "#Refused", "#Payments", "#Paid", "Last"];
    let agents = agents.iter().take(LINES_MAX).map(|(name, line)| {
        let name = Cell::mono(name.clone()).to(address("/log", &[("gate", site), ("agent", name)]));
        counted(name, line)
    });
    let purposes = purposes
        .iter()
        .map(|(name, line)| counted(Cell::mono(name.clone()), line));
    let refusals = refusals.iter().take(LINES_MAX).map(|(name, line)| {
        let (refusal, reason) = name.split_once('\n').unwrap_or((name, ""));
        vec![Cell::mono(refusal).fine(reason), count(line.refused), last(line)]
    });
    let works = works.iter().take(LINES_MAX).map(|(name, line)| {
        vec![
            Cell::mono(name.clone()),
            count(line.payments),
            Cell::number(line.paid.text()),
        ]
    });
    [
        table(("agents", "Agents", "No agent came yet."), &columns, agents.collect()),
        table(
            ("purposes", "Purposes", "No agent came yet."),
            &columns,
            purposes.collect(),
        ),
        table(
            ("refusals", "Refused, and why", "Nothing was refused."),
            &["Refusal", "#Requests", "Last"],
            refusals.collect(),
        ),
        table(
            ("works", "Earnings by work", "Nothing was paid yet."),
            &["Work", "#Payments", "#Paid"],
            works.collect(),
        ),
    ]
    .into_iter()
}

/// The manifest that an access was split along, else the page itself.
fn work_of(earned: &Earned) -> &str {
    earned.fair_id.as_deref().unwrap_or(&earned.url)
}

/// What the people behind the works have got, by the receipts of the newest payments.
async fn authors(publisher: &Publisher, site: &str, earned: &[Earned]) -> Result<Table, Failure> {
    let receipts: Vec<_> = earned.iter().filter_map(|one| one.receipt).collect();
    let (legs, count) = publisher.gate_legs(site, &receipts).await?;
    let mut by_author: std::collections::BTreeMap<(String, String), Sums> = std::collections::BTreeMap::new();
    for leg in legs {
        let name = (leg.did, leg.role);
        by_author.entry(name).or_default().add(&leg.asset, leg.micros);
    }
    let mut rows: Vec<_> = by_author.into_iter().collect();
    rows.sort_by_key(|(_, sums)| std::cmp::Reverse(sums.weight()));
    let rows = rows.iter().take(LINES_MAX).map(|((did, role), sums)| {
        let name = Cell::mono(did_short(did)).fine(role.clone());
        vec![name, Cell::number(sums.text())]
    });
    let title = format!("Earnings by author, of the newest {count} payments");
    let words = (
        "authors",
        title.as_str(),
        "Nothing was paid yet, or the gate runs in another process.",
    );
    Ok(table(words, &["Author", "#Paid"], rows.collect()))
}
