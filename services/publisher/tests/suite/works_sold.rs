//! Works and money: what pay asks, and what it tells.

use axum::http::StatusCode;
use imajin_kernel::Code;
use imajin_money::Money;
use imajin_pay_api::{Delivery, DeliveryOutcome, GoodsRef, SellerApi};
use imajin_testkit::{Backend, on_both};
use imajin_web::Tier;
use serde_json::{Value, json};

use crate::works::{CONTENT, body_of, get_as, manifest_of, published_work, send_part, work_with};
use crate::world::{World, did, key};

on_both!(
    price_and_split_come_from_the_manifest,
    a_delivery_gives_access_however_often_it_comes,
    two_buyers_each_have_their_own,
    a_payment_that_buys_nothing_is_refused_the_same_way_again,
    a_refund_takes_access_back_and_the_work_can_be_bought_again,
    a_withdrawn_work_is_not_sold_and_stays_with_its_readers,
    the_library_and_the_sales_say_who_has_what,
    a_source_of_the_work_gets_its_share,
);

pub(crate) fn goods(id: &str) -> GoodsRef {
    GoodsRef {
        kind: "content".to_owned(),
        id: id.to_owned(),
    }
}

pub(crate) fn delivery(world: &World, id: &str, payer: &str, gross: &str) -> Delivery {
    Delivery {
        goods: goods(id),
        checkout: world.env.new_id(),
        receipt: world.env.new_id(),
        payer: did(payer),
        gross: gross.parse().unwrap(),
        paid_at: world.env.now(),
    }
}

/// A reader has paid 0.50.
pub(crate) async fn paid(world: &World, id: &str, payer: &str) -> Delivery {
    let delivery = delivery(world, id, payer, "0.50 TEST-USD");
    let outcome = world.publisher.goods_deliver(delivery.clone()).await.unwrap();
    assert_eq!(
        outcome,
        DeliveryOutcome::Delivered {
            references: vec![id.to_owned()]
        }
    );
    delivery
}

fn refusal(outcome: DeliveryOutcome) -> String {
    match outcome {
        DeliveryOutcome::Refused { reason } => reason,
        DeliveryOutcome::Delivered { .. } => panic!("it was delivered"),
    }
}

async fn status(world: &World, reader: &str, id: &str) -> StatusCode {
    get_as(world, reader, &format!("/publisher/content/{id}")).await.status
}

async fn price_and_split_come_from_the_manifest(backend: Backend) {
    let world = World::new(backend).await;
    let (id, _bytes) = published_work(&world, "ada", "0.50 TEST-USD").await;
    let quote = world.publisher.goods_quote(goods(&id)).await.unwrap();
    assert_eq!(quote.price, "0.50 TEST-USD".parse::<Money>().unwrap());
    assert_eq!((quote.buyer, quote.seller), (None, did("ada")));
    assert_eq!(quote.accepted, [did("ada")], "the editor has not agreed yet");
    assert_eq!(quote.title, "On strings");
    for nothing in [goods("cnt_00000000000000000000000000"), goods("x")] {
        let error = world.publisher.goods_quote(nothing).await.unwrap_err();
        assert_eq!(error.code, Code::NotFound);
    }
    // Where the manifest is silent, its author says it.
    let priced = work_with(&world, "ada", None, b"silent", |body| {
        body["price"] = json!({"amount": "2.00", "currency": "TEST-USD"});
    });
    let quote = world.publisher.goods_quote(goods(&priced.await)).await.unwrap();
    assert_eq!(quote.price, "2.00 TEST-USD".parse::<Money>().unwrap());
}

async fn a_delivery_gives_access_however_often_it_comes(backend: Backend) {
    let world = World::new(backend).await;
    let (id, bytes) = published_work(&world, "ada", "0.50 TEST-USD").await;
    assert_eq!(status(&world, "ben", &id).await, StatusCode::PAYMENT_REQUIRED);
    let delivery = paid(&world, &id, "ben").await;
    let again = world.publisher.goods_deliver(delivery).await.unwrap();
    assert!(matches!(again, DeliveryOutcome::Delivered { .. }));
    let read = get_as(&world, "ben", &format!("/publisher/content/{id}")).await;
    assert_eq!(read.expect(StatusCode::OK).text().into_bytes(), bytes);
    // Also after a new version, which they get.
    let second = b"# Strings, again\n".to_vec();
    let manifest = world
        .published(manifest_of("ada", &second, Some("9.00 TEST-USD")))
        .await;
    let path = format!("{CONTENT}/{id}/versions");
    world
        .post(&key("ada"), &path, &body_of(&manifest, &second))
        .await
        .expect(StatusCode::CREATED);
    send_part(&world, "ada", &id, 0, &second).await.expect(StatusCode::OK);
    world
        .post(&key("ada"), &format!("{CONTENT}/{id}/publish"), &Value::Null)
        .await
        .expect(StatusCode::OK);
    let read = get_as(&world, "ben", &format!("/publisher/content/{id}")).await;
    assert_eq!(read.expect(StatusCode::OK).text().into_bytes(), second);
    assert_eq!(world.audit().await, []);
}

async fn two_buyers_each_have_their_own(backend: Backend) {
    let world = World::new(backend).await;
    let (id, _bytes) = published_work(&world, "ada", "0.50 TEST-USD").await;
    paid(&world, &id, "ben").await;
    assert_eq!(status(&world, "ben", &id).await, StatusCode::OK);
    assert_eq!(
        status(&world, "carl", &id).await,
        StatusCode::PAYMENT_REQUIRED,
        "another's purchase"
    );
    paid(&world, &id, "carl").await;
    assert_eq!(status(&world, "carl", &id).await, StatusCode::OK);
}

async fn a_payment_that_buys_nothing_is_refused_the_same_way_again(backend: Backend) {
    let world = World::new(backend).await;
    let (id, _bytes) = published_work(&world, "ada", "0.50 TEST-USD").await;
    paid(&world, &id, "ben").await;
    for (payer, gross, reason) in [
        ("ben", "0.50 TEST-USD", "The payer has this work already."),
        ("ada", "0.50 TEST-USD", "The work is the payer's own."),
        ("carl", "0.49 TEST-USD", "The amount paid is not the price of the work."),
        ("carl", "0.50 USD", "The amount paid is not the price of the work."),
    ] {
        let delivery = delivery(&world, &id, payer, gross);
        for _ in 0..2 {
            let outcome = world.publisher.goods_deliver(delivery.clone()).await.unwrap();
            assert_eq!(refusal(outcome), reason, "{payer} {gross}");
        }
    }
    assert_eq!(status(&world, "carl", &id).await, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(world.audit().await, []);
}

async fn a_refund_takes_access_back_and_the_work_can_be_bought_again(backend: Backend) {
    let world = World::new(backend).await;
    let (id, _bytes) = published_work(&world, "ada", "0.50 TEST-USD").await;
    let first = paid(&world, &id, "ben").await;
    for _ in 0..2 {
        let revoked = world
            .publisher
            .access_revoke(&first.goods, first.checkout, "The money went back.".to_owned());
        revoked.await.unwrap();
    }
    assert_eq!(status(&world, "ben", &id).await, StatusCode::PAYMENT_REQUIRED);
    let again = world.publisher.goods_deliver(first.clone()).await.unwrap();
    assert!(
        matches!(again, DeliveryOutcome::Delivered { .. }),
        "what was answered stays"
    );
    assert_eq!(
        status(&world, "ben", &id).await,
        StatusCode::PAYMENT_REQUIRED,
        "and gives nothing"
    );
    paid(&world, &id, "ben").await;
    assert_eq!(status(&world, "ben", &id).await, StatusCode::OK);
    let nothing = world
        .publisher
        .access_revoke(&first.goods, world.env.new_id(), String::new());
    assert_eq!(nothing.await.unwrap_err().code, Code::NotFound);
    assert_eq!(world.audit().await, []);
}

async fn a_withdrawn_work_is_not_sold_and_stays_with_its_readers(backend: Backend) {
    let world = World::new(backend).await;
    let (id, _bytes) = published_work(&world, "ada", "0.50 TEST-USD").await;
    paid(&world, &id, "ben").await;
    let path = format!("{CONTENT}/{id}/withdraw");
    world
        .post(&key("ada"), &path, &Value::Null)
        .await
        .expect(StatusCode::OK);
    assert_eq!(status(&world, "ben", &id).await, StatusCode::OK);
    assert_eq!(status(&world, "carl", &id).await, StatusCode::GONE);
    let error = world.publisher.goods_quote(goods(&id)).await.unwrap_err();
    assert_eq!(error.code, Code::Gone);
    let late = delivery(&world, &id, "carl", "0.50 TEST-USD");
    let outcome = world.publisher.goods_deliver(late).await.unwrap();
    assert_eq!(refusal(outcome), "The work was withdrawn before it was paid.");
    world
        .post(&key("ada"), &path, &Value::Null)
        .await
        .expect(StatusCode::CONFLICT);
    let publish = format!("{CONTENT}/{id}/publish");
    world
        .post(&key("ada"), &publish, &Value::Null)
        .await
        .expect(StatusCode::CONFLICT);
    assert_eq!(world.audit().await, []);
}

async fn the_library_and_the_sales_say_who_has_what(backend: Backend) {
    let world = World::new(backend).await;
    let (id, _bytes) = published_work(&world, "ada", "0.50 TEST-USD").await;
    let bought = paid(&world, &id, "ben").await;
    paid(&world, &id, "carl").await;
    let library = get_as(&world, "ben", "/publisher/api/library")
        .await
        .expect(StatusCode::OK)
        .json();
    assert_eq!(library.as_array().unwrap().len(), 1);
    assert_eq!(
        (&library[0]["id"], &library[0]["receipt"]),
        (&json!(id), &json!(bought.receipt))
    );
    let sales = get_as(&world, "ada", "/publisher/api/sales")
        .await
        .expect(StatusCode::OK)
        .json();
    assert_eq!(sales[0]["readers"], 2);
    assert_eq!(sales[0]["gross"], json!([{"amount": "1.00", "currency": "TEST-USD"}]));
    assert_eq!(get_as(&world, "ben", "/publisher/api/sales").await.json(), json!([]));
    world
        .get("/publisher/api/library")
        .await
        .expect(StatusCode::UNAUTHORIZED);
    world.get("/publisher/api/sales").await.expect(StatusCode::UNAUTHORIZED);
}

async fn a_source_of_the_work_gets_its_share(backend: Backend) {
    let world = World::new(backend).await;
    let source = world
        .published(crate::world::signed("mira", "A tune", &json!({})))
        .await;
    let ada = world.person("ada", Tier::Key);
    let bytes = b"with a tune";
    let more = json!({
        "contributors": [
            {"did": did("ada"), "role": "author", "share": 0.8}, {"fair": source.id, "role": "source", "share": 0.2},
        ],
        "derives_from": [source.id],
        "content": {"sha256": imajin_proof::digest::sha256_hex(bytes)},
        "terms": {"read": {"price": "1.00", "currency": "TEST-USD"}},
    });
    let manifest = world.published(crate::world::signed("ada", "With a tune", &more)).await;
    let made = world.post(&ada, CONTENT, &body_of(&manifest, bytes)).await.json();
    let id = made["id"].as_str().unwrap();
    send_part(&world, "ada", id, 0, bytes).await.expect(StatusCode::OK);
    let publish = format!("{CONTENT}/{id}/publish");
    world.post(&ada, &publish, &Value::Null).await.expect(StatusCode::OK);
    let quote = world.publisher.goods_quote(goods(id)).await.unwrap();
    assert_eq!(quote.sources.len(), 1);
    assert_eq!(quote.sources[0].manifest.id, source.id);
    assert_eq!(quote.sources[0].accepted, [did("mira")]);
}
