use imajin_did::Did;
use imajin_fair::distribution::{
    AccrualKey, Contract, ContractError, Distribution, DistributionInput, End, History, HistoryError, Outcome,
    distribute, label_totals,
};
use imajin_fair::plan::{FeeSchedule, Plan, PlanInput, plan};
use imajin_kernel::{Code, Span, Timestamp};
use imajin_money::{Amount, Asset};
use serde_json::{Value, json};

use crate::support::{key, manifest, pays, person};

const NOW: Timestamp = Timestamp::from_seconds(1_772_323_200);

/// A contract of a person that takes effect now: label, recipient, percentage.
pub(crate) fn contract(owner: usize, allocations: &[(&str, usize, f64)]) -> Value {
    let allocations: Vec<_> = allocations
        .iter()
        .map(|(label, to, percentage)| json!({"label": label, "recipient": person(*to), "percentage": percentage}))
        .collect();
    json!({
        "profile_did": person(owner), "version": 1, "updated_at": NOW.to_string(), "effective_at": NOW.to_string(),
        "allocations": allocations,
    })
}

fn history(contract: &Value) -> History {
    let mut history = History::new();
    history
        .append(Contract::from_value(contract.clone()).unwrap(), NOW)
        .unwrap();
    history
}

/// Everything that goes to one person, who has not accepted if `held`.
fn plan_for(gross: &str, payee: usize, held: bool) -> Plan {
    plan(&PlanInput {
        gross: format!("{gross} TEST-USD").parse().unwrap(),
        fees: &FeeSchedule::none(),
        seller: person(0),
        manifest: &manifest("fair_e", &[pays(payee, "artist", 1.0)]),
        manifests: &|_id| None,
        accepted: &|_manifest, _did| !held,
    })
    .unwrap()
}

struct World {
    contracts: Vec<Value>,
    unpayable: Vec<usize>,
    waiting: Vec<(AccrualKey, &'static str)>,
}

impl World {
    fn of(contracts: &[Value]) -> Self {
        Self {
            contracts: contracts.to_vec(),
            unpayable: Vec::new(),
            waiting: Vec::new(),
        }
    }

    fn distribute(&self, plan: &Plan) -> Distribution {
        let histories: Vec<History> = self.contracts.iter().map(history).collect();
        let find = |did: &Did| {
            histories
                .iter()
                .find(|history| history.versions()[0].profile_did == *did)
                .cloned()
        };
        distribute(&DistributionInput {
            plan,
            at: NOW,
            contracts: &find,
            payable: &|did| !self.unpayable.iter().any(|index| person(*index) == *did),
            accrued: &|key| {
                let found = self.waiting.iter().find(|(at, _)| at == key);
                found.map_or(Amount::ZERO, |(_, amount)| amount.parse().unwrap())
            },
        })
        .unwrap()
    }
}

/// Who gets how much, what happens with it, and why it ends there.
fn parts(distribution: &Distribution) -> Vec<(Did, String, Outcome, End)> {
    let part =
        |part: &imajin_fair::distribution::Part| (part.to.clone(), part.amount.to_string(), part.outcome, part.end);
    distribution.parts.iter().map(part).collect()
}

#[test]
fn a_payee_without_a_contract_gets_its_leg() {
    let distribution = World::of(&[]).distribute(&plan_for("10.00", 1, false));
    assert_eq!(
        parts(&distribution),
        [(person(1), "10.00".to_owned(), Outcome::Paid, End::NoContract)]
    );
    assert!(distribution.parts[0].route.is_empty() && distribution.accruals.is_empty());
}

#[test]
fn contracts_follow_each_other_and_a_profile_keeps_its_own_part() {
    let world = World::of(&[
        contract(1, &[("me", 1, 60.0), ("studio", 2, 40.0)]),
        contract(2, &[("rent", 3, 75.0), ("back", 1, 25.0)]),
    ]);
    let distribution = world.distribute(&plan_for("10.00", 1, false));
    let paid = |index, amount: &str, end| (person(index), amount.to_owned(), Outcome::Paid, end);
    // What comes back to a profile on the route stays there: its contract is not applied again.
    let expected = [
        paid(1, "6.00", End::Returned),
        paid(3, "3.00", End::NoContract),
        paid(1, "1.00", End::Returned),
    ];
    assert_eq!(parts(&distribution), expected);
    let route: Vec<_> = distribution.parts[1]
        .route
        .iter()
        .map(|hop| (hop.label.as_str(), hop.amount.to_string()))
        .collect();
    assert_eq!(route, [("studio", "4.00".to_owned()), ("rent", "3.00".to_owned())]);
}

#[test]
fn what_is_held_is_not_distributed() {
    let world = World::of(&[contract(1, &[("studio", 2, 100.0)])]);
    let distribution = world.distribute(&plan_for("10.00", 1, true));
    assert_eq!(
        parts(&distribution),
        [(person(1), "10.00".to_owned(), Outcome::Held, End::Held)]
    );
}

#[test]
fn who_cannot_be_paid_blocks_nobody() {
    let mut with_overflow = contract(1, &[("a", 2, 50.0), ("b", 3, 50.0)]);
    with_overflow["overflow"] = json!(person(4));
    let mut world = World::of(&[with_overflow, contract(4, &[("c", 5, 100.0)])]);
    world.unpayable = vec![2];
    let paid = |index, end| (person(index), "5.00".to_owned(), Outcome::Paid, end);
    // The overflow is the end: its own contract is not applied.
    let distribution = world.distribute(&plan_for("10.00", 1, false));
    assert_eq!(parts(&distribution), [paid(4, End::Overflow), paid(3, End::NoContract)]);
    assert!(distribution.parts[0].route[0].overflowed && !distribution.parts[1].route[0].overflowed);
    // With an overflow that cannot be paid either, and without one, it stays with the profile.
    world.unpayable = vec![2, 4];
    assert_eq!(
        parts(&world.distribute(&plan_for("10.00", 1, false)))[0],
        paid(1, End::Overflow)
    );
    let mut world = World::of(&[contract(1, &[("a", 2, 50.0), ("b", 3, 50.0)])]);
    world.unpayable = vec![2];
    assert_eq!(
        parts(&world.distribute(&plan_for("10.00", 1, false)))[0],
        paid(1, End::Overflow)
    );
}

#[test]
fn parts_below_the_minimum_wait_and_leave_together() {
    let mut owner = contract(1, &[("a", 2, 90.0), ("b", 3, 10.0)]);
    owner["minimum_transaction"] = json!("1.00");
    owner["currency"] = json!("TEST-USD");
    let place = AccrualKey {
        profile: person(1),
        label: "b".to_owned(),
        recipient: person(3),
    };
    let mut world = World::of(&[owner, contract(3, &[("c", 5, 100.0)])]);
    let first = world.distribute(&plan_for("6.00", 1, false));
    assert_eq!(
        parts(&first)[1],
        (person(3), "0.60".to_owned(), Outcome::Accrued, End::Minimum)
    );
    assert_eq!(
        (first.accruals[0].at.clone(), first.accruals[0].amount.to_string()),
        (place.clone(), "0.60".to_owned())
    );
    assert!(first.releases.is_empty());
    // Together they make it up. What is of this transaction only because of the others stops with them.
    world.waiting = vec![(place.clone(), "0.60")];
    let second = world.distribute(&plan_for("6.00", 1, false));
    assert_eq!(
        parts(&second)[1],
        (person(3), "0.60".to_owned(), Outcome::Paid, End::Minimum)
    );
    assert_eq!(
        (second.releases[0].from.clone(), second.releases[0].amount.to_string()),
        (place, "0.60".to_owned())
    );
    assert!(second.accruals[0].amount.is_zero());
    // A part that makes it up alone takes them along, and goes on itself.
    let third = world.distribute(&plan_for("20.00", 1, false));
    assert_eq!(
        parts(&third)[1],
        (person(5), "2.00".to_owned(), Outcome::Paid, End::NoContract)
    );
    assert_eq!(third.releases[0].amount.to_string(), "0.60");
    // The minimum holds for its own currency.
    world.contracts[0]["currency"] = json!("USD");
    assert_eq!(
        parts(&world.distribute(&plan_for("0.10", 1, false)))[1].2,
        Outcome::Paid
    );
}

#[test]
fn a_route_is_eight_contracts_long_at_most() {
    let contracts: Vec<_> = (1..=10)
        .map(|index| contract(index, &[("on", index + 1, 100.0)]))
        .collect();
    let distribution = World::of(&contracts).distribute(&plan_for("1.00", 1, false));
    assert_eq!(
        parts(&distribution),
        [(person(9), "1.00".to_owned(), Outcome::Paid, End::Bound)]
    );
    assert_eq!(distribution.parts[0].route.len(), 8);
    // Everybody pays everybody: without a bound on the contracts of a leg these would be 9^8 parts.
    let all: Vec<_> = (1..=9)
        .map(|owner| {
            let others = (1..=10).filter(|other| *other != owner);
            let percentage = |place: usize| if place == 0 { 12.0 } else { 11.0 };
            let allocations: Vec<_> = others
                .enumerate()
                .map(|(place, other)| ("x", other, percentage(place)))
                .collect();
            contract(owner, &allocations)
        })
        .collect();
    let distribution = World::of(&all).distribute(&plan_for("1000000.00", 1, false));
    assert!(distribution.parts.len() < 3_000, "{}", distribution.parts.len());
    let sum = Amount::sum(distribution.parts.iter().map(|part| part.amount)).unwrap();
    assert_eq!(sum.to_string(), "1000000.00");
}

#[test]
fn the_version_in_effect_at_the_time_governs_and_nothing_is_retroactive() {
    let at = |days: i64| NOW.plus(Span::days(days));
    let version = |version: u32, updated: i64, effective: i64| {
        let mut value = contract(1, &[("x", 2, 100.0)]);
        value["version"] = json!(version);
        value["updated_at"] = json!(at(updated).to_string());
        value["effective_at"] = json!(at(effective).to_string());
        Contract::from_value(value).unwrap()
    };
    let mut history = History::new();
    assert_eq!(
        history.append(version(2, 0, 0), NOW),
        Err(HistoryError::NotTheNext { expected: 1, found: 2 })
    );
    history.append(version(1, 0, 0), NOW).unwrap();
    history.append(version(2, 1, 30), at(1)).unwrap();
    history.append(version(3, 2, 5), at(2)).unwrap();
    let in_effect = |days| history.in_effect(at(days)).map(|contract| contract.version);
    // Version 2 was scheduled for day 30, but by then version 3 governs.
    assert_eq!(
        [in_effect(-1), in_effect(0), in_effect(4), in_effect(5), in_effect(40)],
        [None, Some(1), Some(1), Some(3), Some(3)]
    );
    let late = history.clone().append(version(4, 3, 3), at(4)).unwrap_err();
    assert_eq!(
        (late.clone(), late.code()),
        (HistoryError::Retroactive { version: 4 }, Code::InvalidRequest)
    );
    assert_eq!(
        history.clone().append(version(4, 1, 9), at(4)),
        Err(HistoryError::OutOfOrder { version: 4 })
    );
    let mut other = contract(3, &[("x", 2, 100.0)]);
    other["version"] = json!(4);
    let other = Contract::from_value(other).unwrap();
    assert!(matches!(
        history.clone().append(other, NOW),
        Err(HistoryError::OtherProfile { .. })
    ));
    let text = serde_json::to_string(&history).unwrap();
    assert_eq!(serde_json::from_str::<History>(&text).unwrap(), history);
    let reversed: Vec<Contract> = history.versions().iter().rev().cloned().collect();
    assert!(History::try_from(reversed.clone()).is_err());
    let excerpt = History::excerpt(vec![reversed[0].clone(), reversed[2].clone()]).unwrap();
    assert_eq!(excerpt.in_effect(at(4)).map(|contract| contract.version), Some(1));
    assert_eq!(excerpt.in_effect(at(40)).map(|contract| contract.version), Some(3));
}

#[test]
fn the_profile_signs_and_every_change_shows() {
    let mut value = contract(1, &[("me", 1, 66.6667), ("studio", 2, 33.3333)]);
    value["overflow"] = json!(person(3));
    value["minimum_transaction"] = json!("0.50");
    value["currency"] = json!("USD");
    value["aggregates_public"] = json!(false);
    value["mood"] = json!("kept");
    let draft = Contract::from_value(value).unwrap();
    assert_eq!(draft.verify_signature(&key(1).public()), Err(ContractError::Unsigned));
    let refused = draft.clone().sign(&key(2), person(2), NOW).unwrap_err();
    assert!(matches!(refused, ContractError::NotTheProfile { .. }), "{refused}");
    let signed = draft.sign(&key(1), person(1), NOW).unwrap();
    let text = serde_json::to_vec(&signed).unwrap();
    let read = Contract::parse(&text).unwrap();
    assert_eq!((&read, read.verify_signature(&key(1).public())), (&signed, Ok(())));
    assert_eq!(
        read.verify_signature(&key(2).public()),
        Err(ContractError::BadSignature)
    );
    let whole: Value = serde_json::from_slice(&text).unwrap();
    for (pointer, change) in [
        ("/overflow", json!(person(4))),
        ("/version", json!(2)),
        ("/effective_at", json!("2027-01-01T00:00:00Z")),
        ("/allocations/0/label", json!("mine")),
        ("/minimum_transaction", json!("0.40")),
        ("/aggregates_public", json!(true)),
        ("/mood", json!("changed")),
        ("/signature/created", json!("2027-01-01T00:00:00Z")),
    ] {
        let mut changed = whole.clone();
        *changed.pointer_mut(pointer).unwrap() = change;
        let changed = Contract::from_value(changed).unwrap();
        assert_eq!(
            changed.verify_signature(&key(1).public()),
            Err(ContractError::BadSignature),
            "{pointer}"
        );
    }
}

#[test]
fn what_is_no_contract_is_refused_by_name() {
    let with = |pointer: &str, value: Value| {
        let mut contract = contract(1, &[("me", 1, 50.0), ("studio", 2, 50.0)]);
        if let Some(member) = contract.pointer_mut(pointer) {
            *member = value;
        } else {
            contract[pointer.trim_start_matches('/')] = value;
        }
        contract
    };
    for (value, message) in [
        (
            with("/allocations/0/percentage", json!(49.9999)),
            "the percentages sum to 99.9999, not to 100",
        ),
        (
            with("/allocations/0/percentage", json!(0)),
            "allocations[0].percentage: is more than 0",
        ),
        (
            with("/allocations/0/percentage", json!(33.33333)),
            "at most 4 decimal places",
        ),
        (
            with("/allocations/1/recipient", json!("me")),
            "allocations[1].recipient: ",
        ),
        (
            with("/allocations/0/label", json!("")),
            "allocations[0].label: must not be empty",
        ),
        (with("/allocations", json!([])), "there are 1 to 64 of them"),
        (with("/version", json!(0)), "version: is counted from 1"),
        (
            with("/effective_at", json!("2026-02-01T00:00:00Z")),
            "before it was written",
        ),
        (with("/updated_at", json!("today")), "updated_at: "),
        (with("/minimum_transaction", json!("1.00")), "currency: is missing"),
        (with("/overflow", json!(null)), "overflow: "),
    ] {
        let refused = Contract::from_value(value).unwrap_err().to_string();
        assert!(refused.contains(message), "wanted {message:?}, got {refused:?}");
    }
    let mut twice = contract(1, &[("me", 1, 50.0), ("me", 1, 50.0)]);
    assert!(
        Contract::from_value(twice.clone())
            .unwrap_err()
            .to_string()
            .contains("is there twice")
    );
    twice["allocations"][1]["label"] = json!("me too");
    twice["minimum_transaction"] = json!("1");
    twice["currency"] = json!("USD");
    let refused = Contract::from_value(twice).unwrap_err().to_string();
    assert!(refused.contains("is written 1.00 here"), "{refused}");
}

#[test]
fn sums_by_label_are_the_owners_unless_it_opts_in() {
    let mut owner = contract(1, &[("music", 2, 60.0), ("trees", 3, 40.0)]);
    let distribution = World::of(&[owner.clone(), contract(2, &[("x", 4, 50.0), ("y", 2, 50.0)])])
        .distribute(&plan_for("10.00", 1, false));
    let asset = Asset::TEST_USD;
    let totals = |owner: &Value| {
        let contract = Contract::from_value(owner.clone()).unwrap();
        label_totals(&contract, &[(asset, &distribution), (asset, &distribution)]).unwrap()
    };
    assert_eq!(totals(&owner), None);
    owner["aggregates_public"] = json!(true);
    let shown: Vec<_> = totals(&owner)
        .unwrap()
        .into_iter()
        .map(|total| (total.label, total.total.to_string()))
        .collect();
    assert_eq!(
        shown,
        [
            ("music".to_owned(), "12.00 TEST-USD".to_owned()),
            ("trees".to_owned(), "8.00 TEST-USD".to_owned())
        ]
    );
}
