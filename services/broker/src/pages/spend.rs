//! What was asked for by publishers, day by day.

use std::collections::BTreeMap;

use imajin_kernel::{Span, Timestamp};
use imajin_money::{Amount, Asset, Money};
use imajin_ui::{Bar, Block, Chart};

use crate::domain::overview::Redeemed;
use crate::rows::Standing;

/// How far back the charts go.
const DAYS: i64 = 30;
/// More currencies than anybody looks at.
const ASSETS_MAX: usize = 4;

/// From when on a chart shows something.
pub(super) fn chart_since(now: Timestamp) -> Timestamp {
    now.minus(Span::days(DAYS))
}

/// A chart for each currency; a sentence when there is nothing.
pub(super) fn charts(rows: &[Redeemed], now: Timestamp, title: &str) -> Vec<Block> {
    let mut by_asset: BTreeMap<&str, Vec<&Redeemed>> = BTreeMap::new();
    for row in rows {
        by_asset.entry(&row.asset).or_default().push(row);
    }
    if by_asset.is_empty() {
        return vec![Block::Text(format!("Nothing was redeemed in the last {DAYS} days."))];
    }
    let chart = |(asset, rows): (&str, Vec<&Redeemed>)| Block::Chart(chart_of(asset, &rows, now.as_days(), title));
    by_asset.into_iter().take(ASSETS_MAX).map(chart).collect()
}

fn chart_of(asset: &str, rows: &[&Redeemed], today: i64, title: &str) -> Chart {
    let paid: &[Standing] = &[Standing::Credited];
    let waits: &[Standing] = &[Standing::Accepted, Standing::Disputed, Standing::Reversing];
    let back: &[Standing] = &[Standing::Reversed];
    let units = |day: i64| {
        let of_day: Vec<_> = rows.iter().filter(|row| row.created_at.as_days() == day).collect();
        let sum = |standings: &[Standing]| {
            let counts = |row: &&&&Redeemed| standings.iter().any(|standing| standing.as_str() == row.state);
            let amounts = of_day.iter().filter(counts).map(|row| row.amount);
            amounts.fold(0_i64, i64::saturating_add)
        };
        [paid, waits, back].map(sum).into()
    };
    Chart {
        id: format!("spend-{}", asset.to_ascii_lowercase()),
        title: format!("{title} in {asset}, day by day (UTC)"),
        series: ["Paid to publishers", "Waits", "Back after disputes"]
            .map(str::to_owned)
            .into(),
        bars: Bar::by_day((today, DAYS), units, |units| decimal(units, asset)),
    }
}

fn decimal(units: i64, asset: &str) -> String {
    match (Amount::from_micros(units), asset.parse::<Asset>()) {
        (Ok(amount), Ok(asset)) => Money::new(amount, asset).decimal(),
        _ => format!("{units} units"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_one_bar_of_what_was_paid_waits_and_came_back() {
        let now = Timestamp::from_seconds(1_900_000_000);
        let row = |days: i64, amount: i64, standing: Standing| Redeemed {
            created_at: now.minus(Span::days(days)),
            state: standing.as_str().to_owned(),
            asset: "TEST-USD".to_owned(),
            amount,
        };
        let rows = [
            row(0, 400_000, Standing::Credited),
            row(0, 100_000, Standing::Disputed),
            row(2, 300_000, Standing::Reversed),
        ];
        let blocks = charts(&rows, now, "Spent");
        let [Block::Chart(chart)] = blocks.as_slice() else {
            panic!("{blocks:?}")
        };
        let last = chart.bars.last().unwrap();
        let texts: Vec<_> = last.parts.iter().map(|part| part.text.as_str()).collect();
        assert_eq!(texts, ["0.40", "0.10", "0.00"]);
        assert_eq!(chart.bars[27].parts[2].size, 300_000);
        assert_eq!(chart.bars.len(), 30);
        assert!(matches!(charts(&[], now, "Spent").as_slice(), [Block::Text(_)]));
    }
}
