//! What agents object to: the money waits, the publisher answers, somebody decides, and it goes one way once.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use imajin_did::{Did, SecretKey};
use imajin_imagxp::{AgentId, AgentKey, Claim, ClaimHeaders, Feedback, Names, PAYLOAD, PUBLIC_KEY, Purpose, SIGNATURE};
use imajin_kernel::{Span, Timestamp};
use imajin_proof::digest::sha256_hex;
use imajin_testkit::{Answer, Backend, on_both};
use serde_json::{Value, json};

use crate::world::{OPERATOR, World, key};

on_both!(
    an_agent_that_is_content_lets_the_money_go_at_once,
    a_publisher_that_does_not_answer_is_not_paid,
    a_publisher_that_gives_in_pays_back_once,
    a_shown_claim_is_decided_by_the_arbiter_and_else_paid,
    who_objects_often_loses_against_a_good_name,
    who_loses_often_loses_against_an_agent_that_seldom_objects,
    whoever_makes_no_claims_wins_nothing,
    an_agent_that_objects_to_everything_reads_nothing_for_free,
    payments_to_a_node_of_ones_own_buy_no_objections_to_others,
    a_payment_is_disputed_once_and_in_time,
    a_lost_answer_of_the_ledger_gives_back_nothing_twice,
);

/// Something that was read and paid for with a fresh visa.
pub(crate) struct Read {
    pub(crate) jti: String,
    pub(crate) url: String,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) digest: String,
    pub(crate) at: Timestamp,
}

impl World {
    /// The agent reads a page for 0.40, and the publisher redeems.
    pub(crate) async fn reads(&self, page: &str) -> Read {
        self.reads_if(page).await.unwrap()
    }

    /// The same, if there is enough in the account, and the ledger and the broker say so.
    pub(crate) async fn reads_if(&self, page: &str) -> Option<Read> {
        let url = format!("https://{}/{page}", self.host);
        self.reads_by(page, &url).await
    }

    /// The same, by a claim for this resource.
    pub(crate) async fn reads_by(&self, page: &str, resource: &str) -> Option<Read> {
        let agent = AgentId::parse(&self.host, Names::Development).unwrap();
        let nonce = hex::encode(self.env.random_bytes::<8>());
        let claim = Claim::new(&agent, self.env.now(), &nonce, resource, Purpose::Summary, false).unwrap();
        self.reads_with(page, &claim).await
    }

    /// The same, by this claim.
    pub(crate) async fn reads_with(&self, page: &str, claim: &Claim) -> Option<Read> {
        let bought = self.agent_post("/issue-visa", &self.order("1.00", 1), None).await;
        if bought.status != StatusCode::CREATED {
            return None;
        }
        let jti = self.read(bought.json()["token"].as_str().unwrap()).await.jti;
        let url = format!("https://{}/{page}", self.host);
        let read = Read {
            jti,
            url,
            headers: ClaimHeaders::sign(&self.agent_key, claim).unwrap(),
            digest: sha256_hex(&claim.canonical_bytes().unwrap()),
            at: claim.made_at,
        };
        let batch = [(read.jti.as_str(), page, "0.40")];
        let states = self.redeem_claim(&key("publisher"), &batch, &read.digest).await;
        assert_eq!(states, ["accepted"]);
        Some(read)
    }

    pub(crate) fn feedback(&self, read: &Read, score: &str) -> Value {
        said(&self.agent_key, read, score)
    }

    /// Feedback with a signature of its own, brought by anybody.
    pub(crate) async fn brings(&self, feedback: &Value) -> Answer {
        let request = Request::post("/broker/api/disputes")
            .header("content-type", "application/json")
            .body(Body::from(feedback.to_string()));
        self.send(request.unwrap()).await
    }

    /// The agent objects; the name of the dispute.
    pub(crate) async fn objects(&self, read: &Read) -> String {
        let answer = self.brings(&self.feedback(read, "0.1")).await;
        let dispute = answer.expect(StatusCode::CREATED).json();
        assert_eq!(dispute["state"], "open");
        dispute["id"].as_str().unwrap().to_owned()
    }

    /// Another agent.
    fn other_agent(&self) -> Did {
        Did::from_web_authority(&self.other_host).unwrap()
    }

    /// The other agent opens its account, and has this in it.
    pub(crate) async fn other_funded(&self, money: &str) -> Did {
        let opened = self.other_post("/broker/api/agents", &json!({})).await;
        opened.expect(StatusCode::CREATED);
        self.purse.put(&self.other_agent(), money);
        self.other_agent()
    }

    /// The other agent asks for something.
    async fn other_post(&self, path: &str, body: &Value) -> Answer {
        let (did, body) = (self.other_agent(), serde_json::to_vec(body).unwrap());
        let who = (&self.agent_key, did.as_str());
        let request = self.agent_request(who, ("POST", path), ("application/json", &body), None);
        self.send(request).await
    }

    /// The other agent buys a visa and signs requests instead of feedback; the name of the dispute.
    pub(crate) async fn other_objects(&self, number: u8) -> String {
        let bought = self.other_post("/issue-visa", &self.order("1.00", 1)).await;
        let jti = self
            .read(bought.expect(StatusCode::CREATED).json()["token"].as_str().unwrap())
            .await
            .jti;
        let digest = format!("{number:064x}");
        self.redeem_claim(&key("publisher"), &[(&jti, "receipt", "0.10")], &digest)
            .await;
        let dispute = self.other_post("/broker/api/disputes", &self.unsigned(&digest)).await;
        let dispute = dispute.expect(StatusCode::CREATED).json();
        assert_eq!(dispute["state"], "open");
        dispute["id"].as_str().unwrap().to_owned()
    }

    fn unsigned(&self, digest: &str) -> Value {
        json!({
            "url": format!("https://{}/a", self.host), "quality_score": 0.1, "reason": "empty", "claim_digest": digest,
        })
    }

    /// The same, if it may.
    pub(crate) async fn objects_if(&self, read: &Read) -> Option<String> {
        let answer = self.brings(&self.feedback(read, "0.1")).await;
        let id = answer.json()["id"].as_str().map(str::to_owned);
        id.filter(|_| answer.status == StatusCode::CREATED)
    }

    pub(crate) async fn answers(&self, who: &SecretKey, dispute: &str, body: &Value) -> Answer {
        let path = format!("/broker/api/disputes/{dispute}/answer");
        self.ask(who, "POST", &path, Some(body)).await
    }

    pub(crate) async fn decides(&self, who: &SecretKey, dispute: &str, outcome: &str) -> Answer {
        let path = format!("/broker/api/disputes/{dispute}/decide");
        let body = json!({"outcome": outcome, "reason": "I have read the page."});
        self.ask(who, "POST", &path, Some(&body)).await
    }

    /// What the publisher has been paid, and what the agent has.
    pub(crate) fn money(&self) -> (i64, i64) {
        (self.purse.has(&key("publisher").did()), self.purse.has(&self.agent()))
    }

    pub(crate) async fn dispute(&self, id: &str) -> Value {
        let path = format!("/broker/api/disputes/{id}");
        self.agent_get(&path).await.expect(StatusCode::OK).json()
    }

    /// Everything that is open ends.
    pub(crate) async fn settles(&self) {
        for _sweep in 0..8 {
            self.later(Span::days(3));
            self.broker.due_work().await.unwrap();
        }
        let (reserved, paid, returned) = self.purse.holds();
        assert_eq!(paid + returned, reserved);
        assert_eq!(self.audit().await, []);
    }
}

pub(crate) fn said(key: &AgentKey, read: &Read, score: &str) -> Value {
    let score = score.parse().unwrap();
    let feedback = Feedback::sign(key, &read.url, score, "nothing but advertisements", &read.digest).unwrap();
    serde_json::to_value(&feedback).unwrap()
}

pub(crate) fn evidence(read: &Read) -> Value {
    let text = |name| read.headers[name].to_str().unwrap();
    json!({"evidence": {
        "payload": text(PAYLOAD), "signature": text(SIGNATURE), "publicKey": text(PUBLIC_KEY), "status": 200,
        "servedAt": read.at,
    }})
}

async fn an_agent_that_is_content_lets_the_money_go_at_once(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let read = world.reads("good").await;
    let answer = world.brings(&world.feedback(&read, "0.9")).await;
    let dispute = answer.expect(StatusCode::CREATED).json();
    assert_eq!(
        (&dispute["state"], &dispute["ruledBy"]),
        (&json!("released"), &json!("agent"))
    );
    assert_eq!(world.money().0, 400_000);
    // An objection that is taken back.
    let read = world.reads("better").await;
    let id = world.objects(&read).await;
    assert_eq!(world.money().0, 400_000);
    let answer = world.brings(&world.feedback(&read, "0.8")).await;
    assert_eq!(answer.expect(StatusCode::CREATED).json()["id"], json!(id));
    assert_eq!(world.money().0, 800_000);
    world.settles().await;
}

async fn a_publisher_that_does_not_answer_is_not_paid(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let read = world.reads("spam").await;
    let id = world.objects(&read).await;
    // The window passes, and the money stays where it is.
    world.later(Span::days(2));
    world.broker.due_work().await.unwrap();
    assert_eq!(world.money(), (0, 9_000_000));
    assert_eq!(world.redeem(&[(&read.jti, "spam", "0.40")]).await, ["accepted"]);
    world.later(Span::days(1));
    world.broker.due_work().await.unwrap();
    // The visa is used up, so the rest of it is back as well.
    assert_eq!(world.money(), (0, 10_000_000));
    assert_eq!(world.redeem(&[(&read.jti, "spam", "0.40")]).await, ["reversed"]);
    let dispute = world.dispute(&id).await;
    assert_eq!(
        (&dispute["state"], &dispute["ruledBy"]),
        (&json!("reversed"), &json!("deadline"))
    );
    let late = world.answers(&key("publisher"), &id, &evidence(&read)).await;
    assert_eq!(late.code(), "conflict");
    world.settles().await;
    assert_eq!(world.money(), (0, 10_000_000));
    let own = world.agent_get("/broker/api/visas").await.json();
    let visa = &own["items"][0];
    let amounts = ["credited", "reversed", "returned"].map(|member| visa[member]["amount"].clone());
    assert_eq!(amounts, [json!("0.00"), json!("0.40"), json!("0.60")]);
}

async fn a_publisher_that_gives_in_pays_back_once(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let read = world.reads("spam").await;
    let id = world.objects(&read).await;
    let publisher = key("publisher");
    let gives_in = json!({"concede": true});
    for _time in 0..2 {
        let answer = world.answers(&publisher, &id, &gives_in).await;
        let dispute = answer.expect(StatusCode::OK).json();
        assert_eq!(
            (&dispute["state"], &dispute["ruledBy"]),
            (&json!("reversed"), &json!("publisher"))
        );
        assert_eq!(world.money(), (0, 9_400_000));
    }
    let more = json!({"note": "It was not me."});
    assert_eq!(world.answers(&publisher, &id, &more).await.code(), "conflict");
    let own = world
        .ask(&publisher, "GET", "/broker/api/redemptions", None)
        .await
        .json();
    assert_eq!(
        (&own["items"][0]["state"], &own["items"][0]["dispute"]),
        (&json!("reversed"), &json!(id))
    );
    world.settles().await;
}

async fn a_shown_claim_is_decided_by_the_arbiter_and_else_paid(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let publisher = key("publisher");
    let mut disputes = Vec::new();
    for page in ["one", "two"] {
        let read = world.reads(page).await;
        disputes.push((world.objects(&read).await, read));
        // Half of what an agent may object to is heard.
        world.later(Span::days(31));
        world.broker.due_work().await.unwrap();
    }
    // Both ended without an answer. Now the publisher answers: by then the arbiter is asked.
    let read = world.reads("three").await;
    let id = world.objects(&read).await;
    let answered = world.answers(&publisher, &id, &evidence(&read)).await;
    let dispute = answered.expect(StatusCode::OK).json();
    assert_eq!(
        (&dispute["state"], &dispute["isShown"]),
        (&json!("answered"), &json!(true))
    );
    assert_eq!(
        world.answers(&publisher, &id, &evidence(&read)).await.json()["state"],
        "answered"
    );
    let decided = world.decides(&key(OPERATOR), &id, "agent").await;
    assert_eq!(decided.expect(StatusCode::OK).json()["ruledBy"], "arbiter");
    assert_eq!(world.redeem(&[(&read.jti, "three", "0.40")]).await, ["reversed"]);
    assert_eq!(world.decides(&key(OPERATOR), &id, "publisher").await.code(), "conflict");
    // An arbiter that says nothing leaves it to what was shown.
    let read = world.reads("four").await;
    let id = world.objects(&read).await;
    world
        .answers(&publisher, &id, &evidence(&read))
        .await
        .expect(StatusCode::OK);
    world.later(Span::days(7));
    world.broker.due_work().await.unwrap();
    let dispute = world.dispute(&id).await;
    assert_eq!(
        (&dispute["state"], &dispute["ruledBy"]),
        (&json!("released"), &json!("deadline"))
    );
    assert_eq!(world.redeem(&[(&read.jti, "four", "0.40")]).await, ["credited"]);
    // Words alone show nothing.
    world.later(Span::days(31));
    let read = world.reads("five").await;
    let id = world.objects(&read).await;
    let words = json!({"note": "It is a good page."});
    world.answers(&publisher, &id, &words).await.expect(StatusCode::OK);
    world.later(Span::days(7));
    world.broker.due_work().await.unwrap();
    assert_eq!(world.redeem(&[(&read.jti, "five", "0.40")]).await, ["reversed"]);
    world.settles().await;
}

async fn who_objects_often_loses_against_a_good_name(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let mut ended = Vec::new();
    for page in ["one", "two"] {
        let read = world.reads(page).await;
        let id = world.objects(&read).await;
        let answered = world.answers(&key("publisher"), &id, &evidence(&read)).await;
        ended.push(answered.expect(StatusCode::OK).json());
    }
    assert_eq!(ended[0]["state"], "answered");
    assert_eq!(
        (&ended[1]["state"], &ended[1]["ruledBy"]),
        (&json!("released"), &json!("rules"))
    );
    assert_eq!(world.money().0, 400_000);
    world.settles().await;
}

async fn who_loses_often_loses_against_an_agent_that_seldom_objects(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let other = world.other_funded("10.00 TEST-USD").await;
    for number in 0..3 {
        world.other_objects(number).await;
    }
    world.later(Span::days(3));
    world.broker.due_work().await.unwrap();
    assert_eq!(world.purse.has(&other), 10_000_000);
    let read = world.reads("four").await;
    let id = world.objects(&read).await;
    let answered = world.answers(&key("publisher"), &id, &evidence(&read)).await.json();
    assert_eq!(
        (&answered["state"], &answered["ruledBy"]),
        (&json!("reversed"), &json!("rules"))
    );
    world.settles().await;
    assert_eq!(world.purse.has(&other), 10_000_000);
}

async fn whoever_makes_no_claims_wins_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let ben = key("ben");
    world.purse.put(&ben.did(), "1.00 TEST-USD");
    let bought = world
        .ask(&ben, "POST", "/issue-visa", Some(&world.order("1.00", 1)))
        .await;
    bought.expect(StatusCode::CREATED);
    let visas = world.ask(&ben, "GET", "/broker/api/visas", None).await.json();
    let (jti, digest) = (visas["items"][0]["jti"].as_str().unwrap(), "0a".repeat(32));
    let redeemed = world
        .redeem_claim(&key("publisher"), &[(jti, "r", "0.10")], &digest)
        .await;
    assert_eq!(redeemed, ["accepted"]);
    let feedback = world.unsigned(&digest);
    let refused = world.ask(&ben, "POST", "/broker/api/disputes", Some(&feedback)).await;
    assert_eq!(refused.code(), "conflict", "{}", refused.text());
    assert!(refused.text().contains("signs claims"), "{}", refused.text());
    world.later(Span::days(1));
    world.broker.due_work().await.unwrap();
    assert_eq!(world.purse.has(&key("publisher").did()), 100_000);
    world.settles().await;
}

async fn an_agent_that_objects_to_everything_reads_nothing_for_free(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    for page in ["one", "two", "three"] {
        let read = world.reads(page).await;
        world.objects(&read).await;
    }
    let read = world.reads("four").await;
    let refused = world.brings(&world.feedback(&read, "0")).await;
    assert_eq!(refused.code(), "conflict");
    assert!(refused.json()["detail"].as_str().unwrap().contains("objected 3 times"));
    world.later(Span::days(1));
    world.broker.due_work().await.unwrap();
    assert_eq!(world.redeem(&[(&read.jti, "four", "0.40")]).await, ["credited"]);
    world.settles().await;
}

async fn payments_to_a_node_of_ones_own_buy_no_objections_to_others(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let own = key("own");
    world.publisher_publish(&own);
    let mut order = world.order("1.00", 80);
    order["publisher"] = json!(world.other_host);
    let bought = world.agent_post("/issue-visa", &order, None).await;
    bought.expect(StatusCode::CREATED);
    let visas = world.agent_get("/broker/api/visas").await.json();
    let jti = visas["items"][0]["jti"].as_str().unwrap();
    let receipts: Vec<String> = (0..80).map(|number| format!("own-{number}")).collect();
    let batch: Vec<_> = receipts.iter().map(|receipt| (jti, receipt.as_str(), "0.01")).collect();
    let states = world.redeem_by(&own, &batch).await;
    assert!(states.iter().all(|state| state == "accepted"), "{states:?}");
    world.publisher_publish(&key("publisher"));
    for page in ["one", "two", "three"] {
        let read = world.reads(page).await;
        world.objects(&read).await;
    }
    let read = world.reads("four").await;
    let refused = world.brings(&world.feedback(&read, "0")).await;
    assert_eq!(refused.code(), "conflict");
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("payments of this publisher"), "{detail}");
    world.settles().await;
}

async fn a_payment_is_disputed_once_and_in_time(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let read = world.reads("spam").await;
    let id = world.objects(&read).await;
    // The same again is the same; also when the request is signed.
    let same = world.feedback(&read, "0.1");
    assert_eq!(
        world.brings(&same).await.expect(StatusCode::CREATED).json()["id"],
        json!(id)
    );
    let by_request = world.agent_post("/broker/api/disputes", &same, None).await;
    assert_eq!(by_request.expect(StatusCode::CREATED).json()["id"], json!(id));
    let other = world.brings(&world.feedback(&read, "0.2")).await;
    assert_eq!(other.code(), "conflict");
    assert!(other.json()["detail"].as_str().unwrap().contains("disputed already"));
    // Too late.
    let read = world.reads("late").await;
    world.later(Span::days(1));
    let late = world.brings(&world.feedback(&read, "0.1")).await;
    assert_eq!(late.code(), "conflict");
    assert!(late.json()["detail"].as_str().unwrap().contains("over"));
    let all = world.agent_get("/broker/api/disputes").await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), 1);
    world.settles().await;
}

async fn a_lost_answer_of_the_ledger_gives_back_nothing_twice(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let read = world.reads("spam").await;
    let id = world.objects(&read).await;
    world.purse.lose(1);
    world
        .answers(&key("publisher"), &id, &json!({"concede": true}))
        .await
        .expect(StatusCode::OK);
    assert_eq!(world.money(), (0, 9_400_000));
    assert_eq!(world.redeem(&[(&read.jti, "spam", "0.40")]).await, ["reversed"]);
    world.broker.due_work().await.unwrap();
    assert_eq!(world.money(), (0, 10_000_000));
    world.settles().await;
    assert_eq!(world.money(), (0, 10_000_000));
}
