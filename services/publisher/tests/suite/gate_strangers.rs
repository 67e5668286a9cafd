//! What is written down of visitors that have proven nothing, and how much of it is forgotten at once.

use imajin_gate::{AccessRecord, Records};
use imajin_imagxp::VisitorType;
use imajin_kernel::Span;
use imajin_testkit::{Backend, on_both};
use imajin_web::Tier;
use serde_json::json;

use crate::gate_evidence::{RECORDS, get};
use crate::gates::{Gated, charge, record};

on_both!(
    strangers_fill_no_more_than_their_part_of_the_records,
    however_much_is_old_is_forgotten_in_one_round,
);

/// So many requests of strangers are written down one by one in a minute.
const KEPT: usize = 600;

fn stranger(gated: &Gated, url: &str) -> AccessRecord {
    AccessRecord {
        agent: None,
        thumbprint: None,
        visitor: VisitorType::UnidentifiedBot,
        binding: None,
        claim_digest: None,
        ..record(gated, url, None)
    }
}

async fn written(gated: &Gated) -> usize {
    let mut written = 0;
    loop {
        let batch = gated.books.records_write().await.unwrap();
        if batch == 0 {
            return written;
        }
        written += batch;
    }
}

async fn strangers_fill_no_more_than_their_part_of_the_records(backend: Backend) {
    let gated = Gated::new(backend).await;
    gated.world.person("operator", Tier::Operator);
    let long = format!("https://site.example/{}", "a".repeat(1_000));
    for _request in 0..KEPT + 40 {
        gated.books.record(stranger(&gated, &long)).await;
    }
    // Whoever says who it is, and whoever pays, is written down all the same.
    let paid = gated.pays(&charge("c1", None)).await;
    for known in [record(&gated, &long, Some(&paid)), record(&gated, &long, None)] {
        gated.books.record(known).await;
    }
    assert_eq!(written(&gated).await, KEPT + 2);
    // Nobody need come again for the rest to be told of.
    gated.world.clock.advance(Span::minutes(1));
    assert_eq!(gated.books.forget().await.unwrap(), 0);
    gated.books.record(stranger(&gated, "https://site.example/next")).await;
    assert_eq!(written(&gated).await, 2);
    let (_status, listed) = get(&gated, "operator", &format!("{RECORDS}?limit=4")).await;
    let records = listed["records"].as_array().unwrap();
    assert_eq!(records[0]["url"], "https://site.example/next");
    let reason = records[1]["reason"].as_str().unwrap();
    assert!(reason.starts_with("40 more requests"), "{reason}");
    assert_eq!((&records[1]["url"], &records[1]["status"]), (&json!(""), &json!(0)));
    assert_eq!(records[2]["url"], long, "an agent's");
    let (_status, listed) = get(&gated, "operator", &format!("{RECORDS}?before={KEPT}&limit=1")).await;
    assert_eq!(listed["records"][0]["url"].as_str().unwrap().len(), 256);
    assert_eq!(gated.world.audit().await, []);
}

async fn however_much_is_old_is_forgotten_in_one_round(backend: Backend) {
    let gated = Gated::new(backend).await;
    for _minute in 0..2 {
        for _request in 0..KEPT {
            gated.books.record(stranger(&gated, "https://site.example/")).await;
        }
        gated.world.clock.advance(Span::minutes(1));
    }
    assert_eq!(written(&gated).await, 2 * KEPT);
    gated.world.clock.advance(Span::days(91));
    assert_eq!(gated.books.forget().await.unwrap(), 2 * KEPT);
    assert_eq!(gated.world.audit().await, []);
}
