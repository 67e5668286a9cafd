//! Visas: signed, reserved, returned.

use axum::http::StatusCode;
use imajin_broker::BrokerConfig;
use imajin_imagxp::visa::{VisaExpectation, visa_verify};
use imajin_kernel::Span;
use imajin_proof::jose::Jwk;
use imajin_store::{StoreError, tamper};
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use crate::world::{ISSUER, World, key};

on_both!(
    a_visa_is_one_that_publishers_take,
    somebody_with_a_balance_buys_a_visa_for_their_own_key,
    a_visa_is_never_more_than_there_is,
    whoever_has_nothing_writes_nothing,
    what_is_used_up_is_not_open_any_more,
    the_same_order_is_one_visa,
    a_lost_answer_of_the_ledger_reserves_nothing_twice,
    an_agent_that_got_no_answer_has_its_money_back,
    what_pay_refuses_for_good_is_asked_once,
    what_no_visa_can_be_is_refused,
    each_use_of_a_visa_is_worth_something,
    a_new_key_is_published_before_it_signs_and_the_old_one_after,
    discovery_says_what_is_there,
);

async fn a_visa_is_one_that_publishers_take(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let visa = world.visa("2.50", 3).await;
    assert_eq!(
        (visa.issuer.as_str(), visa.uses, visa.max.to_string()),
        (ISSUER, 3, "2.50 TEST-USD".to_owned())
    );
    assert_eq!(
        (visa.agent.clone(), visa.holder.clone()),
        (world.host.clone(), Some(world.agent_key.thumbprint()))
    );
    assert_eq!(world.purse.has(&world.agent()), 7_500_000);
    let own = world.agent_get("/broker/api/visas").await.expect(StatusCode::OK).json();
    assert_eq!(
        (&own["items"][0]["jti"], &own["items"][0]["state"]),
        (&json!(visa.jti), &json!("open"))
    );
    let all = world
        .ask(&key("operator"), "GET", "/broker/api/visas?all=true", None)
        .await;
    assert_eq!(all.expect(StatusCode::OK).json(), own);
    world
        .agent_get("/broker/api/visas?all=true")
        .await
        .expect(StatusCode::FORBIDDEN);
    let others = world.ask(&key("person"), "GET", "/broker/api/visas", None).await;
    assert_eq!(others.json()["items"], json!([]));
    assert_eq!(world.audit().await, []);
}

async fn somebody_with_a_balance_buys_a_visa_for_their_own_key(backend: Backend) {
    let world = World::new(backend).await;
    let person = key("person");
    world.purse.put(&person.did(), "3.00 TEST-USD");
    let issued = world
        .ask(&person, "POST", "/issue-visa", Some(&world.order("1.00", 1)))
        .await;
    let token = issued.expect(StatusCode::CREATED).json()["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let holders = [Jwk::from_key(person.public()).thumbprint()];
    let expect = VisaExpectation {
        issuer: ISSUER,
        audience: &world.host,
        holders: &holders,
        purpose: None,
        takes_bearer: false,
        now: world.env.now(),
    };
    let visa = visa_verify(&token, &world.keys().await, &expect).unwrap();
    assert_eq!(visa.agent, person.did().to_string());
    let own = world.ask(&person, "GET", "/broker/api/visas", None).await.json();
    assert_eq!(own["items"][0]["agentId"], json!(person.did()));
    assert_eq!(
        (world.purse.has(&person.did()), world.audit().await),
        (2_000_000, Vec::new())
    );
}

async fn a_visa_is_never_more_than_there_is(backend: Backend) {
    let world = World::new(backend).await;
    let order = world.order("1.00", 1);
    let nobody = world.agent_post("/issue-visa", &order, None).await;
    assert_eq!(
        (nobody.status, nobody.code().as_str()),
        (StatusCode::CONFLICT, "conflict")
    );
    world.funded("1.50 TEST-USD").await;
    world.visa("1.00", 1).await;
    let short = world.agent_post("/broker/issue-visa", &order, Some("later")).await;
    assert_eq!(
        (short.status, short.code().as_str()),
        (StatusCode::PAYMENT_REQUIRED, "payment_required")
    );
    // The same request goes through once there is enough.
    world.purse.put(&world.agent(), "0.50 TEST-USD");
    let paid = world.agent_post("/broker/issue-visa", &order, Some("later")).await;
    paid.expect(StatusCode::CREATED);
    assert_eq!(world.purse.has(&world.agent()), 0);
    let person = world.ask(&key("person"), "POST", "/issue-visa", Some(&order)).await;
    assert_eq!(person.code(), "payment_required");
    assert_eq!(world.audit().await, []);
}

async fn whoever_has_nothing_writes_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let stranger = key("stranger");
    let rows = async |table: &'static str| {
        let found = world
            .db
            .read(move |conn| Ok::<_, StoreError>(tamper::rows(conn, table)?.len()));
        found.await.unwrap()
    };
    let before = rows("mutation_log").await;
    let order = world.order("1.00", 1);
    let transfer = json!({"reference": "r", "to": key("other").did(),
        "amount": {"amount": "1.00", "currency": "TEST-USD"}});
    for (path, body) in [
        ("/issue-visa", &order),
        ("/broker/api/visas", &order),
        ("/broker/api/transfers", &transfer),
    ] {
        let answer = world.ask(&stranger, "POST", path, Some(body)).await;
        assert_eq!(answer.code(), "payment_required", "{}", answer.text());
    }
    assert_eq!((rows("visas").await, rows("transfers").await), (0, 0));
    assert_eq!(rows("mutation_log").await, before);
    // Nor does whoever has something write a lot.
    world.purse.put(&stranger.did(), "3.00 TEST-USD");
    for (path, body) in [
        ("/issue-visa", &order),
        ("/broker/api/visas", &order),
        ("/broker/api/transfers", &transfer),
    ] {
        let mut padded = body.clone();
        padded["padding"] = json!("x".repeat(5_000));
        let answer = world.ask(&stranger, "POST", path, Some(&padded)).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", answer.text());
    }
    assert_eq!(rows("mutation_log").await, before);
}

async fn what_is_used_up_is_not_open_any_more(backend: Backend) {
    let config = BrokerConfig {
        open_visas_max: 2,
        ..BrokerConfig::default()
    };
    let world = World::configured(backend, config).await;
    world.funded("10.00 TEST-USD").await;
    let refused = async || {
        let answer = world.agent_post("/issue-visa", &world.order("0.10", 1), None).await;
        assert_eq!(answer.code(), "conflict");
        assert!(answer.json()["detail"].as_str().unwrap().contains("2 visas"));
    };
    // Whoever buys a visa for each page reads on: one is used up by its use, another by its amount.
    for number in 0..3 {
        let (by_use, by_amount) = (world.visa("1.00", 1).await, world.visa("1.00", 2).await);
        refused().await;
        let receipts = [format!("a{number}"), format!("b{number}")];
        let batch = [
            (by_use.jti.as_str(), receipts[0].as_str(), "0.10"),
            (by_amount.jti.as_str(), receipts[1].as_str(), "1.00"),
        ];
        assert_eq!(world.redeem(&batch).await, ["accepted", "accepted"]);
    }
    // What can be used again is open.
    for number in 0..2 {
        let visa = world.visa("1.00", 2).await;
        let receipt = format!("c{number}");
        assert_eq!(world.redeem(&[(&visa.jti, &receipt, "0.10")]).await, ["accepted"]);
    }
    refused().await;
    for _sweep in 0..2 {
        world.later(Span::days(8));
        world.broker.due_work().await.unwrap();
    }
    world.visa("0.10", 1).await;
    assert_eq!(world.audit().await, []);
}

async fn the_same_order_is_one_visa(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let order = world.order("1.00", 1);
    let mut names = Vec::new();
    for _time in 0..2 {
        let answer = world.agent_post("/broker/api/visas", &order, Some("k")).await;
        let issued = answer.expect(StatusCode::CREATED).json();
        assert_eq!(issued["header_name"], "x-imagxp-credential");
        names.push(world.read(issued["token"].as_str().unwrap()).await.jti);
    }
    assert_eq!(names[0], names[1]);
    assert_eq!(
        (world.purse.hold_count(), world.purse.has(&world.agent())),
        (1, 9_000_000)
    );
    let other = world
        .agent_post("/broker/api/visas", &world.order("2.00", 1), Some("k"))
        .await;
    assert_eq!(other.code(), "idempotency_mismatch");
}

async fn a_lost_answer_of_the_ledger_reserves_nothing_twice(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let order = world.order("1.00", 1);
    world.purse.lose(1);
    let lost = world.agent_post("/broker/api/visas", &order, Some("k")).await;
    assert_eq!(lost.code(), "unavailable");
    let answer = world.agent_post("/broker/api/visas", &order, Some("k")).await;
    answer.expect(StatusCode::CREATED);
    assert_eq!(
        (world.purse.hold_count(), world.purse.has(&world.agent())),
        (1, 9_000_000)
    );
}

async fn an_agent_that_got_no_answer_has_its_money_back(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    world.purse.lose(1);
    let lost = world
        .agent_post("/broker/api/visas", &world.order("1.00", 1), None)
        .await;
    assert_eq!(lost.code(), "unavailable");
    assert_eq!(world.purse.has(&world.agent()), 9_000_000);
    // The background goes on with it, and closes it when its time is over. Pay loses that answer too.
    world.later(Span::minutes(3));
    world.broker.due_work().await.unwrap();
    world.later(Span::days(8));
    world.purse.lose(1);
    world.broker.due_work().await.unwrap();
    world.later(Span::minutes(2));
    world.broker.due_work().await.unwrap();
    assert_eq!(world.purse.has(&world.agent()), 10_000_000);
    let own = world.agent_get("/broker/api/visas").await.json();
    assert_eq!(
        (&own["items"][0]["state"], &own["items"][0]["returned"]["amount"]),
        (&json!("closed"), &json!("1.00"))
    );
    assert_eq!(world.audit().await, []);
}

async fn what_pay_refuses_for_good_is_asked_once(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    world.purse.forbid(1);
    let order = world.order("1.00", 1);
    let refused = world.agent_post("/broker/api/visas", &order, Some("k")).await;
    assert_eq!(refused.code(), "forbidden", "{}", refused.text());
    world.later(Span::minutes(3));
    assert_eq!(
        world.broker.due_work().await.unwrap(),
        0,
        "nothing is left to do about it"
    );
    let own = world.agent_get("/broker/api/visas").await.json();
    assert_eq!(own["items"][0]["state"], "refused");
    assert_eq!(world.purse.hold_count(), 0);
    assert_eq!(world.audit().await, []);
}

async fn what_no_visa_can_be_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let good = world.order("1.00", 1);
    let wrong = [
        ("ttl", json!(0)),
        ("ttl", json!(3601)),
        ("uses", json!(0)),
        ("uses", json!(10_001)),
        ("publisher", json!("")),
        ("publisher", json!("https://news.example")),
        ("publisher", json!("news.example/path")),
        ("publisher", json!("News.Example")),
        ("publisher", json!("user@news.example")),
        ("publisher", json!("news.example:443")),
        ("max_amount", json!({"amount": "0.00", "currency": "TEST-USD"})),
        ("max_amount", json!({"amount": "10000.01", "currency": "TEST-USD"})),
        ("max_amount", json!({"amount": "1.00", "currency": "SOL"})),
        ("max_amount", json!({"amount": "0.000099", "currency": "TEST-USD"})),
    ];
    for (member, value) in wrong {
        let mut order = good.clone();
        order[member] = value.clone();
        let answer = world.agent_post("/issue-visa", &order, None).await;
        assert_eq!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "{member} {value}: {}",
            answer.text()
        );
        assert_eq!(answer.json()["member"], member, "{value}");
    }
    for body in [json!({}), json!({"publisher": "a.example", "price": 1}), json!([])] {
        let answer = world.agent_post("/issue-visa", &body, None).await;
        assert_eq!(answer.code(), "invalid_request", "{body}");
    }
    assert_eq!(world.purse.hold_count(), 0);
}

/// Each use is a row for ever: one dollar that comes back makes no million of them.
async fn each_use_of_a_visa_is_worth_something(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let thin = world
        .agent_post("/issue-visa", &world.order("0.9999", 10_000), None)
        .await;
    assert_eq!(thin.expect(StatusCode::BAD_REQUEST).json()["member"], "max_amount");
    world.visa("1.00", 10_000).await;
    world.visa("0.0001", 1).await;
    assert_eq!(world.purse.hold_count(), 2);
}

async fn a_new_key_is_published_before_it_signs_and_the_old_one_after(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let first = world.keys().await;
    let rotate = async |who| {
        world
            .ask(&key(who), "POST", "/broker/api/keys/rotate", Some(&json!({})))
            .await
    };
    assert_eq!(rotate("person").await.code(), "forbidden");
    assert_eq!(
        rotate("operator").await.expect(StatusCode::OK).json(),
        json!({"rotated": true})
    );
    assert_eq!(rotate("operator").await.json(), json!({"rotated": false}));
    let both = world.keys().await;
    assert_eq!((first.keys().len(), both.keys().len()), (1, 2));
    let signer = async || {
        let token = world
            .agent_post("/issue-visa", &world.order("0.10", 1), None)
            .await
            .json();
        let token = token["token"].as_str().unwrap().to_owned();
        let holders = [world.agent_key.thumbprint()];
        let expect = VisaExpectation {
            issuer: ISSUER,
            audience: &world.host,
            holders: &holders,
            purpose: None,
            takes_bearer: false,
            now: world.env.now(),
        };
        (
            visa_verify(&token, &first, &expect).is_ok(),
            visa_verify(&token, &both, &expect).is_ok(),
        )
    };
    assert_eq!(signer().await, (true, true));
    world.later(Span::minutes(61));
    assert_eq!(signer().await, (false, true));
    // The old key is published for as long as what it has signed lives.
    assert_eq!(world.keys().await.keys().len(), 2);
    world.later(Span::hours(3));
    assert_eq!(world.keys().await.keys().len(), 1);
    assert_eq!(world.audit().await, []);
}

async fn discovery_says_what_is_there(backend: Backend) {
    let world = World::new(backend).await;
    let beneath = world.get("/broker/.well-known/openid-configuration").await;
    let root = world.get("/.well-known/oauth-authorization-server/broker").await;
    let said = beneath.expect(StatusCode::OK).json();
    assert_eq!((&said, &said["issuer"]), (&root.json(), &json!(ISSUER)));
    assert_eq!(beneath.header("access-control-allow-origin"), "*");
    for (name, address) in said.as_object().unwrap() {
        let Some(path) = address
            .as_str()
            .and_then(|text| text.strip_prefix("http://node.test:7000"))
        else {
            continue;
        };
        if name == "issuer" {
            continue;
        }
        let status = world.get(path).await.status;
        assert_ne!(status, StatusCode::NOT_FOUND, "{name}");
    }
}
