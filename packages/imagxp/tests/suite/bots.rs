//! Web Bot Auth, in and out.

use http::{HeaderMap, HeaderValue};
use imajin_did::{SecretKey, VerifyingKey};
use imajin_imagxp::web_bot_auth::{
    BotDraft, BotError, BotExpectation, BotSignature, LIFETIME_MAX, VerifiedBot, directory_parse, directory_sign,
};
use imajin_imagxp::{AgentKey, Names, Refusal};
use imajin_kernel::{Span, Timestamp};
use imajin_proof::ProofError;
use imajin_proof::http_sig::{MessageParams, MessageView, Signer};
use imajin_proof::jose::{Jwk, Jwks};
use serde_json::{Value, json};

use crate::{NOW, URL, agent, key};

fn expectation(is_priced: bool) -> BotExpectation {
    BotExpectation {
        now: NOW,
        lifetime_max: LIFETIME_MAX,
        is_priced,
    }
}

fn verify(url: &str, headers: &HeaderMap, keys: &Jwks, is_priced: bool) -> Result<VerifiedBot, BotError> {
    let message = MessageView::request("GET", url, headers);
    let read = BotSignature::read(&message, headers, Names::Public)?.unwrap();
    read.verify(&message, keys, &expectation(is_priced))
}

#[test]
fn the_vectors_verify_and_those_by_rsa_are_refused_by_their_algorithm() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("../vectors/web-bot-auth-v2.json")).unwrap();
    let mut counted = (0, 0);
    for vector in vectors {
        let mut headers = HeaderMap::new();
        for (name, member) in [
            ("signature", "signature"),
            ("signature-input", "signature_input"),
            ("signature-agent", "signature_agent"),
        ] {
            if let Some(value) = vector[member].as_str() {
                headers.insert(name, value.parse().unwrap());
            }
        }
        let message = MessageView::request("GET", vector["target_url"].as_str().unwrap(), &headers);
        let read = BotSignature::read(&message, &headers, Names::Public);
        if vector["key"]["kty"] == "RSA" {
            assert!(matches!(read, Err(BotError::Proof(ProofError::Algorithm))));
            counted.1 += 1;
            continue;
        }
        let read = read.unwrap().unwrap();
        let keys = directory_parse(json!({"keys": [vector["key"]]}).to_string().as_bytes()).unwrap();
        let expect = BotExpectation {
            now: Timestamp::from_millis(vector["created_ms"].as_i64().unwrap()),
            lifetime_max: Span::days(365 * 200),
            is_priced: false,
        };
        let verified = read.verify(&message, &keys, &expect).unwrap();
        assert_eq!(verified.nonce.as_deref(), vector["nonce"].as_str());
        assert!(!verified.is_bound, "it covers the authority only");
        let priced = BotExpectation {
            is_priced: true,
            ..expect
        };
        assert_eq!(read.verify(&message, &keys, &priced), Err(BotError::NotBound));
        counted.0 += 1;
    }
    assert_eq!(counted, (2, 2));
}

fn signed(signer: &dyn Signer, thumbprint: &str) -> HeaderMap {
    let draft = BotDraft {
        method: "GET",
        url: URL,
        agent: &agent(),
        thumbprint,
        now: NOW,
        nonce: "n-1",
    };
    draft.sign(signer).unwrap()
}

#[test]
fn what_our_agent_signs_counts_by_both_kinds_of_key() {
    let (p256, ed) = (key(), SecretKey::from_seed([4; 32]));
    let jwks = [Jwk::from_key(p256.public().clone()), Jwk::from_key(ed.public())];
    let keys = Jwks::new(jwks.to_vec()).unwrap();
    let signers: [&dyn Signer; 2] = [&p256, &ed];
    for (jwk, signer) in jwks.iter().zip(signers) {
        let headers = signed(signer, jwk.kid());
        let verified = verify(URL, &headers, &keys, true).unwrap();
        assert_eq!(
            (verified.thumbprint.as_str(), verified.replay_key()),
            (jwk.kid(), "n-1")
        );
        assert!(verified.is_bound);
        assert_eq!(verified.kept_until(), verified.expires_at.plus(Span::seconds(30)));
        let message = MessageView::request("GET", URL, &headers);
        let read = BotSignature::read(&message, &headers, Names::Public).unwrap().unwrap();
        assert_eq!(read.agent, Some(agent()));
        let directory = "https://bot.example.org/.well-known/http-message-signatures-directory";
        assert_eq!(read.directory_url().unwrap(), directory);
    }
}

#[test]
fn a_signature_for_one_page_or_site_or_agent_is_none_for_another() {
    let own = key();
    let jwk = Jwk::from_key(own.public().clone());
    let keys = Jwks::new(vec![jwk.clone()]).unwrap();
    let headers = signed(&own, jwk.kid());
    for url in ["https://site.example/dear", "https://other.example/posts/1?page=2"] {
        let refused = verify(url, &headers, &keys, false).unwrap_err();
        assert_eq!(refused.refusal(), Refusal::CryptoFail, "{url}");
    }
    let mut other = headers.clone();
    other.insert("signature-agent", HeaderValue::from_static("\"https://evil.example\""));
    assert_eq!(
        verify(URL, &other, &keys, false).unwrap_err().refusal(),
        Refusal::CryptoFail
    );
    let none = Jwks::new(vec![Jwk::from_key(key().public().clone())]).unwrap();
    assert_eq!(verify(URL, &headers, &none, false), Err(BotError::UnknownKey));
    let plain = HeaderMap::new();
    let message = MessageView::request("GET", URL, &plain);
    assert!(BotSignature::read(&message, &plain, Names::Public).unwrap().is_none());
}

/// A signature as somebody may make it who does not keep to the rules.
fn loose(covered: &[&str], created: Timestamp, expires: Option<Timestamp>, nonce: Option<&str>) -> (HeaderMap, Jwks) {
    loose_of("\"https://bot.example.org\"", covered, (created, expires, nonce))
}

/// The same, with another header about the agent.
fn loose_of(
    agent: &'static str,
    covered: &[&str],
    (created, expires, nonce): (Timestamp, Option<Timestamp>, Option<&str>),
) -> (HeaderMap, Jwks) {
    let own = SecretKey::from_seed([5; 32]);
    let jwk = Jwk::from_key(own.public());
    let mut headers = HeaderMap::new();
    headers.insert("signature-agent", HeaderValue::from_static(agent));
    let params = MessageParams {
        label: "sig1",
        keyid: jwk.kid(),
        created,
        expires,
        nonce,
        tag: Some("web-bot-auth"),
    };
    let fields = MessageView::request("GET", URL, &headers)
        .sign(&own, covered, &params)
        .unwrap();
    headers.insert("signature-input", fields.signature_input.parse().unwrap());
    headers.insert("signature", fields.signature.parse().unwrap());
    (headers, Jwks::new(vec![jwk]).unwrap())
}

const AGENT: &str = "\"signature-agent\"";

#[test]
fn what_it_must_cover_and_say_is_demanded() {
    let soon = Some(NOW.plus(Span::minutes(1)));
    let check = |covered: &[&str], created, expires, nonce, is_priced| {
        let (headers, keys) = loose(covered, created, expires, nonce);
        verify(URL, &headers, &keys, is_priced)
    };
    let authority = ["\"@authority\"", AGENT];
    let whole = ["\"@method\"", "\"@authority\"", "\"@path\"", "\"@query\"", AGENT];
    assert!(check(&authority, NOW, soon, None, false).is_ok());
    assert!(check(&whole, NOW, soon, Some("n"), true).unwrap().is_bound);
    assert_eq!(check(&authority, NOW, soon, Some("n"), true), Err(BotError::NotBound));
    assert_eq!(check(&whole, NOW, soon, None, true), Err(BotError::NoNonce));
    assert_eq!(
        check(&["\"@authority\""], NOW, soon, None, false),
        Err(BotError::AgentNotCovered)
    );
    assert_eq!(
        check(&["\"@path\"", AGENT], NOW, soon, None, false),
        Err(BotError::AuthorityNotCovered)
    );
    assert_eq!(check(&authority, NOW, None, None, false), Err(BotError::Parameters));
    let week = Some(NOW.plus(Span::days(7)));
    assert_eq!(check(&authority, NOW, week, None, false), Err(BotError::Parameters));
    assert_eq!(
        check(&authority, NOW.minus(Span::hours(1)), Some(NOW), None, false),
        Err(BotError::Time)
    );
    let later = NOW.plus(Span::minutes(1));
    assert_eq!(
        check(&authority, later, Some(later.plus(Span::minutes(1))), None, false),
        Err(BotError::Time)
    );
}

#[test]
fn an_agent_that_is_covered_in_two_ways_is_refused() {
    let header = "sig1=\"https://bot.example.org\"";
    let member = "\"signature-agent\";key=\"sig1\"";
    let check = |covered: &[&str]| {
        let (headers, keys) = loose_of(header, covered, (NOW, Some(NOW.plus(Span::minutes(1))), None));
        verify(URL, &headers, &keys, false)
    };
    assert!(check(&["\"@authority\"", member]).is_ok());
    assert_eq!(
        check(&["\"@authority\"", AGENT, member]),
        Err(BotError::AgentNotCovered)
    );
}

#[test]
fn an_agent_that_is_no_public_domain_is_refused() {
    let (mut headers, _keys) = loose(&["\"@authority\"", AGENT], NOW, None, None);
    for address in [
        "\"http://bot.example.org\"",
        "\"https://127.0.0.1\"",
        "\"https://localhost\"",
        "\"https://u@bot.example.org\"",
        "\"bot.example.org\"",
        "bot.example.org",
        "x=\"https://a.example.org\", y=\"https://b.example.org\"",
        "sig1=5",
    ] {
        headers.insert("signature-agent", HeaderValue::from_str(address).unwrap());
        let message = MessageView::request("GET", URL, &headers);
        let read = BotSignature::read(&message, &headers, Names::Public);
        assert_eq!(read.unwrap_err(), BotError::Agent, "{address}");
    }
}

#[test]
fn a_directory_is_read_with_and_without_names_of_keys_and_is_signed_by_them() {
    let own = SecretKey::from_seed([6; 32]);
    let jwk = Jwk::from_key(own.public());
    let mut bare = serde_json::to_value(&jwk).unwrap();
    bare.as_object_mut().unwrap().remove("kid");
    bare["alg"] = json!("ed25519");
    let keys = directory_parse(json!({"keys": [bare], "purpose": "rag"}).to_string().as_bytes()).unwrap();
    assert_eq!(keys.keys()[0].thumbprint(), jwk.thumbprint());
    assert!(directory_parse(b"{}").is_err());
    assert!(directory_parse(&vec![b' '; 70_000]).is_err());
    let url = "https://bot.example.org/.well-known/http-message-signatures-directory";
    let agents = AgentKey::generate().unwrap();
    let name = agents.thumbprint();
    let headers = directory_sign(&[(&own, jwk.kid()), (&agents, &name)], url, NOW).unwrap();
    let none = HeaderMap::new();
    let request = MessageView::request("GET", url, &none);
    let answer = MessageView::response(200, &headers, Some(&request));
    let public = agents.public().clone();
    for (label, key) in [("sig1", own.public().into()), ("sig2", VerifyingKey::P256(public))] {
        assert!(
            answer.signature(label).unwrap().verify(&answer, &key).is_ok(),
            "{label}"
        );
    }
    assert!(
        answer
            .signature("sig1")
            .unwrap()
            .verify(&answer, agents.public())
            .is_err()
    );
}

const OTHERS: &str = include_str!("../vectors/web-bot-auth-npm.json");
/// What we sign; the npm library has taken it.
const OURS: &str = include_str!("../vectors/web-bot-auth-ours.json");

fn headers_of(value: &Value) -> HeaderMap {
    let fields = value.as_object().unwrap().iter();
    let field = |(name, value): (&String, &Value)| {
        let name: http::HeaderName = name.parse().unwrap();
        (name, HeaderValue::from_str(value.as_str().unwrap()).unwrap())
    };
    fields.map(field).collect()
}

#[test]
fn what_the_public_client_library_signs_counts() {
    let vectors: Value = serde_json::from_str(OTHERS).unwrap();
    let keys = directory_parse(json!({"keys": [vectors["key"]]}).to_string().as_bytes()).unwrap();
    let now = Timestamp::from_millis(vectors["created"].as_i64().unwrap());
    let url = vectors["url"].as_str().unwrap();
    for request in vectors["requests"].as_array().unwrap() {
        let headers = headers_of(&request["headers"]);
        let message = MessageView::request("GET", url, &headers);
        let read = BotSignature::read(&message, &headers, Names::Public).unwrap().unwrap();
        let is_whole = request["name"] == "whole";
        for is_priced in [false, true] {
            let expect = BotExpectation {
                now,
                lifetime_max: LIFETIME_MAX,
                is_priced,
            };
            let verified = read.verify(&message, &keys, &expect);
            assert_eq!(
                verified.is_ok(),
                is_whole || !is_priced,
                "{} {verified:?}",
                request["name"]
            );
        }
        let is_named = request["name"] != "authority";
        assert_eq!(read.agent, is_named.then(agent));
    }
}

#[test]
fn what_we_sign_is_what_the_public_library_has_taken() {
    let vectors: Value = serde_json::from_str(OTHERS).unwrap();
    // The published secret of RFC 9421, appendix B.1.4.
    let seed = "9f8362f87a484a954e6e740c5b4c0e84229139a20aa8ab56ff66586f6a7d29c5";
    let key = SecretKey::from_seed_hex(seed).unwrap();
    let draft = BotDraft {
        method: "GET",
        url: vectors["url"].as_str().unwrap(),
        agent: &agent(),
        thumbprint: &Jwk::from_key(key.public()).thumbprint(),
        now: Timestamp::from_millis(vectors["created"].as_i64().unwrap()),
        nonce: "JojDFWJ90jf+gZhdKeTyJYsu1XvNPZSFAGhvYq5SuV3gneOEUAhq+xl792WGuD1W+Dr6NRmx+m+t06NsYnL4iA==",
    };
    let signed = draft.sign(&key).unwrap();
    let named =
        |(name, value): (&http::HeaderName, &HeaderValue)| (name.to_string(), Value::from(value.to_str().unwrap()));
    let signed = Value::Object(signed.iter().map(named).collect());
    assert_eq!(signed, serde_json::from_str::<Value>(OURS).unwrap(), "{signed}");
}
