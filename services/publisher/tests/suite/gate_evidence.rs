//! What the operator reads of a gate's records, and what shows one of them to others.

use axum::body::Body;
use axum::http::Request;
use imajin_gate::{NoRecordEvidence, RecordEvidence, Records};
use imajin_kernel::Span;
use imajin_testkit::{Backend, on_both};
use imajin_web::Tier;
use serde_json::{Value, json};

use crate::gates::{Gated, charge, fill, record};
use crate::world::did;

on_both!(
    anybody_can_check_one_record,
    a_record_says_that_the_visa_was_a_bearers,
    a_record_that_was_changed_is_shown_to_nobody,
    records_are_listed_as_asked_for,
    nobody_but_the_operator_reads_records,
);

pub(crate) const RECORDS: &str = "/publisher/api/gates/site/records";

/// What somebody gets who is logged in.
pub(crate) async fn get(gated: &Gated, name: &str, path: &str) -> (u16, Value) {
    let request = Request::builder()
        .uri(path)
        .header("accept", "application/json")
        .header("authorization", format!("Bearer {}", did(name)))
        .body(Body::empty())
        .unwrap();
    let answer = gated.world.send(request).await;
    (answer.status.as_u16(), answer.json())
}

async fn operated(backend: Backend) -> Gated {
    let gated = Gated::new(backend).await;
    gated.world.person("operator", Tier::Operator);
    fill(&gated).await;
    gated
}

async fn evidence(gated: &Gated, seq: i64) -> RecordEvidence {
    let (status, shown) = get(gated, "operator", &format!("{RECORDS}/{seq}/evidence")).await;
    assert_eq!(status, 200, "{shown}");
    serde_json::from_value(shown).unwrap()
}

async fn anybody_can_check_one_record(backend: Backend) {
    let gated = operated(backend).await;
    let key = gated.world.keyring.node_public();
    for (seq, following) in [(1, 2), (2, 1), (3, 0)] {
        let shown = evidence(&gated, seq).await;
        assert_eq!(
            shown.following.len(),
            following,
            "the others of the batch, by their digests alone"
        );
        assert_eq!(shown.verify(&key), Ok(()));
        assert_eq!(shown.verify_by_did(), Ok(()));
        assert_eq!(shown.record["url"], format!("https://site.example/{seq}"));
        assert_eq!(
            (
                &shown.record["binding"],
                &shown.record["visa_id"],
                &shown.record["agent"]
            ),
            (&json!("host-unbound"), &json!("visa-1"), &json!("bot.example.org"))
        );
        assert!(
            !serde_json::to_string(&shown.following)
                .unwrap()
                .contains("site.example")
        );

        let other = imajin_did::SecretKey::from_seed([9; 32]).public();
        assert!(matches!(shown.verify(&other), Err(NoRecordEvidence::Signature(_))));
        let mut changed = shown.clone();
        changed.record["url"] = json!("https://site.example/9");
        assert_eq!(changed.verify(&key), Err(NoRecordEvidence::OtherRecord));
        let mut changed = shown.clone();
        changed.record["version"] = json!(1);
        assert_eq!(changed.verify(&key), Err(NoRecordEvidence::Record));
        let mut changed = shown.clone();
        changed.following.push("00".repeat(32));
        assert_eq!(changed.verify(&key), Err(NoRecordEvidence::OtherRecord));
        let mut changed = shown;
        changed.head.payload.hash = "00".repeat(32);
        assert_eq!(changed.verify(&key), Err(NoRecordEvidence::OtherRecord));
    }
    // A later batch, and the first record that is left when older ones were forgotten.
    gated.world.clock.advance(Span::days(92));
    gated.books.record(record(&gated, "https://site.example/4", None)).await;
    gated.books.records_write().await.unwrap();
    assert_eq!(gated.books.forget().await.unwrap(), 3);
    assert_eq!(evidence(&gated, 4).await.verify(&key), Ok(()));
    assert_eq!(get(&gated, "operator", &format!("{RECORDS}/3/evidence")).await.0, 404);
    assert_eq!(gated.world.audit().await, []);
}

async fn a_record_says_that_the_visa_was_a_bearers(backend: Backend) {
    let gated = operated(backend).await;
    let paid = gated.pays(&charge("bearing", None)).await;
    let mut bearing = record(&gated, "https://site.example/4", Some(&paid));
    bearing.visa.as_mut().unwrap().is_bearer = true;
    gated.books.record(bearing).await;
    gated.books.records_write().await.unwrap();
    let key = gated.world.keyring.node_public();
    let shown = evidence(&gated, 4).await;
    assert_eq!(
        (&shown.record["visa_bearer"], shown.verify(&key)),
        (&json!(true), Ok(()))
    );
    let mut changed = shown;
    changed.record.as_object_mut().unwrap().remove("visa_bearer");
    assert_eq!(changed.verify(&key), Err(NoRecordEvidence::OtherRecord));
    // Of every other visa nothing is said, as before.
    assert!(evidence(&gated, 3).await.record.get("visa_bearer").is_none());
    let (_, listed) = get(&gated, "operator", RECORDS).await;
    let said: Vec<Option<&Value>> = listed["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one.get("visaBearer"))
        .collect();
    assert_eq!(said, [Some(&json!(true)), None, None, None]);
    assert_eq!(gated.world.audit().await, []);
    by_hand(&gated, "UPDATE gate_records SET visa_bearer = NULL WHERE seq = 4").await;
    assert_eq!(get(&gated, "operator", &format!("{RECORDS}/4/evidence")).await.0, 500);
}

async fn by_hand(gated: &Gated, sql: &'static str) {
    let done: Result<(), imajin_store::StoreError> = gated
        .world
        .db
        .write(move |conn| Ok(diesel::connection::SimpleConnection::batch_execute(conn, sql)?))
        .await;
    done.unwrap();
}

async fn a_record_that_was_changed_is_shown_to_nobody(backend: Backend) {
    for sql in [
        "UPDATE gate_records SET visa_id = 'other' WHERE seq = 2",
        "UPDATE gate_records SET binding = 'url' WHERE seq = 3",
        "UPDATE gate_heads SET seq = 2",
        "DELETE FROM gate_heads",
    ] {
        let gated = operated(backend).await;
        by_hand(&gated, sql).await;
        let (status, said) = get(&gated, "operator", &format!("{RECORDS}/2/evidence")).await;
        assert_eq!(status, 500, "{sql}: {said}");
        assert!(!gated.world.audit().await.is_empty(), "{sql}");
    }
}

async fn records_are_listed_as_asked_for(backend: Backend) {
    let gated = operated(backend).await;
    gated.world.clock.advance(Span::hours(1));
    let mut other = record(&gated, "https://site.example/4", None);
    other.agent = Some("other.example".to_owned());
    gated.books.record(other).await;
    gated.books.records_write().await.unwrap();
    let seqs = async |query: &str| {
        let (status, page) = get(&gated, "operator", &format!("{RECORDS}{query}")).await;
        assert_eq!(status, 200, "{query}: {page}");
        let records = page["records"].as_array().unwrap().iter();
        (
            records
                .map(|record| record["seq"].as_i64().unwrap())
                .collect::<Vec<_>>(),
            page["next"].as_i64(),
        )
    };
    assert_eq!(seqs("").await, (vec![4, 3, 2, 1], None));
    assert_eq!(seqs("?limit=3").await, (vec![4, 3, 2], Some(2)));
    assert_eq!(seqs("?limit=3&before=2").await, (vec![1], None));
    assert_eq!(seqs("?agent=other.example").await, (vec![4], None));
    assert_eq!(seqs("?verdict=PASS").await, (vec![3, 2, 1], None));
    assert_eq!(seqs("?verdict=REFUSED").await, (vec![4], None));
    assert_eq!(seqs("?verdict=PAYMENT_REQUIRED").await, (vec![4], None));
    assert_eq!(seqs("?verdict=REPLAY_ATTACK").await, (vec![], None));
    let moment = gated.world.env.now();
    assert_eq!(seqs(&format!("?from={moment}")).await, (vec![4], None));
    assert_eq!(seqs(&format!("?until={moment}")).await, (vec![3, 2, 1], None));
    for wrong in [
        "?limit=0",
        "?limit=101",
        "?verdict=maybe",
        "?from=yesterday",
        "?nothing=1",
        "?before=x",
    ] {
        assert_eq!(
            get(&gated, "operator", &format!("{RECORDS}{wrong}")).await.0,
            400,
            "{wrong}"
        );
    }
    let (_status, page) = get(&gated, "operator", &format!("{RECORDS}?before=2")).await;
    let record = &page["records"][0];
    assert_eq!(
        (&record["verdict"], &record["visaId"], &record["binding"]),
        (&json!("PASS"), &json!("visa-1"), &json!("host-unbound"))
    );
}

async fn nobody_but_the_operator_reads_records(backend: Backend) {
    let gated = operated(backend).await;
    gated.world.person("ada", Tier::Key);
    for path in [RECORDS.to_owned(), format!("{RECORDS}/1/evidence")] {
        assert_eq!(get(&gated, "ada", &path).await.0, 403);
        assert_eq!(gated.world.get(&path).await.status.as_u16(), 401);
    }
    for missing in [
        "/publisher/api/gates/none/records",
        "/publisher/api/gates/none/records/1/evidence",
        "/publisher/api/gates/site/records/99/evidence",
        "/publisher/api/gates/site/records/-1/evidence",
    ] {
        assert_eq!(get(&gated, "operator", missing).await.0, 404, "{missing}");
    }
    assert_eq!(
        get(&gated, "operator", "/publisher/api/gates/site/records/x/evidence")
            .await
            .0,
        400
    );
}
