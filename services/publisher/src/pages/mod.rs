//! The operator's pages about gates: who comes, what is paid and to whom, what is refused and why, what is disputed,
//! and what the policy says about a request. Handlers ask the domain; pure functions turn the answers into blocks.
//!
//! **Architecture Invariant:** a page reads. A preview spends no claim, charges nothing, and changes no policy.

mod disputes;
mod gates;
mod log;
mod policy;
mod sums;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use imajin_kernel::Problem;
use imajin_ui::{Block, Cell, MoneyPage, Shell, Table};
use imajin_web::{Custody, Failure, Tier, Viewer};
use url::form_urlencoded::Serializer;

use crate::Publisher;
use crate::domain::traffic;
use crate::routes::PublisherState;

/// Where the pages are.
const ROOT: &str = "/publisher/operator";
/// A policy as a form sends it: every byte of it may be written with three.
const FORM_BYTES_MAX: usize = 1024 * 1024;

pub(crate) fn routes() -> Router<PublisherState> {
    Router::new()
        .route("/operator", get(gates::overview))
        .route("/operator/log", get(log::log))
        .route("/operator/disputes", get(disputes::list))
        .route("/operator/policy", get(policy::preview).post(policy::draft))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
}

/// The site that a page is about: the one that is named, else the first; none while there is no gate.
pub(crate) async fn site_of(
    publisher: &Publisher,
    named: Option<&String>,
) -> Result<(Option<String>, Vec<String>), Failure> {
    let mut sites = publisher
        .read(|conn, _context| traffic::sites(conn))
        .await
        .map_err(Problem::from)?;
    sites.extend(publisher.gates().iter().map(|gate| gate.name.clone()));
    sites.sort();
    sites.dedup();
    match named {
        None => Ok((sites.first().cloned(), sites)),
        Some(named) if sites.contains(named) => Ok((Some(named.clone()), sites)),
        Some(_) => Err(Problem::not_found("gate").into()),
    }
}

fn shell_of(publisher: &Publisher, path: &str, title: &str, viewer: &Viewer) -> Shell {
    let host = publisher.site.public.0.host_str().unwrap_or("this node");
    let viewer = viewer.session.as_ref().map(|session| imajin_ui::Viewer {
        is_operator: session.tier >= Tier::Operator,
        custody_node: session.custody == Custody::Node,
        ..imajin_ui::Viewer::new(session.did.as_str(), session.name.as_deref(), session.handle.as_deref())
    });
    let named = publisher.node_name();
    Shell {
        title: title.to_owned(),
        viewer,
        path: path.to_owned(),
        test_money: publisher.has_test_money(),
        node_name: if named.is_empty() { host } else { named }.to_owned(),
    }
}

/// What a page of the operator's begins with.
struct Head<'a> {
    path: &'a str,
    title: &'a str,
    lead: String,
    site: Option<&'a String>,
    sites: &'a [String],
}

/// The address of a page with what it is asked, whatever somebody calls themselves.
fn address(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut query = Serializer::new(String::new());
    format!("{ROOT}{path}?{}", query.extend_pairs(pairs).finish())
}

fn page(publisher: &Publisher, viewer: &Viewer, head: Head<'_>, blocks: Vec<Block>) -> MoneyPage {
    let of_site = head.site.map(|site| format!("?gate={site}")).unwrap_or_default();
    let tab = |path: &str, name: &str| (format!("{ROOT}{path}{of_site}"), name.to_owned());
    let mut tabs = vec![
        tab("", "Gate"),
        tab("/log", "Log"),
        tab("/disputes", "Disputes"),
        tab("/policy", "Policy"),
    ];
    let others = head.sites.iter().filter(|site| Some(*site) != head.site);
    tabs.extend(others.map(|site| (format!("{ROOT}{}?gate={site}", head.path), format!("Gate {site}"))));
    tabs.push(("/operator".to_owned(), "Node".to_owned()));
    let title = head
        .site
        .map_or_else(|| head.title.to_owned(), |site| format!("{}: {site}", head.title));
    MoneyPage {
        shell: shell_of(publisher, &format!("{ROOT}{}{of_site}", head.path), &title, viewer),
        title,
        lead: head.lead,
        tabs,
        blocks,
    }
}

fn no_gate() -> Vec<Block> {
    let text = "No gate stands in front of a site here. `imajin gate` and `[gate.NAME]` in imajin.toml start one.";
    vec![Block::Text(text.to_owned())]
}

fn table((id, title, empty): (&str, &str, &str), columns: &[&str], rows: Vec<Vec<Cell>>) -> Table {
    Table {
        id: id.to_owned(),
        title: title.to_owned(),
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        rows,
        empty: empty.to_owned(),
        next: String::new(),
    }
}
