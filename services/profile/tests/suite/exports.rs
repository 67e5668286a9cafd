//! The export of one's own data.

use axum::http::StatusCode;
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use crate::fakes::FakeExporter;
use crate::world::{PROFILE, World, picture};

on_both!(
    an_export_has_everything_and_names_what_is_missing,
    an_export_is_for_oneself,
    a_service_that_names_itself_is_exported_whole,
);

const EXPORT: &str = "/profile/api/export";

async fn an_export_has_everything_and_names_what_is_missing(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada");
    let body = json!({
        "version": 0, "displayName": "Ada", "contact": {"phone": {"value": "123", "visibility": "nobody"}},
    });
    world.change(&ada, "PUT", PROFILE, &body).await.expect(StatusCode::OK);
    world
        .avatar(&ada, &picture(image::ImageFormat::Png, 8, 8))
        .await
        .expect(StatusCode::OK);
    let answer = world.get(Some(&ada.did()), EXPORT).await;
    answer.expect(StatusCode::OK);
    assert_eq!(
        answer.header("content-disposition"),
        "attachment; filename=\"imajin-export.json\""
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    let export = answer.json();
    assert_eq!(
        (&export["format"], &export["did"]),
        (&json!("imajin-export"), &json!(ada.did()))
    );
    let data = &export["data"];
    assert_eq!(data["profile"]["contact"]["phone"]["value"], "123");
    assert_eq!(data["avatar"]["mediaType"], "image/jpeg");
    assert_eq!(data["account"]["mailboxes"], json!(["ada@example.org"]));
    assert_eq!(data["account"]["sessions"][0]["method"], "key");
    assert_eq!(data["account"]["keyLog"]["entries"], json!([]));
    for list in ["attestationsGiven", "attestationsReceived"] {
        let pages: Vec<_> = data[list]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["document"]["claim"]["page"].clone())
            .collect();
        assert_eq!(pages, [0, 1, 2], "{list}");
    }
    assert_eq!(data["balances"][0]["balance"]["amount"], "7.00");
    assert_eq!(data["orders"].as_array().unwrap().len(), 250, "three pages");
    assert_eq!(data["tickets"], json!([]));
    assert_eq!(data["events"], json!([]));
    assert_eq!(data["manifests"][0]["manifest"]["title"], "Strings");
    // Pay gave its balances and broke off at the receipts.
    assert_eq!(data.get("receipts"), None);
    assert_eq!(export["complete"], false);
    assert_eq!(export["missing"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&export["missing"][0]["part"], &export["missing"][0]["service"]),
        (&json!("receipts"), &json!("pay"))
    );
    assert!(!answer.text().contains("did:email"));

    let alone = World::with(backend, |deps| (deps.pay, deps.events) = (None, None)).await;
    let ada = alone.person("ada");
    let export = alone.get(Some(&ada.did()), EXPORT).await.json();
    let missing: Vec<_> = export["missing"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gap| gap["part"].clone())
        .collect();
    assert_eq!(missing, ["balances", "receipts", "events", "orders", "tickets"]);
    assert_eq!(export["data"]["profile"]["version"], 0);
}

async fn an_export_is_for_oneself(backend: Backend) {
    let world = World::new(backend).await;
    assert_eq!(world.get(None, EXPORT).await.code(), "unauthenticated");
    let (ada, ben) = (world.person("ada"), world.person("ben"));
    world.named(&ada, "Ada Secret").await;
    let export = world.get(Some(&ben.did()), EXPORT).await;
    assert_eq!(export.json()["did"], json!(ben.did()));
    assert!(!export.text().contains("Secret"));
}

async fn a_service_that_names_itself_is_exported_whole(backend: Backend) {
    let world = World::with(backend, |deps| deps.events = None).await;
    let ada = world.person("ada");
    let whole = FakeExporter {
        notes: 250,
        breaks_off_at: 1_000,
    };
    world.profile.exporter_connect(whole.exporter());
    let export = world.get(Some(&ada.did()), EXPORT).await.json();
    let data = &export["data"];
    let notes: Vec<u64> = data["notes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|note| note.as_u64().unwrap())
        .collect();
    assert_eq!(notes, (0..250).collect::<Vec<_>>(), "three pages");
    assert_eq!(data["motto"], json!(format!("the motto of {}", ada.did())));
    assert_eq!(data["nothing"], json!(null));
    assert_eq!(data["emptiness"], json!([]));
    let is_missing = |name: &str| {
        let missing = export["missing"].as_array().unwrap();
        missing.iter().any(|gap| gap["part"] == name)
    };
    assert!(is_missing("orders") && !is_missing("notes"), "{}", export["missing"]);

    let cut = World::new(backend).await;
    let ada = cut.person("ada");
    let breaks_off = FakeExporter {
        notes: 250,
        breaks_off_at: 100,
    };
    cut.profile.exporter_connect(breaks_off.exporter());
    let export = cut.get(Some(&ada.did()), EXPORT).await.json();
    assert_eq!(export["data"]["notes"].as_array().unwrap().len(), 100);
    assert_eq!(export["complete"], false);
    let gap = export["missing"].as_array().unwrap().last().unwrap();
    assert_eq!((&gap["part"], &gap["service"]), (&json!("notes"), &json!("notes")));
}
