//! What must fail.

use base64_of::encode;
use http::{HeaderMap, HeaderValue};
use imajin_imagxp::{AgentKey, Claim, ClaimHeaders, Purpose};
use imajin_kernel::Span;

use crate::{HOST, ORIGIN, World, agent, manifest_of};

mod base64_of {
    /// The base64url of a text, without a library of its own.
    pub(super) fn encode(text: &str) -> String {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut encoded = String::new();
        for chunk in text.as_bytes().chunks(3) {
            let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
            let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
            for place in 0..=chunk.len() {
                let six = (bits >> (18 - 6 * place)) & 63;
                encoded.push(char::from(LETTERS[usize::try_from(six).unwrap()]));
            }
        }
        encoded
    }
}

fn holder(world: &World) -> String {
    world.key.thumbprint()
}

#[tokio::test]
async fn another_sites_visa_is_refused() {
    let world = World::new();
    let visa = world.till.visa(&holder(&world), "other.example", "1.00 USD", 5);
    let answer = world.send("/paid/1", world.paid("/paid/1", &visa)).await;
    assert_eq!((answer.status, answer.error().as_str()), (403, "PAYMENT_DENIED"));
}

#[tokio::test]
async fn another_agents_visa_is_refused() {
    let world = World::new();
    let visa = world
        .till
        .visa(&AgentKey::generate().unwrap().thumbprint(), HOST, "1.00 USD", 5);
    let answer = world.send("/paid/1", world.paid("/paid/1", &visa)).await;
    assert_eq!((answer.status, answer.error().as_str()), (403, "PAYMENT_DENIED"));
}

#[tokio::test]
async fn a_visa_pays_no_more_than_its_amount_and_no_more_often_than_its_count() {
    let world = World::new();
    for (max, uses, answers) in [("0.025 USD", 9, 2), ("1.00 USD", 3, 3)] {
        let before = world.till.total();
        let visa = world.till.visa(&holder(&world), HOST, max, uses);
        let mut good = 0;
        for _try in 0..6 {
            let answer = world.send("/paid/1", world.paid("/paid/1", &visa)).await;
            good += i64::from(answer.status == 200);
        }
        assert_eq!((good, world.till.total() - before), (answers, answers * 10_000));
    }
}

#[tokio::test]
async fn a_visa_is_not_spent_twice_by_requests_at_the_same_moment() {
    let world = World::new();
    let visa = world.till.visa(&holder(&world), HOST, "0.01 USD", 1);
    let many = (0..16).map(|_| world.send("/paid/1", world.paid("/paid/1", &visa)));
    let answers = futures::future::join_all(many).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(world.till.total(), 10_000);
}

#[tokio::test]
async fn a_signature_for_the_cheap_page_is_none_for_the_dear_one() {
    let world = World::new();
    let visa = world.till.visa(&holder(&world), HOST, "1.00 USD", 5);
    for path in ["/dear", "/paid/2", "/paid/1?x=1", "//paid/1"] {
        let answer = world.send(path, world.paid("/paid/1", &visa)).await;
        assert_eq!((answer.status, answer.error().as_str()), (403, "CRYPTO_FAIL"), "{path}");
    }
    assert_eq!(world.till.total(), 0);
    // However the dear page is written, it is dear.
    let cheap = world.till.visa(&holder(&world), HOST, "0.01 USD", 5);
    for path in ["/%64ear", "//dear"] {
        let answer = world.send(path, world.paid(path, &cheap)).await;
        assert_eq!(answer.status, 403, "{path}: {}", answer.text);
    }
    let answer = world.send("/x/../dear", world.paid("/x/../dear", &cheap)).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
}

#[tokio::test]
async fn the_same_claim_counts_once() {
    let world = World::new();
    let visa = world.till.visa(&holder(&world), HOST, "1.00 USD", 5);
    let headers = world.paid("/paid/1", &visa);
    assert_eq!(world.send("/paid/1", headers.clone()).await.status, 200);
    let again = world.send("/paid/1", headers).await;
    assert_eq!((again.status, again.error().as_str()), (403, "REPLAY_ATTACK"));
    assert_eq!(world.till.total(), 10_000);
}

#[tokio::test]
async fn a_flood_of_nonces_with_bad_signatures_fills_no_memory() {
    let world = World::new();
    let other = AgentKey::generate().unwrap();
    for number in 0..1_200 {
        let claim = Claim::new(
            &agent(),
            world.now(),
            &format!("f-{number}"),
            &format!("{ORIGIN}/about"),
            Purpose::Summary,
            false,
        );
        let mut headers = ClaimHeaders::sign(&other, &claim.unwrap()).unwrap();
        headers.remove("x-imagxp-public-key");
        assert_eq!(world.send("/about", headers).await.error(), "CRYPTO_FAIL");
    }
    // The memory for claims holds 1,000: there is still room for one that counts.
    assert_eq!(world.send("/about", world.claim("/about")).await.status, 200);
    let asked = world.documents.asked.load(std::sync::atomic::Ordering::SeqCst);
    assert!(
        asked <= 2,
        "a key that does not fit is looked for once a minute, not {asked} times"
    );
}

#[tokio::test]
async fn cf_ray_opens_no_paid_page() {
    let world = World::new();
    for name in [
        "cf-ray",
        "cf-visitor",
        "x-vercel-id",
        "cloudfront-viewer-address",
        "x-forwarded-for",
    ] {
        let headers = HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_static("1"))]);
        let answer = world.send("/paid/1", headers).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (403, "IDENTITY_FAIL"),
            "{name}"
        );
    }
}

#[tokio::test]
async fn an_agent_id_that_is_no_public_domain_asks_nobody() {
    let world = World::new();
    for name in [
        "127.0.0.1",
        "localhost",
        "localhost:80",
        "169.254.169.254",
        "db.internal",
        "[::1]",
        "printer.local",
    ] {
        let payload = format!(
            r#"{{"v":"1.1","ts":"{}","nonce":"n","agent_id":"{name}",
                "resource":"{ORIGIN}/about","purpose":"SUMMARY"}}"#,
            world.now()
        );
        let mut headers = world.claim("/about");
        let standard = encode(&payload).replace('-', "+").replace('_', "/");
        let padded = format!("{standard}{}", "=".repeat((4 - standard.len() % 4) % 4));
        headers.insert("x-imagxp-payload", padded.parse().unwrap());
        let answer = world.send("/about", headers).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (403, "IDENTITY_FAIL"),
            "{name}"
        );
    }
    assert_eq!(world.documents.asked.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_key_swapped_in_the_header_is_refused() {
    let world = World::new();
    let other = AgentKey::generate().unwrap();
    let claim = Claim::new(
        &agent(),
        world.now(),
        "n",
        &format!("{ORIGIN}/about"),
        Purpose::Summary,
        false,
    )
    .unwrap();
    let headers = ClaimHeaders::sign(&other, &claim).unwrap();
    let answer = world.send("/about", headers).await;
    assert_eq!((answer.status, answer.error().as_str()), (403, "IDENTITY_FAIL"));
}

#[tokio::test]
async fn alg_none_hs256_and_a_foreign_kid_pay_nothing() {
    let world = World::new();
    let visa = world.till.visa(&holder(&world), HOST, "1.00 USD", 5);
    let (_, rest) = visa.split_once('.').unwrap();
    for header in [
        r#"{"typ":"pay+jwt","alg":"none","kid":"x"}"#,
        r#"{"typ":"pay+jwt","alg":"HS256","kid":"x"}"#,
        r#"{"typ":"pay+jwt","alg":"ES256","kid":"foreign"}"#,
        r#"{"typ":"JWT","alg":"ES256","kid":"x"}"#,
    ] {
        let forged = format!("{}.{rest}", encode(header));
        let answer = world.send("/paid/1", world.paid("/paid/1", &forged)).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (403, "PAYMENT_DENIED"),
            "{header}"
        );
    }
    assert_eq!(world.till.total(), 0);
}

#[tokio::test]
async fn a_retry_after_a_lost_reply_is_charged_once() {
    let world = World::new();
    let visa = world.till.visa(&holder(&world), HOST, "1.00 USD", 9);
    let with_key = |key: &str| {
        let mut headers = world.paid("/paid/1", &visa);
        headers.insert("idempotency-key", key.parse().unwrap());
        headers
    };
    let mut receipts = Vec::new();
    for _try in 0..3 {
        // Each time a new claim: the agent does not know whether the first one arrived.
        let answer = world.send("/paid/1", with_key("k-1")).await;
        assert_eq!(answer.status, 200);
        receipts.push(answer.header("x-imagxp-receipt").to_owned());
    }
    assert_eq!(receipts, ["receipt-1", "receipt-1", "receipt-1"]);
    assert_eq!(world.till.total(), 10_000);
    assert_eq!(
        world.send("/paid/1", with_key("k-2")).await.header("x-imagxp-receipt"),
        "receipt-2"
    );
    let long = world.send("/paid/1", with_key(&"k".repeat(200))).await;
    assert_eq!((long.status, long.error().as_str()), (400, "MALFORMED"));
}

#[tokio::test]
async fn a_claim_of_another_time_asks_nobody() {
    let world = World::new();
    let headers = world.claim("/about");
    world.clock.advance(Span::seconds(301));
    let answer = world.send("/about", headers).await;
    assert_eq!((answer.status, answer.error().as_str()), (403, "TIMESTAMP_INVALID"));
    assert_eq!(world.documents.asked.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_agents_manifest_of_another_agent_is_none() {
    let world = World::new();
    let other = "other.example.org".parse().unwrap();
    let foreign = manifest_of(&other, &[&world.key]);
    world
        .documents
        .known
        .lock()
        .unwrap()
        .insert(agent().manifest_url(), foreign);
    let answer = world.send("/about", world.claim("/about")).await;
    assert_eq!((answer.status, answer.error().as_str()), (403, "IDENTITY_FAIL"));
}
