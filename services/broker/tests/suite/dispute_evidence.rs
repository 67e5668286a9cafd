//! What the claim of an access shows, whatever its agent says about it later.

use axum::http::StatusCode;
use imajin_imagxp::{Claim, Names};
use imajin_kernel::Span;
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::disputes::{Read, evidence};
use crate::world::{World, key};

on_both!(
    a_dispute_that_names_another_page_takes_no_evidence_away,
    a_claim_for_another_site_shows_nothing,
    what_nobody_decides_in_time_is_no_loss_of_a_publisher_that_has_answered,
    a_payment_is_found_by_its_claim_however_the_publisher_writes_the_digest,
    a_claim_without_a_nonce_shows_as_much_as_any,
    what_was_answered_again_within_a_day_is_shown,
);

async fn a_dispute_that_names_another_page_takes_no_evidence_away(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let url = format!("https://{}/one", world.host);
    for (page, claimed) in [("one", url.as_str()), ("two", "/two")] {
        let read = world.reads_by(page, claimed).await.unwrap();
        let other = Read {
            url: format!("https://{}/anything", world.host),
            ..read
        };
        let id = world.objects(&other).await;
        let answered = world.answers(&key("publisher"), &id, &evidence(&other)).await;
        let dispute = answered.expect(StatusCode::OK).json();
        assert_eq!(
            (&dispute["isShown"], &dispute["claimedResource"]),
            (&json!(true), &json!(claimed))
        );
        let page = world.page("operator", &format!("/broker/operator/disputes/{id}")).await;
        assert!(page.text().contains("not for the page that the agent names"));
        world.later(Span::days(31));
        world.broker.due_work().await.unwrap();
        let dispute = world.dispute(&id).await;
        assert_eq!(
            (&dispute["state"], &dispute["ruledBy"]),
            (&json!("released"), &json!("deadline"))
        );
    }
    world.broker.due_work().await.unwrap();
    assert_eq!(world.money().0, 800_000);
    // Of the page that was read there is nothing to say, by whichever of its names.
    for (page, resource) in [("three", url.replace("one", "three")), ("four", "/four".to_owned())] {
        let read = world.reads_by(page, &resource).await.unwrap();
        let id = world.objects(&read).await;
        let answered = world.answers(&key("publisher"), &id, &evidence(&read)).await;
        assert_eq!(
            answered.expect(StatusCode::OK).json()["claimedResource"],
            Value::Null,
            "{page}"
        );
        world.later(Span::days(31));
    }
    world.settles().await;
}

async fn a_claim_for_another_site_shows_nothing(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let read = world.reads_by("one", "https://news.example/one").await.unwrap();
    let id = world.objects(&read).await;
    let answered = world.answers(&key("publisher"), &id, &evidence(&read)).await;
    assert_eq!(
        (answered.code().as_str(), &answered.json()["member"]),
        ("invalid_request", &json!("evidence"))
    );
    assert_eq!(world.dispute(&id).await["isShown"], json!(false));
    world.settles().await;
}

async fn what_nobody_decides_in_time_is_no_loss_of_a_publisher_that_has_answered(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let other = world.other_funded("10.00 TEST-USD").await;
    for number in 0..3 {
        let id = world.other_objects(number).await;
        let words = json!({"note": "It is a good page."});
        let answered = world.answers(&key("publisher"), &id, &words).await;
        assert_eq!(answered.expect(StatusCode::OK).json()["state"], "answered");
    }
    // The arbiter says nothing, and the agent has the money back.
    world.later(Span::days(8));
    world.broker.due_work().await.unwrap();
    assert_eq!(world.purse.has(&other), 10_000_000);
    // The next one is decided by somebody, and not by what became of those.
    let read = world.reads("four").await;
    let id = world.objects(&read).await;
    let answered = world.answers(&key("publisher"), &id, &evidence(&read)).await;
    assert_eq!(answered.expect(StatusCode::OK).json()["state"], "answered");
    world.settles().await;
}

async fn a_payment_is_found_by_its_claim_however_the_publisher_writes_the_digest(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let read = world.reads("one").await;
    let visa = world.visa("1.00", 1).await;
    let digest = "ab".repeat(32);
    for wrong in ["ab", &"g".repeat(64), &"ab".repeat(33)] {
        let batch = [(visa.jti.as_str(), "r", "0.40")];
        assert_eq!(
            world.redeem_claim(&key("publisher"), &batch, wrong).await,
            ["refused"],
            "{wrong}"
        );
    }
    let batch = [(visa.jti.as_str(), "r", "0.40")];
    let states = world
        .redeem_claim(&key("publisher"), &batch, &digest.to_ascii_uppercase())
        .await;
    assert_eq!(states, ["accepted"]);
    // Its agent need not know what the publisher has named: the broker says it.
    let visas = world.agent_get("/broker/api/visas").await.json();
    let redeemed = visas["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["jti"] == json!(visa.jti));
    assert_eq!(redeemed.unwrap()["claimDigests"], json!([digest]));
    world.objects(&Read { digest, ..read }).await;
    world.settles().await;
}

async fn a_claim_without_a_nonce_shows_as_much_as_any(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let document = json!({
        "v": "1.0", "ts": world.env.now(), "agent_id": world.host, "resource": format!("https://{}/old", world.host),
        "purpose": "SUMMARY",
    });
    let claim = Claim::parse(document.to_string().as_bytes(), Names::Development).unwrap();
    let read = world.reads_with("old", &claim).await.unwrap();
    let id = world.objects(&read).await;
    let answered = world.answers(&key("publisher"), &id, &evidence(&read)).await;
    assert_eq!(answered.expect(StatusCode::OK).json()["isShown"], json!(true));
    world.settles().await;
}

async fn what_was_answered_again_within_a_day_is_shown(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let read = world.reads("one").await;
    let id = world.objects(&read).await;
    let mut shown = evidence(&read);
    shown["evidence"]["servedAt"] = json!(read.at.plus(Span::hours(26)));
    let late = world.answers(&key("publisher"), &id, &shown).await;
    assert_eq!(late.json()["member"], "evidence", "{}", late.text());
    shown["evidence"]["servedAt"] = json!(read.at.plus(Span::hours(24)));
    let answered = world.answers(&key("publisher"), &id, &shown).await;
    assert_eq!(answered.expect(StatusCode::OK).json()["isShown"], json!(true));
    world.settles().await;
}
