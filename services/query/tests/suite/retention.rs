//! What is forgotten in its time, and what is not.

use axum::http::StatusCode;
use diesel::prelude::*;
use imajin_kernel::Span;
use imajin_proof::SignedMessage;
use imajin_query::QueryConfig;
use imajin_query_api::{AnswerBody, UseReceipt, UseRecord};
use imajin_store::{StoreError, tamper};
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use crate::disclosures::About;
use crate::schema::uses;
use crate::world::{Ask, PUBLIC, QUESTION, World, key};

on_both!(
    quotes_are_forgotten_when_nobody_can_use_them,
    uses_are_evidence_for_as_long_as_is_said_and_then_forgotten,
    copies_of_logs_are_forgotten_and_ones_own_log_stays,
    what_is_missing_before_its_time_is_found,
    many_rows_are_forgotten_at_once,
);

impl World {
    /// How many rows a table has.
    pub(crate) async fn count(&self, table: &'static str) -> usize {
        let rows: Result<usize, StoreError> = self.db.read(move |conn| Ok(tamper::rows(conn, table)?.len())).await;
        rows.unwrap()
    }

    /// So much later, the node looks for what need not be kept.
    pub(crate) async fn later(&self, span: Span) {
        self.clock.advance(span);
        self.service.forget().await.unwrap();
        assert_eq!(self.audit().await, []);
    }

    pub(crate) async fn with_evidence_kept(backend: Backend, days: i64) -> Self {
        let config = QueryConfig {
            evidence_kept: Span::days(days),
            ..QueryConfig::default()
        };
        let world = Self::with(backend, config, Vec::new()).await;
        world.give(crate::grants::payload()).await;
        let on: &[&str] = &["profile.name", "profile.bio"];
        world.switch(&[("directory", on)]).await.expect(StatusCode::OK);
        world
    }

    /// ben is told something, and writes it down at his home.
    pub(crate) async fn told_and_noted(&self, home: &str) -> SignedMessage<UseReceipt> {
        let ask = About {
            home: Some(home.to_owned()),
            ..About::usual()
        };
        let receipt = self.told(&ask).await.receipt;
        let record = UseRecord::sign(&key("ben"), &receipt, self.env.now()).unwrap();
        let kept = self.change(&key("ben"), "POST", "/consent/records", &record).await;
        kept.expect(StatusCode::NO_CONTENT);
        receipt
    }
}

async fn quotes_are_forgotten_when_nobody_can_use_them(backend: Backend) {
    let world = World::new(backend).await;
    let quote = world.quoted().await;
    let ask = Ask {
        body: json!({"query": QUESTION, "quoteId": quote.quote_id}),
        ..Ask::usual()
    };
    let answer = world.answered(&ask).await;
    world.quoted().await;
    world.later(Span::hours(2)).await;
    assert_eq!(world.count("quotes").await, 2, "they are kept for a day");
    world.later(Span::days(2)).await;
    assert_eq!(world.count("quotes").await, 0);
    assert_eq!(world.count("questions").await, 1, "what was paid for stays");
    let again = world.answered(&ask).await;
    let receipt_of = |body: &AnswerBody| body.receipt.as_ref().unwrap().payload.id;
    assert_eq!(
        (receipt_of(&again), &again.text),
        (receipt_of(&answer), &answer.text),
        "and is answered again as it was"
    );
    world.quoted().await;
    world.later(Span::hours(1)).await;
    assert_eq!(world.count("quotes").await, 1, "a new one is not among them");
}

async fn uses_are_evidence_for_as_long_as_is_said_and_then_forgotten(backend: Backend) {
    let world = World::with_evidence_kept(backend, 30).await;
    world.told_and_noted(PUBLIC).await;
    world.later(Span::days(29)).await;
    let late = world.told_and_noted(PUBLIC).await;
    let own = world.consent_of("ada").await;
    assert_eq!((own.uses.len(), own.comparisons[0].agreed), (2, 2));
    world.later(Span::days(3)).await;
    let own = world.consent_of("ada").await;
    let left: Vec<_> = own.uses.iter().map(|used| used.id.clone()).collect();
    assert_eq!(left, [late.payload.id.to_string()]);
    let comparison = &own.comparisons[0];
    assert_eq!(
        (comparison.agreed, &comparison.differences),
        (1, &Vec::new()),
        "that his log still has the other is no difference"
    );
    assert_eq!(world.consent_of("ben").await.records.len(), 2, "his log is his");
    assert_eq!(own.grants.len(), 1);
    assert!(own.profile.is_some());
    world.later(Span::days(60)).await;
    let own = world.consent_of("ada").await;
    assert_eq!(own.uses, []);
    assert!(own.comparisons.iter().all(|one| one.differences.is_empty()));
}

async fn copies_of_logs_are_forgotten_and_ones_own_log_stays(backend: Backend) {
    let world = World::with_evidence_kept(backend, 30).await;
    world.told_and_noted(PUBLIC).await;
    // As if it had been read at another node.
    let copied: Result<(), StoreError> = world
        .db
        .write(|conn| {
            let place = &tamper::rows(conn, "records")?[0];
            assert!(tamper::tamper(conn, "records", "read_from", place)?.is_some());
            Ok(())
        })
        .await;
    copied.unwrap();
    world.clock.advance(Span::days(31));
    world.service.forget().await.unwrap();
    assert_eq!(world.count("records").await, 0);

    let other = World::with_evidence_kept(backend, 30).await;
    other.told_and_noted(PUBLIC).await;
    other.later(Span::days(31)).await;
    assert_eq!((other.count("uses").await, other.count("records").await), (0, 1));
}

async fn what_is_missing_before_its_time_is_found(backend: Backend) {
    let world = World::with_evidence_kept(backend, 30).await;
    world.told(&About::usual()).await;
    world.later(Span::days(40)).await;
    world.told(&About::usual()).await;
    world.later(Span::days(2)).await;
    assert_eq!(world.count("uses").await, 1);
    let deleted: Result<usize, StoreError> = world
        .db
        .write(|conn| Ok(diesel::delete(uses::table).execute(conn)?))
        .await;
    assert_eq!(deleted.unwrap(), 1);
    let findings = world.audit().await;
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].to_string().starts_with("query.uses"), "{findings:?}");
}

async fn many_rows_are_forgotten_at_once(backend: Backend) {
    let world = World::new(backend).await;
    for _each in 0..501 {
        world.quoted().await;
    }
    world.later(Span::days(3)).await;
    assert_eq!(world.count("quotes").await, 0);
    world.later(Span::hours(1)).await;
}
