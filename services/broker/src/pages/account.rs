use axum::extract::State;
use axum::response::Response;
use imajin_broker_api::BalancesView;
use imajin_did::Did;
use imajin_imagxp::AgentId;
use imajin_kernel::Problem;
use imajin_money::Money;
use imajin_ui::{Block, Figure, MoneyPage, render};
use imajin_web::{Failure, QueryParams, Viewer};
use serde::Deserialize;

use super::console::visas_table;
use super::disputes::disputes_table;
use super::spend::{chart_since, charts};
use super::{ACCOUNT, ROOT, next_of, shell_of};
use crate::BrokerError;
use crate::caller::{agent_did, names};
use crate::domain::lists::Wanted;
use crate::domain::overview;
use crate::routes::BrokerState;

/// Whose account.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountParams {
    /// An agent's, for the operator; nobody: the reader's own.
    agent: Option<String>,
    /// Where the last page of visas ended.
    cursor: Option<String>,
}

/// What somebody has at the broker, what is promised, and what was spent.
pub(super) async fn account(
    State(BrokerState(broker)): State<BrokerState>,
    QueryParams(params): QueryParams<AccountParams>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    let session = viewer.session_require()?;
    let (did, path, title) = match &params.agent {
        Some(name) => {
            viewer.operator_require()?;
            let agent = AgentId::parse(name, names(broker.context.config.reach)).map_err(BrokerError::from);
            let agent = agent.map_err(Problem::from)?;
            let did: Did = agent_did(&agent).map_err(Problem::from)?;
            (did, format!("{ROOT}/accounts"), agent.to_string())
        }
        None => (
            session.did.canonical(),
            ACCOUNT.to_owned(),
            "Your account at the broker".to_owned(),
        ),
    };
    let now = broker.context.now();
    let balances = broker.balances(did.clone()).await.map_err(Problem::from)?;
    let (owner, since) = (did.clone(), chart_since(now));
    let redeemed = broker.read(move |conn, _context| overview::redeemed_since(conn, Some(&owner), since));
    let redeemed = redeemed.await.map_err(Problem::from)?;
    let wanted = Wanted {
        limit: None,
        cursor: params.cursor,
    };
    let visas = broker.visa_list(Some(did.clone()), wanted).await;
    let visas = visas.map_err(Problem::from)?;
    let disputes = broker.dispute_list(Some(did), Wanted::default()).await;
    let disputes = disputes.map_err(Problem::from)?;
    let mut blocks = vec![Block::Figures(figures(&balances))];
    blocks.extend(charts(&redeemed, now, "Spent"));
    let next = next_of(ACCOUNT, [("agent", params.agent.clone())], visas.cursor.as_ref());
    blocks.push(visas_table(&visas.items, next));
    blocks.push(disputes_table(&disputes.items, None, None));
    if params.agent.is_none() {
        blocks.push(Block::Links(statements(&balances)));
    }
    Ok(render(&MoneyPage {
        shell: shell_of(&broker, &path, &title, &viewer),
        title,
        lead: "What can be spent, what is promised to publishers, and what they were paid.".to_owned(),
        tabs: Vec::new(),
        blocks,
    }))
}

fn figures(balances: &BalancesView) -> Vec<Figure> {
    let figure = |money: &Money, label: &str, tone: &'static str| Figure {
        value: money.to_string(),
        label: label.to_owned(),
        href: String::new(),
        tone,
    };
    let free = balances.balances.iter().map(|money| figure(money, "to spend", "good"));
    let promised = balances
        .reserved
        .iter()
        .map(|money| figure(money, "promised in visas", "calm"));
    let figures: Vec<Figure> = free.chain(promised).collect();
    if figures.is_empty() {
        return vec![Figure {
            value: "0".to_owned(),
            label: "nothing was put in yet".to_owned(),
            href: String::new(),
            tone: "calm",
        }];
    }
    figures
}

fn statements(balances: &BalancesView) -> Vec<(String, String)> {
    let link = |money: &Money| {
        let path = format!("/broker/api/statements?format=csv&currency={}", money.asset);
        (path, format!("Statement in {}, as CSV", money.asset))
    };
    balances.balances.iter().map(link).collect()
}
