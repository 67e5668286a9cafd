use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use imajin_imagxp::{
    AgentManifest, Binding, Claim, ClaimError, ClaimExpectation, ClaimHeaders, MANIFEST_BYTES_MAX, Names, Purpose,
    VerifiedClaim, key_from_spki, key_to_spki,
};
use imajin_kernel::{Code, Span};
use serde_json::json;

use crate::{EXPECT, NOW, PATH, URL, agent, claim, key, manifest};

fn check(
    headers: &HeaderMap,
    manifest: &AgentManifest,
    expect: &ClaimExpectation<'_>,
) -> Result<VerifiedClaim, ClaimError> {
    ClaimHeaders::read(headers, Names::Public)?.verify(manifest, expect)
}

#[test]
fn a_signed_claim_verifies_and_says_how_closely_it_is_bound() {
    let key = key();
    let manifest = manifest(&[&key]);
    for (resource, binding) in [(URL, Binding::Url), (PATH, Binding::PathOnly)] {
        let mut headers = ClaimHeaders::sign(&key, &claim(resource)).unwrap();
        let verified = check(&headers, &manifest, &EXPECT).unwrap();
        assert_eq!(
            (verified.binding, verified.replay_key(), &verified.key),
            (binding, "n-1", key.public())
        );
        assert_eq!(verified.kept_until(), NOW.plus(Span::seconds(330)));
        headers.remove("x-imagxp-public-key");
        assert!(check(&headers, &manifest, &EXPECT).is_ok(), "the manifest has the key");
    }
    assert_eq!(Purpose::Embedding.action(), imajin_fair::Action::Train);
    assert_eq!(Purpose::Quotation.action(), imajin_fair::Action::Read);
}

#[test]
fn a_claim_for_the_cheap_page_is_refused_at_the_dear_one() {
    let key = key();
    let manifest = manifest(&[&key]);
    for resource in [
        "/posts/1",
        "/posts/1?page=3",
        "https://other.example/posts/1?page=2",
        "",
    ] {
        let headers = ClaimHeaders::sign(&key, &claim(resource)).unwrap();
        assert_eq!(
            check(&headers, &manifest, &EXPECT),
            Err(ClaimError::OtherResource),
            "{resource}"
        );
    }
}

#[test]
fn a_key_swapped_in_the_header_is_refused() {
    let (own, other) = (key(), key());
    let manifest = manifest(&[&own]);
    let headers = ClaimHeaders::sign(&other, &claim(URL)).unwrap();
    assert_eq!(check(&headers, &manifest, &EXPECT), Err(ClaimError::ForeignKey));
    let mut headers = headers;
    headers.insert("x-imagxp-public-key", key_to_spki(own.public()).parse().unwrap());
    assert_eq!(check(&headers, &manifest, &EXPECT), Err(ClaimError::BadSignature));
    headers.remove("x-imagxp-public-key");
    assert_eq!(check(&headers, &manifest, &EXPECT), Err(ClaimError::BadSignature));
}

#[test]
fn while_a_key_is_replaced_both_count() {
    let (old, new) = (key(), key());
    let manifest = manifest(&[&old, &new]);
    for key in [&old, &new] {
        let headers = ClaimHeaders::sign(key, &claim(URL)).unwrap();
        assert_eq!(check(&headers, &manifest, &EXPECT).unwrap().key, *key.public());
    }
}

#[test]
fn a_claim_counts_for_300_seconds_either_way() {
    let key = key();
    let headers = ClaimHeaders::sign(&key, &claim(URL)).unwrap();
    let at = |millis| {
        let expect = ClaimExpectation {
            now: NOW.plus(Span::millis(millis)),
            ..EXPECT
        };
        check(&headers, &manifest(&[&key]), &expect).map(|_verified| ())
    };
    assert_eq!([at(300_000), at(-300_000)], [Ok(()), Ok(())]);
    assert_eq!(
        [at(300_001), at(-300_001)],
        [Err(ClaimError::OutsideWindow), Err(ClaimError::OutsideWindow)]
    );
}

/// The signature of a claim in the other forms that agents write.
fn written(headers: &HeaderMap) -> [String; 3] {
    let hex_text = headers["x-imagxp-signature"].to_str().unwrap();
    let fixed = hex::decode(hex_text).unwrap();
    let integer = |bytes: &[u8]| {
        let mut digits: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
        if digits.first().is_some_and(|first| first & 0x80 != 0) {
            digits.insert(0, 0);
        }
        [vec![2, u8::try_from(digits.len()).unwrap()], digits].concat()
    };
    let both = [integer(&fixed[..32]), integer(&fixed[32..])].concat();
    let der = [vec![0x30, u8::try_from(both.len()).unwrap()], both].concat();
    [STANDARD.encode(&fixed), STANDARD.encode(&der), hex::encode(&der)]
}

#[test]
fn signatures_in_base64_and_der_are_read_too() {
    let key = key();
    let headers = ClaimHeaders::sign(&key, &claim(URL)).unwrap();
    for text in written(&headers) {
        let mut other = headers.clone();
        other.insert("x-imagxp-signature", text.parse().unwrap());
        assert!(check(&other, &manifest(&[&key]), &EXPECT).is_ok(), "{text}");
    }
}

#[test]
fn half_a_claim_is_no_claim() {
    assert_eq!(
        ClaimHeaders::read(&HeaderMap::new(), Names::Public),
        Err(ClaimError::Missing)
    );
    assert_eq!(
        (
            ClaimError::Missing.refusal().as_str(),
            ClaimError::Missing.refusal().code()
        ),
        ("IDENTITY_REQUIRED", Code::Unauthenticated)
    );
    let headers = ClaimHeaders::sign(&key(), &claim(URL)).unwrap();
    for name in ["x-imagxp-payload", "x-imagxp-signature"] {
        let mut half = headers.clone();
        half.remove(name);
        assert_eq!(
            ClaimHeaders::read(&half, Names::Public).unwrap_err().refusal().as_str(),
            "MALFORMED"
        );
        let mut twice = headers.clone();
        twice.append(name, headers[name].clone());
        assert_eq!(
            ClaimHeaders::read(&twice, Names::Public)
                .unwrap_err()
                .refusal()
                .as_str(),
            "MALFORMED"
        );
        let mut long = headers.clone();
        long.insert(name, "A".repeat(9_000).parse().unwrap());
        assert_eq!(
            ClaimHeaders::read(&long, Names::Public),
            Err(ClaimError::TooLong("a header"))
        );
    }
}

#[test]
fn a_claim_of_the_wrong_form_is_refused() {
    let good = json!({
        "v": "1.1", "ts": "2026-03-01T00:00:00.250Z", "nonce": "n", "agent_id": "bot.example.org", "resource": "/",
        "purpose": "SUMMARY", "context": {"ads_displayed": false},
    });
    assert!(Claim::parse(good.to_string().as_bytes(), Names::Public).is_ok());
    for (name, value) in [
        ("v", json!("2.0")),
        ("ts", json!("now")),
        ("nonce", json!("")),
        ("v", json!(null)),
        ("resource", json!(null)),
        ("agent_id", json!("127.0.0.1")),
        ("purpose", json!("STEAL")),
        ("resource", json!(7)),
        ("resource", json!("x".repeat(5_000))),
    ] {
        let mut bad = good.clone();
        bad[name] = value;
        assert!(
            Claim::parse(bad.to_string().as_bytes(), Names::Public).is_err(),
            "{bad}"
        );
    }
    let twice = good.to_string().replacen('{', r#"{"purpose":"CRAWL_TRAINING","#, 1);
    assert!(
        Claim::parse(twice.as_bytes(), Names::Public).is_err(),
        "two readers could read it differently"
    );
}

#[test]
fn a_manifest_is_its_own_agents_and_bounded() {
    let (one, another) = (key(), key());
    let [one, another] = [one.public(), another.public()].map(key_to_spki);
    let parse = |value: serde_json::Value| AgentManifest::parse(&agent(), value.to_string().as_bytes());
    let both =
        parse(json!({"agent_id": "BOT.example.org", "public_key": one, "keys": [another], "contact_email": "a@b.c"}));
    let both = both.unwrap();
    assert_eq!((both.keys.len(), both.contact.as_deref()), (2, Some("a@b.c")));
    assert_eq!(key_from_spki(&one).unwrap(), both.keys[0]);
    assert_eq!(parse(both.to_document()).unwrap().contact, both.contact);
    assert_eq!(parse(both.to_document()).unwrap().keys[0], both.keys[0]);
    assert_eq!(
        parse(json!({"agent_id": "other.example.org", "public_key": one})),
        Err(ClaimError::AgentName)
    );
    assert!(parse(json!({"agent_id": "bot.example.org"})).is_err(), "no key");
    assert!(
        parse(json!({"agent_id": "bot.example.org", "keys": vec![one; 33]})).is_err(),
        "too many keys"
    );
    let long = " ".repeat(MANIFEST_BYTES_MAX + 1);
    assert_eq!(
        AgentManifest::parse(&agent(), long.as_bytes()),
        Err(ClaimError::TooLong("the agent's manifest"))
    );
}
