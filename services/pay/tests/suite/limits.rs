//! What the operator allows an account at most.

use axum::http::StatusCode;
use imajin_ledger::{AccountKey, Limits, Purpose};
use imajin_money::Asset;
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::balance::{quote, settle, top_up};
use crate::world::{World, key};

on_both!(
    what_may_leave_a_balance_is_limited_and_named,
    a_sale_is_split_whatever_the_limits_of_its_payees_are,
    only_the_operator_sets_and_sees_limits,
    limits_that_nobody_signed_are_found,
);

const LIMITS: &str = "/pay/api/limits";

async fn operated(backend: Backend) -> World {
    let world = World::new(backend).await;
    *world.identities.operator.lock().unwrap() = Some(key("operator").did());
    world
}

async fn limit(world: &World, who: &str, limits: &[(&str, &str)]) -> Value {
    let mut body = json!({"owner": key(who).did(), "currency": "TEST-USD"});
    for (name, amount) in limits {
        body[*name] = json!(amount);
    }
    let set = world.post("operator", LIMITS, None, &body).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.text());
    set.json()
}

async fn what_may_leave_a_balance_is_limited_and_named(backend: Backend) {
    let world = operated(backend).await;
    top_up(&world, "buyer", "50.00").await;
    let set = limit(&world, "buyer", &[("entryMax", "10.00"), ("dayMax", "15.00")]).await;
    assert_eq!((&set["entryMax"], &set["dayOut"]), (&json!("10.00"), &json!("0.00")));
    let dear = quote(&world, "buyer", &world.work("10.01 TEST-USD")).await;
    let refused = settle(&world, "buyer", &dear, "k1").await;
    assert_eq!(refused.code(), "conflict");
    assert_eq!(refused.json()["limit"], "entryMax");
    assert_eq!(
        refused.json()["allowed"],
        json!({"amount": "10.00", "currency": "TEST-USD"})
    );
    let first = quote(&world, "buyer", &world.work("8.00 TEST-USD")).await;
    assert_eq!(settle(&world, "buyer", &first, "k2").await.status, StatusCode::OK);
    let hold = json!({"amount": {"amount": "7.01", "currency": "TEST-USD"}});
    let refused = world.post("buyer", "/pay/api/holds", Some("k3"), &hold).await;
    assert_eq!(
        (refused.code().as_str(), &refused.json()["limit"]),
        ("conflict", &json!("dayMax"))
    );
    let own = world.get(Some("buyer"), "/pay/api/balance").await.json();
    assert_eq!(own["limits"][0]["dayOut"], "8.00");
    limit(&world, "buyer", &[]).await;
    assert_eq!(settle(&world, "buyer", &dear, "k4").await.status, StatusCode::OK);
    let own = world.get(Some("buyer"), "/pay/api/balance").await.json();
    assert_eq!(own.get("limits"), None);
    world.audit_clean().await;
}

async fn a_sale_is_split_whatever_the_limits_of_its_payees_are(backend: Backend) {
    let world = operated(backend).await;
    limit(&world, "mira", &[("balanceMax", "1.00")]).await;
    let checkout = world.checkout("buyer").await;
    world.pay_for(&checkout).await;
    assert_eq!(world.available("mira").await, "7.00 TEST-USD");
    world.audit_clean().await;
}

async fn only_the_operator_sets_and_sees_limits(backend: Backend) {
    let world = operated(backend).await;
    let body = json!({"owner": key("mira").did(), "currency": "TEST-USD", "entryMax": "1.00"});
    assert_eq!(world.post("mira", LIMITS, None, &body).await.code(), "forbidden");
    assert_eq!(world.get(Some("mira"), LIMITS).await.code(), "forbidden");
    assert_eq!(world.get(None, LIMITS).await.code(), "unauthenticated");
    for (name, value) in [
        ("entryMax", json!("-1.00")),
        ("entryMax", json!("much")),
        ("owner", json!("nobody")),
        ("currency", json!("none")),
        ("surprise", json!(1)),
    ] {
        let mut wrong = body.clone();
        wrong[name] = value;
        let refused = world.post("operator", LIMITS, None, &wrong).await;
        assert!(refused.status.is_client_error(), "{name}: {}", refused.text());
    }
    let rail = json!({"owner": "rail:sandbox", "currency": "TEST-USD", "balanceMin": "1.00"});
    assert_eq!(
        world.post("operator", LIMITS, None, &rail).await.code(),
        "invalid_request"
    );
    limit(&world, "mira", &[("entryMax", "1.00")]).await;
    let listed = world.get(Some("operator"), LIMITS).await.json();
    assert_eq!(listed["limits"].as_array().unwrap().len(), 1);
    let account = AccountKey::of(&key("mira").did(), Asset::TEST_USD, Purpose::Available).id();
    let page = world
        .get_accepting(
            Some("operator"),
            &format!("/pay/operator/accounts/{account}"),
            "text/html",
        )
        .await;
    assert!(
        page.text().contains("at most 1.00 TEST-USD out at once"),
        "{}",
        page.text()
    );
}

async fn limits_that_nobody_signed_are_found(backend: Backend) {
    let world = operated(backend).await;
    limit(&world, "mira", &[("entryMax", "1.00")]).await;
    world.audit_clean().await;
    let sealer = imajin_store::Sealer::for_service(&world.keyring, "pay");
    let ledger = imajin_ledger::Ledger::new("another", sealer, world.env.clone());
    for (name, limits) in [("mira", Some(2)), ("jonas", Some(1))] {
        let (ledger, account) = (
            ledger.clone(),
            AccountKey::of(&key(name).did(), Asset::TEST_USD, Purpose::Available),
        );
        let limits = Limits {
            entry_max: limits,
            ..Limits::default()
        };
        let set: Result<_, imajin_ledger::LedgerError> = world
            .db
            .write(move |conn| ledger.limits_set(conn, &account, limits))
            .await;
        set.unwrap().unwrap();
    }
    let findings = world.audit().await;
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert!(findings.iter().all(|finding| finding.table == "ledger_accounts"));
}
