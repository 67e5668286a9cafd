//! Laws of the planner over random families of manifests, against fractions reckoned exactly.

use imajin_fair::plan::{FeeRecipient, FeeRule, FeeSchedule, Plan, PlanInput, plan};
use imajin_fair::{Manifest, ManifestId, Payee};
use imajin_money::{Amount, Asset, Money, Share};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::json;

use crate::support::{Library, config, person};

const ONE: i128 = 1_000_000;
/// This, times a million for each of five levels, still fits 128 bits.
const MICROS_EXACT_MAX: i64 = 30_000_000;

/// One manifest: cuts of the whole, and for each entry whom it pays and which deeper manifest it would follow.
type Draft = (std::collections::BTreeSet<u32>, Vec<(usize, bool, Index)>);

fn draft() -> impl Strategy<Value = Draft> {
    (
        btree_set(1_u32..1_000_000, 0..50),
        vec((0..50_usize, any::<bool>(), any::<Index>()), 50),
    )
}

/// Up to five levels; each manifest may follow up to three deeper ones, at any level, so paths meet and part.
fn family() -> impl Strategy<Value = Vec<Manifest>> {
    vec(draft(), 1..=5).prop_map(|drafts| {
        let mut family: Vec<Manifest> = Vec::new();
        for (depth, (cuts, entries)) in drafts.iter().enumerate() {
            let ends = cuts.iter().copied().chain([1_000_000]);
            let starts = [0].into_iter().chain(cuts.iter().copied());
            let shares = ends.zip(starts).map(|(end, start)| end - start);
            let mut followed = 0;
            let contributors: Vec<_> = shares
                .zip(entries)
                .enumerate()
                .map(|(place, (millionths, (payee, follows, source)))| {
                    let share = Share::from_millionths(millionths).unwrap();
                    // The place in the role keeps entries for one person apart.
                    let role = format!("role {place}");
                    if *follows && !family.is_empty() && followed < 3 {
                        followed += 1;
                        let source = &family[source.index(family.len())].id;
                        json!({"fair": source, "role": format!("source {place}"), "share": share})
                    } else {
                        json!({"did": person((*payee + place) % 50), "role": role, "share": share})
                    }
                })
                .collect();
            let value = json!({"id": format!("fair_{depth}"), "contributors": contributors});
            family.push(Manifest::from_value(value).unwrap());
        }
        family
    })
}

fn fees() -> impl Strategy<Value = FeeSchedule> {
    let recipient = prop_oneof![
        Just(FeeRecipient::Protocol),
        Just(FeeRecipient::Node),
        Just(FeeRecipient::Buyer)
    ];
    let rule = (recipient, 0_u32..=200_000).prop_map(|(recipient, rate_micros)| FeeRule {
        name: "fee".to_owned(),
        recipient,
        rate_micros,
    });
    vec(rule, 0..=5).prop_map(|lines| FeeSchedule { version: 1, lines })
}

fn amounts() -> impl Strategy<Value = i64> {
    prop_oneof![0_i64..1_000, 0_i64..MICROS_EXACT_MAX, 0_i64..=i64::MAX]
}

fn planned(micros: i64, family: &[Manifest], fees: &FeeSchedule) -> Plan {
    let library = Library::of(family.iter().cloned());
    plan(&PlanInput {
        gross: Money::new(Amount::from_micros(micros).unwrap(), Asset::TEST_USD),
        fees,
        seller: person(0),
        manifest: family.last().unwrap(),
        manifests: &|id| library.find(id),
        accepted: &|_manifest, did| *did != person(7),
    })
    .unwrap()
}

/// The exact part of `net` that goes along a path to a payee in a role, times a million for each manifest of the path.
fn exact(net: i128, family: &Library, path: &[ManifestId], payee: &Payee, role: &str) -> i128 {
    let mut part = net;
    for (place, id) in path.iter().enumerate() {
        let manifest = family.find(id).unwrap();
        let source = path.get(place + 1).map(|id| Payee::Fair(id.clone()));
        let shares = manifest.contributors.iter().filter(|entry| match &source {
            Some(source) => entry.payee == *source,
            None => entry.payee == *payee && entry.role == role,
        });
        part *= shares.map(|entry| i128::from(entry.share.millionths())).sum::<i128>();
    }
    part
}

proptest! {
    #![proptest_config(config(1_000))]

    #[test]
    fn fees_and_legs_are_the_gross(micros in amounts(), family in family(), fees in fees()) {
        let plan = planned(micros, &family, &fees);
        let fees_sum: i128 = plan.fees.iter().map(|line| i128::from(line.amount.micros())).sum();
        let legs_sum: i128 = plan.legs.iter().map(|leg| i128::from(leg.amount.micros())).sum();
        prop_assert_eq!(fees_sum + legs_sum, i128::from(micros));
        let mut lines = plan.fees.iter();
        for rule in &fees.lines {
            let due = i128::from(micros) * i128::from(rule.rate_micros) / ONE;
            if due > 0 {
                prop_assert_eq!(i128::from(lines.next().unwrap().amount.micros()), due);
            }
        }
        prop_assert!(lines.next().is_none());
        let mut seen = std::collections::HashSet::new();
        for leg in &plan.legs {
            prop_assert!(leg.amount.micros() > 0);
            prop_assert!(leg.path.len() <= family.len());
            prop_assert_eq!(leg.held, leg.did == person(7));
            prop_assert!(seen.insert((&leg.did, &leg.role, &leg.path)));
        }
    }

    #[test]
    fn each_leg_is_its_exact_part_within_a_unit_for_each_level(
        micros in 0..MICROS_EXACT_MAX, family in family(), fees in fees(),
    ) {
        let plan = planned(micros, &family, &fees);
        let library = Library::of(family.iter().cloned());
        let net = i128::from(plan.legs_total().unwrap().micros());
        for leg in &plan.legs {
            let levels = u32::try_from(leg.path.len()).unwrap();
            let exact = exact(net, &library, &leg.path, &Payee::Did(leg.did.clone()), &leg.role);
            let scale = ONE.pow(levels);
            let error = i128::from(leg.amount.micros()) * scale - exact;
            // Three entries may follow one source from one manifest: then three roundings meet on a path.
            prop_assert!(error.abs() < scale * 3 * i128::from(levels), "{error} of {scale}");
        }
    }

    #[test]
    fn the_same_input_gives_the_same_plan(micros in amounts(), family in family(), fees in fees()) {
        let plan = planned(micros, &family, &fees);
        prop_assert_eq!(&planned(micros, &family, &fees), &plan);
        let json = serde_json::to_string(&plan).unwrap();
        prop_assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
    }
}
