//! Shares that wait for their payees to accept.

use axum::http::StatusCode;
use imajin_did::Did;
use imajin_fair::{Acceptance, Contributor, Manifest, ManifestId, Payee};
use imajin_kernel::Span;
use imajin_money::Share;
use imajin_pay_api::{CheckoutView, GoodsQuote};
use imajin_testkit::{Answer, Backend, on_both};
use serde_json::{Value, json};

use crate::contracts::contract_sign;
use crate::world::{World, key, money};

on_both!(
    a_share_is_paid_when_its_payee_accepts_here,
    a_share_is_paid_when_the_seller_says_that_it_was_accepted,
    an_acceptance_counts_for_later_sales_too,
    a_contract_of_the_time_of_the_sale_divides_what_is_released,
    whoever_has_claimed_a_mailbox_accepts_for_it_and_pays_as_it,
    after_ninety_days_it_goes_to_the_authors_overflow_or_the_author,
    what_is_no_acceptance_of_ones_own_is_refused,
    shares_from_before_their_table_are_found_and_paid,
);

const SHARES: &str = "/pay/api/shares";
const ACCEPT: &str = "/pay/api/shares/accept";

pub(crate) async fn accept_answer(world: &World, who: &str, manifest: &ManifestId) -> Answer {
    let key = key(who);
    let acceptance = Acceptance::sign(&key, key.did(), manifest.clone(), world.env.now()).unwrap();
    world
        .post(who, ACCEPT, None, &serde_json::to_value(acceptance).unwrap())
        .await
}

pub(crate) async fn accept(world: &World, who: &str, manifest: &ManifestId) -> Value {
    let answer = accept_answer(world, who, manifest).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()
}

/// A sale of 10.00 by the organiser: 70 % Mira's, who has accepted, 30 % of somebody's who has not.
pub(crate) async fn sale_with(world: &World, other: &Did) -> (CheckoutView, Manifest) {
    let share = |did: &Did, millionths| {
        Contributor::new(
            Payee::Did(did.clone()),
            "artist",
            Share::from_millionths(millionths).unwrap(),
        )
    };
    let mut manifest = Manifest::new(vec![share(&key("mira").did(), 700_000), share(other, 300_000)]).unwrap();
    manifest.author = Some(key("organiser").did());
    let manifest = manifest
        .sign(&key("organiser"), key("organiser").did(), world.env.now())
        .unwrap();
    let goods = world.seller.put(GoodsQuote {
        title: "An evening".to_owned(),
        price: money("10.00 TEST-USD"),
        buyer: Some(key("buyer").did()),
        seller: key("organiser").did(),
        manifest: manifest.clone(),
        accepted: vec![key("mira").did()],
        sources: Vec::new(),
        expires_at: world.env.now().plus(Span::minutes(15)),
    });
    let checkout = world.checkout_of("buyer", &goods).await;
    world.pay_for(&checkout).await;
    (checkout, manifest)
}

async fn states(world: &World, who: &str) -> Vec<String> {
    let shares = world.get(Some(who), SHARES).await.json();
    let states = shares["shares"]
        .as_array()
        .unwrap()
        .iter()
        .map(|share| share["state"].as_str().unwrap().to_owned());
    states.collect()
}

async fn a_share_is_paid_when_its_payee_accepts_here(backend: Backend) {
    let world = World::new(backend).await;
    let jonas = key("jonas").did();
    let (_, manifest) = sale_with(&world, &jonas).await;
    assert_eq!(world.balance(&jonas, "pending").await, "3.00 TEST-USD");
    let waiting = &world.get(Some("jonas"), SHARES).await.json()["shares"][0];
    assert_eq!(
        (&waiting["state"], &waiting["amount"]["amount"]),
        (&json!("waiting"), &json!("3.00"))
    );
    assert_eq!(
        (&waiting["manifest"], &waiting["own"]),
        (&json!(manifest.id), &json!(true))
    );
    assert_eq!(
        world.get(Some("organiser"), SHARES).await.json()["shares"][0]["own"],
        false
    );
    assert_eq!(accept(&world, "jonas", &manifest.id).await, json!({"released": 1}));
    assert_eq!(world.balance(&jonas, "pending").await, "0");
    assert_eq!(world.available("jonas").await, "3.00 TEST-USD");
    for who in ["jonas", "organiser"] {
        assert_eq!(states(&world, who).await, ["released"], "{who}");
    }
    assert!(states(&world, "stranger").await.is_empty());
    assert_eq!(
        accept_answer(&world, "jonas", &manifest.id).await.code(),
        "not_found",
        "nothing is left to release"
    );
    assert_eq!(world.available("jonas").await, "3.00 TEST-USD");
    world.audit_clean().await;
}

async fn a_share_is_paid_when_the_seller_says_that_it_was_accepted(backend: Backend) {
    let world = World::new(backend).await;
    let (checkout, _) = sale_with(&world, &key("jonas").did()).await;
    world.pay.sweep().await.unwrap();
    assert_eq!(world.available("jonas").await, "0");
    let accepted = vec![key("mira").did(), key("jonas").did()];
    world.seller.change(&checkout.goods, |quote| quote.accepted = accepted);
    world.pay.sweep().await.unwrap();
    assert_eq!(
        world.available("jonas").await,
        "0",
        "the seller is not asked every second"
    );
    world.clock.advance(Span::minutes(10));
    world.seller.away.store(true, std::sync::atomic::Ordering::SeqCst);
    world.pay.sweep().await.unwrap();
    assert_eq!(
        world.available("jonas").await,
        "0",
        "a seller that is away says nothing"
    );
    world.seller.away.store(false, std::sync::atomic::Ordering::SeqCst);
    world.clock.advance(Span::seconds(10));
    // Whoever looks does not wait for the sweep.
    assert_eq!(states(&world, "jonas").await, ["released"]);
    assert_eq!(world.available("jonas").await, "3.00 TEST-USD");
    world.audit_clean().await;
}

async fn an_acceptance_counts_for_later_sales_too(backend: Backend) {
    let world = World::new(backend).await;
    let jonas = key("jonas").did();
    let (_, manifest) = sale_with(&world, &jonas).await;
    accept(&world, "jonas", &manifest.id).await;
    // The seller does not know of it: the manifest is the same, and its payee has accepted.
    let (_, again) = sale_with(&world, &jonas).await;
    assert_eq!(again.id, manifest.id);
    world.clock.advance(Span::minutes(10));
    world.pay.sweep().await.unwrap();
    assert_eq!(world.available("jonas").await, "6.00 TEST-USD");
    world.audit_clean().await;
}

async fn a_contract_of_the_time_of_the_sale_divides_what_is_released(backend: Backend) {
    let world = World::new(backend).await;
    contract_sign(
        &world,
        "jonas",
        1,
        &[("own", "jonas", 90), ("charity", "ada", 10)],
        &|contract| {
            contract["minimum_transaction"] = json!("1.00");
            contract["currency"] = json!("TEST-USD");
        },
    )
    .await;
    world.clock.advance(Span::minutes(1));
    let (_, manifest) = sale_with(&world, &key("jonas").did()).await;
    contract_sign(&world, "jonas", 2, &[("other", "zoe", 100)], &|_| {}).await;
    world.clock.advance(Span::minutes(1));
    accept(&world, "jonas", &manifest.id).await;
    assert_eq!(world.available("jonas").await, "2.70 TEST-USD");
    assert_eq!(world.balance(&key("ada").did(), "accrued").await, "0.30 TEST-USD");
    assert_eq!(world.available("zoe").await, "0");
    world.audit_clean().await;
}

async fn whoever_has_claimed_a_mailbox_accepts_for_it_and_pays_as_it(backend: Backend) {
    let world = World::new(backend).await;
    let soft: Did = "did:email:jo_at_mail.example".parse().unwrap();
    let (_, manifest) = sale_with(&world, &soft).await;
    assert_eq!(
        accept_answer(&world, "jonas", &manifest.id).await.code(),
        "not_found",
        "not claimed yet"
    );
    world
        .identities
        .claimed
        .lock()
        .unwrap()
        .push((soft.clone(), key("jonas").did()));
    assert_eq!(states(&world, "jonas").await, ["waiting"]);
    assert_eq!(accept(&world, "jonas", &manifest.id).await, json!({"released": 1}));
    assert_eq!(
        world.available("jonas").await,
        "3.00 TEST-USD",
        "what was the mailbox's is the key's"
    );
    assert_eq!(world.balance(&soft, "pending").await, "0");
    // The payment page of what the mailbox has ordered works for the session of the key.
    let goods = world.goods("jonas");
    world.seller.change(&goods, |quote| quote.buyer = Some(soft.clone()));
    let request = imajin_pay_api::CheckoutCreate {
        goods,
        buyer: soft.clone(),
        success_url: "/".to_owned(),
        cancel_url: "/".to_owned(),
    };
    let checkout = imajin_pay_api::PayApi::checkout_create(&*world.pay, request)
        .await
        .unwrap();
    let page = format!("/pay/checkout/{}", checkout.id);
    let shown = world.get_accepting(Some("jonas"), &page, "text/html").await;
    assert_eq!(shown.status, StatusCode::OK);
    let token = world.form_token("jonas", checkout.id).await;
    assert!(shown.text().contains(&token));
    let form = format!("token={token}&outcome=pay");
    let (paid, ()) = tokio::join!(world.press(&page, Some(crate::world::PUBLIC), &form), async {
        while world.state(checkout.id).await != imajin_pay_api::CheckoutState::Settled {
            world.pay.drive().await.unwrap();
        }
    });
    assert!(paid.status.is_redirection(), "{}", paid.text());
    world.audit_clean().await;
}

async fn after_ninety_days_it_goes_to_the_authors_overflow_or_the_author(backend: Backend) {
    let world = World::new(backend).await;
    sale_with(&world, &key("jonas").did()).await;
    world.clock.advance(Span::minutes(1));
    sale_with(&world, &key("karl").did()).await;
    world.clock.advance(Span::minutes(90 * 24 * 60 - 2));
    world.pay.sweep().await.unwrap();
    assert_eq!(world.available("organiser").await, "0", "a minute early");
    world.clock.advance(Span::minutes(1));
    world.pay.sweep().await.unwrap();
    world.pay.sweep().await.unwrap();
    assert_eq!(
        world.available("organiser").await,
        "3.00 TEST-USD",
        "to the author, once"
    );
    contract_sign(&world, "organiser", 1, &[("own", "organiser", 100)], &|contract| {
        contract["overflow"] = json!(key("ada").did());
    })
    .await;
    world.clock.advance(Span::minutes(1));
    world.pay.sweep().await.unwrap();
    assert_eq!(
        world.available("ada").await,
        "3.00 TEST-USD",
        "to the author's overflow"
    );
    for (who, due) in [("jonas", 1), ("karl", 1), ("organiser", 2), ("ada", 1)] {
        assert_eq!(states(&world, who).await, vec!["passed_on"; due], "{who}");
    }
    let notice = world.get(Some("jonas"), SHARES).await.json()["shares"][0]["notice"].clone();
    assert!(
        notice
            .as_str()
            .unwrap()
            .contains("Nobody accepted the manifest in 90 days"),
        "{notice}"
    );
    assert_eq!(world.balance(&key("jonas").did(), "pending").await, "0");
    world.audit_clean().await;
}

async fn what_is_no_acceptance_of_ones_own_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (_, manifest) = sale_with(&world, &key("jonas").did()).await;
    let jonas = key("jonas");
    let acceptance = Acceptance::sign(&jonas, jonas.did(), manifest.id.clone(), world.env.now()).unwrap();
    let good = serde_json::to_value(&acceptance).unwrap();
    assert_eq!(world.post("thief", ACCEPT, None, &good).await.code(), "forbidden");
    let mut changed = good.clone();
    changed["timestamp"] = json!(1);
    assert_eq!(
        world.post("jonas", ACCEPT, None, &changed).await.code(),
        "bad_signature"
    );
    assert_eq!(accept_answer(&world, "thief", &manifest.id).await.code(), "not_found");
    let other = world.manifest(&[("zoe", 1_000_000)]).id;
    assert_eq!(accept_answer(&world, "jonas", &other).await.code(), "not_found");
    assert_eq!(
        world.post("jonas", ACCEPT, None, &json!({})).await.code(),
        "invalid_request"
    );
    assert_eq!(world.get(None, SHARES).await.code(), "unauthenticated");
    assert_eq!(world.available("jonas").await, "0");
    world.audit_clean().await;
}

async fn shares_from_before_their_table_are_found_and_paid(backend: Backend) {
    let world = World::new(backend).await;
    let jonas = key("jonas").did();
    let mut manifests = Vec::new();
    for _ in 0..3 {
        manifests.push(sale_with(&world, &jonas).await.1.id);
        world.clock.advance(Span::seconds(1));
    }
    world.audit_clean().await;
    // As a database from before the table is after the migration.
    let emptied: Result<(), imajin_store::StoreError> = world
        .db
        .write(|conn| {
            use diesel::connection::SimpleConnection;
            Ok(conn.batch_execute("DELETE FROM held_shares")?)
        })
        .await;
    emptied.unwrap();
    assert!(!world.audit().await.is_empty());
    let (tasks, stop) = (
        tokio_util::task::TaskTracker::new(),
        tokio_util::sync::CancellationToken::new(),
    );
    stop.cancel();
    world.pay.background(&tasks, &stop);
    tasks.close();
    tasks.wait().await;
    world.audit_clean().await;
    assert_eq!(states(&world, "jonas").await, ["waiting"; 3]);
    for manifest in &manifests {
        // One acceptance is enough for sales of the same manifest.
        accept_answer(&world, "jonas", manifest).await;
    }
    assert_eq!(world.balance(&jonas, "pending").await, "0");
    assert_eq!(world.available("jonas").await, "9.00 TEST-USD");
    world.audit_clean().await;
}
