//! Refunds of parts that wait for their payees, went on along contracts, or went to somebody else.

use imajin_kernel::Span;
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use crate::contracts::{contract_sign, sale, with_minimum};
use crate::refunds::{debt, part, refund, refund_by_operator};
use crate::shares::{accept, sale_with};
use crate::world::{World, key};

on_both!(
    a_share_that_waits_is_taken_where_it_waits,
    a_share_that_went_back_whole_is_over,
    a_share_that_was_accepted_is_taken_from_its_payee,
    a_share_that_was_divided_is_taken_from_everybody,
    a_share_that_was_passed_on_is_taken_from_who_got_it,
    what_accrues_is_taken_where_it_waits,
    what_has_left_the_accrual_is_taken_from_its_recipient,
);

async fn pending(world: &World, name: &str) -> String {
    world.balance(&key(name).did(), "pending").await
}

async fn a_share_that_waits_is_taken_where_it_waits(backend: Backend) {
    let world = World::new(backend).await;
    let (checkout, manifest) = sale_with(&world, &key("jonas").did()).await;
    refund(&world, "organiser", "k", &part(&checkout, "4.00")).await;
    assert_eq!(pending(&world, "jonas").await, "1.80 TEST-USD");
    world.audit_clean().await;
    accept(&world, "jonas", &manifest.id).await;
    assert_eq!(world.available("jonas").await, "1.80 TEST-USD");
    world.audit_clean().await;
    refund(&world, "organiser", "k2", &json!({"checkout": checkout.id})).await;
    assert_eq!(
        (world.available("jonas").await, debt(&world, "jonas").await),
        ("0.00 TEST-USD".to_owned(), "0".to_owned())
    );
    assert_eq!(world.available("mira").await, "0.00 TEST-USD");
    world.audit_clean().await;
}

async fn a_share_that_went_back_whole_is_over(backend: Backend) {
    let world = World::new(backend).await;
    let (checkout, manifest) = sale_with(&world, &key("jonas").did()).await;
    refund(&world, "organiser", "k", &json!({"checkout": checkout.id})).await;
    assert_eq!(pending(&world, "jonas").await, "0");
    let shares = world.get(Some("jonas"), "/pay/api/shares").await.json();
    assert_eq!(shares["shares"][0]["state"], "returned");
    assert!(
        shares["shares"][0]["notice"]
            .as_str()
            .unwrap()
            .contains("back to the buyer")
    );
    let none = crate::shares::accept_answer(&world, "jonas", &manifest.id).await;
    assert_eq!(none.code(), "not_found");
    world.clock.advance(Span::days(91));
    world.pay.sweep().await.unwrap();
    assert_eq!(world.available("organiser").await, "0");
    world.audit_clean().await;
}

async fn a_share_that_was_accepted_is_taken_from_its_payee(backend: Backend) {
    let world = World::new(backend).await;
    let (checkout, manifest) = sale_with(&world, &key("jonas").did()).await;
    accept(&world, "jonas", &manifest.id).await;
    let hold = json!({"amount": {"amount": "2.00", "currency": "TEST-USD"}});
    world.post("jonas", "/pay/api/holds", Some("h"), &hold).await;
    refund_by_operator(&world, "k", &part(&checkout, "5.00")).await;
    assert_eq!(
        (world.available("jonas").await, debt(&world, "jonas").await),
        ("0.00 TEST-USD".to_owned(), "0.50 TEST-USD".to_owned())
    );
    world.audit_clean().await;
}

async fn a_share_that_was_divided_is_taken_from_everybody(backend: Backend) {
    let world = World::new(backend).await;
    contract_sign(
        &world,
        "jonas",
        1,
        &[("own", "jonas", 60), ("charity", "ada", 40)],
        &|_| {},
    )
    .await;
    world.clock.advance(Span::minutes(1));
    let (checkout, manifest) = sale_with(&world, &key("jonas").did()).await;
    refund(&world, "organiser", "k", &part(&checkout, "1.00")).await;
    accept(&world, "jonas", &manifest.id).await;
    assert_eq!(
        (
            world.available("jonas").await.as_str(),
            world.available("ada").await.as_str()
        ),
        ("1.62 TEST-USD", "1.08 TEST-USD")
    );
    world.audit_clean().await;
    for (number, amount) in ["2.333333", "0.000001", "6.666666"].iter().enumerate() {
        refund(&world, "organiser", &format!("k{number}"), &part(&checkout, amount)).await;
        world.clock.advance(Span::seconds(1));
        world.audit_clean().await;
    }
    for name in ["jonas", "ada", "mira"] {
        assert_eq!(
            (world.available(name).await.as_str(), debt(&world, name).await.as_str()),
            ("0.00 TEST-USD", "0"),
            "{name}"
        );
    }
    let sums = world.get(Some("jonas"), "/pay/api/contract").await;
    assert!(sums.status.is_success());
}

async fn a_share_that_was_passed_on_is_taken_from_who_got_it(backend: Backend) {
    let world = World::new(backend).await;
    let (checkout, _) = sale_with(&world, &key("jonas").did()).await;
    refund(&world, "organiser", "k", &part(&checkout, "5.00")).await;
    world.clock.advance(Span::days(91));
    world.pay.sweep().await.unwrap();
    assert_eq!(world.available("organiser").await, "1.50 TEST-USD");
    world.audit_clean().await;
    refund(&world, "organiser", "k2", &json!({"checkout": checkout.id})).await;
    assert_eq!(world.available("organiser").await, "0.00 TEST-USD");
    assert_eq!(debt(&world, "jonas").await, "0");
    world.audit_clean().await;
}

async fn what_accrues_is_taken_where_it_waits(backend: Backend) {
    let world = World::new(backend).await;
    contract_sign(
        &world,
        "mira",
        1,
        &[("own", "mira", 90), ("charity", "ada", 10)],
        &with_minimum,
    )
    .await;
    world.clock.advance(Span::minutes(1));
    let first = sale(&world).await;
    let ada = key("ada").did();
    assert_eq!(world.balance(&ada, "accrued").await, "0.70 TEST-USD");
    refund(
        &world,
        "organiser",
        "k",
        &json!({"receipt": first.id, "amount": {"amount": "5.00", "currency": "TEST-USD"}}),
    )
    .await;
    assert_eq!(world.balance(&ada, "accrued").await, "0.35 TEST-USD");
    world.audit_clean().await;
    // 0.70 more make 1.05: it leaves.
    sale(&world).await;
    assert_eq!(world.balance(&ada, "accrued").await, "0");
    assert_eq!(world.available("ada").await, "1.05 TEST-USD");
    world.audit_clean().await;
}

async fn what_has_left_the_accrual_is_taken_from_its_recipient(backend: Backend) {
    let world = World::new(backend).await;
    contract_sign(
        &world,
        "mira",
        1,
        &[("own", "mira", 90), ("charity", "ada", 10)],
        &with_minimum,
    )
    .await;
    world.clock.advance(Span::minutes(1));
    let first = sale(&world).await;
    sale(&world).await;
    assert_eq!(world.available("ada").await, "1.40 TEST-USD");
    refund(&world, "organiser", "k", &json!({"receipt": first.id})).await;
    assert_eq!(world.available("ada").await, "0.70 TEST-USD");
    world.audit_clean().await;
}
