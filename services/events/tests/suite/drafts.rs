//! Every limit on a new event has a refusal that names the member.

use imajin_fair::Manifest;
use imajin_kernel::Span;
use imajin_testkit::Backend;
use serde_json::{Value, json};

use crate::world::{World, key, on_both};

on_both!(each_impossible_member_is_named, the_manifest_is_the_callers_own);

type Change = fn(&World, &mut Value);

const CHANGES: [(&str, Change); 22] = [
    ("title", |_, body| body["title"] = json!(" ")),
    ("title", |_, body| body["title"] = json!("x".repeat(201))),
    ("title", |_, body| body["title"] = json!("a\u{202e}b")),
    ("description", |_, body| body["description"] = json!("x".repeat(10_001))),
    ("endsAt", |_, body| body["endsAt"] = body["startsAt"].clone()),
    ("endsAt", |world, body| {
        body["startsAt"] = json!(world.env.now().minus(Span::days(2)));
        body["endsAt"] = json!(world.env.now().minus(Span::days(1)));
    }),
    ("endsAt", |world, body| body["endsAt"] = json!(world.env.now().plus(Span::days(200)))),
    ("startsAt", |world, body| {
        body["startsAt"] = json!(world.env.now().plus(Span::days(4000)));
        body["endsAt"] = json!(world.env.now().plus(Span::days(4001)));
    }),
    ("timezone", |_, body| body["timezone"] = json!("Europe/Atlantis")),
    ("virtualUrl", |_, body| body["virtualUrl"] = json!("javascript:alert(1)")),
    ("tags", |_, body| body["tags"] = json!(vec!["x"; 21])),
    ("tags[1]", |_, body| body["tags"] = json!(["x", ""])),
    ("tiers", |_, body| body["tiers"] = json!([])),
    ("tiers", |_, body| body["tiers"] = json!(vec![body["tiers"][0].clone(); 51])),
    ("tiers[1].name", |_, body| body["tiers"] = json!(vec![body["tiers"][0].clone(); 2])),
    ("tiers[0].price", |_, body| body["tiers"][0]["price"]["amount"] = json!("0.00")),
    ("tiers[0].price", |_, body| body["tiers"][0]["price"]["amount"] = json!("0.001")),
    ("tiers[0].price", |_, body| body["tiers"][0]["price"]["amount"] = json!("9000000000000.00")),
    ("tiers[0].quantity", |_, body| body["tiers"][0]["quantity"] = json!(0)),
    ("tiers[0].perOrderLimit", |_, body| body["tiers"][0]["perOrderLimit"] = json!(21)),
    ("tiers[0].salesEnd", |world, body| {
        body["tiers"][0]["salesEnd"] = json!(world.env.now().plus(Span::days(300)));
    }),
    ("tiers[0].salesStart", |world, body| {
        body["tiers"][0]["salesStart"] = json!(world.env.now().plus(Span::days(300)));
    }),
];

async fn each_impossible_member_is_named(backend: Backend) {
    let world = World::new(backend).await;
    for (member, change) in CHANGES {
        let mut body = world.event_body(Some(5));
        change(&world, &mut body);
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
    assert_eq!(refusal(&world, &foreign).await.1, "manifest.author: must be the caller's DID.");

    let mut unsigned = good.clone();
    unsigned.signature = None;
    assert!(refusal(&world, &unsigned).await.1.contains("not signed"));

    let mut forged = good.clone();
    forged.signature = world.manifest(&world.owner, &[("jonas", 1_000_000)]).signature;
    assert_eq!(refusal(&world, &forged).await.0, "bad_signature");

    let mut renamed = good.clone();
    renamed.id = "fair_mine".parse().unwrap();
    assert_eq!(refusal(&world, &renamed).await.1, "manifest.id: must be the id that the manifest's content gives.");

    let mut article = good.clone();
    article.kind = Some("article".to_owned());
    let article = article.sign(&world.owner, world.owner.did(), world.env.now()).unwrap();
    assert_eq!(refusal(&world, &article).await.1, "manifest.type: must be event.");

    let mut derived = good;
    derived.derives_from = vec!["fair_other".parse().unwrap()];
    let derived = derived.sign(&world.owner, world.owner.did(), world.env.now()).unwrap();
    assert!(refusal(&world, &derived).await.1.starts_with("manifest.contributors"));
}
