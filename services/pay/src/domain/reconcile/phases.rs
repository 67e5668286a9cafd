//! The order in which things are compared, a page at a time.

use super::PAGE;

/// What the round of a rail compares: what it says, then what is booked here, then its balance, then what was different
/// before and was not looked at.
const OF_A_RAIL: [&str; 7] = [FACTS, "payments", "refunds", "disputes", "transfers", BALANCE, OPEN];
/// What the round of the ledger compares.
const OF_THE_LEDGER: [&str; 15] = [
    "pending",
    "shares",
    "accrued",
    "flows",
    "debts",
    "fees",
    "checkouts",
    "messages",
    "refunds",
    "sale_refunds",
    "transfers",
    "promises",
    "remittances",
    "announcements",
    OPEN,
];
/// What the round of a broker compares.
const OF_A_BROKER: [&str; 2] = [BALANCE, OPEN];

pub(crate) const FACTS: &str = "facts";
pub(crate) const BALANCE: &str = "balance";
pub(crate) const OPEN: &str = "open";
/// After the last phase.
pub(crate) const DONE: &str = "done";

/// The scope of the ledger against itself.
pub(crate) const LEDGER: &str = "ledger";

/// The broker of a scope, as its visas name it.
pub(crate) fn broker_of(scope: &str) -> Option<&str> {
    scope.strip_prefix("broker:")
}

/// The rail of a scope; `None` for the ledger's and those of brokers.
pub(crate) fn rail_of(scope: &str) -> Option<&str> {
    scope.strip_prefix("rail:")
}

pub(crate) fn first_phase(scope: &str) -> &'static str {
    match (rail_of(scope), broker_of(scope)) {
        (Some(_rail), _) => FACTS,
        (None, Some(_broker)) => BALANCE,
        (None, None) => "pending",
    }
}

pub(crate) fn next_phase(scope: &str, phase: &str) -> &'static str {
    let all: &[&'static str] = match (rail_of(scope), broker_of(scope)) {
        (Some(_rail), _) => &OF_A_RAIL,
        (None, Some(_broker)) => &OF_A_BROKER,
        (None, None) => &OF_THE_LEDGER,
    };
    let place = all.iter().position(|each| *each == phase);
    let next = place.and_then(|place| all.get(place.saturating_add(1)));
    next.copied().unwrap_or(DONE)
}

/// A page of things to compare.
pub(crate) struct Subjects {
    pub(crate) subjects: Vec<String>,
    /// Where the next page starts; none when this is the last one.
    pub(crate) next: Option<String>,
}

impl Subjects {
    /// A page of which each name is also a place.
    pub(super) fn page(names: &[String], subject: impl Fn(&str) -> String) -> Self {
        let is_full = i64::try_from(names.len()).is_ok_and(|names| names == PAGE);
        let next = names.last().filter(|_| is_full).cloned();
        Self {
            subjects: names.iter().map(|name| subject(name)).collect(),
            next,
        }
    }
}
