//! The planner against a second reckoning of the same plan: exact fractions, floors, and leftovers ranked by counting.

use std::collections::BTreeMap;

use imajin_fair::plan::{FeeRecipient, FeeRule, FeeSchedule, PlanInput, explain, plan};
use imajin_fair::{Manifest, Payee};
use imajin_money::{Amount, Asset, Money};
use num_bigint::BigInt;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{Library, config, person};

const ONE: i128 = 1_000_000;

/// How a manifest of the family is drawn: the number of its contributors, a seed for its shares, how many sources.
#[derive(Debug, Clone)]
struct Draft {
    contributors: usize,
    seed: u64,
    equal: bool,
    sources: usize,
}

/// Eight levels. One of them may have up to a thousand contributors, the others a few: all of them that wide would be
/// more entries than a plan may walk through.
fn family() -> impl Strategy<Value = Vec<Manifest>> {
    let draft = (1..=6_usize, any::<u64>(), any::<bool>(), 0..=2_usize);
    let wide = (0..8_usize, prop_oneof![1..=10_usize, 1..=200_usize, 900..=1_000_usize]);
    (proptest::collection::vec(draft, 8), wide).prop_map(|(drafts, (wide, width))| {
        let mut family: Vec<Manifest> = Vec::new();
        for (depth, (contributors, seed, equal, sources)) in drafts.into_iter().enumerate() {
            let contributors = if depth == wide { width } else { contributors };
            // A wide manifest with two ways to it from every level above would be walked 2^7 times.
            let sources = if depth > wide && width > 60 {
                sources.min(1)
            } else {
                sources
            };
            let draft = Draft {
                contributors,
                seed,
                equal,
                sources,
            };
            family.push(manifest(depth, &draft, family.len()));
        }
        family
    })
}

/// `SplitMix64`: every share and every order comes from the seed.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut value = *state;
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// Shares that sum to a million: equal ones, which make many ties, or cuts at random.
fn shares(count: usize, equal: bool, state: &mut u64) -> Vec<u64> {
    let count_wide = u64::try_from(count).unwrap();
    if equal {
        let mut parts = vec![1_000_000 / count_wide; count];
        parts[0] += 1_000_000 % count_wide;
        return parts;
    }
    let mut cuts = std::collections::BTreeSet::new();
    while cuts.len() + 1 < count {
        cuts.insert(1 + next(state) % 999_999);
    }
    let ends = cuts.iter().copied().chain([1_000_000]);
    let starts = [0].into_iter().chain(cuts.iter().copied());
    ends.zip(starts).map(|(end, start)| end - start).collect()
}

fn manifest(depth: usize, draft: &Draft, below: usize) -> Manifest {
    let mut state = draft.seed;
    let sources = draft.sources.min(below);
    // A manifest has at most a thousand entries, sources included.
    let shares = shares((draft.contributors + sources).min(1_000), draft.equal, &mut state);
    let entries: Vec<Value> = shares
        .iter()
        .enumerate()
        .map(|(place, millionths)| {
            let share = Value::from(
                imajin_money::Share::from_millionths(u32::try_from(*millionths).unwrap())
                    .unwrap()
                    .to_number(),
            );
            if place < sources {
                // The first source is the next level down, so that the line is as deep as the family.
                let drawn = usize::try_from(next(&mut state) % 64).unwrap() % below;
                let level = if place == 0 { below - 1 } else { drawn };
                json!({"fair": format!("fair_{level}"), "role": format!("source {place}"), "share": share})
            } else {
                let payee = usize::try_from(next(&mut state) % 50).unwrap();
                json!({"did": person(payee), "role": format!("role {}", place % 7 * 1_000 + place), "share": share})
            }
        })
        .collect();
    Manifest::from_value(json!({"id": format!("fair_{depth}"), "contributors": entries})).unwrap()
}

fn fees() -> impl Strategy<Value = FeeSchedule> {
    let rule = (0_u32..=200_000).prop_map(|rate_micros| FeeRule {
        name: "fee".to_owned(),
        recipient: FeeRecipient::Node,
        rate_micros,
    });
    proptest::collection::vec(rule, 0..=5).prop_map(|lines| FeeSchedule { version: 3, lines })
}

/// What each entry of one manifest gets of an amount, by the rule in words: its floor, and a unit more if fewer entries
/// than there are units left over come before it: more lost by rounding, then the larger share, then the bytes of the
/// payee, then the role.
fn parts(manifest: &Manifest, amount: i128) -> Vec<i128> {
    struct Entry<'a> {
        floor: i128,
        lost: i128,
        share: i128,
        key: &'a [u8],
        role: &'a [u8],
    }
    let entries: Vec<Entry<'_>> = manifest
        .contributors
        .iter()
        .map(|entry| {
            let share = i128::from(entry.share.millionths());
            let floor = amount * share / ONE;
            let (key, role) = (entry.payee.as_str().as_bytes(), entry.role.as_bytes());
            Entry {
                floor,
                lost: amount * share - floor * ONE,
                share,
                key,
                role,
            }
        })
        .collect();
    let left = amount - entries.iter().map(|entry| entry.floor).sum::<i128>();
    let before = |one: &Entry<'_>, other: &Entry<'_>| {
        (other.lost, other.share)
            .cmp(&(one.lost, one.share))
            .then((one.key, one.role).cmp(&(other.key, other.role)))
            .is_lt()
    };
    let due = |me: &Entry<'_>| {
        let ahead = entries.iter().filter(|other| before(other, me)).count();
        me.floor + i128::from(i128::try_from(ahead).unwrap() < left)
    };
    entries.iter().map(due).collect()
}

/// The path of a leg, its payee and its role.
type Key = (Vec<String>, String, String);
type Legs = BTreeMap<Key, i128>;

/// The legs, by path, payee and role, and for each the exact amount as a fraction of `10^(6 * length of the path)`.
fn legs(
    library: &Library,
    manifest: &Manifest,
    amount: i128,
    exact: &BigInt,
    path: &[String],
    out: &mut Legs,
    ideal: &mut BTreeMap<Key, BigInt>,
) {
    let mut path = path.to_vec();
    path.push(manifest.id.to_string());
    let mut sources: BTreeMap<&str, (i128, u32)> = BTreeMap::new();
    for (entry, part) in manifest.contributors.iter().zip(parts(manifest, amount)) {
        match &entry.payee {
            Payee::Did(did) => {
                let key = (path.clone(), did.to_string(), entry.role.clone());
                *out.entry(key.clone()).or_default() += part;
                *ideal.entry(key).or_default() += exact * entry.share.millionths();
            }
            Payee::Fair(id) => {
                let due = sources.entry(id.as_str()).or_default();
                *due = (due.0 + part, due.1 + entry.share.millionths());
            }
        }
    }
    for (id, (part, share)) in sources {
        let source = library.find(&id.parse().unwrap()).unwrap();
        legs(library, &source, part, &(exact * share), &path, out, ideal);
    }
}

proptest! {
    #![proptest_config(config(150))]

    #[test]
    fn the_plan_is_the_oracles_to_the_last_unit(
        micros in prop_oneof![0_i64..1_000, 0_i64..1_000_000_000, 0_i64..=i64::MAX],
        family in family(),
        fees in fees(),
    ) {
        let library = Library::of(family.iter().cloned());
        let gross = Money::new(Amount::from_micros(micros).unwrap(), Asset::TEST_USD);
        let input = PlanInput {
            gross,
            fees: &fees,
            seller: person(0),
            manifest: family.last().unwrap(),
            manifests: &|id| library.find(id),
            accepted: &|_manifest, did| *did != person(7),
        };
        let planned = plan(&input).unwrap();

        let taken: i128 = fees.lines.iter().map(|rule| i128::from(micros) * i128::from(rule.rate_micros) / ONE).sum();
        let net = i128::from(micros) - taken;
        let (mut expected, mut ideal) = (Legs::new(), BTreeMap::new());
        legs(&library, input.manifest, net, &BigInt::from(net), &[], &mut expected, &mut ideal);
        expected.retain(|_key, amount| *amount > 0);

        let key = |leg: &imajin_fair::plan::Leg| {
            (leg.path.iter().map(ToString::to_string).collect::<Vec<_>>(), leg.did.to_string(), leg.role.clone())
        };
        let given: Legs = planned.legs.iter().map(|leg| (key(leg), i128::from(leg.amount.micros()))).collect();
        prop_assert_eq!(given.len(), planned.legs.len());
        prop_assert_eq!(&given, &expected);
        let sum: i128 = given.values().sum();
        prop_assert_eq!(sum + taken, i128::from(micros));

        // No leg is further from its exact fraction than a unit for each rounding on its way: two entries for one
        // source at most meet at a level.
        for (key, amount) in &given {
            let levels = u32::try_from(key.0.len()).unwrap();
            let scale = BigInt::from(ONE).pow(levels);
            let error = BigInt::from(*amount) * &scale - &ideal[key];
            let bound: BigInt = scale * 2 * levels;
            prop_assert!(error.magnitude() < bound.magnitude(), "{error}");
        }

        let explained = explain(&input).unwrap();
        prop_assert_eq!(&explained.plan, &planned);
        for (leg, trail) in explained.legs() {
            prop_assert_eq!(trail.len(), leg.path.len());
            prop_assert_eq!(trail.last().unwrap().amount, leg.amount);
        }
    }
}
