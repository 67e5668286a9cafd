//! The headers of a claim, one per line, and the manifest of an agent.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use imajin_imagxp::{AgentId, AgentManifest, Claim, ClaimExpectation, ClaimHeaders, Names};
use serde_json::Value;

const NAMES: [&str; 3] = ["x-imagxp-payload", "x-imagxp-signature", "x-imagxp-public-key"];
const VECTORS: &[u8] = include_bytes!("../../imagxp/tests/vectors/imagxp-requests.json");

fn vectors() -> Value {
    serde_json::from_slice(VECTORS).unwrap_or_default()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The agent's manifest, and every claim that the agent has really signed.
struct Known {
    manifest: AgentManifest,
    signed: Vec<Vec<u8>>,
}

fn known() -> Option<&'static Known> {
    static KNOWN: OnceLock<Option<Known>> = OnceLock::new();
    let known = KNOWN.get_or_init(|| {
        let vectors = vectors();
        let manifest = vectors.get("manifest")?.to_string();
        let agent = "bot.example.org".parse().ok()?;
        // Some vectors are signed claims of another time; those that were changed are called so.
        let signed = vectors.get("vectors")?.as_array()?.iter();
        let signed = signed.filter(|vector| !text(vector, "name").starts_with("tampered"));
        let signed = signed.filter_map(|vector| {
            let payload = STANDARD.decode(text(vector, "payload")).ok()?;
            Claim::parse(&payload, Names::Public).ok()?.canonical_bytes().ok()
        });
        Some(Known {
            manifest: AgentManifest::parse(&agent, manifest.as_bytes()).ok()?,
            signed: signed.collect(),
        })
    });
    known.as_ref()
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let vectors = vectors();
    let manifest = vectors.get("manifest").map(ToString::to_string);
    let all = vectors.get("vectors").and_then(Value::as_array);
    let claims = all.into_iter().flatten().map(|vector| {
        let lines = ["payload", "signature", "public_key"].map(|name| text(vector, name));
        lines.join("\n")
    });
    claims.chain(manifest).map(String::into_bytes).collect()
}

pub(crate) fn run(data: &[u8]) {
    let Ok(agent) = "bot.example.org".parse::<AgentId>() else {
        return;
    };
    if let Ok(manifest) = AgentManifest::parse(&agent, data) {
        assert!(manifest.agent == agent && (1..=imajin_imagxp::KEYS_MAX).contains(&manifest.keys.len()));
    }
    let mut headers = HeaderMap::new();
    for (name, line) in NAMES.into_iter().zip(data.split(|byte| *byte == b'\n')) {
        if let Ok(value) = HeaderValue::from_bytes(line)
            && !line.is_empty()
        {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    let Ok(read) = ClaimHeaders::read(&headers, Names::Public) else {
        return;
    };
    let canonical = read.claim.canonical_bytes();
    let again = canonical.clone().and_then(|bytes| Claim::parse(&bytes, Names::Public));
    assert_eq!(
        again.and_then(|claim| claim.canonical_bytes()),
        canonical,
        "a claim is its own canonical form"
    );
    let Some(known) = known() else { return };
    let expect = ClaimExpectation {
        now: read.claim.made_at,
        url: "",
        path_and_query: read.claim.resource.as_deref().unwrap_or_default(),
        is_v10_allowed: false,
    };
    if let Ok(verified) = read.verify(&known.manifest, &expect) {
        let is_known = verified
            .claim
            .canonical_bytes()
            .is_ok_and(|bytes| known.signed.contains(&bytes));
        assert!(is_known, "nobody signed this claim");
    }
}
