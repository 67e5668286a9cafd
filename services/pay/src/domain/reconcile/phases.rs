//! The order in which things are compared, a page at a time.

use super::PAGE;

/// What the round of a rail compares: what it says, then what is booked here, then its balance, then what was different
/// before and was not looked at.
const OF_A_RAIL: [&str; 7] = [FACTS, "payments", "refunds", "disputes", "transfers", BALANCE, OPEN];
/// What the round of the ledger compares.
const OF_THE_LEDGER: [&str; 11] = [
    "pending",
    "shares",
    "accrued",
    "flows",
    "debts",
    "fees",
    "checkouts",
    "messages",
    "refunds",
    "transfers",
    OPEN,
];

pub(crate) const FACTS: &str = "facts";
pub(crate) const BALANCE: &str = "balance";
pub(crate) const OPEN: &str = "open";
/// After the last phase.
pub(crate) const DONE: &str = "done";

/// The scope of the ledger against itself.
pub(crate) const LEDGER: &str = "ledger";

/// The rail of a scope; `None` for the ledger's.
pub(crate) fn rail_of(scope: &str) -> Option<&str> {
    scope.strip_prefix("rail:")
}

pub(crate) fn first_phase(scope: &str) -> &'static str {
    if rail_of(scope).is_some() { FACTS } else { "pending" }
}

pub(crate) fn next_phase(scope: &str, phase: &str) -> &'static str {
    let all: &[&'static str] = if rail_of(scope).is_some() {
        &OF_A_RAIL
    } else {
        &OF_THE_LEDGER
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
