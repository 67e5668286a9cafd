//! The neighbours' doors: Web Bot Auth, x402, pay-per-crawl, RSL.

use http::HeaderMap;
use imajin_did::SecretKey;
use imajin_imagxp::web_bot_auth::{BotDraft, DIRECTORY_PATH};
use imajin_imagxp::x402::{ClaimTexts, Paid, Payment, Required, VisaPayload};
use imajin_kernel::Env;
use imajin_proof::http_sig::{MessageParams, MessageView};
use imajin_proof::jose::{self, Algorithm, Jwk, Jwks, SigningKey};
use imajin_proof::token::{Standard, TokenKind};

use crate::{HOST, ORIGIN, World, agent};

/// A key of the agent by Web Bot Auth, which its directory has.
fn bot_key(world: &World) -> (SecretKey, Jwk) {
    let key = SecretKey::from_seed([8; 32]);
    let jwk = Jwk::from_key(key.public());
    let keys = serde_json::to_vec(&Jwks::new(vec![jwk.clone()]).unwrap()).unwrap();
    let url = format!("https://bot.example.org{DIRECTORY_PATH}");
    world.documents.known.lock().unwrap().insert(url, keys);
    (key, jwk)
}

fn bot_headers(world: &World, key: &SecretKey, jwk: &Jwk, path: &str, nonce: &str) -> HeaderMap {
    let draft = BotDraft {
        method: "GET",
        url: &format!("{ORIGIN}{path}"),
        agent: &agent(),
        thumbprint: jwk.kid(),
        now: world.now(),
        nonce,
    };
    draft.sign(key).unwrap()
}

#[tokio::test]
async fn a_bot_that_signs_its_requests_gets_in_and_pays_by_its_own_key() {
    let world = World::new();
    let (key, jwk) = bot_key(&world);
    let free = world
        .send("/about", bot_headers(&world, &key, &jwk, "/about", "n-1"))
        .await;
    assert_eq!(free.status, 200, "{}", free.text);
    let unpaid = world
        .send("/paid/1", bot_headers(&world, &key, &jwk, "/paid/1", "n-2"))
        .await;
    assert_eq!((unpaid.status, unpaid.error().as_str()), (402, "PAYMENT_REQUIRED"));
    let visa = world.till.visa(jwk.kid(), HOST, "0.01 USD", 1);
    let mut headers = bot_headers(&world, &key, &jwk, "/paid/1", "n-3");
    headers.insert("authorization", format!("License {visa}").parse().unwrap());
    headers.insert("crawler-max-price", "USD 0.02".parse().unwrap());
    let paid = world.send("/paid/1", headers.clone()).await;
    assert_eq!(
        (paid.status, paid.header("crawler-charged")),
        (200, "USD 0.01"),
        "{}",
        paid.text
    );
    let again = world.send("/paid/1", headers).await;
    assert_eq!(again.error(), "REPLAY_ATTACK");
}

#[tokio::test]
async fn a_bots_signature_for_the_site_is_none_for_a_paid_page() {
    let world = World::new();
    let (key, jwk) = bot_key(&world);
    let mut headers = HeaderMap::new();
    headers.insert("signature-agent", "\"https://bot.example.org\"".parse().unwrap());
    let params = MessageParams {
        label: "sig1",
        keyid: jwk.kid(),
        created: world.now(),
        expires: Some(world.now().plus(imajin_kernel::Span::minutes(1))),
        nonce: Some("n"),
        tag: Some("web-bot-auth"),
    };
    let url = format!("{ORIGIN}/about");
    let covered = ["\"@authority\"", "\"signature-agent\""];
    let signed = MessageView::request("GET", &url, &headers)
        .sign(&key, &covered, &params)
        .unwrap();
    headers.insert("signature-input", signed.signature_input.parse().unwrap());
    headers.insert("signature", signed.signature.parse().unwrap());
    let visa = world.till.visa(jwk.kid(), HOST, "0.01 USD", 1);
    headers.insert("x-imagxp-payment", visa.parse().unwrap());
    let paid = world.send("/paid/1", headers.clone()).await;
    assert_eq!((paid.status, paid.error().as_str()), (403, "CRYPTO_FAIL"));
    assert_eq!(world.send("/about", headers).await.status, 200);
    assert_eq!(world.till.total(), 0);
}

#[tokio::test]
async fn a_bots_signature_that_cannot_count_asks_nobody() {
    let world = World::new();
    let (key, jwk) = bot_key(&world);
    let late = bot_headers(&world, &key, &jwk, "/about", "n-1");
    world.clock.advance(imajin_kernel::Span::minutes(6));
    assert_eq!(world.send("/about", late).await.error(), "TIMESTAMP_INVALID");
    let (created, expires) = (world.now(), Some(world.now().plus(imajin_kernel::Span::minutes(1))));
    for (path, covered, expires, error) in [
        ("/about", ["\"signature-agent\"", "\"@method\""], expires, "MALFORMED"),
        ("/about", ["\"@authority\"", "\"@method\""], expires, "IDENTITY_FAIL"),
        ("/about", ["\"@authority\"", "\"signature-agent\""], None, "MALFORMED"),
        (
            "/paid/1",
            ["\"@authority\"", "\"signature-agent\""],
            expires,
            "CRYPTO_FAIL",
        ),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert("signature-agent", "\"https://bot.example.org\"".parse().unwrap());
        let params = MessageParams {
            label: "sig1",
            keyid: jwk.kid(),
            created,
            expires,
            nonce: Some("n"),
            tag: Some("web-bot-auth"),
        };
        let url = format!("{ORIGIN}{path}");
        let signed = MessageView::request("GET", &url, &headers).sign(&key, &covered, &params);
        let signed = signed.unwrap();
        headers.insert("signature-input", signed.signature_input.parse().unwrap());
        headers.insert("signature", signed.signature.parse().unwrap());
        assert_eq!(world.send(path, headers).await.error(), error, "{path} {covered:?}");
    }
    assert_eq!(world.documents.asked.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_x402_client_pays_with_a_header_and_reads_what_it_paid() {
    let world = World::new();
    let unpaid = world.send("/paid/1", world.claim("/paid/1")).await;
    let required = Required::parse(unpaid.header("payment-required")).unwrap();
    let way = required.accepts[0].clone();
    let visa = world.till.visa(&world.key.thumbprint(), HOST, "1.00 USD", 9);
    let claim = |path: &str| {
        let headers = world.claim(path);
        let text = |name: &str| headers[name].to_str().unwrap().to_owned();
        ClaimTexts {
            payload: text("x-imagxp-payload"),
            signature: text("x-imagxp-signature"),
            public_key: Some(text("x-imagxp-public-key")),
        }
    };
    let headers = |path: &str, way: &imajin_imagxp::x402::Requirements| {
        let payload = VisaPayload {
            visa: visa.clone(),
            claim: Some(claim(path)),
        };
        let payment = Payment::new(&required, way.clone(), payload, Some("pay_0123456789abcdef"));
        HeaderMap::from_iter([(
            "payment-signature".parse().unwrap(),
            payment.to_header().unwrap().parse().unwrap(),
        )])
    };
    let answer = world.send("/paid/1", headers("/paid/1", &way)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let paid = Paid::parse(answer.header("payment-response")).unwrap();
    assert!(paid.success);
    assert_eq!(
        (paid.network, paid.transaction.as_str(), paid.amount.as_deref()),
        (way.network.clone(), "receipt-1", Some("10000"))
    );
    // The identifier makes it safe to pay again after a lost answer.
    let again = world.send("/paid/1", headers("/paid/1", &way)).await;
    assert_eq!(
        (again.header("x-imagxp-receipt"), world.till.total()),
        ("receipt-1", 10_000)
    );
    // What was offered for a cheap page pays for no dear one.
    let dear = world.send("/dear", headers("/dear", &way)).await;
    assert_eq!((dear.status, dear.error().as_str()), (402, "PAYMENT_REQUIRED"));
    let broken = HeaderMap::from_iter([("payment-signature".parse().unwrap(), "e30=".parse().unwrap())]);
    assert_eq!(world.send("/paid/1", broken).await.error(), "MALFORMED");
}

#[tokio::test]
async fn a_crawler_is_charged_no_more_than_it_offers() {
    let world = World::new();
    let visa = world.till.visa(&world.key.thumbprint(), HOST, "1.00 USD", 9);
    for (name, value, status, error) in [
        ("crawler-max-price", "USD 0.001", 402, "InvalidCrawlerMaxPrice"),
        ("crawler-exact-price", "USD 0.02", 402, "InvalidCrawlerExactPrice"),
        ("crawler-exact-price", "much", 400, "InvalidCrawlerPriceValue"),
    ] {
        let mut headers = world.paid("/paid/1", &visa);
        headers.insert(name, value.parse().unwrap());
        let answer = world.send("/paid/1", headers).await;
        assert_eq!((answer.status, answer.header("crawler-error")), (status, error));
        assert_eq!(answer.header("crawler-price"), "USD 0.01");
    }
    let mut headers = world.paid("/paid/1", &visa);
    headers.insert("crawler-exact-price", "USD 0.01".parse().unwrap());
    assert_eq!(
        world.send("/paid/1", headers).await.header("crawler-charged"),
        "USD 0.01"
    );
    assert_eq!(world.till.total(), 10_000);
}

/// The claims of a proof; a network may add its own.
#[derive(serde::Serialize, serde::Deserialize)]
struct AdClaims {
    placements: u32,
}

impl TokenKind for AdClaims {
    const TYP: &'static str = "JWT";
}

fn ad_proof(key: &SigningKey, world: &World, aud: &str, sub: &str) -> HeaderMap {
    let standard = Standard {
        iss: "https://ads.example".to_owned(),
        aud: aud.to_owned(),
        sub: sub.to_owned(),
        jti: "p".to_owned(),
        iat: world.now(),
        exp: world.now().plus(imajin_kernel::Span::minutes(5)),
    };
    let proof = jose::issue(key, &standard, &AdClaims { placements: 2 }).unwrap();
    let mut headers = world.claim("/ads/1");
    headers.insert("x-imagxp-proof", proof.parse().unwrap());
    headers
}

#[tokio::test]
async fn an_agent_that_shows_the_advertisements_reads_where_they_pay() {
    let world = World::new();
    let network = SigningKey::generate(Algorithm::ES256, &Env::system()).unwrap();
    let keys = serde_json::to_vec(&Jwks::new(vec![network.jwk().clone()]).unwrap()).unwrap();
    let url = "https://ads.example/jwks.json".to_owned();
    world.documents.known.lock().unwrap().insert(url, keys);
    let unproven = world.send("/ads/1", world.claim("/ads/1")).await;
    assert_eq!((unproven.status, unproven.error().as_str()), (402, "PAYMENT_REQUIRED"));
    let proven = world
        .send("/ads/1", ad_proof(&network, &world, HOST, "bot.example.org"))
        .await;
    assert_eq!(proven.status, 200, "{}", proven.text);
    let other = SigningKey::generate(Algorithm::ES256, &Env::system()).unwrap();
    for headers in [
        ad_proof(&network, &world, "other.example", "bot.example.org"),
        ad_proof(&network, &world, HOST, "other.example.org"),
        ad_proof(&other, &world, HOST, "bot.example.org"),
    ] {
        assert_eq!(world.send("/ads/1", headers).await.error(), "PAYMENT_REQUIRED");
    }
    // Where advertisements do not pay, a proof of them opens nothing.
    let mut headers = world.claim("/paid/1");
    headers.extend(
        ad_proof(&network, &world, HOST, "bot.example.org")
            .remove("x-imagxp-proof")
            .map(|proof| (http::HeaderName::from_static("x-imagxp-proof"), proof)),
    );
    assert_eq!(world.send("/paid/1", headers).await.status, 402);
}
