//! The headers of Web Bot Auth, one per line, and directories of keys.

use std::sync::OnceLock;

use http::{HeaderMap, HeaderName, HeaderValue};
use imajin_did::SecretKey;
use imajin_imagxp::Names;
use imajin_imagxp::web_bot_auth::{BotDraft, BotExpectation, BotSignature, LIFETIME_MAX, directory_parse};
use imajin_proof::http_sig::MessageView;
use imajin_proof::jose::{Jwk, Jwks};

const NAMES: [&str; 3] = ["signature-agent", "signature-input", "signature"];
const URL: &str = "https://site.example/posts/1?page=2";

/// The key of an agent, and the only request that it has signed. It is the same every time: Ed25519 has no dice.
struct Agent {
    keys: Jwks,
    lines: [String; 3],
}

fn agent() -> Option<&'static Agent> {
    static AGENT: OnceLock<Option<Agent>> = OnceLock::new();
    let agent = AGENT.get_or_init(|| {
        let key = SecretKey::from_seed([9; 32]);
        let jwk = Jwk::from_key(key.public());
        let draft = BotDraft {
            method: "GET",
            url: URL,
            agent: &"bot.example.org".parse().ok()?,
            thumbprint: jwk.kid(),
            now: crate::NOW,
            nonce: "n",
        };
        let headers = draft.sign(&key).ok()?;
        let line = |name: &str| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(ToOwned::to_owned)
        };
        let lines = NAMES.map(|name| line(name).unwrap_or_default());
        Some(Agent {
            keys: Jwks::new(vec![jwk]).ok()?,
            lines,
        })
    });
    agent.as_ref()
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let Some(agent) = agent() else { return Vec::new() };
    let keys = serde_json::to_vec(&agent.keys).unwrap_or_default();
    vec![agent.lines.join("\n").into_bytes(), keys]
}

pub(crate) fn run(data: &[u8]) {
    if let Ok(keys) = directory_parse(data) {
        assert!(keys.keys().iter().all(|key| !key.kid().is_empty()));
    }
    let mut headers = HeaderMap::new();
    for (name, line) in NAMES.into_iter().zip(data.split(|byte| *byte == b'\n')) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    let message = MessageView::request("GET", URL, &headers);
    let Ok(Some(read)) = BotSignature::read(&message, &headers, Names::Public) else {
        return;
    };
    let Some(agent) = agent() else { return };
    let expect = BotExpectation {
        now: crate::NOW,
        lifetime_max: LIFETIME_MAX,
        is_priced: true,
    };
    if read.verify(&message, &agent.keys, &expect).is_ok() {
        assert!(
            read.agent.is_some_and(|name| name.as_str() == "bot.example.org"),
            "another agent"
        );
        let input = headers.get("signature-input").and_then(|value| value.to_str().ok());
        let [_, signed, _] = &agent.lines;
        assert!(
            input.is_some_and(|input| input.contains(signed.trim_start_matches("sig1="))),
            "nobody signed this"
        );
    }
}
