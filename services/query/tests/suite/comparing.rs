//! What the node says it has told somebody, against what they say themselves.

use axum::http::StatusCode;
use imajin_did::SecretKey;
use imajin_kernel::Span;
use imajin_proof::SignedMessage;
use imajin_query_api::{Comparison, DifferenceKind, RecordsPage, UseReceipt, UseRecord};
use imajin_testkit::{Answer, Backend, on_both};
use serde_json::json;

use crate::disclosures::About;
use crate::world::{PUBLIC, World, key};

on_both!(
    two_streams_that_say_the_same_agree,
    what_the_askers_log_lacks_is_shown,
    what_the_node_does_not_say_is_shown,
    what_they_say_differently_is_shown,
    a_log_is_for_the_two_and_for_the_node_that_has_told_it,
    records_that_are_not_their_askers_word_are_refused,
    a_home_that_does_not_answer_is_named,
    without_a_home_there_is_nothing_to_compare,
);

impl World {
    /// ben is told something, and says that he keeps his log at this node.
    async fn told_at_home(&self) -> SignedMessage<UseReceipt> {
        let ask = About {
            home: Some(PUBLIC.to_owned()),
            ..About::usual()
        };
        self.told(&ask).await.receipt
    }

    async fn record(&self, by: &SecretKey, record: &SignedMessage<UseRecord>) -> Answer {
        self.change(by, "POST", "/consent/records", record).await
    }

    /// ben writes down what he was told, with a change.
    async fn noted(&self, receipt: &SignedMessage<UseReceipt>, change: impl Fn(&mut UseRecord)) {
        let ben = key("ben");
        let mut said = UseRecord::sign(&ben, receipt, self.env.now()).unwrap().payload;
        change(&mut said);
        let record = SignedMessage::sign(&ben, ben.did(), UseRecord::KIND, None, self.env.now(), said).unwrap();
        self.record(&ben, &record).await.expect(StatusCode::NO_CONTENT);
    }

    async fn compare(&self) -> Answer {
        let body = json!({"asker": key("ben").did()});
        self.change(&key("ada"), "POST", "/consent/compare", &body).await
    }

    async fn compared(&self) -> Comparison {
        let one: Comparison = self.compare().await.expect(StatusCode::OK).parse();
        assert_eq!(
            self.consent_of("ada").await.comparisons,
            std::slice::from_ref(&one),
            "the page shows the same"
        );
        assert_eq!(self.audit().await, []);
        one
    }

    async fn log(&self, by: &SecretKey) -> Vec<SignedMessage<UseRecord>> {
        let body = json!({"asker": key("ben").did(), "subject": key("ada").did()});
        let answer = self.change(by, "POST", "/consent/log", &body).await;
        let page: RecordsPage = answer.expect(StatusCode::OK).parse();
        page.records
    }
}

impl World {
    /// ben is told something about ada twice; once he keeps his log here, once elsewhere, where nobody answers.
    pub(crate) async fn told_and_compared(&self) {
        let on: &[&str] = &["profile"];
        self.clock.advance(Span::seconds(1));
        self.switch(&[("directory", on)]).await.expect(StatusCode::OK);
        let elsewhere = About {
            home: Some("http://localhost:1".to_owned()),
            ..About::usual()
        };
        self.told(&elsewhere).await;
        self.compare().await.expect(StatusCode::OK);
        let receipt = self.told_at_home().await;
        self.noted(&receipt, |_| {}).await;
    }
}

fn kinds(comparison: &Comparison) -> Vec<DifferenceKind> {
    comparison
        .differences
        .iter()
        .map(|difference| difference.kind)
        .collect()
}

async fn two_streams_that_say_the_same_agree(backend: Backend) {
    let world = World::open(backend).await;
    for _each in 0..2 {
        let receipt = world.told_at_home().await;
        world.noted(&receipt, |_| {}).await;
    }
    let comparison = world.compared().await;
    assert_eq!((comparison.agreed, comparison.differences), (2, Vec::new()));
    assert_eq!(comparison.read_at, Some(world.env.now()));
    assert_eq!(
        world.consent_of("ben").await.records.len(),
        2,
        "his own log is his to take along"
    );
    assert_eq!(world.consent_of("ben").await.comparisons, []);
}

async fn what_the_askers_log_lacks_is_shown(backend: Backend) {
    let world = World::open(backend).await;
    let kept = world.told_at_home().await;
    world.noted(&kept, |_| {}).await;
    let hidden = world.told_at_home().await;
    let comparison = world.compared().await;
    assert_eq!(
        (kinds(&comparison), comparison.agreed),
        (vec![DifferenceKind::MissingThere], 1)
    );
    assert_eq!(comparison.differences[0].use_id, hidden.payload.id);
    world.noted(&hidden, |_| {}).await;
    assert_eq!(world.compared().await.agreed, 2);
}

async fn what_the_node_does_not_say_is_shown(backend: Backend) {
    let world = World::open(backend).await;
    let receipt = world.told_at_home().await;
    world.noted(&receipt, |_| {}).await;
    let other = imajin_kernel::id::UseId::from_bytes([7; 16]);
    world.noted(&receipt, |said| said.use_id = other).await;
    let comparison = world.compared().await;
    assert_eq!(kinds(&comparison), [DifferenceKind::MissingHere]);
    let difference = &comparison.differences[0];
    assert_eq!((difference.use_id, &difference.here), (other, &None));
    assert_eq!(difference.there.as_deref(), Some("profile.bio, profile.name"));
}

async fn what_they_say_differently_is_shown(backend: Backend) {
    let world = World::open(backend).await;
    let receipt = world.told_at_home().await;
    let late = world.env.now().plus(Span::hours(1));
    world
        .noted(&receipt, |said| {
            said.fields = ["profile.name".parse().unwrap()].into();
            said.used_at = late;
        })
        .await;
    let comparison = world.compared().await;
    assert_eq!(
        kinds(&comparison),
        [DifferenceKind::OtherFields, DifferenceKind::OtherTime]
    );
    assert_eq!(comparison.agreed, 0);
}

async fn a_log_is_for_the_two_and_for_the_node_that_has_told_it(backend: Backend) {
    let world = World::open(backend).await;
    let receipt = world.told_at_home().await;
    world.noted(&receipt, |_| {}).await;
    world
        .noted(&receipt, |said| said.node = key("another node").did())
        .await;
    assert_eq!(world.log(&key("ben")).await.len(), 2);
    assert_eq!(world.log(&key("ada")).await.len(), 2);
    let own = world.log(world.keyring.node_key()).await;
    assert_eq!(own.len(), 1);
    assert_eq!(own[0].payload.node, *world.keyring.node_did());
    assert_eq!(world.log(&key("another node")).await.len(), 1);
    assert_eq!(world.log(&key("eve")).await, []);
}

async fn records_that_are_not_their_askers_word_are_refused(backend: Backend) {
    let world = World::open(backend).await;
    let receipt = world.told_at_home().await;
    let ben = key("ben");
    let record = UseRecord::sign(&ben, &receipt, world.env.now()).unwrap();
    assert_eq!(world.record(&key("ada"), &record).await.code(), "forbidden");
    let mut changed = record.clone();
    changed.payload.fields.clear();
    assert_eq!(world.record(&ben, &changed).await.code(), "bad_signature");
    world.record(&ben, &record).await.expect(StatusCode::NO_CONTENT);
    world.record(&ben, &record).await.expect(StatusCode::NO_CONTENT);
    assert_eq!(world.log(&ben).await, [record], "the same record is there once");
    assert_eq!(world.audit().await, []);
}

async fn a_home_that_does_not_answer_is_named(backend: Backend) {
    let world = World::open(backend).await;
    let ask = About {
        home: Some("http://localhost:1".to_owned()),
        ..About::usual()
    };
    world.told(&ask).await;
    assert_eq!(world.consent_of("ada").await.comparisons[0].read_at, None);
    let comparison = world.compared().await;
    assert_eq!((comparison.read_at, kinds(&comparison)), (None, Vec::new()));
    let problem = comparison.problem.unwrap();
    assert!(problem.contains("does not answer"), "{problem}");
}

async fn without_a_home_there_is_nothing_to_compare(backend: Backend) {
    let world = World::open(backend).await;
    world.told(&About::usual()).await;
    let refused = world.compare().await;
    assert_eq!(
        (refused.code().as_str(), &refused.json()["member"]),
        ("invalid_request", &json!("asker"))
    );
    assert_eq!(world.audit().await, []);
}
