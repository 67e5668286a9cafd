//! What has to be paid and what pays: bodies of 402, headers of x402 and of pay-per-crawl, feedback, orders of visas.

use http::{HeaderMap, HeaderValue};
use imajin_imagxp::broker::{RedemptionBatch, VisaOrder};
use imajin_imagxp::pay_per_crawl::{Offer, price_read, price_text};
use imajin_imagxp::x402::{Paid, Payment, Required, VisaPayload};
use imajin_imagxp::{Feedback, PaymentRequired, Purpose, VisitorType};

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let Ok(price) = "0.01 USD".parse() else {
        return Vec::new();
    };
    let required = PaymentRequired {
        resource: "https://site.example/posts/1".to_owned(),
        purpose: Purpose::Summary,
        price,
        brokers: vec!["https://broker.example/broker".to_owned()],
        bearer: vec!["https://broker.example/broker".to_owned()],
        audience: "site.example".to_owned(),
        policy: "https://site.example/.well-known/imagxp-policy.json".to_owned(),
    };
    let x402 = required.to_x402("pay");
    let payload = VisaPayload {
        visa: "a.b.c".to_owned(),
        claim: None,
    };
    let ways = x402.accepts.first().cloned();
    let payment = ways.map(|way| Payment::new(&x402, way, payload, Some("pay_0123456789abcdef")));
    let texts = [
        Some(required.to_document(VisitorType::VerifiedAgent, "x").to_string()),
        x402.to_header().ok(),
        payment.and_then(|payment| payment.to_header().ok()),
        Some("USD 0.01".to_owned()),
        Some(r#"{"publisher":"a","max_amount":{"amount":"1.00","currency":"USD"},"ttl":60}"#.to_owned()),
    ];
    texts.into_iter().flatten().map(String::into_bytes).collect()
}

pub(crate) fn run(data: &[u8]) {
    if let Ok(required) = PaymentRequired::parse(data) {
        let document = required.to_document(VisitorType::VerifiedAgent, "x").to_string();
        assert_eq!(PaymentRequired::parse(document.as_bytes()), Ok(required));
    }
    if let Ok(feedback) = Feedback::parse(data) {
        let header = feedback.to_header();
        assert_eq!(header.and_then(|text| Feedback::parse(text.as_bytes())), Ok(feedback));
    }
    let _orders = (
        serde_json::from_slice::<VisaOrder>(data).is_ok(),
        serde_json::from_slice::<RedemptionBatch>(data).is_ok(),
    );
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(required) = Required::parse(text) {
        assert_eq!(
            required.to_header().and_then(|text| Required::parse(&text)),
            Ok(required)
        );
    }
    if let Ok(payment) = Payment::parse(text) {
        assert!(payment.accepted.issuer().is_some());
        assert_eq!(payment.to_header().and_then(|text| Payment::parse(&text)), Ok(payment));
    }
    if let Ok(paid) = Paid::parse(text) {
        assert_eq!(paid.to_header().and_then(|text| Paid::parse(&text)), Ok(paid));
    }
    if let Ok(price) = price_read(text) {
        assert_eq!(price_read(&price_text(price)), Ok(price));
    }
    if let Ok(value) = HeaderValue::from_bytes(data) {
        let mut headers = HeaderMap::new();
        headers.insert("crawler-max-price", value);
        if let Ok(Some(Offer::Max(price))) = Offer::read(&headers) {
            assert_eq!(Offer::Max(price).agrees(price), Ok(()));
        }
    }
}
