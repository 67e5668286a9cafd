//! What happens to visitors who do nothing wrong.

use imajin_imagxp::policy::{ContentOrigin, Policy};
use imajin_imagxp::{PaymentRequired, Provenance, Purpose, Refusal, VisitorType};
use imajin_proof::jose::Jwks;

use crate::{HOST, NOW, World};

pub(crate) fn browser() -> http::HeaderMap {
    let fields = [
        ("user-agent", "Mozilla/5.0"),
        ("accept-language", "de"),
        ("sec-fetch-dest", "document"),
    ];
    let parse = |(name, value): (&str, &str)| (name.parse().unwrap(), value.parse().unwrap());
    fields
        .into_iter()
        .map(parse)
        .collect::<Vec<(http::HeaderName, http::HeaderValue)>>()
        .into_iter()
        .collect()
}

#[tokio::test]
async fn an_agent_pays_once_for_an_answer_and_gets_a_receipt() {
    let world = World::new();
    let first = world.send("/paid/1", world.claim("/paid/1")).await;
    assert_eq!((first.status, first.error().as_str()), (402, "PAYMENT_REQUIRED"));
    assert_eq!(first.header("crawler-price"), "USD 0.01");
    let required = PaymentRequired::parse(first.text.as_bytes()).unwrap();
    assert_eq!(
        (required.audience.as_str(), required.purpose),
        (HOST, Purpose::RagRetrieval)
    );

    let visa = world.till.visa(&world.key.thumbprint(), HOST, "0.01 USD", 1);
    let answer = world.send("/paid/1", world.paid("/paid/1", &visa)).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "content"));
    assert_eq!(answer.header("x-imagxp-receipt"), "receipt-1");
    assert_eq!(answer.header("crawler-charged"), "USD 0.01");
    assert_eq!(answer.header("x-imagxp-content-origin"), "HUMAN");
    assert_eq!(answer.header("cache-control"), "private, no-store");
    assert_eq!(world.till.total(), 10_000);

    let records = world.records.list();
    let [refused, paid] = records.as_slice() else {
        panic!("{records:?}")
    };
    assert_eq!((refused.refusal, refused.status), (Some(Refusal::PaymentRequired), 402));
    assert_eq!(
        (paid.refusal, paid.status, paid.receipt.as_deref()),
        (None, 200, Some("receipt-1"))
    );
    assert_eq!(
        (paid.agent.as_deref(), paid.visitor),
        (Some("bot.example.org"), VisitorType::VerifiedAgent)
    );
    assert_eq!(paid.claim_digest.as_ref().unwrap().len(), 64);
}

#[tokio::test]
async fn an_answer_that_is_not_a_good_one_costs_nothing() {
    let world = World::new();
    let visa = world.till.visa(&world.key.thumbprint(), HOST, "0.01 USD", 1);
    let answer = world.send("/paid/broken", world.paid("/paid/broken", &visa)).await;
    assert_eq!((answer.status, world.till.total()), (500, 0));
    assert!(!answer.headers.contains_key("x-imagxp-receipt"));
    let answer = world.send("/paid/1", world.paid("/paid/1", &visa)).await;
    assert_eq!(
        (answer.status, world.till.total()),
        (200, 10_000),
        "the visa still pays"
    );
}

#[tokio::test]
async fn an_answer_that_could_not_be_charged_is_read_by_nobody() {
    let world = World::new();
    world.till.away_set(true);
    let visa = world.till.visa(&world.key.thumbprint(), HOST, "0.01 USD", 1);
    let answer = world.send("/paid/1", world.paid("/paid/1", &visa)).await;
    assert_eq!(answer.status, 503);
    assert!(!answer.text.contains("content") && answer.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn what_is_free_is_free_and_what_is_closed_is_closed() {
    let world = World::new();
    let answer = world.send("/about", world.claim("/about")).await;
    assert_eq!(answer.status, 200);
    assert!(answer.headers.contains_key("x-imagxp-provenance-sig"));
    let closed = world
        .send("/closed", world.claim_for("/closed", Purpose::CrawlTraining))
        .await;
    assert_eq!((closed.status, closed.error().as_str()), (403, "POLICY_DENIED"));
    let prohibited = world
        .send("/paid/1", world.claim_for("/paid/1", Purpose::CrawlTraining))
        .await;
    assert_eq!(
        (prohibited.status, prohibited.error().as_str()),
        (403, "POLICY_DENIED"),
        "by the authors"
    );
}

#[tokio::test]
async fn people_read_as_before() {
    let world = World::new();
    let answer = world.send("/paid/1", browser()).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "content"));
    assert!(!answer.headers.contains_key("x-imagxp-provenance-sig"));
    let strict = world.send("/paid/strict", browser()).await;
    assert_eq!((strict.status, strict.error().as_str()), (401, "IDENTITY_REQUIRED"));
    let bot = world.send("/about", http::HeaderMap::new()).await;
    assert_eq!((bot.status, bot.error().as_str()), (403, "IDENTITY_FAIL"));
}

#[tokio::test]
async fn the_publisher_signs_where_the_answer_comes_from() {
    let world = World::new();
    let answer = world.send("/about", world.claim("/about")).await;
    let text = answer.header("x-imagxp-provenance-sig");
    let provenance = Provenance::verify(text, &world.publisher, crate::ORIGIN, NOW).unwrap();
    assert_eq!(
        (provenance.url, provenance.origin),
        (format!("{}/about", crate::ORIGIN), ContentOrigin::Human)
    );
    assert!(Provenance::verify(text, &Jwks::default(), crate::ORIGIN, NOW).is_err());
}

#[tokio::test]
async fn a_new_policy_counts_from_the_next_request_on() {
    let world = World::new();
    assert_eq!(world.send("/about", world.claim("/about")).await.status, 200);
    let closed = "version = 1\n[default]\nallow = false\n";
    world.gate.policy_set(Policy::parse(closed).unwrap());
    assert_eq!(world.send("/about", world.claim("/about")).await.status, 403);
}

#[tokio::test]
async fn a_dry_gate_lets_everybody_pass_and_says_what_would_have_happened() {
    let world = World::with(true);
    let unpaid = world.send("/paid/1", world.claim("/paid/1")).await;
    assert_eq!(
        (unpaid.status, unpaid.header("x-imagxp-dry-run")),
        (200, "PAYMENT_REQUIRED")
    );
    let bot = world.send("/paid/1", http::HeaderMap::new()).await;
    assert_eq!((bot.status, bot.header("x-imagxp-dry-run")), (200, "IDENTITY_FAIL"));
    let visa = world.till.visa(&world.key.thumbprint(), HOST, "0.01 USD", 1);
    let headers = world.paid("/paid/1", &visa);
    for _twice in 0..2 {
        let paid = world.send("/paid/1", headers.clone()).await;
        assert_eq!((paid.status, paid.header("x-imagxp-dry-run")), (200, "PASS"));
    }
    assert_eq!(world.till.total(), 0);
    assert!(world.records.list().iter().all(|record| record.is_dry));
}

#[tokio::test]
async fn the_documents_of_the_site_are_there_for_everybody() {
    let world = World::new();
    let policy = world
        .send("/.well-known/imagxp-policy.json", http::HeaderMap::new())
        .await;
    let policy: serde_json::Value = serde_json::from_str(&policy.text).unwrap();
    assert_eq!((&policy["audience"], &policy["version"]), (&HOST.into(), &"1.1".into()));
    let license = world.send("/license.xml", http::HeaderMap::new()).await;
    assert_eq!(license.header("content-type"), "application/rsl+xml");
    assert!(license.text.contains("<rsl"));
}
