//! What brokers tell of disputes, and what a gate's node answers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use imajin_gate::{Charge, Charged, Records, Till};
use imajin_imagxp::ClaimShown;
use imajin_kernel::{Code, Span};
use imajin_store::{StoreError, tamper};
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::gates::{Gated, charge, record};
use crate::world::World;

on_both!(
    a_dispute_is_answered_once_with_the_claim_that_was_charged,
    what_a_broker_does_not_take_as_evidence_is_said_in_words,
    a_dispute_waits_for_the_record_and_then_goes_without,
    what_was_kept_for_disputes_is_forgotten_with_the_records,
    a_page_that_fails_once_is_asked_for_again,
    a_damaged_dispute_holds_no_other_up,
    what_an_agent_objects_to_is_not_handed_over_again,
);

/// A node with rows in all tables of gates, and whom it answers.
pub(crate) async fn filled(backend: Backend) -> Scene {
    let scene = Scene::new(backend).await;
    let gated = &scene.gated;
    crate::gates::fill(gated).await;
    let paid = gated.pays(&charge("disputed", None)).await;
    scene.accessed(&paid).await;
    scene.disputed("dsp_1", &paid.receipt);
    assert_eq!(scene.look().await, 1);
    crate::gate_feedback::kept(gated).await;
    scene
}

/// A claim that a test can tell from another one.
pub(crate) fn shown(claim: &str) -> ClaimShown {
    ClaimShown {
        payload: format!("payload of {claim}"),
        signature: "signature".to_owned(),
        public_key: "key".to_owned(),
    }
}

/// A broker as far as disputes go. It checks no signatures: the tests with two nodes do.
#[derive(Default)]
struct Peer {
    disputes: Vec<Value>,
    /// What was said, in the order in which it came.
    said: Vec<Value>,
    /// How what is said is answered; it is taken, when nothing is here.
    says: VecDeque<StatusCode>,
    /// What was answered, with the dispute.
    answers: Vec<(String, Value)>,
    /// Whether it takes claims as evidence.
    is_strict: bool,
    /// How often a page behind the first one is not given.
    pages_fail: usize,
}

type Shared = Arc<Mutex<Peer>>;

async fn list(
    State(peer): State<Shared>,
    Query(asked): Query<BTreeMap<String, String>>,
) -> Result<Json<Value>, StatusCode> {
    let mut peer = peer.lock().unwrap();
    let limit: usize = asked["limit"].parse().unwrap();
    let first: usize = asked.get("cursor").map_or(0, |cursor| cursor.parse().unwrap());
    if first > 0 && peer.pages_fail > 0 {
        peer.pages_fail -= 1;
        return Err(StatusCode::BAD_GATEWAY);
    }
    let items: Vec<&Value> = peer.disputes.iter().skip(first).take(limit).collect();
    let next = first + items.len();
    let cursor = (next < peer.disputes.len()).then(|| next.to_string());
    Ok(Json(json!({"items": items, "cursor": cursor})))
}

async fn answer(
    State(peer): State<Shared>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Result<Json<Value>, StatusCode> {
    let mut peer = peer.lock().unwrap();
    peer.answers.push((id.clone(), body.clone()));
    if peer.is_strict && body.get("evidence").is_some() {
        return Err(StatusCode::BAD_REQUEST);
    }
    let dispute = peer.disputes.iter_mut().find(|dispute| dispute["id"] == id);
    let dispute = dispute.ok_or(StatusCode::NOT_FOUND)?;
    dispute["state"] = json!("answered");
    Ok(Json(dispute.clone()))
}

/// Who sends it is not said: it stands for itself.
async fn hear(State(peer): State<Shared>, headers: HeaderMap, Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
    assert!(!headers.contains_key("signature"));
    let mut peer = peer.lock().unwrap();
    peer.said.push(body);
    let status = peer.says.pop_front().unwrap_or(StatusCode::CREATED);
    (status, Json(json!({"detail": "So says the broker."})))
}

pub(crate) struct Scene {
    pub(crate) gated: Gated,
    peer: Shared,
    _tasks: tokio::task::JoinSet<()>,
}

impl Scene {
    pub(crate) async fn new(backend: Backend) -> Self {
        let peer = Shared::default();
        let router = Router::new()
            .route("/broker/api/disputes", get(list).post(hear))
            .route("/broker/api/disputes/{id}/answer", post(answer))
            .with_state(Arc::clone(&peer));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let broker = format!("http://localhost:{}/broker", listener.local_addr().unwrap().port());
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        let world = World::with(backend, |config| config.brokers.push(broker.parse().unwrap())).await;
        Self {
            gated: Gated::of(world),
            peer,
            _tasks: tasks,
        }
    }

    /// The agent objects to what a receipt is for.
    fn disputed(&self, id: &str, receipt: &str) {
        let dispute = json!({
            "id": id, "receipt": receipt, "amount": {"amount": "0.01", "currency": "TEST-USD"},
            "url": "https://site.example/posts/1", "qualityScore": "0.2", "reason": "Nothing\u{7} there.",
            "state": "open", "createdAt": self.gated.world.env.now(), "agent": "did:web:bot.example.org",
        });
        self.peer.lock().unwrap().disputes.insert(0, dispute);
    }

    /// The gate has handed over what was charged, and has written that down.
    async fn accessed(&self, charged: &Charged) {
        let gated = &self.gated;
        gated
            .books
            .record(record(gated, "https://site.example/posts/1", Some(charged)))
            .await;
        gated.books.records_write().await.unwrap();
    }

    async fn look(&self) -> usize {
        self.gated.world.publisher.disputes_look().await.unwrap()
    }

    /// What agents have said through this node.
    pub(crate) fn said(&self) -> Vec<Value> {
        self.peer.lock().unwrap().said.clone()
    }

    /// How the broker answers what is said next.
    pub(crate) fn broker_says(&self, statuses: &[StatusCode]) {
        self.peer.lock().unwrap().says.extend(statuses);
    }

    fn answers(&self) -> Vec<(String, Value)> {
        self.peer.lock().unwrap().answers.clone()
    }
}

async fn a_dispute_is_answered_once_with_the_claim_that_was_charged(backend: Backend) {
    let scene = Scene::new(backend).await;
    let gated = &scene.gated;
    assert_eq!(scene.look().await, 0, "there is nothing to dispute");
    let paid = gated.pays(&charge("c1", Some("k"))).await;
    // The answer was lost, and the agent came again with another claim, which cost nothing.
    let again = gated.pays(&charge("c2", Some("k"))).await;
    scene.accessed(&again).await;
    scene.disputed("dsp_1", &paid.receipt);
    scene.disputed("dsp_2", "rcp_of_nobody_here");
    assert_eq!(scene.look().await, 1);
    let answers = scene.answers();
    let (id, said) = &answers[0];
    assert_eq!((answers.len(), id.as_str()), (1, "dsp_1"), "{answers:?}");
    assert_eq!(said["evidence"]["payload"], "payload of c1");
    assert_eq!(
        (&said["evidence"]["status"], &said["evidence"]["publicKey"]),
        (&json!(200), &json!("key"))
    );
    assert!(
        said["note"].as_str().unwrap().contains("record 1 of the gate site"),
        "{said}"
    );
    assert_eq!(scene.look().await, 0, "it was answered");
    // Of a broker that forgets its answer, nothing is asked twice.
    scene.peer.lock().unwrap().disputes[1]["state"] = json!("open");
    assert_eq!(scene.look().await, 0);
    assert_eq!(scene.answers().len(), 1);
    assert_eq!(gated.world.audit().await, []);
}

async fn what_a_broker_does_not_take_as_evidence_is_said_in_words(backend: Backend) {
    let scene = Scene::new(backend).await;
    let gated = &scene.gated;
    scene.peer.lock().unwrap().is_strict = true;
    let paid = gated.pays(&charge("c1", None)).await;
    // Who says who it is by Web Bot Auth makes no claims.
    let unclaimed = Charge {
        claim: None,
        ..charge("c2", None)
    };
    let other = gated.pays(&unclaimed).await;
    for charged in [&paid, &other] {
        gated
            .books
            .record(record(gated, "https://site.example/posts/1", Some(charged)))
            .await;
    }
    gated.books.records_write().await.unwrap();
    scene.disputed("dsp_1", &paid.receipt);
    assert_eq!(scene.look().await, 1);
    scene.disputed("dsp_2", &other.receipt);
    assert_eq!(scene.look().await, 1);
    let shapes = scene.answers();
    let shapes = shapes
        .iter()
        .map(|(id, said)| (id.as_str(), said.get("evidence").is_some()));
    assert_eq!(
        shapes.collect::<Vec<_>>(),
        [("dsp_1", true), ("dsp_1", false), ("dsp_2", false)]
    );
    assert_eq!(gated.world.audit().await, []);
}

async fn a_dispute_waits_for_the_record_and_then_goes_without(backend: Backend) {
    let scene = Scene::new(backend).await;
    let gated = &scene.gated;
    let paid = gated.pays(&charge("c1", None)).await;
    scene.disputed("dsp_1", &paid.receipt);
    assert_eq!(scene.look().await, 0, "the record is on its way");
    gated.world.clock.advance(Span::minutes(11));
    assert_eq!(scene.look().await, 1);
    let answers = scene.answers();
    assert_eq!(
        answers[0].1.get("evidence"),
        None,
        "nobody knows whether it was answered"
    );
    assert!(
        answers[0].1["note"].as_str().unwrap().contains("no record"),
        "{answers:?}"
    );
}

async fn what_was_kept_for_disputes_is_forgotten_with_the_records(backend: Backend) {
    let scene = Scene::new(backend).await;
    let gated = &scene.gated;
    let paid = gated.pays(&charge("c1", None)).await;
    scene.accessed(&paid).await;
    scene.disputed("dsp_1", &paid.receipt);
    assert_eq!(scene.look().await, 1);
    gated.world.clock.advance(Span::days(92));
    gated.books.forget().await.unwrap();
    assert_eq!(gated.world.audit().await, []);
    // Nothing is left that could be answered with.
    scene.disputed("dsp_3", &paid.receipt);
    assert_eq!(scene.look().await, 0);
    assert_eq!(scene.answers().len(), 1);
}

async fn a_page_that_fails_once_is_asked_for_again(backend: Backend) {
    let scene = Scene::new(backend).await;
    let paid = scene.gated.pays(&charge("c1", None)).await;
    scene.accessed(&paid).await;
    for number in 0..150 {
        scene.disputed(&format!("dsp_{number:03}"), &paid.receipt);
    }
    scene.peer.lock().unwrap().pages_fail = 1;
    assert_eq!(scene.look().await, 100);
    assert_eq!(scene.look().await, 50, "nothing new is on the first page");
    let answered: BTreeSet<String> = scene.answers().into_iter().map(|(id, _said)| id).collect();
    assert_eq!(answered.len(), 150);
    scene.disputed("dsp_new", &paid.receipt);
    assert_eq!(scene.look().await, 1);
    assert_eq!(scene.look().await, 0);
}

async fn a_damaged_dispute_holds_no_other_up(backend: Backend) {
    let scene = Scene::new(backend).await;
    let world = &scene.gated.world;
    let paid = scene.gated.pays(&charge("c1", None)).await;
    scene.disputed("dsp_1", &paid.receipt);
    assert_eq!(scene.look().await, 0, "the record is on its way");
    let damaged: Result<(), StoreError> = world
        .db
        .write(|conn| {
            let place = tamper::rows(conn, "gate_disputes")?.remove(0);
            tamper::tamper(conn, "gate_disputes", "row_seal", &place)?.unwrap();
            Ok(())
        })
        .await;
    damaged.unwrap();
    scene.disputed("dsp_2", &paid.receipt);
    world.clock.advance(Span::minutes(11));
    assert_eq!(scene.look().await, 1);
    assert_eq!(scene.answers()[0].0, "dsp_2");
}

async fn what_an_agent_objects_to_is_not_handed_over_again(backend: Backend) {
    let scene = Scene::new(backend).await;
    let gated = &scene.gated;
    // The connection was cut, and the agent objects before it comes again: at the broker, or here.
    let paid = gated.pays(&charge("c1", Some("k"))).await;
    scene.disputed("dsp_1", &paid.receipt);
    assert_eq!(scene.look().await, 0, "the record may be on its way");
    for claim in ["c2", "c3"] {
        let refused = gated.books.charge(&charge(claim, Some("k"))).await.unwrap_err();
        assert_eq!(refused.code, Code::InvalidRequest, "{refused:?}");
        gated.world.clock.advance(Span::minutes(11));
        scene.look().await;
    }
    gated.spend("visa-1");
    let check = gated.books.check(&charge("c4", Some("k"))).await;
    assert_eq!(check.unwrap_err().code, Code::PaymentFailed);
    // What it has let go is its page again.
    scene.peer.lock().unwrap().disputes[0]["state"] = json!("released");
    scene.look().await;
    assert_eq!(gated.pays(&charge("c5", Some("k"))).await.receipt, paid.receipt);
    assert_eq!(gated.pay.count(), 1);
}
