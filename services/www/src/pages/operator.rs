use std::collections::BTreeSet;

use axum::extract::State;
use axum::response::Response;
use futures::future::join_all;
use imajin_auth_api::{DevelopmentMailList, SetupStateRequest};
use imajin_did::Did;
use imajin_events_api::{EventSales, EventStatus, SalesList};
use imajin_kernel::Problem;
use imajin_pay_api::{BalanceList, BalanceView, ReceiptList, ReceiptView, SalesSummary, SalesSummaryRequest};
use imajin_registry_api::{NodeFetch, NodeView, Registration};
use imajin_ui::{AccountRow, EventState, MoneyText, OperatorPage, RegistryCard, SaleRow, ServiceRow, render};

use crate::names::Names;
use crate::person::{Operator, Person};
use crate::show::{did_short, moment, money_text, receipt_row};
use crate::{AppState, Www};

/// The latest receipts that the page shows.
const RECEIPTS: u32 = 20;
/// So many owners' balances are shown at most.
const OWNERS_MAX: usize = 40;

/// `/operator`: how the node is doing. A service that does not answer is shown as down, and the rest of the page stays.
pub(super) async fn operator(State(www): State<AppState>, Operator(person): Operator) -> Response {
    let deps = &www.deps;
    let (setup, mails, sales, receipts, summary, standing) = tokio::join!(
        deps.auth.setup_state(SetupStateRequest {}),
        deps.auth.development_mail_list(DevelopmentMailList {}),
        deps.events.sales_list(SalesList::default()),
        deps.pay.receipt_list(ReceiptList {
            owner: None,
            before: None,
            limit: RECEIPTS
        }),
        deps.pay.sales_summary(SalesSummaryRequest {}),
        www.standing(),
    );
    let mut services = vec![
        service_row("auth", &setup, ""),
        service_row("pay", &summary, &summary.as_ref().map(summary_text).unwrap_or_default()),
        service_row("events", &sales, ""),
    ];
    if let Some(standing) = &standing {
        services.push(service_row("registry", standing, ""));
    }
    let receipts = receipts.unwrap_or_default();
    let accounts = www.accounts(&person, &receipts).await;
    let page = OperatorPage {
        shell: www.frame("Operator", "/operator", Some(&person.0)),
        node: www.node_card(),
        started: moment(www.started),
        database: String::new(),
        services,
        certificate: (deps.certificate)(),
        registries: deps.registrations.registrations().iter().map(registry_card).collect(),
        accounts,
        sales: sales.unwrap_or_default().iter().flat_map(sale_rows).collect(),
        receipts: receipts
            .iter()
            .map(|receipt| receipt_row(receipt, &person.0.did))
            .collect(),
        has_registry: deps.registry.is_some(),
        has_broker: deps.has_broker,
        gates_href: if deps.has_gates { "/publisher/operator" } else { "" }.to_owned(),
        agent_href: if deps.own_agent.is_some() {
            super::agent::PATH
        } else {
            ""
        }
        .to_owned(),
        has_dev_mailbox: mails.is_ok_and(|mails| !mails.is_empty()),
    };
    render(&page)
}

impl Www {
    /// What the registry says of this node; `None` when there is no registry to ask.
    async fn standing(&self) -> Option<Result<Option<NodeView>, Problem>> {
        let registry = self.deps.registry.as_ref()?;
        Some(
            registry
                .node_fetch(NodeFetch {
                    key: self.deps.node_did.to_string(),
                })
                .await,
        )
    }

    /// The balances of the node, of its operator and of whoever the latest receipts paid.
    async fn accounts(&self, person: &Person, receipts: &[ReceiptView]) -> Vec<AccountRow> {
        let owners = account_owners([&self.deps.node_did, &person.0.did], receipts);
        let asked = owners
            .iter()
            .map(|owner| self.deps.pay.balance_list(BalanceList { owner: owner.clone() }));
        let (names, answers) = tokio::join!(self.names(&owners), join_all(asked));
        let balances = owners
            .iter()
            .zip(answers)
            .filter_map(|(owner, answer)| Some((owner, answer.ok()?)));
        balances
            .flat_map(|(owner, balances)| account_rows(owner, &balances, &names))
            .collect()
    }
}

fn account_owners(first: [&Did; 2], receipts: &[ReceiptView]) -> Vec<Did> {
    let mut seen = BTreeSet::new();
    let paid = receipts.iter().flat_map(|receipt| {
        let body = &receipt.message.payload;
        body.legs
            .iter()
            .map(|leg| &leg.did)
            .chain(body.fees.iter().map(|fee| &fee.did))
            .chain([&body.seller])
    });
    let owners = first.into_iter().chain(paid).map(Did::canonical);
    owners.filter(|did| seen.insert(did.clone())).take(OWNERS_MAX).collect()
}

/// An owner's accounts that hold something.
fn account_rows(owner: &Did, balances: &[BalanceView], names: &Names) -> Vec<AccountRow> {
    let holding = balances.iter().filter(|view| !view.balance.is_zero());
    let row = |view: &BalanceView| AccountRow {
        owner_name: names.of(owner),
        short_did: did_short(owner),
        purpose: view.purpose.clone(),
        balance: money_text(&view.balance),
    };
    holding.map(row).collect()
}

fn service_row<T>(name: &str, answer: &Result<T, Problem>, detail: &str) -> ServiceRow {
    let detail = match answer {
        Ok(_answer) => detail.to_owned(),
        Err(problem) => problem.detail.clone(),
    };
    ServiceRow {
        name: name.to_owned(),
        is_healthy: answer.is_ok(),
        detail,
    }
}

fn summary_text(summary: &SalesSummary) -> String {
    let gross = summary.gross.iter().map(ToString::to_string);
    let open = (summary.in_progress > 0).then(|| format!("{} in progress", summary.in_progress));
    let refunded = (summary.refunded > 0).then(|| format!("{} refunded", summary.refunded));
    let parts = [format!("{} receipts", summary.receipts)]
        .into_iter()
        .chain(gross)
        .chain(open)
        .chain(refunded);
    parts.collect::<Vec<_>>().join(", ")
}

/// One row per currency, and one for an event that has sold nothing yet.
fn sale_rows(sales: &EventSales) -> Vec<SaleRow> {
    let row = |revenue: MoneyText| SaleRow {
        event_id: sales.event_id.to_string(),
        title: sales.title.clone(),
        sold: sales.sold,
        held: sales.held,
        capacity: sales.quantity,
        revenue,
        state: sale_state(sales),
    };
    if sales.gross.is_empty() {
        return vec![row(MoneyText::new("–", ""))];
    }
    sales.gross.iter().map(|gross| row(money_text(gross))).collect()
}

fn sale_state(sales: &EventSales) -> EventState {
    let taken = sales.sold.saturating_add(sales.held);
    match sales.status {
        EventStatus::Draft => EventState::Draft,
        EventStatus::Paused => EventState::Paused,
        EventStatus::Cancelled => EventState::Cancelled,
        EventStatus::Completed => EventState::Completed,
        EventStatus::Published if sales.quantity.is_some_and(|places| taken >= places) => EventState::SoldOut,
        EventStatus::Published => EventState::OnSale,
    }
}

/// What the node's agent knows about a registry that it announces itself to.
fn registry_card(registration: &Registration) -> RegistryCard {
    let addresses: Vec<String> = registration.addresses.iter().map(ToString::to_string).collect();
    let upgrade = registration.upgrade.as_ref();
    let next = moment(registration.next_attempt_at).text;
    RegistryCard {
        url: registration.registry.to_string(),
        status: registration.build_standing().to_owned(),
        is_good: registration.last_error.is_none() && registration.last_heartbeat_at.is_some(),
        hostname: Some(
            registration
                .subdomain
                .clone()
                .unwrap_or_else(|| registration.hostname.clone()),
        ),
        last_heartbeat: registration.last_heartbeat_at.map(moment),
        expires: registration.expires_at.map(moment),
        addresses: addresses.join(", "),
        upgrade: upgrade.map(|asked| {
            format!(
                "The registry asks for version {}: {}",
                asked.target_version, asked.reason
            )
        }),
        problem: registration
            .last_error
            .as_ref()
            .map(|error| format!("{error} Next attempt: {next}.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{did, event_sample, receipt_sample};
    use imajin_kernel::Timestamp;
    use imajin_registry_api::UpgradeNotice;

    fn sales() -> EventSales {
        EventSales {
            event_id: event_sample().id,
            title: "Two voices".to_owned(),
            status: EventStatus::Published,
            sold: 13,
            held: 2,
            quantity: Some(20),
            gross: vec!["130.00 TEST-USD".parse().unwrap()],
        }
    }

    #[test]
    fn sales_have_a_row_per_currency_and_one_when_there_is_none() {
        assert_eq!(sale_rows(&sales())[0].revenue.plain(), "130.00 TEST-USD");
        let none = EventSales {
            gross: Vec::new(),
            ..sales()
        };
        assert_eq!(sale_rows(&none).len(), 1);
        let full = EventSales { held: 7, ..sales() };
        assert!(matches!(sale_state(&full), EventState::SoldOut));
        assert!(sale_state(&sales()).is_on_sale());
    }

    #[test]
    fn owners_are_named_once_and_empty_accounts_left_out() {
        let owners = account_owners([&did(8), &did(1)], &[receipt_sample(), receipt_sample()]);
        assert_eq!(owners, [did(8), did(1), did(2), did(3), did(4)]);
        let view = |purpose: &str, balance: &str| BalanceView {
            purpose: purpose.to_owned(),
            balance: balance.parse().unwrap(),
        };
        let balances = [view("available", "7.00 TEST-USD"), view("held", "0.00 TEST-USD")];
        assert_eq!(account_rows(&did(2), &balances, &Names::default()).len(), 1);
    }

    #[test]
    fn the_registry_card_says_how_the_node_stands() {
        let registry = "https://registry.example/registry".parse().unwrap();
        let silent = Registration::wanted(registry, "alice", Timestamp::from_seconds(1));
        assert!(!registry_card(&silent).is_good, "not heard of yet");
        let heard = Registration {
            last_heartbeat_at: Some(Timestamp::from_seconds(5)),
            ..silent
        };
        assert!(registry_card(&heard).is_good);
        let failing = Registration {
            last_error: Some("It is away.".to_owned()),
            upgrade: Some(UpgradeNotice {
                target_version: "0.2.0".to_owned(),
                reason: "a weakness was mended".to_owned(),
            }),
            addresses: vec!["192.0.2.7".parse().unwrap()],
            ..heard
        };
        let card = registry_card(&failing);
        assert!(!card.is_good);
        assert!(card.problem.unwrap().starts_with("It is away. Next attempt:"));
        assert!(card.upgrade.unwrap().contains("0.2.0"));
        assert_eq!(
            (card.status.as_str(), card.addresses.as_str()),
            ("reported", "192.0.2.7")
        );
    }
}
