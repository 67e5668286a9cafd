use imajin_fair::Manifest;
use imajin_fair::plan::{FeeRecipient, FeeRule, FeeSchedule, Plan, PlanError, PlanInput, plan};
use imajin_kernel::Code;
use serde_json::{Value, json};

use crate::support::{Library, follows, manifest, pays, person};

fn amounts(plan: &Plan) -> Vec<String> {
    plan.legs.iter().map(|leg| leg.amount.to_string()).collect()
}

#[test]
fn ten_goes_seven_to_three() {
    let event = manifest("fair_e", &[pays(1, "artist", 0.7), pays(2, "artist", 0.3)]);
    let plan = Library::default().plan("10.00", &FeeSchedule::none(), &event).unwrap();
    assert_eq!(amounts(&plan), ["7.00", "3.00"]);
    assert_eq!((&plan.legs[0].did, &plan.legs[1].did), (&person(1), &person(2)));
    assert_eq!(plan.legs[0].path, [event.id]);
    assert!(plan.fees.is_empty());
}

#[test]
fn nine_ninety_nine_goes_in_thirds_to_the_last_unit() {
    let shares = [0.333_333, 0.333_333, 0.333_334];
    let entries: Vec<_> = (1..)
        .zip(shares)
        .map(|(index, share)| pays(index, "artist", share))
        .collect();
    let plan = Library::default()
        .plan("9.99", &FeeSchedule::none(), &manifest("fair_e", &entries))
        .unwrap();
    assert_eq!(amounts(&plan), ["3.329997", "3.329997", "3.330006"]);
    assert_eq!(plan.legs_total().unwrap().to_string(), "9.99");
}

#[test]
fn the_preset_takes_its_fees_from_the_seller() {
    let event = manifest("fair_e", &[pays(1, "artist", 1.0)]);
    let plan = Library::default().plan("100.00", &FeeSchedule::mjn(), &event).unwrap();
    let fees: Vec<_> = plan
        .fees
        .iter()
        .map(|line| (line.recipient, line.amount.to_string()))
        .collect();
    let expected = [
        (FeeRecipient::Protocol, "1.00".to_owned()),
        (FeeRecipient::Node, "0.50".to_owned()),
        (FeeRecipient::Buyer, "0.25".to_owned()),
    ];
    assert_eq!(fees, expected);
    assert_eq!(amounts(&plan), ["98.25"]);
    assert_eq!(plan.fees_total().unwrap().to_string(), "1.75");
}

#[test]
fn nothing_paid_is_a_plan_without_fees_and_legs() {
    let event = manifest("fair_e", &[pays(1, "artist", 0.7), pays(2, "artist", 0.3)]);
    let plan = Library::default().plan("0", &FeeSchedule::mjn(), &event).unwrap();
    assert!(plan.fees.is_empty() && plan.legs.is_empty());
}

#[test]
fn a_share_of_another_manifest_follows_that_one() {
    let song = manifest("fair_song", &[pays(2, "writer", 0.5), follows("fair_riff", 0.5)]);
    let riff = manifest("fair_riff", &[pays(3, "artist", 0.9), pays(1, "engineer", 0.1)]);
    let event = manifest("fair_e", &[pays(1, "artist", 0.6), follows("fair_song", 0.4)]);
    let plan = Library::of([song, riff])
        .plan("10.00", &FeeSchedule::none(), &event)
        .unwrap();
    let legs: Vec<_> = plan
        .legs
        .iter()
        .map(|leg| {
            (
                leg.did.clone(),
                leg.role.as_str(),
                leg.path.len(),
                leg.amount.to_string(),
            )
        })
        .collect();
    let expected = [
        (person(1), "artist", 1, "6.00".to_owned()),
        (person(2), "writer", 2, "2.00".to_owned()),
        (person(3), "artist", 3, "1.80".to_owned()),
        (person(1), "engineer", 3, "0.20".to_owned()),
    ];
    assert_eq!(legs, expected);
    let path: Vec<_> = plan.legs[3].path.iter().map(ToString::to_string).collect();
    assert_eq!(path, ["fair_e", "fair_song", "fair_riff"]);
}

#[test]
fn two_entries_for_one_source_are_one_way_to_it() {
    let source = manifest("fair_s", &[pays(1, "artist", 0.5), pays(2, "artist", 0.5)]);
    let twice = json!({"fair": "fair_s", "role": "sampled", "share": 0.5});
    let event = manifest("fair_e", &[follows("fair_s", 0.5), twice]);
    let plan = Library::of([source])
        .plan("0.000003", &FeeSchedule::none(), &event)
        .unwrap();
    assert_eq!(plan.legs.len(), 2);
    assert_eq!(plan.legs_total().unwrap().micros(), 3);
}

#[test]
fn who_has_not_accepted_has_a_held_leg() {
    let source = manifest("fair_s", &[pays(1, "artist", 1.0)]);
    let event = manifest(
        "fair_e",
        &[pays(1, "artist", 0.5), pays(2, "artist", 0.3), follows("fair_s", 0.2)],
    );
    let plan = plan(&PlanInput {
        gross: "10.00 TEST-USD".parse().unwrap(),
        fees: &FeeSchedule::none(),
        seller: person(9),
        manifest: &event,
        manifests: &|_id| Some(source.clone()),
        accepted: &|manifest, did| manifest.as_str() == "fair_e" && *did == person(1),
    })
    .unwrap();
    let held: Vec<_> = plan.legs.iter().map(|leg| leg.held).collect();
    // Having accepted one manifest is not having accepted another.
    assert_eq!(held, [false, true, true]);
}

#[test]
fn other_names_of_a_key_are_paid_under_the_native_one() {
    let alias = person(1).as_str().replace("did:mjn:", "did:key:");
    let event = manifest("fair_e", &[json!({"did": alias, "role": "artist", "share": 1})]);
    let plan = Library::default().plan("1.00", &FeeSchedule::none(), &event).unwrap();
    assert_eq!(plan.legs[0].did, person(1));
}

#[test]
fn circles_and_strangers_are_refused_at_any_price() {
    let a = manifest("fair_a", &[pays(1, "artist", 0.5), follows("fair_b", 0.5)]);
    let b = manifest("fair_b", &[pays(2, "artist", 0.5), follows("fair_a", 0.5)]);
    let both = Library::of([a.clone(), b]);
    for gross in ["10.00", "0.000001", "0"] {
        let circle = both.plan(gross, &FeeSchedule::none(), &a).unwrap_err();
        assert!(circle.to_string().ends_with("fair_a → fair_b → fair_a"), "{circle}");
        assert_eq!(circle.code(), Code::InvalidRequest);
        let missing = Library::default().plan(gross, &FeeSchedule::none(), &a).unwrap_err();
        assert!(missing.to_string().contains("fair_b"), "{missing}");
        assert_eq!(missing.code(), Code::Conflict);
    }
}

#[test]
fn a_manifest_under_another_name_is_not_the_one_that_was_asked_for() {
    let a = manifest("fair_a", &[follows("fair_b", 1.0)]);
    let other = manifest("fair_c", &[pays(1, "artist", 1.0)]);
    let refused = plan(&PlanInput {
        gross: "1.00 USD".parse().unwrap(),
        fees: &FeeSchedule::none(),
        seller: person(0),
        manifest: &a,
        manifests: &|_id| Some(other.clone()),
        accepted: &|_, _| true,
    });
    assert!(matches!(refused, Err(PlanError::ManifestMissing { .. })));
}

fn chain(length: usize) -> Vec<Manifest> {
    let name = |depth: usize| format!("fair_{depth}");
    let link = |depth: usize| match depth {
        1 => manifest(&name(1), &[pays(1, "artist", 1.0)]),
        _ => manifest(&name(depth), &[pays(2, "artist", 0.5), follows(&name(depth - 1), 0.5)]),
    };
    (1..=length).map(link).collect()
}

#[test]
fn sixteen_manifests_deep_and_no_deeper() {
    let plan_of = |length: usize| {
        let chain = chain(length);
        Library::of(chain.clone()).plan("10.00", &FeeSchedule::none(), chain.last().unwrap())
    };
    assert_eq!(plan_of(16).unwrap().legs.len(), 16);
    let deep = plan_of(17).unwrap_err();
    assert!(matches!(deep, PlanError::TooDeep { .. }), "{deep}");
    assert!(deep.to_string().ends_with(" → fair_2 → fair_1"), "{deep}");
}

#[test]
fn a_net_that_multiplies_is_refused_before_it_costs_anything() {
    // Each level names five manifests of the level beneath: 5^15 ways down.
    let name = |depth: usize, place: usize| format!("fair_{depth}_{place}");
    let all = (0..16).flat_map(|depth| {
        (0..5).map(move |place| {
            let entries: Vec<Value> = match depth {
                0 => vec![pays(1, "artist", 1.0)],
                _ => (0..5).map(|below| follows(&name(depth - 1, below), 0.2)).collect(),
            };
            manifest(&name(depth, place), &entries)
        })
    });
    let library = Library::of(all);
    let top = library.find(&name(15, 0).parse().unwrap()).unwrap();
    assert_eq!(
        library.plan("10.00", &FeeSchedule::none(), &top),
        Err(PlanError::TooManyEntries)
    );
}

#[test]
fn fees_above_the_price_are_refused() {
    let rule = |rate_micros| FeeRule {
        name: "fee".to_owned(),
        recipient: FeeRecipient::Node,
        rate_micros,
    };
    let event = manifest("fair_e", &[pays(1, "artist", 1.0)]);
    let mut fees = FeeSchedule {
        version: 7,
        lines: vec![rule(600_000), rule(400_000)],
    };
    let all = Library::default().plan("1.00", &fees, &event).unwrap();
    assert!(all.legs.is_empty() && all.fee_schedule_version == 7);
    fees.lines.push(rule(u32::MAX));
    assert_eq!(
        Library::default().plan("1.00", &fees, &event),
        Err(PlanError::FeesAboveGross)
    );
}

#[test]
fn a_plan_is_json_and_is_checked_when_it_is_read() {
    let event = manifest("fair_e", &[pays(1, "artist", 0.7), pays(2, "artist", 0.3)]);
    let plan = Library::default().plan("10.00", &FeeSchedule::mjn(), &event).unwrap();
    let value = serde_json::to_value(&plan).unwrap();
    assert_eq!(value["gross"], json!({"amount": "10.00", "currency": "TEST-USD"}));
    assert_eq!(value["feeScheduleVersion"], 1);
    assert_eq!(
        value["fees"][2],
        json!({"name": "buyer credit", "recipient": "buyer", "rateMicros": 2_500, "amount": "0.025"})
    );
    assert_eq!(
        value["legs"][0],
        json!({"did": person(1), "role": "artist", "path": ["fair_e"], "amount": "6.8775", "held": false})
    );
    assert_eq!(serde_json::from_value::<Plan>(value.clone()).unwrap(), plan);
    let mut changed = value.clone();
    changed["legs"][0]["amount"] = json!("6.88");
    assert!(serde_json::from_value::<Plan>(changed).is_err());
    let mut twice = value;
    twice["legs"][1] = twice["legs"][0].clone();
    twice["gross"]["amount"] = json!("13.93");
    assert!(serde_json::from_value::<Plan>(twice).is_err());
}
