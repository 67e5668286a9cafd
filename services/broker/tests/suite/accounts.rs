//! Accounts, and money that comes in.

use std::sync::Mutex;

use axum::http::StatusCode;
use imajin_broker_api::DepositView;
use imajin_imagxp::AgentKey;
use imajin_kernel::id::CheckoutId;
use imajin_kernel::{Code, Env, ManualClock, Problem, Span, Timestamp};
use imajin_pay_api::{
    BalanceList, BalanceView, CheckoutCreate, CheckoutFetch, CheckoutState, CheckoutView, CreditNoteFetch,
    CreditNoteView, DEPOSIT, Delivery, DeliveryOutcome, GoodsHold, GoodsRef, HeldGoods, PayApi, ReceiptFetch,
    ReceiptList, ReceiptView, RefundList, RefundSheet, SalesSummary, SalesSummaryRequest, SellerApi, VisaCapture,
    VisaCaptured, VisaCheck, VisaChecked,
};
use imajin_testkit::{Backend, on_both};
use imajin_web::macro_support::async_trait;
use serde_json::json;

use crate::world::{World, key};

on_both!(
    an_account_belongs_to_whoever_holds_a_key_of_the_domain,
    a_manifest_is_asked_for_once_and_again_when_the_key_is_new,
    a_name_that_nobody_owns_is_no_agent,
    a_signature_counts_once,
    a_deposit_is_paid_through_a_checkout,
    a_deposit_is_delivered_once_and_never_for_another_amount,
    a_statement_is_read_as_json_and_as_csv,
);

fn unasked<T>() -> Result<T, Problem> {
    Err(Problem::unavailable("What no test asks for"))
}

/// Pay: one checkout for each of the goods.
#[derive(Default)]
pub(crate) struct FakePay {
    checkouts: Mutex<Vec<CheckoutView>>,
}

#[async_trait]
impl PayApi for FakePay {
    async fn goods_hold(&self, _: GoodsHold) -> Result<HeldGoods, Problem> {
        unasked()
    }

    async fn goods_finish(&self, _: CheckoutFetch) -> Result<CheckoutView, Problem> {
        unasked()
    }

    async fn checkout_create(&self, request: CheckoutCreate) -> Result<CheckoutView, Problem> {
        let mut checkouts = self.checkouts.lock().unwrap();
        if let Some(known) = checkouts.iter().find(|one| one.goods == request.goods) {
            return Ok(known.clone());
        }
        let clock = ManualClock::at(Timestamp::from_seconds(1_900_000_000));
        let id: CheckoutId = Env::fixed(clock, u64::try_from(checkouts.len()).unwrap()).new_id();
        let view = CheckoutView {
            id,
            goods: request.goods,
            url: format!("http://node.test:7000/pay/checkout/{id}"),
            price: "10.00 TEST-USD".parse().unwrap(),
            state: CheckoutState::Open,
            expires_at: Timestamp::from_seconds(1_900_001_000),
            receipt: None,
            reason: None,
        };
        checkouts.push(view.clone());
        Ok(view)
    }

    async fn checkout_fetch(&self, request: CheckoutFetch) -> Result<Option<CheckoutView>, Problem> {
        let checkouts = self.checkouts.lock().unwrap();
        Ok(checkouts.iter().find(|one| one.id == request.id).cloned())
    }

    async fn checkout_cancel(&self, _request: CheckoutFetch) -> Result<CheckoutView, Problem> {
        unasked()
    }

    async fn receipt_fetch(&self, _request: ReceiptFetch) -> Result<Option<ReceiptView>, Problem> {
        unasked()
    }

    async fn receipt_list(&self, _request: ReceiptList) -> Result<Vec<ReceiptView>, Problem> {
        unasked()
    }

    async fn refund_list(&self, _request: RefundList) -> Result<Option<RefundSheet>, Problem> {
        unasked()
    }

    async fn credit_note_fetch(&self, _request: CreditNoteFetch) -> Result<Option<CreditNoteView>, Problem> {
        unasked()
    }

    async fn balance_list(&self, _request: BalanceList) -> Result<Vec<BalanceView>, Problem> {
        unasked()
    }

    async fn visa_capture(&self, _request: VisaCapture) -> Result<VisaCaptured, Problem> {
        unasked()
    }

    async fn visa_check(&self, _request: VisaCheck) -> Result<VisaChecked, Problem> {
        unasked()
    }

    async fn sales_summary(&self, _request: SalesSummaryRequest) -> Result<SalesSummary, Problem> {
        unasked()
    }
}

async fn an_account_belongs_to_whoever_holds_a_key_of_the_domain(backend: Backend) {
    let world = World::new(backend).await;
    let opened = world.agent_post("/broker/api/agents", &json!({}), None).await;
    let account = opened.expect(StatusCode::CREATED).json();
    assert_eq!(
        (account["agentId"].as_str(), account["contact"].as_str()),
        (Some(world.host.as_str()), Some("mailto:agent@example.org"))
    );
    let again = world.agent_post("/broker/api/agents", &json!({}), None).await;
    assert_eq!(again.expect(StatusCode::CREATED).json(), account);
    // A key that the domain does not publish, whatever it says about itself.
    let foreign = AgentKey::generate().unwrap();
    let did = world.agent();
    let who = (&foreign, did.as_str());
    let request = world.agent_request(who, ("POST", "/broker/api/agents"), ("application/json", b"{}"), None);
    assert_eq!(world.send(request).await.code(), "bad_signature");
    // A person has no account for agents.
    let person = world
        .ask(&key("person"), "POST", "/broker/api/agents", Some(&json!({})))
        .await;
    assert_eq!(
        (person.status, person.code()),
        (StatusCode::FORBIDDEN, "forbidden".to_owned())
    );
    // The operator sees it, and nobody else.
    let list = world.ask(&key("operator"), "GET", "/broker/api/agents", None).await;
    assert_eq!(list.expect(StatusCode::OK).json()["items"], json!([account]));
    let refused = world.agent_get("/broker/api/agents").await;
    refused.expect(StatusCode::FORBIDDEN);
    assert_eq!(world.audit().await, []);
}

async fn a_manifest_is_asked_for_once_and_again_when_the_key_is_new(backend: Backend) {
    let mut world = World::new(backend).await;
    world.funded("1.00 TEST-USD").await;
    world.agent_get("/broker/api/accounts/me").await.expect(StatusCode::OK);
    assert_eq!(world.manifests_asked(), 1);
    let new = AgentKey::generate().unwrap();
    world.agent_publish(&[&new]);
    world.agent_key = new;
    // Not within the minute: a stranger cannot have the domain asked at will.
    let early = world.agent_get("/broker/api/accounts/me").await;
    assert_eq!((early.code().as_str(), world.manifests_asked()), ("bad_signature", 1));
    world.later(Span::minutes(2));
    world.agent_get("/broker/api/accounts/me").await.expect(StatusCode::OK);
    assert_eq!(world.manifests_asked(), 2);
}

async fn a_name_that_nobody_owns_is_no_agent(backend: Backend) {
    let world = World::new(backend).await;
    for name in [
        "did:web:10.0.0.1",
        "did:web:printer.local",
        "did:web:node.internal",
        "did:web:169.254.169.254",
    ] {
        let who = (&world.agent_key, name);
        let request = world.agent_request(who, ("POST", "/broker/api/agents"), ("application/json", b"{}"), None);
        let answer = world.send(request).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name}: {}", answer.text());
    }
    assert_eq!(world.manifests_asked(), 0);
}

async fn a_signature_counts_once(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let body = serde_json::to_vec(&world.order("1.00", 1)).unwrap();
    let did = world.agent();
    let who = (&world.agent_key, did.as_str());
    let request = world.agent_request(who, ("POST", "/issue-visa"), ("application/json", &body), None);
    let (parts, _) = request.into_parts();
    let send = async || {
        let request = axum::http::Request::from_parts(parts.clone(), axum::body::Body::from(body.clone()));
        world.send(request).await
    };
    send().await.expect(StatusCode::CREATED);
    assert_eq!(send().await.code(), "replayed");
    // Signed for this address, sent to another.
    let did = world.agent();
    let who = (&world.agent_key, did.as_str());
    let mut moved = world.agent_request(who, ("POST", "/broker/api/agents"), ("application/json", &body), None);
    *moved.uri_mut() = "/issue-visa".parse().unwrap();
    assert_eq!(world.send(moved).await.code(), "bad_signature");
    assert_eq!(world.purse.hold_count(), 1);
}

async fn a_deposit_is_paid_through_a_checkout(backend: Backend) {
    let world = World::new(backend).await;
    let ask = json!({"amount": {"amount": "10.00", "currency": "TEST-USD"}});
    let early = world.agent_post("/broker/api/deposits", &ask, None).await;
    assert_eq!(
        (early.status, early.code().as_str()),
        (StatusCode::CONFLICT, "conflict")
    );
    world.agent_post("/broker/api/agents", &json!({}), None).await;
    let deposit: DepositView = world
        .agent_post("/broker/api/deposits", &ask, Some("once"))
        .await
        .parse();
    assert!(deposit.url.as_ref().unwrap().contains("/pay/checkout/"), "{deposit:?}");
    let again: DepositView = world
        .agent_post("/broker/api/deposits", &ask, Some("once"))
        .await
        .parse();
    assert_eq!(again, deposit);
    let other = json!({"amount": {"amount": "11.00", "currency": "TEST-USD"}});
    let mismatch = world.agent_post("/broker/api/deposits", &other, Some("once")).await;
    assert_eq!(mismatch.code(), "idempotency_mismatch");
    // Somebody may pay for an agent, and has to say for which.
    let person = key("person");
    let refused = world.ask(&person, "POST", "/broker/api/deposits", Some(&ask)).await;
    assert_eq!(refused.code(), "invalid_request");
    let named = json!({"agentId": world.host, "amount": {"amount": "1.00", "currency": "TEST-USD"}});
    let by_person: DepositView = world
        .ask(&person, "POST", "/broker/api/deposits", Some(&named))
        .await
        .parse();
    let path = format!("/broker/api/deposits/{}", by_person.id);
    world.ask(&person, "GET", &path, None).await.expect(StatusCode::OK);
    world.agent_get(&path).await.expect(StatusCode::OK);
    world
        .ask(&key("other"), "GET", &path, None)
        .await
        .expect(StatusCode::NOT_FOUND);
    for amount in ["0.00", "100000.01"] {
        let ask = json!({"amount": {"amount": amount, "currency": "TEST-USD"}});
        let answer = world.agent_post("/broker/api/deposits", &ask, None).await;
        assert_eq!(answer.json()["member"], "amount", "{amount}");
    }
}

async fn a_deposit_is_delivered_once_and_never_for_another_amount(backend: Backend) {
    let world = World::new(backend).await;
    world.agent_post("/broker/api/agents", &json!({}), None).await;
    let ask = json!({"amount": {"amount": "10.00", "currency": "TEST-USD"}});
    let deposit: DepositView = world.agent_post("/broker/api/deposits", &ask, None).await.parse();
    let goods = GoodsRef {
        kind: DEPOSIT.to_owned(),
        id: deposit.id.to_string(),
    };
    let quote = world.broker.goods_quote(goods.clone()).await.unwrap();
    assert_eq!((quote.price, quote.accepted), (deposit.amount, vec![world.agent()]));
    quote.manifest.verify_signature(&world.keyring.node_public()).unwrap();
    let delivery = |gross: &str| Delivery {
        goods: goods.clone(),
        checkout: world.env.new_id(),
        receipt: world.env.new_id(),
        payer: world.agent(),
        gross: gross.parse().unwrap(),
        paid_at: world.env.now(),
    };
    let refused = world.broker.goods_deliver(delivery("1.00 TEST-USD")).await.unwrap();
    assert!(matches!(refused, DeliveryOutcome::Refused { .. }), "{refused:?}");
    let paid = delivery("10.00 TEST-USD");
    let delivered = world.broker.goods_deliver(paid.clone()).await.unwrap();
    let references = vec![deposit.id.to_string()];
    assert_eq!(delivered, DeliveryOutcome::Delivered { references });
    assert_eq!(world.broker.goods_deliver(paid).await.unwrap(), delivered);
    let twice = world.broker.goods_deliver(delivery("10.00 TEST-USD")).await.unwrap();
    assert!(matches!(twice, DeliveryOutcome::Refused { .. }), "{twice:?}");
    let unknown = GoodsRef {
        id: "dep_00000000000000000000000000".to_owned(),
        ..goods
    };
    assert_eq!(
        world.broker.goods_quote(unknown).await.unwrap_err().code,
        Code::NotFound
    );
    assert_eq!(world.audit().await, []);
}

async fn a_statement_is_read_as_json_and_as_csv(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    world.visa("2.50", 1).await;
    let balances = world.agent_get("/broker/api/accounts/me").await;
    let balances = balances.expect(StatusCode::OK).json();
    assert_eq!(
        balances["balances"],
        json!([{"amount": "7.50", "currency": "TEST-USD"}])
    );
    assert_eq!(
        balances["reserved"],
        json!([{"amount": "2.50", "currency": "TEST-USD"}])
    );
    let json = world.agent_get("/broker/api/statements?currency=TEST-USD").await;
    let lines = json.expect(StatusCode::OK).json();
    assert_eq!(
        lines["lines"][0]["debit"],
        json!({"amount": "2.50", "currency": "TEST-USD"})
    );
    let csv = world
        .agent_get("/broker/api/statements?currency=TEST-USD&format=csv")
        .await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert!(
        csv.text().contains(r#","'=visa",,2.50,7.50,TEST-USD,ent_"#),
        "{}",
        csv.text()
    );
    for (query, member) in [("", "currency"), ("?currency=USD&format=xml", "format")] {
        let answer = world.agent_get(&format!("/broker/api/statements{query}")).await;
        assert_eq!(answer.json()["member"], member);
    }
    let stranger = world.get("/broker/api/accounts/me").await;
    assert_eq!(stranger.code(), "unauthenticated");
}
