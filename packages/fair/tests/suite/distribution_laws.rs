//! Laws of distribution over random nets of contracts: nothing appears, nothing is lost, nothing runs on.

use std::collections::{BTreeMap, BTreeSet};

use imajin_did::Did;
use imajin_fair::distribution::{
    AccrualKey, CONTRACTS_PER_LEG_MAX, Contract, Distribution, DistributionInput, End, History, Outcome,
    ROUTE_DEPTH_MAX, distribute,
};
use imajin_fair::plan::{FeeSchedule, Plan, PlanInput, plan};
use imajin_kernel::Timestamp;
use imajin_money::{Amount, Asset, Money};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{config, manifest, pays, person};

const NOW: Timestamp = Timestamp::from_seconds(1_772_323_200);
const PEOPLE: usize = 12;

#[derive(Debug)]
struct World {
    micros: i64,
    payees: usize,
    contracts: BTreeMap<Did, History>,
    unpayable: BTreeSet<usize>,
    held: BTreeSet<usize>,
    /// What everybody has waiting everywhere, before.
    waiting: i64,
}

fn contract(owner: usize) -> impl Strategy<Value = (Did, History)> {
    let cuts = btree_set(1_u32..1_000_000, 0..6);
    let minimum = prop_oneof![Just(0_i64), 1_i64..10_000_000];
    (cuts, vec(0..PEOPLE, 8), any::<bool>(), minimum).prop_map(move |(cuts, to, overflow, minimum)| {
        let ends = cuts.iter().copied().chain([1_000_000]);
        let starts = [0].into_iter().chain(cuts.iter().copied());
        let allocations: Vec<Value> = ends
            .zip(starts)
            .zip(&to)
            .enumerate()
            .map(|(place, ((end, start), to))| {
                let share = imajin_money::Share::from_millionths(end - start).unwrap();
                let percentage = share.to_percentage();
                json!({"label": format!("label {place}"), "recipient": person(*to), "percentage": percentage})
            })
            .collect();
        let mut value = json!({
            "profile_did": person(owner), "version": 1, "updated_at": NOW.to_string(),
            "effective_at": NOW.to_string(), "allocations": allocations,
        });
        if overflow {
            value["overflow"] = json!(person(to[7]));
        }
        if minimum > 0 {
            let minimum = Money::new(Amount::from_micros(minimum).unwrap(), Asset::TEST_USD);
            value["minimum_transaction"] = json!(minimum.decimal());
            value["currency"] = json!("TEST-USD");
        }
        let mut history = History::new();
        history.append(Contract::from_value(value).unwrap(), NOW).unwrap();
        (person(owner), history)
    })
}

fn world() -> impl Strategy<Value = World> {
    let contracts: Vec<_> = (0..PEOPLE)
        .map(|owner| proptest::option::weighted(0.7, contract(owner)))
        .collect();
    let micros = prop_oneof![0_i64..1_000, 0_i64..100_000_000, 0_i64..1_000_000_000_000_000];
    let some = || btree_set(0..PEOPLE, 0..4);
    (micros, 1..=4_usize, contracts, some(), some(), 0_i64..3_000_000).prop_map(
        |(micros, payees, contracts, unpayable, held, waiting)| World {
            micros,
            payees,
            contracts: contracts.into_iter().flatten().collect(),
            unpayable,
            held,
            waiting,
        },
    )
}

impl World {
    fn plan(&self) -> Plan {
        let shares = [vec![1.0], vec![0.5, 0.5], vec![0.2, 0.3, 0.5], vec![0.1, 0.2, 0.3, 0.4]];
        let entries: Vec<_> = shares[self.payees - 1]
            .iter()
            .enumerate()
            .map(|(index, share)| pays(index, "artist", *share))
            .collect();
        plan(&PlanInput {
            gross: Money::new(Amount::from_micros(self.micros).unwrap(), Asset::TEST_USD),
            fees: &FeeSchedule::mjn(),
            seller: person(0),
            manifest: &manifest("fair_e", &entries),
            manifests: &|_id| None,
            accepted: &|_manifest, did| !self.held.iter().any(|index| person(*index) == *did),
        })
        .unwrap()
    }

    fn waiting_at(&self, key: &AccrualKey) -> Amount {
        let even = key.label.ends_with(['0', '2', '4']);
        Amount::from_micros(if even { self.waiting } else { 0 }).unwrap()
    }

    fn distribute(&self, plan: &Plan) -> Distribution {
        distribute(&DistributionInput {
            plan,
            at: NOW,
            contracts: &|did| self.contracts.get(did).cloned(),
            payable: &|did| !self.unpayable.iter().any(|index| person(*index) == *did),
            accrued: &|key| self.waiting_at(key),
        })
        .unwrap()
    }
}

fn micros(amounts: impl Iterator<Item = Amount>) -> i128 {
    amounts.map(|amount| i128::from(amount.micros())).sum()
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn the_parts_of_each_leg_are_the_leg_and_what_waits_is_accounted_for(world in world()) {
        let plan = world.plan();
        let distribution = world.distribute(&plan);
        for (index, leg) in plan.legs.iter().enumerate() {
            let parts: Vec<_> = distribution.parts.iter().filter(|part| part.leg == index).collect();
            prop_assert_eq!(micros(parts.iter().map(|part| part.amount)), i128::from(leg.amount.micros()));
            prop_assert_eq!(parts.iter().any(|part| part.outcome == Outcome::Held), leg.held);
            let contracts: BTreeSet<_> = parts.iter().flat_map(|part| &part.route).map(|hop| &hop.profile).collect();
            prop_assert!(contracts.len() <= CONTRACTS_PER_LEG_MAX);
        }
        // Before, and what came to wait, is what left and what waits afterwards: place by place.
        for accrual in &distribution.accruals {
            let at = &accrual.at;
            let here = |part: &&imajin_fair::distribution::Part| {
                let last = part.route.last();
                part.outcome == Outcome::Accrued
                    && part.to == at.recipient
                    && last.is_some_and(|hop| hop.profile == at.profile && hop.label == at.label)
            };
            let came = micros(distribution.parts.iter().filter(here).map(|part| part.amount));
            let released = distribution.releases.iter().filter(|release| release.from == *at);
            let left = micros(released.map(|release| release.amount));
            let before = i128::from(world.waiting_at(at).micros());
            prop_assert_eq!(before + came, left + i128::from(accrual.amount.micros()));
        }
        let touched: BTreeSet<_> = distribution.accruals.iter().map(|accrual| &accrual.at).collect();
        prop_assert!(distribution.releases.iter().all(|release| touched.contains(&release.from)));
        prop_assert_eq!(&world.distribute(&plan), &distribution);
    }

    #[test]
    fn every_route_is_bounded_and_every_end_has_its_reason(world in world()) {
        let plan = world.plan();
        for part in &world.distribute(&plan).parts {
            prop_assert!(part.amount.micros() > 0);
            prop_assert!(part.route.len() <= ROUTE_DEPTH_MAX);
            let profiles: BTreeSet<_> = part.route.iter().map(|hop| &hop.profile).collect();
            prop_assert_eq!(profiles.len(), part.route.len());
            for pair in part.route.windows(2) {
                prop_assert!(pair[1].amount <= pair[0].amount);
                prop_assert!(!pair[0].overflowed);
            }
            if let Some(last) = part.route.last() {
                prop_assert_eq!(last.amount, part.amount);
            }
            let has_contract = world.contracts.contains_key(&part.to);
            let is_on_route = part.route.iter().any(|hop| hop.profile == part.to);
            match part.end {
                End::NoContract => prop_assert!(!has_contract),
                End::Returned => prop_assert!(is_on_route),
                End::Overflow => prop_assert!(part.route.last().unwrap().overflowed),
                End::Minimum => {
                    let last = part.route.last().unwrap();
                    let contract = world.contracts[&last.profile].in_effect(NOW).unwrap();
                    prop_assert!(part.amount < contract.minimum().unwrap().amount);
                }
                End::Bound => prop_assert!(has_contract),
                End::Held => prop_assert!(part.route.is_empty() && part.outcome == Outcome::Held),
            }
            // Nobody who cannot be paid is paid by another's contract.
            let unpayable = world.unpayable.iter().any(|index| person(*index) == part.to);
            prop_assert!(!unpayable || part.route.is_empty() || is_on_route, "{part:?}");
        }
    }
}
