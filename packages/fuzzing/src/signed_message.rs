//! Signed messages, and the canonical JSON below them.

use imajin_did::SecretKey;
use imajin_proof::{SignedMessage, jcs};
use serde_json::{Value, json};

fn messages() -> Vec<SignedMessage<Value>> {
    let key = SecretKey::from_seed([1; 32]);
    let payloads = [
        json!({"event": "evt_1", "tier": "vip", "n": [1, -2, 0.5, 1e21, null, true, "é\u{2028}\u{1f600}"]}),
        json!("text"),
    ];
    let messages = payloads.into_iter().map(|payload| {
        SignedMessage::sign(
            &key,
            key.did(),
            "ticket",
            Some(SecretKey::from_seed([2; 32]).did()),
            crate::NOW,
            payload,
        )
    });
    messages.filter_map(Result::ok).collect()
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let texts = messages()
        .into_iter()
        .filter_map(|message| message.canonical_bytes().ok());
    let weird = br#"{"\u20ac":"Euro","\r":1,"1":{"f":{"f":"hi","F":5},"\n":56.0},"":"e","a":-0,"b":4.50,"c":2e-3}"#;
    texts.chain([weird.to_vec()]).collect()
}

pub(crate) fn run(data: &[u8]) {
    if let Ok(value) = jcs::from_slice::<Value>(data)
        && let Ok(canonical) = jcs::to_bytes(&value)
    {
        let again = jcs::from_slice::<Value>(&canonical);
        let again = again.and_then(|value| jcs::to_bytes(&value));
        assert_eq!(
            again.as_ref(),
            Ok(&canonical),
            "canonical JSON is its own canonical form"
        );
    }
    let Ok(message) = SignedMessage::from_slice(data) else {
        return;
    };
    let Ok(canonical) = message.canonical_bytes() else {
        return;
    };
    // Not the messages: 1e1 is a float in one and the canonical 10 an integer in the other.
    let again = SignedMessage::from_slice(&canonical).and_then(|message| message.canonical_bytes());
    assert_eq!(again.as_ref(), Ok(&canonical), "a message is its own canonical form");
    if message.verify_self_certified("ticket").is_ok() {
        let signed = message.signed_bytes();
        // The DID in another form is another text, so nothing but the signed bytes themselves can pass.
        assert!(
            messages().iter().any(|known| known.signed_bytes() == signed),
            "nobody signed this"
        );
    }
}
