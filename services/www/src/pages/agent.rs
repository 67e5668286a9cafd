//! `/operator/agent`: what the agent of this node has spent, on what, and what it may.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use imajin_kernel::{Problem, Timestamp};
use imajin_money::{Amount, Asset, Money};
use imajin_ui::{Bar, Block, Cell, Chart, Figure, MoneyPage, Table, moment, render};
use imajin_web::Failure;

use crate::AppState;
use crate::person::Operator;

pub(super) const PATH: &str = "/operator/agent";
/// How far back the charts go.
const DAYS: i64 = 30;
/// How many publishers and purchases are shown; `imajin agent spend --json` has all.
const PUBLISHERS_MAX: usize = 20;
const PURCHASES_MAX: usize = 100;

/// Reads what the node's own agent has spent. It looks at files.
pub type AgentSource = Arc<dyn Fn() -> Result<AgentSpending, Problem> + Send + Sync>;

/// What an agent has spent, and may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentSpending {
    /// The agent.
    pub agent: String,
    /// The most within any 24 hours.
    pub per_day: Vec<Money>,
    /// The most in all.
    pub total: Vec<Money>,
    /// What it has bought, the newest first.
    pub purchases: Vec<AgentPurchase>,
}

/// Something that an agent has bought, or is buying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentPurchase {
    /// When it was intended.
    pub at: Timestamp,
    /// What was read.
    pub url: String,
    /// The publisher's host.
    pub publisher: String,
    /// How much.
    pub price: Money,
    /// Where it stands.
    pub standing: PurchaseStanding,
    /// More about that: the receipt, or why there is none.
    pub note: String,
}

/// Where a purchase stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PurchaseStanding {
    /// There is a receipt.
    Paid,
    /// It is not decided, or a visa was shown that may yet be redeemed.
    Open,
    /// Nothing was spent.
    Unspent,
}

impl PurchaseStanding {
    const fn tag(self) -> (&'static str, &'static str) {
        match self {
            Self::Paid => ("paid", "good"),
            Self::Open => ("open", "warn"),
            Self::Unspent => ("not spent", "calm"),
        }
    }
}

/// What the agent of this node has spent.
pub(super) async fn agent(State(www): State<AppState>, Operator(person): Operator) -> Result<Response, Failure> {
    let source = www.deps.own_agent.clone();
    let source = source.ok_or_else(|| {
        let problem = Problem::not_found("agent of this node");
        problem.hint("Name its folder in imajin.toml: [imagxp] agent = \"DIR\".")
    })?;
    let read = tokio::task::spawn_blocking(move || source()).await;
    let spending = read.map_err(|_ended| Problem::internal())??;
    Ok(render(&MoneyPage {
        shell: www.frame("Agent", PATH, Some(&person.0)),
        title: spending.agent.clone(),
        lead: "What the agent of this node has spent, on what, and what it may.".to_owned(),
        tabs: [("/operator", "Operator"), (PATH, "Agent")]
            .map(|(href, name)| (href.to_owned(), name.to_owned()))
            .into(),
        blocks: blocks(&spending, www.deps.site.env.now()),
    }))
}

fn blocks(spending: &AgentSpending, now: Timestamp) -> Vec<Block> {
    let mut by_asset: BTreeMap<String, Vec<&AgentPurchase>> = BTreeMap::new();
    for purchase in &spending.purchases {
        let spent = by_asset.entry(purchase.price.asset.to_string()).or_default();
        if purchase.standing != PurchaseStanding::Unspent {
            spent.push(purchase);
        }
    }
    let mut blocks = vec![Block::Figures(figures(spending, &by_asset, now))];
    blocks.extend(by_asset.iter().filter_map(|(asset, spent)| {
        let first = spent.first()?;
        Some(Block::Chart(chart(asset, first.price.asset, spent, now.as_days())))
    }));
    blocks.push(publishers(&by_asset));
    blocks.push(purchases(&spending.purchases));
    blocks
}

fn sum(spent: &[&AgentPurchase]) -> Amount {
    Amount::sum(spent.iter().map(|purchase| purchase.price.amount)).unwrap_or(Amount::MAX)
}

fn figures(spending: &AgentSpending, by_asset: &BTreeMap<String, Vec<&AgentPurchase>>, now: Timestamp) -> Vec<Figure> {
    let figure = |value: String, label: String| Figure {
        value,
        label,
        href: String::new(),
        tone: "calm",
    };
    let day = now.minus(imajin_kernel::Span::hours(24));
    let mut figures = Vec::new();
    for spent in by_asset.values() {
        let Some(asset) = spent.first().map(|purchase| purchase.price.asset) else {
            continue;
        };
        let of_day: Vec<_> = spent.iter().copied().filter(|purchase| purchase.at > day).collect();
        let limit = |limits: &[Money]| {
            let limit = limits.iter().find(|limit| limit.asset == asset);
            limit.map_or_else(String::new, |limit| format!(", of at most {limit}"))
        };
        let money = |spent: &[&AgentPurchase]| Money::new(sum(spent), asset).to_string();
        let label = format!("in the last 24 hours{}", limit(&spending.per_day));
        figures.push(figure(money(&of_day), label));
        figures.push(figure(money(spent), format!("in all{}", limit(&spending.total))));
    }
    if figures.is_empty() {
        figures.push(figure("0".to_owned(), "nothing was spent yet".to_owned()));
    }
    figures
}

fn chart(name: &str, asset: Asset, spent: &[&AgentPurchase], today: i64) -> Chart {
    let units = |day: i64| {
        let of_day: Vec<_> = spent.iter().copied().filter(|one| one.at.as_days() == day).collect();
        let sum_of = |standing: PurchaseStanding| {
            let counts = |one: &&AgentPurchase| one.standing == standing;
            sum(&of_day.iter().copied().filter(counts).collect::<Vec<_>>()).micros()
        };
        [PurchaseStanding::Paid, PurchaseStanding::Open].map(sum_of).into()
    };
    let text = |units: i64| Money::new(Amount::from_micros(units).unwrap_or(Amount::MAX), asset).decimal();
    Chart {
        id: format!("spent-{}", name.to_ascii_lowercase()),
        title: format!("Spent in {name}, day by day (UTC)"),
        series: ["Paid", "Open"].map(str::to_owned).into(),
        bars: Bar::by_day((today, DAYS), units, text),
    }
}

/// To whom the money went, the most first.
fn publishers(by_asset: &BTreeMap<String, Vec<&AgentPurchase>>) -> Block {
    let mut sums: BTreeMap<(&str, &str), Vec<&AgentPurchase>> = BTreeMap::new();
    for (asset, spent) in by_asset {
        for purchase in spent {
            sums.entry((&purchase.publisher, asset)).or_default().push(purchase);
        }
    }
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by_key(|(_, spent)| std::cmp::Reverse(sum(spent)));
    let row = |((publisher, _), spent): ((&str, &str), Vec<&AgentPurchase>)| {
        let asset = spent.first().map(|purchase| purchase.price.asset);
        let money = asset.map(|asset| Money::new(sum(&spent), asset).to_string());
        vec![
            Cell::text(publisher),
            Cell::number(spent.len().to_string()),
            Cell::number(money.unwrap_or_default()),
        ]
    };
    Block::Table(Table {
        id: "publishers".to_owned(),
        title: "To whom".to_owned(),
        columns: ["Publisher", "#Pages", "#Spent"].map(str::to_owned).into(),
        rows: sums.into_iter().take(PUBLISHERS_MAX).map(row).collect(),
        empty: "Nobody was paid yet.".to_owned(),
        next: String::new(),
    })
}

fn purchases(purchases: &[AgentPurchase]) -> Block {
    let row = |purchase: &AgentPurchase| {
        let (tag, tone) = purchase.standing.tag();
        vec![
            Cell::text(moment(purchase.at).text),
            Cell::text(&purchase.url).to(&purchase.url),
            Cell::number(purchase.price.to_string()),
            Cell::tag(tag, tone).fine(&purchase.note),
        ]
    };
    Block::Table(Table {
        id: "purchases".to_owned(),
        title: "What was bought".to_owned(),
        columns: ["When", "Page", "#Price", "How it stands"].map(str::to_owned).into(),
        rows: purchases.iter().take(PURCHASES_MAX).map(row).collect(),
        empty: "Nothing yet: imajin agent fetch URL --max AMOUNT.".to_owned(),
        next: String::new(),
    })
}
