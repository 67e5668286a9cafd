//! Claims that the public SDK has signed.

use http::HeaderMap;
use imajin_imagxp::{
    AgentId, AgentManifest, Binding, ClaimError, ClaimExpectation, ClaimHeaders, Names, VerifiedClaim,
};
use serde_json::{Value, json};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors/imagxp-requests.json")).unwrap()
}

fn verify(vectors: &Value, vector: &Value, is_v10_allowed: bool) -> Result<VerifiedClaim, ClaimError> {
    let agent: AgentId = vectors["agent_id"].as_str().unwrap().parse().unwrap();
    let manifest = serde_json::to_vec(&vectors["manifest"]).unwrap();
    let manifest = AgentManifest::parse(&agent, &manifest).unwrap();
    let mut headers = HeaderMap::new();
    for (name, member) in [
        ("x-imagxp-payload", "payload"),
        ("x-imagxp-signature", "signature"),
        ("x-imagxp-public-key", "public_key"),
    ] {
        headers.insert(name, vector[member].as_str().unwrap().parse().unwrap());
    }
    let read = ClaimHeaders::read(&headers, Names::Public)?;
    let resource = read.claim.resource.clone().unwrap_or_default();
    let expect = ClaimExpectation {
        now: vector["now"].as_str().unwrap().parse().unwrap(),
        url: "https://site.example/",
        path_and_query: &resource,
        is_v10_allowed,
    };
    read.verify(&manifest, &expect)
}

#[test]
fn what_the_sdk_has_signed_verifies() {
    let vectors = vectors();
    let valid = vectors["vectors"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|vector| vector["valid"] == json!(true));
    let mut count = 0;
    for vector in valid {
        let verified = verify(&vectors, vector, false).unwrap_or_else(|error| panic!("{}: {error}", vector["name"]));
        let canonical = String::from_utf8(verified.claim.canonical_bytes().unwrap()).unwrap();
        assert_eq!(canonical, vector["canonical"].as_str().unwrap());
        assert_eq!(verified.claim.resource.as_deref(), vector["resource"].as_str());
        assert_eq!(serde_json::to_value(verified.claim.purpose).unwrap(), vector["purpose"]);
        count += 1;
    }
    assert_eq!(count, 7);
}

#[test]
fn each_changed_claim_is_refused_for_its_own_reason() {
    let vectors = vectors();
    for (name, expected) in [
        ("tampered-purpose", "CRYPTO_FAIL"),
        ("tampered-agent", "IDENTITY_FAIL"),
        ("stale-301s", "TIMESTAMP_INVALID"),
        ("future-301s", "TIMESTAMP_INVALID"),
        ("sig-truncated", "MALFORMED"),
        ("sig-not-hex", "MALFORMED"),
        ("sig-zero", "CRYPTO_FAIL"),
        ("wrong-key", "IDENTITY_FAIL"),
        ("key-not-spki", "MALFORMED"),
        ("payload-not-base64", "MALFORMED"),
        ("payload-not-json", "MALFORMED"),
        ("payload-array", "MALFORMED"),
    ] {
        let all = vectors["vectors"].as_array().unwrap();
        let vector = all.iter().find(|vector| vector["name"] == name).unwrap();
        assert_eq!(vector["valid"], json!(false));
        let refused = verify(&vectors, vector, true).unwrap_err();
        assert_eq!(refused.refusal().as_str(), expected, "{name}: {refused}");
    }
}

#[test]
fn claims_of_the_version_1_0_need_to_be_allowed() {
    let vectors = vectors();
    let old: Vec<&Value> = vectors["vectors"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|vector| vector["valid"] == json!("v1.0"))
        .collect();
    assert_eq!(old.len(), 2);
    for vector in old {
        assert_eq!(
            verify(&vectors, vector, false),
            Err(ClaimError::NoNonce),
            "{}",
            vector["name"]
        );
        let verified = verify(&vectors, vector, true).unwrap();
        let is_bound = verified.claim.resource.is_some();
        assert_eq!(verified.binding == Binding::Unbound, !is_bound);
        assert_eq!(
            verified.replay_key(),
            verified.digest,
            "the signature is no name of the claim"
        );
    }
}
