//! Bars over time, one for each day or month, stacked from its parts. Drawn as SVG in integers; the exact amounts are
//! in the table behind it, which is also what a screen reader reads.

use askama::Template;
use askama::filters::HtmlSafe;
use imajin_kernel::Timestamp;

/// Height of the highest bar.
const HEIGHT: u64 = 140;
/// Width of all bars together.
const WIDTH: u64 = 640;
/// Room above the bars, for the highest amount.
const TOP: u64 = 22;
/// Room below the bars, for their line.
const BOTTOM: u64 = 2;

/// A chart over time.
#[derive(Debug, Clone, Default)]
pub struct Chart {
    /// Identifier on its page.
    pub id: String,
    /// What it shows, such as `Sales in TEST-USD`.
    pub title: String,
    /// The parts of which each bar is made, the lowest first.
    pub series: Vec<String>,
    /// The bars, the oldest first.
    pub bars: Vec<Bar>,
}

/// A bar of a chart.
#[derive(Debug, Clone, Default)]
pub struct Bar {
    /// Such as `2026-11-21`.
    pub label: String,
    /// One for each of the series.
    pub parts: Vec<BarPart>,
}

/// A part of a bar.
#[derive(Debug, Clone, Default)]
pub struct BarPart {
    /// For its height: smallest units.
    pub size: u64,
    /// For the table.
    pub text: String,
}

/// A rectangle of the picture.
struct Piece {
    class: String,
    x: u64,
    y: u64,
    width: u64,
    height: u64,
}

/// A name beside its colour.
struct Key<'a> {
    class: String,
    name: &'a str,
}

#[derive(Template)]
#[template(path = "part/chart.html")]
struct Drawing<'a> {
    chart: &'a Chart,
    pieces: Vec<Piece>,
    keys: Vec<Key<'a>>,
    highest: &'a str,
    first: &'a str,
    last: &'a str,
    width: u64,
    height: u64,
    base: u64,
    rows: Vec<&'a Bar>,
}

impl Bar {
    /// The bars of `count` days up to and with `today`, which are counted from 1970-01-01 (UTC). `units` says how many
    /// of the smallest units each part of a day has, none being shown below zero, and `text` writes them.
    pub fn by_day(
        (today, count): (i64, i64),
        units: impl Fn(i64) -> Vec<i64>,
        text: impl Fn(i64) -> String,
    ) -> Vec<Self> {
        let part = |units: i64| BarPart {
            size: u64::try_from(units).unwrap_or(0),
            text: text(units),
        };
        let bar = |day: i64| Self {
            label: Timestamp::from_days(day).date(),
            parts: units(day).into_iter().map(part).collect(),
        };
        let first = today.saturating_sub(count).saturating_add(1);
        (first..=today).map(bar).collect()
    }

    fn size(&self) -> u64 {
        self.parts.iter().map(|part| part.size).fold(0, u64::saturating_add)
    }
}

impl Chart {
    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.bars.iter().all(|bar| bar.size() == 0)
    }

    fn drawing(&self) -> Drawing<'_> {
        let most = self.bars.iter().map(Bar::size).max().unwrap_or(0).max(1);
        let count = u64::try_from(self.bars.len()).unwrap_or(u64::MAX).max(1);
        let step = (WIDTH / count).max(1);
        let width = (step * 4 / 5).max(1);
        let mut pieces = Vec::new();
        for (place, bar) in (0_u64..).zip(&self.bars) {
            let x = place.saturating_mul(step);
            let mut sum: u64 = 0;
            for (series, part) in bar.parts.iter().enumerate() {
                let below = scaled(sum, most);
                sum = sum.saturating_add(part.size);
                let height = scaled(sum, most).saturating_sub(below);
                if height > 0 {
                    let y = TOP + HEIGHT - below - height;
                    let class = class_of(series);
                    pieces.push(Piece {
                        class,
                        x,
                        y,
                        width,
                        height,
                    });
                }
            }
        }
        let highest = self.bars.iter().max_by_key(|bar| bar.size());
        let keys = self.series.iter().enumerate();
        Drawing {
            chart: self,
            pieces,
            keys: keys
                .map(|(series, name)| Key {
                    class: class_of(series),
                    name,
                })
                .collect(),
            highest: highest.map_or("", |bar| bar.label.as_str()),
            first: self.bars.first().map_or("", |bar| bar.label.as_str()),
            last: self.bars.last().map_or("", |bar| bar.label.as_str()),
            width: WIDTH,
            height: TOP + HEIGHT + BOTTOM,
            base: TOP + HEIGHT,
            // The newest first, and none of the empty ones.
            rows: self.bars.iter().rev().filter(|bar| bar.size() > 0).collect(),
        }
    }
}

/// A part of the highest bar, in pixels.
fn scaled(size: u64, most: u64) -> u64 {
    let product = u128::from(size) * u128::from(HEIGHT) / u128::from(most);
    u64::try_from(product).unwrap_or(HEIGHT).min(HEIGHT)
}

fn class_of(series: usize) -> String {
    format!("flow-c{}", series % 6)
}

impl std::fmt::Display for Chart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.drawing().render_into(f).map_err(|_unwritable| std::fmt::Error)
    }
}

// The template escapes all texts itself.
impl HtmlSafe for Chart {}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(sizes: &[&[u64]]) -> Chart {
        let part = |size: &u64| BarPart {
            size: *size,
            text: size.to_string(),
        };
        let bar = |parts: &&[u64]| Bar {
            label: "2026-11-21".to_owned(),
            parts: parts.iter().map(part).collect(),
        };
        Chart {
            id: "c".to_owned(),
            title: "Sales".to_owned(),
            series: vec!["one".to_owned(), "two".to_owned()],
            bars: sizes.iter().map(bar).collect(),
        }
    }

    #[test]
    fn bars_stand_on_each_other_and_fill_the_picture() {
        let chart = chart(&[&[50, 50], &[0, 0], &[25, 0]]);
        let drawing = chart.drawing();
        let places: Vec<_> = drawing.pieces.iter().map(|piece| (piece.y, piece.height)).collect();
        assert_eq!(places, [(TOP + 70, 70), (TOP, 70), (TOP + 105, 35)]);
        assert_eq!(drawing.rows.len(), 2, "the table leaves empty bars out");
    }

    #[test]
    fn the_last_days_are_a_bar_each_and_debts_have_no_height() {
        let units = |day: i64| if day == 1 { vec![5, -7] } else { vec![0, 0] };
        let bars = Bar::by_day((2, 3), units, |units| units.to_string());
        let labels: Vec<_> = bars.iter().map(|bar| bar.label.as_str()).collect();
        assert_eq!(labels, ["1970-01-01", "1970-01-02", "1970-01-03"]);
        let parts: Vec<_> = bars[1]
            .parts
            .iter()
            .map(|part| (part.size, part.text.as_str()))
            .collect();
        assert_eq!(parts, [(5, "5"), (0, "-7")]);
        assert!(Bar::by_day((2, 0), units, |units| units.to_string()).is_empty());
    }

    #[test]
    fn nothing_and_too_much_are_drawn_as_well() {
        assert!(chart(&[]).is_empty() && chart(&[&[0, 0]]).is_empty());
        assert!(chart(&[]).to_string().contains("Nothing in this time."));
        let huge = chart(&[&[u64::MAX, u64::MAX]]);
        assert!(huge.drawing().pieces.iter().all(|piece| piece.height <= HEIGHT));
    }
}
