use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::HeaderName;
use axum::response::Response;
use imajin_kernel::Problem;
use imajin_ui::{Block, Cell, moment, render};
use imajin_web::{Failure, QueryParams, Viewer};
use serde::Deserialize;

use super::sums::money_text;
use super::{Head, address, no_gate, page, site_of, table};
use crate::domain::traffic::{self, LogWanted, Verdict};
use crate::routes::PublisherState;
use crate::rows::RecordRow;

/// How many requests a page has.
const LINES: i64 = 100;
/// What has browsers ask again, without a script.
const REFRESH: HeaderName = HeaderName::from_static("refresh");
const REFRESH_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// Which part of the log.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogQuery {
    gate: Option<String>,
    agent: Option<String>,
    #[serde(default)]
    refused: bool,
    before: Option<i64>,
    /// Whether the page comes again by itself.
    #[serde(default)]
    live: bool,
}

impl LogQuery {
    /// The address of this part of the log, or of what is refused in it.
    fn path(&self, site: &str, is_refused: bool, more: &[(&str, &str)]) -> String {
        let mut pairs = vec![("gate", site)];
        if let Some(agent) = self.agent.as_deref().filter(|agent| !agent.is_empty()) {
            pairs.push(("agent", agent));
        }
        if is_refused {
            pairs.push(("refused", "true"));
        }
        pairs.extend(more);
        address("/log", &pairs)
    }
}

/// What was decided, newest first.
pub(super) async fn log(
    State(PublisherState(publisher)): State<PublisherState>,
    QueryParams(query): QueryParams<LogQuery>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    viewer.operator_require()?;
    let (site, sites) = site_of(&publisher, query.gate.as_ref()).await?;
    let mut head = Head {
        path: "/log",
        title: "Log",
        lead: "What was decided about each request, newest first.".to_owned(),
        site: site.as_ref(),
        sites: &sites,
    };
    let Some(named) = site.clone() else {
        return Ok(render(&page(&publisher, &viewer, head, no_gate())));
    };
    let wanted = LogWanted {
        site: named.clone(),
        agent: query.agent.clone().filter(|agent| !agent.is_empty()),
        verdict: query.refused.then_some(Verdict::Refused),
        during: (None, None),
        before: query.before,
        limit: LINES,
    };
    let rows = publisher.read(move |conn, context| traffic::log_of(conn, context, &wanted));
    let rows = rows.await.map_err(Problem::from)?;
    let mut list = table(
        ("log", "Requests", "There are none."),
        &["When", "Who", "What", "Answer", "#Paid"],
        rows.iter().map(row).collect(),
    );
    let is_full = i64::try_from(rows.len()).unwrap_or(i64::MAX) >= LINES;
    if let Some(last) = rows.last().filter(|_| is_full) {
        list.next = query.path(&named, query.refused, &[("before", &last.seq.to_string())]);
    }
    if query.live {
        "The newest requests. This page comes again every five seconds.".clone_into(&mut head.lead);
    }
    let link = |path: String, name: &str| (path, name.to_owned());
    let everything = LogQuery::default();
    let links = vec![
        if query.live {
            link(query.path(&named, query.refused, &[]), "Stand still")
        } else {
            link(query.path(&named, query.refused, &[("live", "true")]), "Watch it live")
        },
        link(query.path(&named, true, &[]), "Only what was refused"),
        link(everything.path(&named, false, &[]), "Everything"),
    ];
    let blocks = vec![Block::Links(links), Block::Table(list)];
    let mut response = render(&page(&publisher, &viewer, head, blocks));
    if query.live && query.before.is_none() {
        response.headers_mut().insert(REFRESH, REFRESH_SECONDS);
    }
    Ok(response)
}

fn row(record: &RecordRow) -> Vec<Cell> {
    let who = record.agent.clone().unwrap_or_else(|| record.visitor.clone());
    let answer = match (&record.refusal, record.is_dry) {
        (None, _) => Cell::tag(record.status.to_string(), "good"),
        (Some(refusal), false) => Cell::tag(format!("{} {refusal}", record.status), "warn"),
        (Some(refusal), true) => Cell::tag(format!("{}, would be {refusal}", record.status), "calm"),
    };
    let paid = match (record.paid, &record.asset) {
        (Some(micros), Some(asset)) => money_text(micros, asset),
        _ => String::new(),
    };
    let mut receipt = record.receipt.clone().unwrap_or_default();
    if record.visa_bearer == Some(true) {
        receipt.push_str(", by a bearer's visa");
    }
    let mut at = Cell::text(moment(record.at).text);
    if record.version.is_some() {
        // What shows it to others.
        at = at.to(format!(
            "/publisher/api/gates/{}/records/{}/evidence",
            record.site, record.seq
        ));
    }
    vec![
        at.fine(
            record
                .binding
                .clone()
                .filter(|binding| binding != "url")
                .unwrap_or_default(),
        ),
        Cell::mono(who).fine(record.purpose.clone().unwrap_or_default()),
        Cell::mono(record.url.clone()),
        answer.fine(record.reason.clone()),
        Cell::number(paid).fine(receipt),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::ROOT;
    use super::*;

    #[test]
    fn a_link_keeps_the_agent_and_says_it_as_it_is() {
        let query = LogQuery {
            agent: Some("bot & co=1 #x".to_owned()),
            ..LogQuery::default()
        };
        let path = query.path("site", true, &[("before", "7")]);
        assert_eq!(
            path,
            format!("{ROOT}/log?gate=site&agent=bot+%26+co%3D1+%23x&refused=true&before=7")
        );
        assert_eq!(
            LogQuery::default().path("a b", false, &[]),
            format!("{ROOT}/log?gate=a+b")
        );
    }
}
