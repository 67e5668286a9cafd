//! Questions: near, far, why, why not, both, rank.

use axum::http::StatusCode;
use imajin_connections_api::{PathAnswer, PathError, PathStep, Proven, StatementKind, path_verify};
use imajin_did::Did;
use imajin_kernel::Span;
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::world::World;

on_both!(
    a_path_says_why_and_why_not,
    a_path_is_proven_step_by_step,
    people_near_are_listed_nearest_first,
    trust_is_ranked_and_flags_count_against,
    a_question_outside_its_bounds_is_refused,
);

async fn a_path_says_why_and_why_not(backend: Backend) {
    let world = World::new(backend).await;
    let people = ["ada", "ben", "cleo", "dora", "eve", "finn"].map(|name| world.person(name));
    let [ada, ben, cleo, dora, eve, finn] = &people;
    for (one, other) in [(ada, ben), (ben, cleo), (cleo, dora), (dora, eve)] {
        world.connect(one, other).await;
    }
    let near = world.path(ada, dora, "").await;
    assert_eq!((&near["hops"], near["steps"].as_array().unwrap().len()), (&json!(3), 3));
    assert_eq!(near["whyNot"], Value::Null);
    assert_eq!(world.path(ada, cleo, "").await["mutual"], json!([ben.did()]));
    let why = |answer: Value| answer["whyNot"].clone();
    assert_eq!(why(world.path(ada, eve, "").await), json!({"reason": "far", "hops": 4}));
    let unknown = json!({"reason": "unknown", "did": finn.did()});
    assert_eq!(why(world.path(ada, finn, "").await), unknown);
    world.vouch(finn, eve, 1).await;
    assert_eq!(why(world.path(ada, finn, "").await), json!({"reason": "apart"}));
    world.vouch(eve, finn, 300_000).await;
    let strong = "&hops=6&vouchLeast=400000";
    assert_eq!(why(world.path(ada, finn, strong).await), json!({"reason": "weak"}));
    let distance = format!("/trust/distance?from_did={}&to_did={}", ada.did(), finn.did());
    let distance = world
        .get(Some(&ada.did()), &distance)
        .await
        .expect(StatusCode::OK)
        .json();
    assert_eq!(
        (&distance["distance"], &distance["connected"]),
        (&json!(5), &json!(true))
    );
}

async fn a_path_is_proven_step_by_step(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo] = ["ada", "ben", "cleo"].map(|name| world.person(name));
    for person in [&ada, &ben, &cleo] {
        world.audience(person, "everybody").await;
    }
    world.connect(&ben, &ada).await;
    let ends = world.env.now().plus(Span::days(1));
    let terms = json!({"weightMillionths": 1_000_000, "expires": ends.as_millis()});
    let vouch = world.said(&ben, StatementKind::Vouch, &cleo, &terms);
    world.submit(&ben, &vouch).await.expect(StatusCode::OK);
    let answer: PathAnswer = serde_json::from_value(world.path(&ada, &cleo, "&vouchLeast=1").await).unwrap();
    let steps = answer.steps.unwrap();
    let own = |did: &Did, _at| did.public_key().into_iter().collect();
    let proven = |steps: &[PathStep], at| path_verify(steps, &own, at);
    let now = world.env.now();
    assert_eq!(
        proven(&steps, now),
        Ok((ada.did(), cleo.did())),
        "a connection goes both ways"
    );
    assert_eq!(proven(&[], now), Err(PathError::Empty));
    assert_eq!(proven(&steps, ends), Err(PathError::Over(2)));
    let [first, second] = steps.as_slice() else {
        panic!("{steps:?}")
    };
    let turned = |step: &PathStep| PathStep {
        from: step.to.clone(),
        to: step.from.clone(),
        ..step.clone()
    };
    assert_eq!(
        proven(&[turned(second)], now),
        Err(PathError::OtherTie(1)),
        "a vouch goes one way"
    );
    assert_eq!(proven(&[second.clone(), first.clone()], now), Err(PathError::Gap(2)));
    let flag = world.said(&ada, StatementKind::Flag, &ben, &json!({"level": "yellow"}));
    let flag = Proven {
        document: flag,
        acceptance: None,
        revocation: None,
    };
    let flag = PathStep {
        kind: StatementKind::Flag,
        proof: flag,
        ..first.clone()
    };
    assert_eq!(proven(&[flag], now), Err(PathError::NoTie(1)));
    // Ben's key was another one when he signed, as a key log would say.
    let others = |did: &Did, _at| {
        if *did == ben.did() {
            vec![cleo.public()]
        } else {
            own(did, now)
        }
    };
    let refused = path_verify(&steps, &others, now);
    assert!(
        matches!(refused, Err(PathError::Unproven { number: 1, .. })),
        "{refused:?}"
    );
}

async fn people_near_are_listed_nearest_first(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo, dora] = ["ada", "ben", "cleo", "dora"].map(|name| world.person(name));
    world.connect(&ada, &ben).await;
    world.connect(&ada, &cleo).await;
    world.connect(&cleo, &dora).await;
    world.connect(&ben, &dora).await;
    let within = world
        .get(Some(&ada.did()), "/trust/within?hops=2")
        .await
        .expect(StatusCode::OK)
        .json();
    let hops: Vec<_> = within["people"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["hops"].clone())
        .collect();
    assert_eq!(hops, [1, 1, 2]);
    assert_eq!(within["people"][2]["did"], json!(dora.did()));
    let mut both = [ben.did(), cleo.did()];
    both.sort();
    let mutual = world
        .get(Some(&ada.did()), &format!("/trust/mutual?with={}", dora.did()))
        .await;
    assert_eq!(mutual.expect(StatusCode::OK).json()["mutual"], json!(both));
}

async fn trust_is_ranked_and_flags_count_against(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo, dora] = ["ada", "ben", "cleo", "dora"].map(|name| world.person(name));
    world.connect(&ada, &ben).await;
    world.connect(&ben, &cleo).await;
    world.connect(&ben, &dora).await;
    world.flag(&ada, &dora, "amber").await;
    let rank = world
        .get(Some(&ada.did()), "/trust/rank")
        .await
        .expect(StatusCode::OK)
        .json();
    let people: Vec<_> = rank["people"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["did"].clone())
        .collect();
    assert_eq!(people, [json!(ben.did()), json!(cleo.did()), json!(dora.did())]);
    assert!(rank["people"][2]["distrust"].as_f64().unwrap() > 0.0);
}

async fn a_question_outside_its_bounds_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.person("ada"), world.person("ben"));
    for path in [
        format!("/trust/check?to={}&hops=7", ben.did()),
        format!("/trust/check?to={}&hops=0", ben.did()),
        format!("/trust/check?to={}&vouchLeast=1000001", ben.did()),
        "/trust/check?to=nobody".to_owned(),
        "/trust/check".to_owned(),
        "/trust/within?hops=4".to_owned(),
        "/trust/within?limit=501".to_owned(),
        "/trust/rank?limit=0".to_owned(),
    ] {
        world.get(Some(&ada.did()), &path).await.expect(StatusCode::BAD_REQUEST);
    }
    for path in [
        "/trust/within",
        "/trust/rank",
        "/watch",
        "/invites",
        "/export",
        "/audience",
    ] {
        world.get(None, path).await.expect(StatusCode::UNAUTHORIZED);
    }
}
