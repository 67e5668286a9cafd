//! What a gate remembers: claims, charges, decisions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use imajin_gate::{AccessRecord, Charge, Charged, Records, Replays, Till};
use imajin_imagxp::visa::VisaName;
use imajin_imagxp::{Binding, Purpose, Refusal, VisitorType};
use imajin_kernel::{Code, Env, Problem, Span};
use imajin_pay_api::{
    BalanceList, BalanceView, CheckoutCreate, CheckoutFetch, CheckoutState, CheckoutView, CreditNoteFetch,
    CreditNoteView, Delivery, DeliveryOutcome, GoodsHold, GoodsQuote, GoodsRef, GoodsReturn, HeldGoods, PayApi,
    PayClient, ReceiptFetch, ReceiptList, ReceiptView, RefundList, RefundSheet, SalesSummary, SalesSummaryRequest,
    SellerApi, VisaCapture, VisaCaptured, VisaCheck, VisaChecked,
};
use imajin_publisher::{ACCESS_GOODS, GateBooks, GateSite, Publisher};
use imajin_testkit::{Backend, on_both};
use imajin_web::Tier;
use serde_json::json;

use crate::world::{World, acceptance, did, signed};

on_both!(
    an_access_is_paid_once_and_found_again,
    a_lost_answer_of_pay_charges_once,
    a_payment_that_goes_on_without_the_request_is_found,
    what_pay_refuses_can_be_tried_again_with_another_visa,
    another_visa_for_a_payment_that_is_not_decided_is_refused,
    a_second_payment_for_one_access_goes_back,
    the_same_claim_counts_once_also_at_another_process,
    the_same_request_at_two_processes_at_one_moment_pays_once,
    a_manifest_splits_what_an_access_costs,
    records_form_a_chain_and_are_forgotten_after_their_time,
    a_record_that_is_taken_out_is_missed,
);

/// What goes wrong with a question to pay.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It never arrives.
    Away,
    /// It is done, and the answer is lost.
    LostAfter,
    /// The money is held, and whoever delivers is away.
    Undelivered,
    /// The visa pays nothing.
    Refused,
}

/// Pay, as far as a gate asks it: each claim captures once, by the publisher's own offers. It keeps no ledger.
pub(crate) struct FakePay {
    env: Env,
    publisher: Arc<Publisher>,
    faults: Mutex<Vec<Fault>>,
    captures: Mutex<BTreeMap<String, (VisaCapture, VisaCaptured)>>,
    quotes: Mutex<Vec<GoodsQuote>>,
    /// The visa that pays nothing more.
    spent: Mutex<String>,
    /// One capture at a time.
    turn: tokio::sync::Mutex<()>,
}

impl FakePay {
    fn fault(&self, fault: Fault) {
        self.faults.lock().unwrap().push(fault);
    }

    pub(crate) fn count(&self) -> usize {
        self.captures.lock().unwrap().len()
    }

    async fn deliver(&self, asked: &VisaCapture, captured: &VisaCaptured) -> DeliveryOutcome {
        let delivery = Delivery {
            goods: asked.goods.clone(),
            checkout: captured.checkout,
            receipt: captured.receipt.unwrap(),
            payer: asked.payer.clone(),
            gross: captured.price,
            paid_at: self.env.now(),
        };
        self.publisher.goods_deliver(delivery).await.unwrap()
    }
}

fn unasked<T>() -> Result<T, Problem> {
    Err(Problem::unavailable("What a gate never asks"))
}

#[async_trait]
impl PayApi for FakePay {
    async fn visa_capture(&self, asked: VisaCapture) -> Result<VisaCaptured, Problem> {
        let _turn = self.turn.lock().await;
        let fault = self.faults.lock().unwrap().pop();
        if fault == Some(Fault::Away) {
            return Err(Problem::unavailable("The service `pay`"));
        }
        if fault == Some(Fault::Refused) {
            return Err(Problem::new(Code::PaymentFailed, "Less than that is left of it."));
        }
        let known = self.captures.lock().unwrap().get(&asked.claim_digest).cloned();
        if let Some((before, captured)) = known {
            assert_eq!((&before.goods, &before.visa), (&asked.goods, &asked.visa));
            return Ok(captured);
        }
        let quote = self.publisher.goods_quote(asked.goods.clone()).await?;
        assert_eq!(quote.buyer, Some(asked.payer.clone()));
        assert_eq!(asked.audience.as_deref(), Some("site.example"));
        let captured = VisaCaptured {
            checkout: self.env.new_id(),
            price: quote.price,
            state: CheckoutState::Settled,
            receipt: Some(self.env.new_id()),
            reason: None,
        };
        self.quotes.lock().unwrap().push(quote);
        let kept = (asked.clone(), captured.clone());
        self.captures.lock().unwrap().insert(asked.claim_digest.clone(), kept);
        if fault != Some(Fault::Undelivered) {
            let outcome = self.deliver(&asked, &captured).await;
            assert!(matches!(outcome, DeliveryOutcome::Delivered { .. }));
        }
        match fault {
            Some(Fault::LostAfter | Fault::Undelivered) => Err(Problem::unavailable("The service `pay`")),
            _ => Ok(captured),
        }
    }

    async fn visa_check(&self, asked: VisaCheck) -> Result<VisaChecked, Problem> {
        if *self.spent.lock().unwrap() == asked.visa {
            return Err(Problem::new(Code::PaymentFailed, "It was spent already."));
        }
        Ok(VisaChecked { uses_left: 0 })
    }

    async fn goods_hold(&self, _: GoodsHold) -> Result<HeldGoods, Problem> {
        unasked()
    }

    async fn goods_finish(&self, _: CheckoutFetch) -> Result<CheckoutView, Problem> {
        unasked()
    }

    async fn checkout_create(&self, _: CheckoutCreate) -> Result<CheckoutView, Problem> {
        unasked()
    }

    async fn checkout_fetch(&self, _: CheckoutFetch) -> Result<Option<CheckoutView>, Problem> {
        unasked()
    }

    async fn checkout_cancel(&self, _: CheckoutFetch) -> Result<CheckoutView, Problem> {
        unasked()
    }

    async fn receipt_fetch(&self, _: ReceiptFetch) -> Result<Option<ReceiptView>, Problem> {
        unasked()
    }

    async fn receipt_list(&self, _: ReceiptList) -> Result<Vec<ReceiptView>, Problem> {
        unasked()
    }

    async fn refund_list(&self, _: RefundList) -> Result<Option<RefundSheet>, Problem> {
        unasked()
    }

    async fn credit_note_fetch(&self, _: CreditNoteFetch) -> Result<Option<CreditNoteView>, Problem> {
        unasked()
    }

    async fn balance_list(&self, _: BalanceList) -> Result<Vec<BalanceView>, Problem> {
        unasked()
    }

    async fn sales_summary(&self, _: SalesSummaryRequest) -> Result<SalesSummary, Problem> {
        unasked()
    }
}

pub(crate) struct Gated {
    pub(crate) world: World,
    pub(crate) pay: Arc<FakePay>,
    pub(crate) books: Arc<GateBooks>,
}

fn books_of(publisher: &Arc<Publisher>, pay: &Arc<FakePay>) -> Arc<GateBooks> {
    let site = GateSite {
        name: "site".to_owned(),
        audience: "site.example".to_owned(),
        payee: did("payee"),
        kept: Span::days(90),
    };
    GateBooks::new(Arc::clone(publisher), PayClient::local(pay.clone()), site)
}

impl Gated {
    pub(crate) async fn new(backend: Backend) -> Self {
        Self::of(World::new(backend).await)
    }

    pub(crate) fn of(world: World) -> Self {
        let pay = Arc::new(FakePay {
            env: world.env.clone(),
            publisher: Arc::clone(&world.publisher),
            faults: Mutex::default(),
            captures: Mutex::default(),
            quotes: Mutex::default(),
            spent: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        });
        let books = books_of(&world.publisher, &pay);
        Self { world, pay, books }
    }

    /// From now on this visa pays nothing more.
    pub(crate) fn spend(&self, visa: &str) {
        visa.clone_into(&mut self.pay.spent.lock().unwrap());
    }

    pub(crate) async fn pays(&self, charge: &Charge) -> Charged {
        self.books.check(charge).await.unwrap();
        self.books.charge(charge).await.unwrap()
    }
}

pub(crate) fn charge(claim: &str, key: Option<&str>) -> Charge {
    Charge {
        visa: "visa-1".to_owned(),
        holder: "thumbprint".to_owned(),
        takes_bearer: false,
        agent: "bot.example.org".to_owned(),
        purpose: Purpose::RagRetrieval,
        price: "0.01 TEST-USD".parse().unwrap(),
        url: "https://site.example/posts/1".to_owned(),
        claim_digest: claim.to_owned(),
        fair: None,
        claim: Some(crate::gate_disputes::shown(claim)),
        retry_key: key.map(ToOwned::to_owned),
    }
}

async fn an_access_is_paid_once_and_found_again(backend: Backend) {
    let gated = Gated::new(backend).await;
    let first = gated.pays(&charge("c1", Some("k"))).await;
    assert!(!first.is_repeated);
    let again = gated.pays(&charge("c2", Some("k"))).await;
    assert_eq!((again.receipt, again.is_repeated), (first.receipt.clone(), true));
    // The visa need not pay any more.
    gated.spend("visa-1");
    assert_eq!(gated.pays(&charge("c3", Some("k"))).await.receipt, first.receipt);
    assert_eq!(gated.pay.count(), 1);
    gated.spend("none");
    assert_ne!(gated.pays(&charge("c4", None)).await.receipt, first.receipt);
    assert_ne!(gated.pays(&charge("c5", Some("another"))).await.receipt, first.receipt);
    assert_eq!(gated.pay.count(), 3);
    let quote = gated.pay.quotes.lock().unwrap().pop().unwrap();
    assert_eq!(quote.seller, did("payee"));
    assert_eq!(quote.accepted, [did("payee")]);
    assert_eq!(quote.title, "Reading https://site.example/posts/1");
    assert_eq!(gated.world.audit().await, []);
}

async fn a_lost_answer_of_pay_charges_once(backend: Backend) {
    let gated = Gated::new(backend).await;
    for fault in [Fault::LostAfter, Fault::Away] {
        gated.pay.fault(fault);
        let claim = format!("c-{}", gated.pay.count());
        let paid = gated.pays(&charge(&claim, None)).await;
        assert!(!paid.is_repeated);
    }
    assert_eq!(gated.pay.count(), 2);
    assert_eq!(gated.world.audit().await, []);
}

async fn a_payment_that_goes_on_without_the_request_is_found(backend: Backend) {
    let gated = Gated::new(backend).await;
    let (asked, again) = (charge("c1", Some("k")), charge("c2", Some("k")));
    // The money is held, and then nobody answers: the second question does not arrive either.
    gated.pay.fault(Fault::Away);
    gated.pay.fault(Fault::Undelivered);
    assert_eq!(gated.books.charge(&asked).await.unwrap_err().code, Code::Unavailable);
    assert_eq!(gated.books.charge(&again).await.unwrap_err().code, Code::Unavailable);
    let (capture, captured) = gated.pay.captures.lock().unwrap()["c1"].clone();
    gated.pay.deliver(&capture, &captured).await;
    let found = gated.pays(&again).await;
    assert_eq!(
        (found.receipt, found.is_repeated),
        (captured.receipt.unwrap().to_string(), true)
    );
    assert_eq!(gated.pay.count(), 1);
}

async fn what_pay_refuses_can_be_tried_again_with_another_visa(backend: Backend) {
    let gated = Gated::new(backend).await;
    gated.pay.fault(Fault::Refused);
    let refused = gated.books.charge(&charge("c1", Some("k"))).await.unwrap_err();
    assert_eq!(refused.code, Code::PaymentFailed);
    gated.spend("visa-1");
    let again = gated.books.check(&charge("c2", Some("k"))).await.unwrap_err();
    assert_eq!(again.code, Code::PaymentFailed);
    let other = Charge {
        visa: "visa-2".to_owned(),
        ..charge("c3", Some("k"))
    };
    assert!(!gated.pays(&other).await.is_repeated);
    assert_eq!(gated.pay.captures.lock().unwrap()["c3"].0.visa, "visa-2");
    assert_eq!(gated.world.audit().await, []);
}

async fn another_visa_for_a_payment_that_is_not_decided_is_refused(backend: Backend) {
    let gated = Gated::new(backend).await;
    gated.pay.fault(Fault::Away);
    gated.pay.fault(Fault::Away);
    gated.books.charge(&charge("c1", Some("k"))).await.unwrap_err();
    let other = Charge {
        visa: "visa-2".to_owned(),
        ..charge("c2", Some("k"))
    };
    assert_eq!(gated.books.charge(&other).await.unwrap_err().code, Code::Conflict);
    assert!(!gated.pays(&charge("c1", Some("k"))).await.is_repeated);
    assert_eq!(gated.pay.count(), 1);
}

async fn a_second_payment_for_one_access_goes_back(backend: Backend) {
    let gated = Gated::new(backend).await;
    gated.pays(&charge("c1", None)).await;
    let (capture, captured) = gated.pay.captures.lock().unwrap()["c1"].clone();
    let again = gated.pay.deliver(&capture, &captured).await;
    assert!(matches!(again, DeliveryOutcome::Delivered { .. }), "the same delivery");
    let other = VisaCaptured {
        checkout: gated.world.env.new_id(),
        ..captured.clone()
    };
    let second = gated.pay.deliver(&capture, &other).await;
    assert!(matches!(second, DeliveryOutcome::Refused { .. }), "{second:?}");
    let nobody = GoodsRef {
        kind: ACCESS_GOODS.to_owned(),
        id: gated.world.env.new_id::<imajin_kernel::id::Access>().to_string(),
    };
    let unknown = VisaCapture {
        goods: nobody.clone(),
        ..capture.clone()
    };
    let outcome = gated.pay.deliver(&unknown, &other).await;
    assert!(matches!(outcome, DeliveryOutcome::Refused { .. }), "{outcome:?}");
    assert_eq!(
        gated.world.publisher.goods_quote(nobody).await.unwrap_err().code,
        Code::NotFound
    );
    let back = GoodsReturn {
        goods: capture.goods.clone(),
        checkout: captured.checkout,
        receipt: captured.receipt.unwrap(),
        refund: gated.world.env.new_id(),
        refunded: captured.price,
        whole: true,
    };
    gated.world.publisher.goods_return(back).await.unwrap();
    assert_eq!(gated.world.audit().await, []);
}

async fn the_same_claim_counts_once_also_at_another_process(backend: Backend) {
    let gated = Gated::new(backend).await;
    let now = gated.world.env.now();
    let other = books_of(&gated.world.publisher, &gated.pay);
    let until = now.plus(Span::minutes(10));
    assert!(gated.books.spend("bot.example.org", "n1", until, now).await.unwrap());
    assert!(!gated.books.spend("bot.example.org", "n1", until, now).await.unwrap());
    assert!(!other.spend("bot.example.org", "n1", until, now).await.unwrap());
    assert!(other.spend("another.example.org", "n1", until, now).await.unwrap());
    assert!(other.spend("localhost:8080", "n1", until, now).await.unwrap());
}

async fn the_same_request_at_two_processes_at_one_moment_pays_once(backend: Backend) {
    let gated = Gated::new(backend).await;
    let other = books_of(&gated.world.publisher, &gated.pay);
    let (one, two) = (charge("c1", Some("k")), charge("c2", Some("k")));
    let (one, two) = tokio::join!(gated.books.charge(&one), other.charge(&two));
    assert_eq!(one.unwrap().receipt, two.unwrap().receipt);
    assert_eq!(gated.pay.count(), 1);
}

async fn a_manifest_splits_what_an_access_costs(backend: Backend) {
    let gated = Gated::new(backend).await;
    let split = json!({
        "terms": {"train": {"price": "prohibited"}},
        "contributors": [
            {"did": did("ada"), "role": "author", "share": 0.7}, {"did": did("ben"), "role": "editor", "share": 0.3},
        ],
    });
    let manifest = gated.world.published(signed("ada", "Post", &split)).await;
    let ben = gated.world.person("ben", Tier::Key);
    let accept = format!("{}/{}/accept", crate::world::FAIR, manifest.id);
    gated.world.post(&ben, &accept, &acceptance("ben", &manifest.id)).await;
    let of_work = Charge {
        fair: Some(manifest.id.clone()),
        ..charge("c1", None)
    };
    gated.pays(&of_work).await;
    let quote = gated.pay.quotes.lock().unwrap().pop().unwrap();
    assert_eq!(quote.manifest.id, manifest.id);
    let mut accepted = quote.accepted;
    accepted.sort();
    let mut both = vec![did("ada"), did("ben")];
    both.sort();
    assert_eq!(accepted, both);
    let terms = gated.books.terms("/posts/1", Some(&manifest.id)).await.unwrap();
    assert_eq!(terms, Some(manifest.terms.clone()));
    assert_eq!(gated.books.terms("/posts/1", None).await.unwrap(), None);
}

pub(crate) fn record(gated: &Gated, url: &str, charged: Option<&Charged>) -> AccessRecord {
    let paid = charged.map(|_| "0.01 TEST-USD".parse().unwrap());
    AccessRecord {
        at: gated.world.env.now(),
        agent: Some("bot.example.org".to_owned()),
        thumbprint: Some("thumbprint".to_owned()),
        url: url.to_owned(),
        purpose: Some(Purpose::Summary),
        visitor: VisitorType::VerifiedAgent,
        refusal: charged.is_none().then_some(Refusal::PaymentRequired),
        reason: "it costs something".to_owned(),
        binding: Some(Binding::PathOnly),
        claim_digest: Some("c1".to_owned()),
        visa: charged.map(|_| VisaName {
            broker: "https://broker.example/broker".to_owned(),
            id: "visa-1".to_owned(),
            is_bearer: false,
        }),
        paid,
        receipt: charged.map(|charged| charged.receipt.clone()),
        status: 200,
        is_dry: false,
    }
}

async fn records_form_a_chain_and_are_forgotten_after_their_time(backend: Backend) {
    let gated = Gated::new(backend).await;
    let charged = gated.pays(&charge("c1", None)).await;
    let first = record(&gated, "https://site.example/1", Some(&charged));
    gated.books.record(first).await;
    gated.books.record(record(&gated, "https://site.example/2", None)).await;
    assert_eq!(gated.books.records_write().await.unwrap(), 2);
    assert_eq!(gated.books.records_write().await.unwrap(), 0);
    gated.world.clock.advance(Span::days(60));
    gated.books.record(record(&gated, "https://site.example/3", None)).await;
    gated.books.records_write().await.unwrap();
    assert_eq!(gated.books.forget().await.unwrap(), 0);
    assert_eq!(gated.world.audit().await, []);
    gated.world.clock.advance(Span::days(32));
    assert_eq!(gated.books.forget().await.unwrap(), 2);
    assert_eq!(gated.world.audit().await, [], "the chain goes on");
    gated.books.record(record(&gated, "https://site.example/4", None)).await;
    gated.books.records_write().await.unwrap();
    assert_eq!(gated.world.audit().await, []);
}

async fn a_record_that_is_taken_out_is_missed(backend: Backend) {
    for (sql, said) in [
        (
            "DELETE FROM gate_records WHERE seq = 2",
            "a record before it is missing",
        ),
        (
            "DELETE FROM gate_records WHERE seq = 3",
            "its newest records are missing",
        ),
        ("DELETE FROM gate_chains", "the row is missing"),
        ("DELETE FROM gate_charges", "what was paid for it is missing"),
    ] {
        let gated = Gated::new(backend).await;
        fill(&gated).await;
        let deleted: Result<(), imajin_store::StoreError> = gated
            .world
            .db
            .write(move |conn| Ok(diesel::connection::SimpleConnection::batch_execute(conn, sql)?))
            .await;
        deleted.unwrap();
        let findings = gated.world.audit().await;
        assert!(
            findings.iter().any(|finding| finding.problem == said),
            "{sql}: {findings:?}"
        );
    }
}

/// Rows in all tables of gates, but the one of disputes.
pub(crate) async fn fill(gated: &Gated) {
    let charged = gated.pays(&charge("c1", Some("k"))).await;
    for url in [
        "https://site.example/1",
        "https://site.example/2",
        "https://site.example/3",
    ] {
        gated.books.record(record(gated, url, Some(&charged))).await;
    }
    gated.books.records_write().await.unwrap();
}
