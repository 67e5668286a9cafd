//! What many requests and payments come to.

use std::collections::BTreeMap;

use imajin_kernel::{Span, Timestamp};
use imajin_money::{Amount, Asset, Money};
use imajin_ui::{Bar, Chart};

use crate::domain::traffic::{Asked, Earned};

/// How far back the pages look.
pub(super) const DAYS: i64 = 30;
/// More currencies than anybody looks at.
const ASSETS_MAX: usize = 4;

/// Since when.
pub(super) fn since(now: Timestamp) -> Timestamp {
    now.minus(Span::days(DAYS))
}

/// Amounts by currency.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sums(BTreeMap<String, i64>);

impl Sums {
    pub(super) fn add(&mut self, asset: &str, micros: i64) {
        let sum = self.0.entry(asset.to_owned()).or_default();
        *sum = sum.saturating_add(micros);
    }

    /// For sorting: currencies cannot be compared, so the largest number counts.
    pub(super) fn weight(&self) -> i64 {
        self.0.values().copied().max().unwrap_or(0)
    }

    pub(super) fn text(&self) -> String {
        if self.0.is_empty() {
            return "nothing".to_owned();
        }
        let texts = self.0.iter().map(|(asset, micros)| money_text(*micros, asset));
        texts.collect::<Vec<_>>().join(", ")
    }
}

pub(super) fn money_text(micros: i64, asset: &str) -> String {
    match (Amount::from_micros(micros), asset.parse::<Asset>()) {
        (Ok(amount), Ok(asset)) => Money::new(amount, asset).to_string(),
        _ => format!("{micros} units of {asset}"),
    }
}

/// What is known of an agent, a purpose or a work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) requests: u64,
    pub(super) refused: u64,
    pub(super) payments: u64,
    pub(super) paid: Sums,
    pub(super) last: Option<Timestamp>,
}

/// Lines by name, the one that pays most first, then the one that comes most.
pub(super) fn lines(
    asked: &[Asked],
    earned: &[Earned],
    asked_by: impl Fn(&Asked) -> Option<String>,
    earned_by: impl Fn(&Earned) -> String,
) -> Vec<(String, Line)> {
    let mut lines: BTreeMap<String, Line> = BTreeMap::new();
    for one in asked {
        let Some(name) = asked_by(one) else { continue };
        let line = lines.entry(name).or_default();
        line.requests = line.requests.saturating_add(1);
        line.refused = line.refused.saturating_add(u64::from(one.refusal.is_some()));
        line.last = line.last.max(Some(one.at));
    }
    for one in earned {
        let line = lines.entry(earned_by(one)).or_default();
        line.payments = line.payments.saturating_add(1);
        line.paid.add(&one.asset, one.price);
        line.last = line.last.max(Some(one.created_at));
    }
    let mut lines: Vec<_> = lines.into_iter().collect();
    lines.sort_by_key(|(_, line)| std::cmp::Reverse((line.paid.weight(), line.requests)));
    lines
}

/// What was paid day by day, a chart for each currency, stacked from the agents that pay most.
pub(super) fn charts(earned: &[Earned], now: Timestamp) -> Vec<Chart> {
    let mut by_asset: BTreeMap<&str, Vec<&Earned>> = BTreeMap::new();
    for one in earned {
        by_asset.entry(&one.asset).or_default().push(one);
    }
    let chart = |(asset, earned): (&str, Vec<&Earned>)| chart_of(asset, &earned, now.as_days());
    by_asset.into_iter().take(ASSETS_MAX).map(chart).collect()
}

/// How many agents have a colour of their own.
const SERIES: usize = 4;

fn chart_of(asset: &str, earned: &[&Earned], today: i64) -> Chart {
    let mut by_agent: BTreeMap<&str, i64> = BTreeMap::new();
    for one in earned {
        let sum = by_agent.entry(&one.agent).or_default();
        *sum = sum.saturating_add(one.price);
    }
    let mut agents: Vec<(&str, i64)> = by_agent.into_iter().collect();
    agents.sort_by_key(|(agent, sum)| (std::cmp::Reverse(*sum), *agent));
    let has_others = agents.len() > SERIES;
    let named: Vec<&str> = agents.into_iter().take(SERIES).map(|(agent, _)| agent).collect();
    let units = |day: i64| {
        let of_day: Vec<&&Earned> = earned.iter().filter(|one| one.created_at.as_days() == day).collect();
        let sum = |counts: &dyn Fn(&str) -> bool| {
            let prices = of_day.iter().filter(|one| counts(&one.agent)).map(|one| one.price);
            prices.fold(0_i64, i64::saturating_add)
        };
        let mut sums: Vec<i64> = named.iter().map(|agent| sum(&|one| one == *agent)).collect();
        if has_others {
            sums.push(sum(&|one| !named.contains(&one)));
        }
        sums
    };
    let others = has_others.then(|| "Others".to_owned());
    Chart {
        id: format!("paid-{}", asset.to_ascii_lowercase()),
        title: format!("Paid in {asset}, day by day (UTC)"),
        series: named.iter().map(|agent| (*agent).to_owned()).chain(others).collect(),
        bars: Bar::by_day((today, DAYS), units, |units| money_text(units, asset)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_900_000_000);

    fn earned(agent: &str, asset: &str, price: i64, days: i64) -> Earned {
        Earned {
            agent: agent.to_owned(),
            purpose: "SUMMARY".to_owned(),
            url: "https://site.example/".to_owned(),
            fair_id: None,
            asset: asset.to_owned(),
            price,
            receipt: None,
            created_at: NOW.minus(Span::days(days)),
        }
    }

    fn asked(agent: Option<&str>, refusal: Option<&str>) -> Asked {
        Asked {
            agent: agent.map(str::to_owned),
            purpose: None,
            refusal: refusal.map(str::to_owned),
            reason: "why".to_owned(),
            at: NOW,
        }
    }

    #[test]
    fn who_pays_most_stands_first_and_strangers_are_left_out() {
        let asked = [
            asked(Some("b.example"), None),
            asked(Some("b.example"), Some("POLICY_DENIED")),
            asked(None, Some("IDENTITY_FAIL")),
        ];
        let earned = [
            earned("a.example", "USD", 300_000, 0),
            earned("b.example", "USD", 100_000, 1),
            earned("b.example", "EUR", 100_000, 1),
        ];
        let lines = lines(&asked, &earned, |one| one.agent.clone(), |one| one.agent.clone());
        let names: Vec<&str> = lines.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a.example", "b.example"]);
        let (_, second) = &lines[1];
        assert_eq!((second.requests, second.refused, second.payments), (2, 1, 2));
        assert_eq!(second.paid.text(), "0.10 EUR, 0.10 USD");
    }

    #[test]
    fn a_chart_has_the_agents_that_pay_most_and_the_others_in_one() {
        let agents = ["a", "b", "c", "d", "e", "f"];
        let prices = [10, 60, 50, 40, 30, 20];
        let rows: Vec<Earned> = agents
            .iter()
            .zip(prices)
            .map(|(agent, price)| earned(agent, "USD", price, 2))
            .collect();
        let charts = charts(&rows, NOW);
        assert_eq!(charts[0].series, ["b", "c", "d", "e", "Others"]);
        assert_eq!(charts[0].bars.len(), 30);
        let sizes: Vec<u64> = charts[0].bars[27].parts.iter().map(|part| part.size).collect();
        assert_eq!(sizes, [60, 50, 40, 30, 30]);
    }
}
