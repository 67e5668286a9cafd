//! The answer 402 at every door: our body, x402, pay-per-crawl, RSL; and provenance.

use http::{HeaderMap, HeaderValue};
use imajin_imagxp::pay_per_crawl::{CrawlerError, Offer, price_read, price_text};
use imajin_imagxp::policy::{ContentOrigin, PolicyLinks};
use imajin_imagxp::rsl::license_read;
use imajin_imagxp::x402::{ClaimTexts, Paid, Payment, Required, Requirements, VisaPayload, network_of};
use imajin_imagxp::{PaymentRequired, Provenance, Purpose, Refusal, VisitorType, refusal_document};
use imajin_kernel::{Env, ManualClock, Span};
use imajin_proof::jose::{Algorithm, Jwks, SigningKey};
use serde_json::json;

use crate::{NOW, URL};

const BROKER: &str = "https://broker.example/broker";
const LINKS: PolicyLinks<'_> = PolicyLinks {
    origin: "https://site.example",
    audience: "site.example",
};

fn required() -> PaymentRequired {
    PaymentRequired {
        resource: URL.to_owned(),
        purpose: Purpose::Summary,
        price: "0.01 USD".parse().unwrap(),
        brokers: vec![BROKER.to_owned()],
        bearer: Vec::new(),
        audience: "site.example".to_owned(),
        policy: LINKS.policy(),
    }
}

#[test]
fn the_body_of_402_is_read_back_and_has_the_members_that_libraries_read() {
    let document = required().to_document(VisitorType::VerifiedAgent, "It costs 0.01 USD.");
    assert_eq!(document["error"], "PAYMENT_REQUIRED");
    assert_eq!(
        (&document["status"], &document["visitor_type"]),
        (&json!(402), &json!("VERIFIED_AGENT"))
    );
    assert_eq!(document["type"], "/problems/payment_required");
    assert_eq!(
        PaymentRequired::parse(document.to_string().as_bytes()).unwrap(),
        required()
    );
    for bad in ["", "{}", "[]", r#"{"payment":{}}"#, r#"{"payment":{"resource":1}}"#] {
        assert!(PaymentRequired::parse(bad.as_bytes()).is_err(), "{bad}");
    }
    assert!(PaymentRequired::parse(&vec![b' '; 70_000]).is_err());
    for refusal in Refusal::ALL {
        let document = refusal_document(refusal, VisitorType::UnidentifiedBot, "x");
        assert_eq!(
            (&document["error"], &document["status"]),
            (&json!(refusal.as_str()), &json!(refusal.status()))
        );
    }
}

#[test]
fn where_a_bearers_visa_is_taken_the_answer_says_so_and_else_says_nothing() {
    let plain = required().to_document(VisitorType::VerifiedAgent, "x");
    assert!(plain["payment"].get("bearer").is_none(), "as before: {plain}");
    assert!(!required().to_x402("pay").accepts[0].extra.contains_key("bearer"));
    let taking = PaymentRequired {
        brokers: vec!["https://other.example/broker".to_owned(), BROKER.to_owned()],
        bearer: vec![BROKER.to_owned()],
        ..required()
    };
    let document = taking.to_document(VisitorType::VerifiedAgent, "x");
    assert_eq!(document["payment"]["bearer"], json!([BROKER]));
    assert_eq!(PaymentRequired::parse(document.to_string().as_bytes()).unwrap(), taking);
    let ways = taking.to_x402("pay").accepts;
    assert_eq!(
        ways.iter().map(|way| way.extra.get("bearer")).collect::<Vec<_>>(),
        [None, Some(&json!(true))]
    );
}

#[test]
fn one_price_stands_in_the_headers_of_all_doors() {
    let headers = required().headers().unwrap();
    assert_eq!(headers["crawler-price"], "USD 0.01");
    assert_eq!(
        headers["x-imagxp-policy"],
        format!("v=1; cost=0.01; currency=USD; broker={BROKER}")
    );
    assert_eq!(headers["www-authenticate"], "License realm=\"site.example\"");
    assert!(
        !headers.contains_key("link"),
        "every answer of a gate has it, so the gate says it"
    );
    let x402 = Required::parse(headers["payment-required"].to_str().unwrap()).unwrap();
    let [way] = x402.accepts.as_slice() else {
        panic!("one way for each broker")
    };
    assert_eq!((way.issuer(), way.price().unwrap()), (Some(BROKER), required().price));
    assert_eq!(
        (way.amount.as_str(), way.scheme.as_str(), way.network.len()),
        ("10000", "batch-settlement", 39)
    );
    assert_eq!(way.network, network_of(BROKER));
}

#[test]
fn an_x402_payment_carries_the_visa_and_an_identifier() {
    let x402 = required().to_x402("pay");
    let payload = VisaPayload {
        visa: "a.b.c".to_owned(),
        claim: Some(ClaimTexts {
            payload: "p".to_owned(),
            signature: "s".to_owned(),
            public_key: None,
        }),
    };
    let id = "pay_0123456789abcdef";
    let payment = Payment::new(&x402, x402.accepts[0].clone(), payload.clone(), Some(id));
    let read = Payment::parse(&payment.to_header().unwrap()).unwrap();
    assert_eq!((&read, read.identifier()), (&payment, Some(id)));
    let short = Payment::new(&x402, x402.accepts[0].clone(), payload.clone(), Some("short"));
    assert!(Payment::parse(&short.to_header().unwrap()).is_err());
    let other = Requirements {
        network: "eip155:8453".to_owned(),
        ..x402.accepts[0].clone()
    };
    let other = Payment::new(&x402, other, payload, None);
    assert!(Payment::parse(&other.to_header().unwrap()).is_err(), "another network");
    for bad in ["", "e30=", "%%%", &"A".repeat(20_000)] {
        assert!(
            Payment::parse(bad).is_err() && Required::parse(bad).is_err() && Paid::parse(bad).is_err(),
            "{bad}"
        );
    }
    let paid = Paid {
        success: true,
        error_reason: None,
        transaction: "rcp_1".to_owned(),
        network: network_of(BROKER),
        payer: Some("bot.example.org".to_owned()),
        amount: Some("10000".to_owned()),
    };
    assert_eq!(Paid::parse(&paid.to_header().unwrap()).unwrap(), paid);
}

#[test]
fn a_crawler_pays_no_more_than_it_says() {
    let read = |fields: &[(&'static str, &str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        Offer::read(&headers)
    };
    let price = "0.01 USD".parse().unwrap();
    let agrees = |name, value| read(&[(name, value)]).unwrap().unwrap().agrees(price);
    assert_eq!(agrees("crawler-exact-price", "USD 0.01"), Ok(()));
    assert_eq!(
        agrees("crawler-exact-price", "USD 0.02"),
        Err(CrawlerError::InvalidCrawlerExactPrice)
    );
    assert_eq!(agrees("crawler-max-price", "USD 0.05"), Ok(()));
    assert_eq!(
        agrees("crawler-max-price", "USD 0.005"),
        Err(CrawlerError::InvalidCrawlerMaxPrice)
    );
    assert_eq!(
        agrees("crawler-max-price", "EUR 0.05"),
        Err(CrawlerError::InvalidCrawlerMaxPrice)
    );
    assert_eq!(read(&[]), Ok(None));
    assert_eq!(
        read(&[("crawler-max-price", "USD 1"), ("crawler-exact-price", "USD 1")]),
        Err(CrawlerError::ConflictingPriceHeaders)
    );
    for bad in ["0.01", "USD", "USD -1", "USD 1e3", "dollars 1"] {
        assert_eq!(
            read(&[("crawler-max-price", bad)]),
            Err(CrawlerError::InvalidCrawlerPriceValue),
            "{bad}"
        );
    }
    assert!(read(&[("crawler-max-price", "USD 1"), ("crawler-max-price", "USD 2")]).is_err());
    assert_eq!(price_read(&price_text(price)), Ok(price));
    assert_eq!(
        (
            CrawlerError::ConflictingPriceHeaders.status(),
            CrawlerError::InvalidCrawlerMaxPrice.status()
        ),
        (400, 402)
    );
    assert_eq!(
        CrawlerError::InvalidCrawlerPriceValue.name(),
        "InvalidCrawlerPriceValue"
    );
}

#[test]
fn a_licence_is_a_visa_under_another_name() {
    let read = |value: &'static str| {
        let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, HeaderValue::from_static(value))]);
        license_read(&headers).map(|token| token.map(ToOwned::to_owned))
    };
    assert_eq!(read("License a.b.c"), Ok(Some("a.b.c".to_owned())));
    assert_eq!(read("license a.b.c"), Ok(Some("a.b.c".to_owned())));
    assert_eq!(read("Bearer a.b.c"), Ok(None));
    assert!(read("License").is_err());
    assert_eq!(license_read(&HeaderMap::new()), Ok(None));
}

#[test]
fn provenance_names_the_answer_and_is_the_publishers() {
    let key = SigningKey::generate(Algorithm::EdDSA, &Env::fixed(ManualClock::at(NOW), 3)).unwrap();
    let keys = Jwks::new(vec![key.jwk().clone()]).unwrap();
    let provenance = Provenance {
        origin: ContentOrigin::Human,
        url: URL.to_owned(),
        content_digest: Some("sha-256=:AA==:".to_owned()),
        at: imajin_kernel::Timestamp::from_seconds(NOW.as_seconds()),
    };
    let text = provenance.sign(&key, "https://site.example").unwrap();
    let later = NOW.plus(Span::days(365));
    assert_eq!(
        Provenance::verify(&text, &keys, "https://site.example", later),
        Ok(provenance)
    );
    assert!(Provenance::verify(&text, &keys, "https://other.example", later).is_err());
    assert!(Provenance::verify(&format!("{text}A"), &keys, "https://site.example", later).is_err());
}
