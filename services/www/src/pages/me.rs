use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use imajin_events_api::{TicketList, TicketView};
use imajin_kernel::Timestamp;
use imajin_money::{Asset, Money};
use imajin_pay_api::{BalanceList, BalanceView, ReceiptList};
use imajin_ui::{BalanceRow, MePage, NodeParts, render};
use imajin_web::{Failure, Tier};

use super::ticket::ticket_card;
use crate::frame::viewer_of;
use crate::person::Person;
use crate::show::{money_text, receipt_row};
use crate::{AppState, Www};

/// As many tickets and receipts as one page shows, the newest.
const LIMIT: u32 = 100;

/// `/me`: what is mine.
pub(super) async fn me(State(www): State<AppState>, person: Person) -> Result<Response, Failure> {
    let owner = person.0.did.clone();
    let (tickets, receipts, balances) = tokio::join!(
        www.deps.events.ticket_list(TicketList {
            owner: owner.clone(),
            event: None,
            before: None,
            limit: LIMIT
        }),
        www.deps.pay.receipt_list(ReceiptList {
            owner: Some(owner.clone()),
            before: None,
            limit: LIMIT
        }),
        www.deps.pay.balance_list(BalanceList { owner: owner.clone() }),
    );
    let (mut tickets, receipts) = (tickets?, receipts?);
    tickets_order(&mut tickets, www.now());
    Ok(render(&MePage {
        shell: www.frame(&viewer_of(&person.0).name, "/me", Some(&person.0)),
        handle: person.0.handle.clone(),
        is_visitor: person.0.tier == Tier::Visitor,
        parts: parts_of(&www),
        tickets: tickets.iter().map(ticket_card).collect(),
        receipts: receipts.iter().map(|receipt| receipt_row(receipt, &owner)).collect(),
        balances: balance_rows(&balances?),
    }))
}

/// Which services the pages can lead to.
pub(super) fn parts_of(www: &Www) -> NodeParts {
    NodeParts {
        profiles: www.deps.profile.is_some(),
        connections: www.deps.connections.is_some(),
        questions: www.deps.consent.is_some(),
    }
}

/// What comes next stands first; what has begun follows, the latest first.
fn tickets_order(tickets: &mut [TicketView], now: Timestamp) {
    tickets.sort_by_key(|ticket| {
        let begun = ticket.starts_at < now;
        let distance = if begun {
            now.since(ticket.starts_at)
        } else {
            ticket.starts_at.since(now)
        };
        (begun, distance)
    });
}

/// One row per currency: what can be spent, and what waits.
pub(super) fn balance_rows(balances: &[BalanceView]) -> Vec<BalanceRow> {
    let mut by_asset: BTreeMap<Asset, (Money, Money)> = BTreeMap::new();
    for view in balances {
        let asset = view.balance.asset;
        let (available, waiting) = by_asset
            .entry(asset)
            .or_insert((Money::zero(asset), Money::zero(asset)));
        let place = if view.purpose == "available" {
            available
        } else {
            waiting
        };
        match place.checked_add(view.balance) {
            Ok(sum) => *place = sum,
            Err(error) => tracing::error!(%error, "balances of one owner do not add up"),
        }
    }
    let row = |(asset, (available, waiting)): (Asset, (Money, Money))| BalanceRow {
        available: money_text(&available),
        held: (!waiting.is_zero()).then(|| money_text(&waiting)),
        is_test: asset.is_test(),
    };
    by_asset.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use imajin_kernel::Span;

    use super::*;
    use crate::samples::{now, ticket_sample};

    #[test]
    fn the_next_event_stands_first_and_the_past_last() {
        let at = |days: i64| TicketView {
            starts_at: now().plus(Span::days(days)),
            ..ticket_sample()
        };
        let mut tickets = vec![at(-9), at(30), at(-1), at(2)];
        tickets_order(&mut tickets, now());
        let days: Vec<i64> = tickets
            .iter()
            .map(|ticket| ticket.starts_at.since(now()).as_seconds() / 86_400)
            .collect();
        assert_eq!(days, [2, 30, -1, -9]);
    }

    #[test]
    fn balances_are_summed_per_currency() {
        let view = |purpose: &str, balance: &str| BalanceView {
            purpose: purpose.to_owned(),
            balance: balance.parse().unwrap(),
        };
        let rows = balance_rows(&[
            view("available", "7.00 TEST-USD"),
            view("held", "1.00 TEST-USD"),
            view("pending", "0.50 TEST-USD"),
            view("available", "2.00 EUR"),
        ]);
        let texts: Vec<_> = rows
            .iter()
            .map(|row| {
                (
                    row.available.plain(),
                    row.held.as_ref().map(imajin_ui::MoneyText::plain),
                )
            })
            .collect();
        let held = Some("1.50 TEST-USD".to_owned());
        assert_eq!(
            texts,
            [("2.00 EUR".to_owned(), None), ("7.00 TEST-USD".to_owned(), held)]
        );
        assert!(rows[1].is_test && !rows[0].is_test);
    }
}
