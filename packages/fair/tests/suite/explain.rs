use imajin_fair::Payee;
use imajin_fair::plan::{Explanation, FeeSchedule, PlanInput, explain, plan};
use serde_json::{Value, json};

use crate::support::{Library, follows, manifest, pays, person};

/// A song of which a riff has a part of a part, sold in an event's name; one payee has not accepted.
fn explained() -> Explanation {
    let song = manifest("fair_song", &[pays(2, "writer", 0.5), follows("fair_riff", 0.5)]);
    let riff = manifest("fair_riff", &[pays(3, "artist", 0.9), pays(1, "engineer", 0.1)]);
    let second = json!({"fair": "fair_song", "role": "sampled", "share": 0.1});
    let event = manifest("fair_e", &[pays(1, "artist", 0.6), follows("fair_song", 0.3), second]);
    let library = Library::of([song, riff]);
    let fees = FeeSchedule::mjn();
    let input = PlanInput {
        gross: "10.00 TEST-USD".parse().unwrap(),
        fees: &fees,
        seller: person(0),
        manifest: &event,
        manifests: &|id| library.find(id),
        accepted: &|_manifest, did| *did != person(3),
    };
    let explanation = explain(&input).unwrap();
    assert_eq!(explanation.plan, plan(&input).unwrap());
    explanation
}

#[test]
fn every_leg_has_a_step_for_each_manifest_of_its_path() {
    let explanation = explained();
    assert_eq!(explanation.trails.len(), explanation.plan.legs.len());
    for (leg, trail) in explanation.legs() {
        let manifests: Vec<_> = trail.iter().map(|step| step.manifest.clone()).collect();
        assert_eq!(manifests, leg.path);
        let last = trail.last().unwrap();
        assert_eq!(
            (&last.payee, &last.role, last.amount),
            (&Payee::Did(leg.did.clone()), &leg.role, leg.amount)
        );
        for pair in trail.windows(2) {
            assert_eq!(pair[0].payee, Payee::Fair(pair[1].manifest.clone()));
            assert!(pair[1].amount <= pair[0].amount);
        }
    }
}

#[test]
fn the_steps_name_role_share_and_amount_at_each_level() {
    let explanation = explained();
    let (leg, trail) = explanation.legs().nth(2).unwrap();
    assert!(leg.held && leg.did == person(3));
    let steps: Vec<_> = trail
        .iter()
        .map(|step| (step.role.as_str(), step.share_decimal(), step.amount.to_string()))
        .collect();
    // 10.00 less 1.75 % is 9.825.
    let expected = [
        ("source, sampled", "0.4".to_owned(), "3.93".to_owned()),
        ("source", "0.5".to_owned(), "1.965".to_owned()),
        ("artist", "0.9".to_owned(), "1.7685".to_owned()),
    ];
    assert_eq!(steps, expected);
    assert_eq!(explanation.held_total().unwrap().to_string(), "1.7685");
}

#[test]
fn the_json_is_the_plans_with_the_steps() {
    let explanation = explained();
    let value = serde_json::to_value(&explanation).unwrap();
    assert_eq!((&value["net"], &value["held"]), (&json!("9.825"), &json!("1.7685")));
    assert_eq!(
        value["legs"][1]["steps"],
        json!([
            {"manifest": "fair_e", "fair": "fair_song", "role": "source, sampled", "share": "0.4", "amount": "3.93"},
            {"manifest": "fair_song", "did": person(2), "role": "writer", "share": "0.5", "amount": "1.965"},
        ])
    );
    // Without what explains it, it is a plan again.
    let mut bare = value;
    for leg in bare["legs"].as_array_mut().unwrap() {
        leg.as_object_mut().unwrap().remove("steps");
    }
    for name in ["net", "held"] {
        bare.as_object_mut().unwrap().remove(name);
    }
    let plan: Value = serde_json::to_value(&explanation.plan).unwrap();
    assert_eq!(bare, plan);
}
