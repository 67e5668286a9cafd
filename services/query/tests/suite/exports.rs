//! What the export of one's own data has from here: all of it, whatever a page holds.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use imajin_consent::{GrantPayload, Grantee};
use imajin_kernel::{Code, Span};
use imajin_profile_api::{ExportAsk, ExporterApi};
use imajin_query::EXPORT_PARTS;
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::disclosures::About;
use crate::grants::payload;
use crate::world::{Ask, BEES, HOLDS, World, key};

on_both!(
    each_page_goes_on_where_the_last_one_ended,
    a_grant_is_exported_with_what_has_ended_it,
    profile_terms_and_documents_are_exported,
    a_question_is_exported_to_both_and_its_answer_to_whoever_asked,
    records_are_exported_to_the_asker_and_to_the_person,
    readings_are_exported_to_whoever_wanted_them,
    nobody_is_given_what_is_anothers,
    a_part_that_is_none_is_refused,
);

impl World {
    /// All rows of a part, so many at once, and how many pages they took.
    async fn exported(&self, name: &str, part: &str, limit: u32) -> (Vec<Value>, usize) {
        let (mut rows, mut cursor, mut pages) = (Vec::new(), None, 0);
        loop {
            let ask = ExportAsk {
                did: key(name).did(),
                part: part.to_owned(),
                cursor: cursor.take(),
                limit,
            };
            let page = self.service.export_page(ask).await.unwrap();
            rows.extend(page.rows);
            pages += 1;
            match page.next {
                Some(next) => cursor = Some(next),
                None => return (rows, pages),
            }
        }
    }
}

async fn each_page_goes_on_where_the_last_one_ended(backend: Backend) {
    let world = World::open(backend).await;
    let mut told = Vec::new();
    for round in 0..5 {
        // Two at the same moment, then one later: neither is lost between pages, nor there twice.
        told.push(world.told(&About::usual()).await.receipt.payload.id.to_string());
        if round % 2 == 1 {
            world.clock.advance(Span::seconds(1));
        }
    }
    for limit in 1..=6_u32 {
        let (rows, pages) = world.exported("ada", "consentUses", limit).await;
        let ids: Vec<&str> = rows
            .iter()
            .map(|row| row["receipt"]["payload"]["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids.len(), 5, "{limit} a page");
        let all: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(all, told.iter().map(String::as_str).collect());
        assert_eq!(ids[0], told[4], "the newest first");
        assert_eq!(pages, usize::try_from(5_u32.div_ceil(limit)).unwrap());
    }
    let (rows, _) = world.exported("ada", "consentUses", 100).await;
    assert_eq!(rows[0]["evidence"]["consent"]["consumer"], json!(key("ben").did()));
    assert!(rows[0]["receipt"]["signature"].is_string());
}

async fn a_grant_is_exported_with_what_has_ended_it(backend: Backend) {
    let world = World::new(backend).await;
    let first = world.give(payload()).await;
    world.revoke(&first).await.expect(StatusCode::OK);
    world.clock.advance(Span::seconds(1));
    let second = world.give(payload()).await;
    let (rows, pages) = world.exported("ada", "consentGrants", 1).await;
    assert_eq!((rows.len(), pages), (2, 2));
    assert_eq!(
        (&rows[0]["state"], &rows[0]["digest"]),
        (&json!("active"), &json!(second.digest().unwrap()))
    );
    assert_eq!(
        rows[0]["grant"],
        serde_json::to_value(&second).unwrap(),
        "as it was signed"
    );
    assert_eq!(rows[0]["revocation"], Value::Null);
    assert_eq!(rows[1]["state"], "revoked");
    assert_eq!(
        rows[1]["revocation"]["payload"]["consent"],
        json!(first.digest().unwrap())
    );
}

async fn profile_terms_and_documents_are_exported(backend: Backend) {
    let world = World::open(backend).await;
    let (profile, _) = world.exported("ada", "consentProfile", 100).await;
    assert_eq!(
        profile[0]["profile"]["payload"]["purposes"]["directory"],
        json!(["profile.bio", "profile.name"])
    );
    let (terms, _) = world.exported("ada", "queryTerms", 100).await;
    assert_eq!(terms[0]["terms"]["payload"]["maxHops"], 2);
    let (documents, pages) = world.exported("ada", "queryDocuments", 1).await;
    let texts: BTreeSet<&str> = documents.iter().map(|one| one["text"].as_str().unwrap()).collect();
    assert_eq!((texts, pages), (BTreeSet::from([HOLDS, BEES]), 2));
    let id = documents[0]["id"].as_str().unwrap();
    let removed = world
        .change(&key("ada"), "DELETE", &format!("/documents/{id}"), &Value::Null)
        .await;
    assert!(removed.status.is_success(), "{}", removed.text());
    let (documents, _) = world.exported("ada", "queryDocuments", 100).await;
    assert_eq!(documents.len(), 2, "what is kept is exported");
    assert!(documents[0]["removedAt"].is_string());
    for part in ["consentProfile", "queryTerms"] {
        assert_eq!(world.exported("ben", part, 100).await, (Vec::new(), 1));
    }
}

async fn a_question_is_exported_to_both_and_its_answer_to_whoever_asked(backend: Backend) {
    let world = World::new(backend).await;
    let answer = world.answered(&Ask::usual()).await;
    let (asked, _) = world.exported("ben", "questionsAsked", 100).await;
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0]["id"], json!(answer.question));
    assert_eq!(asked[0]["answer"]["text"], json!(answer.text));
    assert_eq!(asked[0]["receipt"], json!(answer.receipt.unwrap().payload.id));
    let (answered, _) = world.exported("ada", "questionsAnswered", 100).await;
    assert_eq!(answered[0]["id"], asked[0]["id"]);
    assert_eq!(answered[0].get("answer"), None, "the answer is the asker's");
    assert_eq!(
        world.exported("ada", "questionsAsked", 100).await.0,
        Vec::<Value>::new()
    );
}

async fn records_are_exported_to_the_asker_and_to_the_person(backend: Backend) {
    let world = World::open(backend).await;
    world.told_and_compared().await;
    let (own, _) = world.exported("ben", "useRecords", 100).await;
    let (about, _) = world.exported("ada", "useRecordsAbout", 100).await;
    assert!(!own.is_empty());
    assert_eq!(own, about);
    assert_eq!(own[0]["record"]["from"], json!(key("ben").did()));
}

async fn readings_are_exported_to_whoever_wanted_them(backend: Backend) {
    let world = World::open(backend).await;
    let mut askers = BTreeSet::new();
    for name in ["ben", "cleo", "dora"] {
        let grant = GrantPayload {
            granted_to: Grantee::Did(key(name).did()),
            ..payload()
        };
        world.give(grant).await;
        let ask = About {
            by: key(name),
            home: Some("http://localhost:1".to_owned()),
            ..About::usual()
        };
        world.told(&ask).await;
        let body = json!({"asker": key(name).did()});
        let compared = world.change(&key("ada"), "POST", "/consent/compare", &body).await;
        compared.expect(StatusCode::OK);
        askers.insert(key(name).did().to_string());
    }
    for limit in 1..=4_u32 {
        let (rows, pages) = world.exported("ada", "logReadings", limit).await;
        let all: Vec<&str> = rows.iter().map(|row| row["asker"].as_str().unwrap()).collect();
        assert_eq!(all, askers.iter().collect::<Vec<_>>(), "{limit} a page");
        assert_eq!(pages, usize::try_from(3_u32.div_ceil(limit)).unwrap());
    }
    let (rows, _) = world.exported("ada", "logReadings", 100).await;
    assert_eq!(rows[0]["home"], "http://localhost:1");
    assert_eq!(rows[0]["readAt"], Value::Null);
    let problem = rows[0]["problem"].as_str().unwrap();
    assert!(problem.contains("does not answer"), "{problem}");
    assert_eq!(world.exported("ben", "logReadings", 100).await.0, Vec::<Value>::new());
}

async fn nobody_is_given_what_is_anothers(backend: Backend) {
    let world = World::open(backend).await;
    world.told_and_compared().await;
    world.answered(&Ask::usual()).await;
    for part in EXPORT_PARTS {
        let (rows, _) = world.exported("eve", part.name, 100).await;
        assert_eq!(rows, Vec::<Value>::new(), "{}", part.name);
    }
}

async fn a_part_that_is_none_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let ask = |part: &str, cursor: Option<&str>| ExportAsk {
        did: key("ada").did(),
        part: part.to_owned(),
        cursor: cursor.map(str::to_owned),
        limit: 10,
    };
    let refused = world.service.export_page(ask("secrets", None)).await.unwrap_err();
    assert_eq!(refused.code, Code::NotFound);
    let refused = world
        .service
        .export_page(ask("consentUses", Some("x")))
        .await
        .unwrap_err();
    assert_eq!(refused.code, Code::InvalidRequest);
}
