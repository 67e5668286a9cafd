use axum::extract::State;
use axum::response::Response;
use imajin_fair::plan::{FeeRecipient, FeeRule};
use imajin_kernel::Timestamp;
use imajin_money::{Amount, Share};
use imajin_ui::{Block, Cell, FeesForm, MoneyPage, Table, moment, render};
use imajin_web::{Failure, Tier, Viewer};

use crate::domain::fees::{self, TimedFees};
use crate::routes::PayRoutes;
use crate::routes::page::shell_of;

/// What the effect is shown for: 100.00 of any currency.
const SAMPLE_MICROS: i64 = 100_000_000;
/// Lines of the operator's form.
const FORM_LINES: usize = 4;

/// What this node takes of a sale, what it will take, and what it took: for everybody.
pub(super) async fn fees(State(PayRoutes(pay)): State<PayRoutes>, viewer: Viewer) -> Result<Response, Failure> {
    let now = pay.context.now();
    let all = pay.read(fees::fees_list).await?;
    let current = fees::current(&all, now);
    let is_operator = viewer
        .session
        .as_ref()
        .is_some_and(|session| session.tier >= Tier::Operator);
    let mut shell = shell_of(&pay, "/pay/fees", &viewer, false);
    "Fees".clone_into(&mut shell.title);
    let mut blocks = blocks(&all, &current, now);
    if is_operator {
        blocks.push(Block::FeesForm(form(&current)));
    }
    let tabs = if is_operator {
        vec![
            ("/pay/operator".to_owned(), "Money".to_owned()),
            ("/pay/fees".to_owned(), "Fees".to_owned()),
        ]
    } else {
        Vec::new()
    };
    let lead =
        "Fees come off the price before it is split, so the seller bears them; each receipt names them one by one.";
    Ok(render(&MoneyPage {
        shell,
        title: "Fees".to_owned(),
        lead: lead.to_owned(),
        tabs,
        blocks,
    }))
}

fn blocks(all: &[TimedFees], current: &TimedFees, now: Timestamp) -> Vec<Block> {
    let mut blocks = vec![schedule_table(
        "current",
        "In force".to_owned(),
        &current.schedule.lines,
    )];
    let left = left_of(&current.schedule.lines);
    blocks.push(Block::Text(format!(
        "Of 100.00, {left} is split. A card processor's own fee, if there is one, comes off as it really was."
    )));
    let (mut coming, mut past) = (Vec::new(), Vec::new());
    for (place, timed) in all.iter().enumerate() {
        if fees::is_overtaken(all, place) || timed.schedule.version == current.schedule.version {
            continue;
        }
        let from = timed.effective_at.map(|at| moment(at).text);
        let name = format!("Version {}", timed.schedule.version);
        let id = format!("version-{}", timed.schedule.version);
        if let Some(at) = timed.effective_at.filter(|from| *from > now) {
            let title = format!("Announced: {name}, from {}", moment(at).text);
            coming.push(schedule_table(&id, title, &timed.schedule.lines));
        } else {
            let since = from.map_or_else(|| "from the beginning".to_owned(), |from| format!("from {from}"));
            past.insert(
                0,
                schedule_table(&id, format!("{name}, {since}"), &timed.schedule.lines),
            );
        }
    }
    if coming.is_empty() {
        blocks.push(Block::Text(
            "No change is announced. A rise needs 24 hours' notice.".to_owned(),
        ));
    }
    blocks.extend(coming);
    if !past.is_empty() {
        blocks.push(Block::Heading("Before".to_owned()));
        blocks.extend(past);
    }
    blocks
}

fn schedule_table(id: &str, title: String, lines: &[FeeRule]) -> Block {
    let row = |rule: &FeeRule| {
        vec![
            Cell::text(rule.name.clone()),
            Cell::text(match rule.recipient {
                FeeRecipient::Protocol => "the protocol",
                FeeRecipient::Node => "this node",
                FeeRecipient::Buyer => "the buyer, as credit",
            }),
            Cell::number(format!("{} %", percent(rule.rate_micros))),
            Cell::number(of_sample(rule.rate_micros)),
        ]
    };
    Block::Table(Table {
        id: id.to_owned(),
        title,
        columns: ["Fee", "Goes to", "#Of the price", "#Of 100.00"]
            .map(str::to_owned)
            .into(),
        rows: lines.iter().map(row).collect(),
        empty: "No fees.".to_owned(),
        next: String::new(),
    })
}

fn percent(rate_micros: u32) -> String {
    let share = Share::from_millionths(rate_micros);
    share.map(|share| share.to_percentage().to_string()).unwrap_or_default()
}

fn taken(rate_micros: u32) -> i64 {
    SAMPLE_MICROS
        .saturating_mul(i64::from(rate_micros))
        .div_euclid(1_000_000)
}

fn of_sample(rate_micros: u32) -> String {
    sample_text(taken(rate_micros))
}

fn sample_text(units: i64) -> String {
    let amount = Amount::from_micros(units).unwrap_or(Amount::ZERO);
    let text = amount.to_string();
    if text.contains('.') { text } else { format!("{text}.00") }
}

fn left_of(lines: &[FeeRule]) -> String {
    let all = lines
        .iter()
        .map(|rule| taken(rule.rate_micros))
        .fold(0, i64::saturating_add);
    sample_text(SAMPLE_MICROS.saturating_sub(all))
}

fn form(current: &TimedFees) -> FeesForm {
    let line = |rule: &FeeRule| {
        let recipient = match rule.recipient {
            FeeRecipient::Protocol => "protocol",
            FeeRecipient::Node => "node",
            FeeRecipient::Buyer => "buyer",
        };
        (rule.name.clone(), recipient.to_owned(), percent(rule.rate_micros))
    };
    let mut lines: Vec<_> = current.schedule.lines.iter().map(line).collect();
    while lines.len() < FORM_LINES {
        lines.push((String::new(), "node".to_owned(), String::new()));
    }
    FeesForm {
        currency: "any currency".to_owned(),
        lines,
    }
}
