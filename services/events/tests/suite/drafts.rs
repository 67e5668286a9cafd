//! Every limit on a new event has a refusal that names the member.

use imajin_fair::Manifest;
use imajin_kernel::Span;
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::world::{World, key};

on_both!(
    a_ticket_may_cost_nothing,
    each_impossible_member_is_named,
    the_manifest_is_the_callers_own
);

/// Which member a refusal names, and what is put where in a good body to get it.
fn changes(world: &World) -> Vec<(&'static str, Vec<(&'static str, Value)>)> {
    let at = |days| json!(world.env.now().plus(Span::days(days)));
    let starts_at = world.event_body(None)["startsAt"].clone();
    let tier = world.event_body(None)["tiers"][0].clone();
    vec![
        ("title", vec![("/title", json!(" "))]),
        ("title", vec![("/title", json!("x".repeat(201)))]),
        ("title", vec![("/title", json!("a\u{202e}b"))]),
        ("description", vec![("/description", json!("x".repeat(10_001)))]),
        ("endsAt", vec![("/endsAt", starts_at)]),
        ("endsAt", vec![("/startsAt", at(-2)), ("/endsAt", at(-1))]),
        ("endsAt", vec![("/endsAt", at(200))]),
        ("startsAt", vec![("/startsAt", at(4000)), ("/endsAt", at(4001))]),
        ("timezone", vec![("/timezone", json!("Europe/Atlantis"))]),
        ("virtualUrl", vec![("/virtualUrl", json!("javascript:alert(1)"))]),
        ("tags", vec![("/tags", json!(vec!["x"; 21]))]),
        ("tags[1]", vec![("/tags", json!(["x", ""]))]),
        ("tiers", vec![("/tiers", json!([]))]),
        ("tiers", vec![("/tiers", json!(vec![tier.clone(); 51]))]),
        ("tiers[1].name", vec![("/tiers", json!(vec![tier; 2]))]),
        ("tiers[0].price", vec![("/tiers/0/price/amount", json!("0.001"))]),
        (
            "tiers[0].price",
            vec![("/tiers/0/price/amount", json!("9000000000000.00"))],
        ),
        ("tiers[0].quantity", vec![("/tiers/0/quantity", json!(0))]),
        ("tiers[0].perOrderLimit", vec![("/tiers/0/perOrderLimit", json!(21))]),
        ("tiers[0].salesEnd", vec![("/tiers/0/salesEnd", at(300))]),
        ("tiers[0].salesStart", vec![("/tiers/0/salesStart", at(300))]),
    ]
}

async fn each_impossible_member_is_named(backend: Backend) {
    let world = World::new(backend).await;
    for (member, change) in changes(&world) {
        let mut body = world.event_body(Some(5));
        body["virtualUrl"] = Value::Null;
        body["tiers"][0]["perOrderLimit"] = json!(5);
        body["tiers"][0]["salesStart"] = Value::Null;
        body["tiers"][0]["salesEnd"] = Value::Null;
        for (pointer, value) in change {
            *body.pointer_mut(pointer).unwrap() = value;
        }
        let answer = world.post(&world.owner, "/events/api/events", &body).await;
        assert_eq!(answer.code(), "invalid_request", "{member}");
        assert_eq!(answer.json()["member"], member, "{}", answer.detail());
        assert!(answer.detail().starts_with(member), "{}", answer.detail());
    }
    let mut body = world.event_body(Some(5));
    body["color"] = json!("red");
    let answer = world.post(&world.owner, "/events/api/events", &body).await;
    assert_eq!(answer.code(), "invalid_request");
    assert!(answer.detail().contains("color"));
}

async fn a_ticket_may_cost_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let mut body = world.event_body(Some(5));
    body["tiers"][0]["price"]["amount"] = json!("0.00");
    let answer = world.post(&world.owner, "/events/api/events", &body).await;
    assert_eq!(answer.json()["tiers"][0]["price"]["amount"], "0.00");
}

async fn refusal(world: &World, manifest: &Manifest) -> (String, String) {
    let mut body = world.event_body(Some(5));
    body["manifest"] = json!(manifest);
    let answer = world.post(&world.owner, "/events/api/events", &body).await;
    (answer.code(), answer.detail())
}

async fn the_manifest_is_the_callers_own(backend: Backend) {
    let world = World::new(backend).await;
    let good = world.manifest(&world.owner, &[("mira", 1_000_000)]);

    let foreign = world.manifest(&key("somebody else"), &[("mira", 1_000_000)]);
    assert_eq!(
        refusal(&world, &foreign).await.1,
        "manifest.author: must be the caller's DID."
    );

    let mut unsigned = good.clone();
    unsigned.signature = None;
    assert!(refusal(&world, &unsigned).await.1.contains("not signed"));

    let mut forged = good.clone();
    forged.signature = world.manifest(&world.owner, &[("jonas", 1_000_000)]).signature;
    assert_eq!(refusal(&world, &forged).await.0, "bad_signature");

    let mut renamed = good.clone();
    renamed.id = "fair_mine".parse().unwrap();
    assert_eq!(
        refusal(&world, &renamed).await.1,
        "manifest.id: must be the id that the manifest's content gives."
    );

    let mut article = good;
    article.kind = Some("article".to_owned());
    let article = article.sign(&world.owner, world.owner.did(), world.env.now()).unwrap();
    assert_eq!(refusal(&world, &article).await.1, "manifest.type: must be event.");
}
