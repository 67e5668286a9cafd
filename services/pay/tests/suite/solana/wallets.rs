//! A wallet scans the code, and pays.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use imajin_pay::PayConfig;
use imajin_pay_api::{CheckoutFetch, CheckoutState, PayApi};
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use super::{Coins, address, config, money, solana_config, usdc};
use crate::world::{World, key};

on_both!(
    a_wallet_pays_and_the_goods_come,
    sol_is_taken_too,
    a_wallet_calls_from_anywhere_and_nobody_else_does,
    hostile_questions_of_wallets_are_refused,
    a_checkout_that_has_ended_gives_no_transaction,
    a_server_that_is_away_is_said_and_everything_is_found_afterwards,
    each_asset_has_its_rail,
    the_rails_are_listed_with_what_is_missing,
    mjn_is_known_and_nothing_settles_in_it,
);

async fn a_wallet_pays_and_the_goods_come(backend: Backend) {
    let coins = Coins::new(backend).await;
    let checkout = coins.checkout("buyer").await;
    assert_eq!(
        checkout.url,
        format!("http://node.test:7000/pay/checkout/{}", checkout.id)
    );
    let page = coins.page(&checkout).await;
    let link = format!("solana:http://node.test:7000/pay/solana/{}", checkout.id);
    for part in [
        link.as_str(),
        "data-state=\"open\"",
        "id=\"transaction-qr\"",
        "http-equiv=\"refresh\"",
        "which books the shares of the payees: no payee has an address",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("TEST MONEY"));
    let signature = coins.wallet_pays(&checkout).await;
    // On the chain and not final: shown, and nothing is booked.
    coins.world.clock.advance(imajin_kernel::Span::seconds(3));
    coins.world.pay.solana_tick().await.unwrap();
    coins.world.pay.drive().await.unwrap();
    assert_eq!(coins.payment_state(&checkout).await, "settling");
    assert_eq!(coins.world.state(checkout.id).await, CheckoutState::Open);
    coins.follow().await;
    assert_eq!(coins.world.state(checkout.id).await, CheckoutState::Settled);
    assert_eq!(coins.payment_state(&checkout).await, "paid");
    assert!(coins.page(&checkout).await.contains("data-state=\"paid\""));
    assert_eq!(coins.world.available("mira").await, "7.00 USDC");
    assert_eq!(coins.units(&usdc(), &coins.node()).await, 10_000_000);
    let receipt = coins.world.receipt("buyer", checkout.id).await.message.payload;
    assert_eq!(receipt.rail, "solana");
    assert_eq!((receipt.rail_reference, receipt.test_money), (signature, false));
    assert!(receipt.legs.iter().all(|leg| leg.paid_to.is_none()));
    assert_eq!(coins.world.seller.delivered(), 1);
    coins.world.audit_clean().await;
}

async fn sol_is_taken_too(backend: Backend) {
    let coins = Coins::new(backend).await;
    let checkout = coins.checkout_split("buyer", "0.50 SOL", &[("mira", 1_000_000)]).await;
    coins.wallet_pays(&checkout).await;
    coins.follow().await;
    assert_eq!(coins.world.state(checkout.id).await, CheckoutState::Settled);
    assert_eq!(coins.world.available("mira").await, money("0.50 SOL").to_string());
    coins.world.audit_clean().await;
}

async fn a_wallet_calls_from_anywhere_and_nobody_else_does(backend: Backend) {
    let coins = Coins::new(backend).await;
    let checkout = coins.checkout("buyer").await;
    let path = format!("/pay/solana/{}", checkout.id);
    let info = coins.world.get(None, &path).await;
    assert_eq!(info.json()["label"], "A node");
    assert_eq!(info.json()["icon"], "http://node.test:7000/assets/icon.svg");
    let preflight = Request::options(&path)
        .header("origin", "https://wallet.example")
        .header("access-control-request-method", "POST");
    let preflight = coins.world.send(preflight.body(Body::empty()).unwrap()).await;
    assert_eq!(preflight.status, StatusCode::NO_CONTENT);
    let refused = coins.wallet_asks(&checkout, &json!({"account": "nobody"})).await;
    for answer in [&info, &preflight, &refused] {
        assert_eq!(answer.header("access-control-allow-origin"), "*");
    }
    for elsewhere in ["/pay/api/fees".to_owned(), format!("/pay/checkout/{}", checkout.id)] {
        let answer = coins.world.get(None, &elsewhere).await;
        assert!(
            !answer.headers.contains_key("access-control-allow-origin"),
            "{elsewhere}"
        );
    }
}

async fn hostile_questions_of_wallets_are_refused(backend: Backend) {
    let coins = Coins::new(backend).await;
    let checkout = coins.checkout("buyer").await;
    let token_account = usdc().account(&address("buyer")).unwrap().to_string();
    for body in [
        json!({}),
        json!({"account": 7}),
        json!({"account": ""}),
        json!({"account": "0OIl".repeat(10)}),
        json!({"account": "1".repeat(1_900)}),
        json!([]),
        json!(null),
    ] {
        let answer = coins.wallet_asks(&checkout, &body).await;
        assert_eq!(answer.code(), "invalid_request", "{body}: {}", answer.text());
    }
    let answer = coins.wallet_asks(&checkout, &json!({"account": token_account})).await;
    assert!(
        answer.status.is_client_error(),
        "nobody can sign for it: {}",
        answer.text()
    );
    let large = coins
        .wallet_asks(&checkout, &json!({"account": "1".repeat(3_000)}))
        .await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", large.text());
    for path in [
        "/pay/solana/chk_1",
        "/pay/solana/01J00000000000000000000000",
        "/pay/solana/%00",
    ] {
        assert!(coins.world.get(None, path).await.status.is_client_error(), "{path}");
    }
    // Twenty in a minute are answered, whoever asks, and the chain is asked for its newest block once.
    coins.test("test_calm", json!([]));
    let before = coins.test("test_count", json!(["getLatestBlockhash"]));
    let asked = json!({"account": address("buyer")});
    let mut answers = Vec::new();
    for _ in 0..30 {
        answers.push(coins.wallet_asks(&checkout, &asked).await.status.as_u16());
    }
    assert!(answers.contains(&200) && answers.ends_with(&[429]), "{answers:?}");
    let after = coins.test("test_count", json!(["getLatestBlockhash"]));
    assert!(after.as_u64().unwrap() - before.as_u64().unwrap() <= 1);
    coins.world.audit_clean().await;
}

async fn a_checkout_that_has_ended_gives_no_transaction(backend: Backend) {
    let coins = Coins::new(backend).await;
    let asked = json!({"account": address("buyer")});
    let (withdrawn, late, paid) = (
        coins.checkout("one").await,
        coins.checkout("two").await,
        coins.checkout("three").await,
    );
    coins.wallet_pays(&paid).await;
    coins.follow().await;
    let cancel = CheckoutFetch { id: withdrawn.id };
    coins.world.pay.checkout_cancel(cancel).await.unwrap();
    coins.world.pay.drive().await.unwrap();
    coins.time_passes();
    coins.world.pay.sweep().await.unwrap();
    for (checkout, state) in [(&withdrawn, "expired"), (&late, "expired"), (&paid, "paid")] {
        let answer = coins.wallet_asks(checkout, &asked).await;
        assert_eq!(answer.code(), "payment_failed", "{}", answer.text());
        assert_eq!(coins.payment_state(checkout).await, state);
        assert!(!coins.page(checkout).await.contains("transaction-qr"));
    }
    coins.world.audit_clean().await;
}

async fn a_server_that_is_away_is_said_and_everything_is_found_afterwards(backend: Backend) {
    let coins = Coins::new(backend).await;
    let checkout = coins.checkout("buyer").await;
    coins.wallet_pays(&checkout).await;
    coins.test("test_finalise", json!([]));
    coins.test("test_fault", json!(["getSignaturesForAddress", "away", 1]));
    coins.world.clock.advance(imajin_kernel::Span::seconds(3));
    let ticked = coins.world.pay.solana_tick().await.unwrap();
    assert_eq!(ticked.problems.len(), 1, "{ticked:?}");
    let listed = coins.world.get(None, "/pay/api/rails").await.json();
    let line = listed["rails"]
        .as_array()
        .unwrap()
        .iter()
        .find(|rail| rail["name"] == "solana")
        .cloned();
    assert_eq!(line.as_ref().unwrap()["works"], false, "{listed}");
    assert!(line.unwrap().get("problem").is_none(), "for the operator only");
    // Nobody can begin to pay meanwhile.
    coins.test("test_fault", json!(["getGenesisHash", "away", 1]));
    let goods = coins.world.goods_split("other", "10.00 USDC", &[("mira", 1_000_000)]);
    let body = json!({"goods": goods, "successUrl": "/", "cancelUrl": "/"});
    let refused = coins.world.post("other", "/pay/api/checkout", Some("k"), &body).await;
    assert_eq!(refused.code(), "unavailable", "{}", refused.text());
    coins.test("test_calm", json!([]));
    coins.follow().await;
    assert_eq!(coins.world.state(checkout.id).await, CheckoutState::Settled);
    coins.world.audit_clean().await;
}

async fn each_asset_has_its_rail(backend: Backend) {
    // On a chain of tests, beside the sandbox.
    let coins = Coins::with(backend, |peer| {
        let mut solana = solana_config(&peer.url());
        solana.network = "devnet".to_owned();
        solana.payout_limits.clear();
        PayConfig {
            rails: imajin_pay::RailsConfig {
                solana: Some(solana),
                ..imajin_pay::RailsConfig::default()
            },
            ..PayConfig::default()
        }
    })
    .await;
    let sandbox = coins.world.checkout("buyer").await;
    coins.world.pay_for(&sandbox).await;
    assert_eq!(coins.world.state(sandbox.id).await, CheckoutState::Settled);
    let refused = async |price: &str| {
        let goods = coins.world.goods_split("buyer", price, &[("mira", 1_000_000)]);
        let body = json!({"goods": goods, "successUrl": "/", "cancelUrl": "/"});
        coins.world.post("buyer", "/pay/api/checkout", Some(price), &body).await
    };
    // Real money has no rail here, and the server's chain is not the one of the setting.
    assert_eq!(refused("10.00 USDC").await.code(), "conflict");
    let wrong = refused("10.00 TEST-USDC").await;
    assert_eq!(wrong.code(), "payment_failed", "{}", wrong.text());
    assert!(wrong.detail().contains("another chain"), "{}", wrong.text());
    coins.test("test_genesis", json!(["EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG"]));
    assert_eq!(refused("10.00 TEST-USDC").await.status.as_u16(), 201);
    coins.world.audit_clean().await;
}

async fn the_rails_are_listed_with_what_is_missing(backend: Backend) {
    let coins = Coins::unfunded(backend, |peer| {
        let mut config = config(peer);
        config.rails.solana.as_mut().unwrap().payout_limits.clear();
        config
    })
    .await;
    *coins.world.identities.operator.lock().unwrap() = Some(key("operator").did());
    let rails = async |reader| {
        let listed = coins.world.get(reader, "/pay/api/rails").await.json();
        let rails = listed["rails"].as_array().unwrap().clone();
        rails.into_iter().find(|rail| rail["name"] == "solana").unwrap()
    };
    let seen = rails(Some("operator")).await;
    assert_eq!(
        (
            &seen["built"],
            &seen["open"],
            &seen["test"],
            &seen["works"],
            &seen["paysOut"]
        ),
        (&json!(true), &json!(true), &json!(false), &json!(true), &json!(true))
    );
    let missing = seen["missing"].as_array().unwrap();
    assert_eq!(missing.len(), 3, "{seen}");
    assert!(missing[0].as_str().unwrap().contains("payout_limits"));
    assert!(missing[1].as_str().unwrap().contains("https"));
    assert!(missing[2].as_str().unwrap().contains("too little SOL"));
    assert_eq!(seen["address"], coins.node().to_string());
    let public = rails(None).await;
    assert!(public.get("missing").is_none(), "{public}");
    let without = World::new(backend).await;
    let listed = without.get(None, "/pay/api/rails").await.json();
    let line = &listed["rails"].as_array().unwrap()[2];
    assert_eq!((&line["name"], &line["open"]), (&json!("solana"), &json!(false)));
    assert!(line.get("test").is_none(), "it is not set up");
}

async fn mjn_is_known_and_nothing_settles_in_it(backend: Backend) {
    let coins = Coins::new(backend).await;
    let rails = coins.world.get(None, "/pay/api/rails").await.json();
    let rails = rails["rails"].as_array().unwrap().clone();
    let solana = rails.iter().find(|rail| rail["name"] == "solana").unwrap();
    let tokens = solana["tokens"].as_array().unwrap();
    let mjn = tokens.iter().find(|token| token["name"] == "MJN").unwrap();
    assert_eq!(mjn["mint"], "12rXuUVzC71zoLrqVa3JYGRiXkKrezQLXB7gKkfq9AjK");
    assert!(mjn.get("currency").is_none());
    let goods = coins.world.goods_split("buyer", "10.00 MJN", &[("mira", 1_000_000)]);
    let body = json!({"goods": goods, "successUrl": "/", "cancelUrl": "/"});
    let refused = coins.world.post("buyer", "/pay/api/checkout", Some("k"), &body).await;
    assert_eq!(refused.code(), "conflict", "{}", refused.text());
    coins.bind("mira").await;
    let body = json!({"amount": {"amount": "1.00", "currency": "MJN"}});
    let refused = coins.world.post("mira", "/pay/api/payout", Some("k"), &body).await;
    assert_eq!(refused.code(), "conflict", "{}", refused.text());
    // Sent all the same, it is shown and not booked.
    let checkout = coins.checkout("buyer").await;
    for (owner, units) in [(address("buyer"), 50_000_000), (coins.node(), 0)] {
        coins.test("test_tokens", json!([owner, super::MJN_MINT, units]));
    }
    coins.pays_tokens(&checkout, &super::MJN_MINT, 10_000_000);
    coins.follow().await;
    assert_eq!(coins.world.state(checkout.id).await, CheckoutState::Open);
    assert!(coins.page(&checkout).await.contains("no other token is taken"));
    coins.world.audit_clean().await;
}
