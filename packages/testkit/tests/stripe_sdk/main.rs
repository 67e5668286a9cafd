//! The official Python library against the peer: what it accepts, the node may rely on.
#![cfg(test)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use imajin_kernel::Env;
use imajin_testkit::stripe_peer::{FaultKind, PeerOptions, StripePeer, WebhookMessage};
use serde_json::{Value, json};

const RESTRICTED: &str = "rk_test_refunds_0123456789";

/// The Python that has the library, from `./x stripe-sdk`.
fn python() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let said = Command::new(root.join("x")).arg("stripe-sdk").output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

fn text<'a>(asked: &'a Value, name: &str) -> &'a str {
    asked[name].as_str().unwrap()
}

/// Does at the peer what the script asks for.
fn act(peer: &StripePeer, asked: &Value) -> Value {
    match text(asked, "do") {
        "pay" => json!({"intent": peer.customer_pays(text(asked, "session")).unwrap()}),
        "decline" => json!({"intent": peer.card_declined(text(asked, "session")).unwrap()}),
        "dispute" => json!({"dispute": peer.dispute_open(text(asked, "intent"), 1_000).unwrap()}),
        "lose" => json!(peer.dispute_close(text(asked, "dispute"), false).unwrap()),
        "onboard" => json!(peer.account_change(text(asked, "account"), true).unwrap()),
        "fault" => {
            let kind = match text(asked, "kind") {
                "rate" => FaultKind::RateLimited,
                "error" => FaultKind::ServerError,
                _ => FaultKind::LostAfter,
            };
            peer.fault(text(asked, "path"), kind, 1);
            Value::Null
        }
        "messages" => {
            let message = |message: WebhookMessage| {
                let body = String::from_utf8(message.body).unwrap();
                json!({"body": body, "signature": message.signature})
            };
            let messages: Vec<Value> = peer.messages_take().into_iter().map(message).collect();
            json!({"messages": messages, "secret": peer.webhook_secrets()[0]})
        }
        other => panic!("the script asks for {other}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_library_accepts_the_peer() {
    let mut options = PeerOptions::test(Env::system());
    options.restricted_keys = vec![(RESTRICTED.to_owned(), vec!["refunds".to_owned()])];
    let peer = StripePeer::start(options).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stripe_sdk/check.py");
    let mut child = Command::new(python())
        .arg(script)
        .args([peer.url(), &peer.secret_key(), RESTRICTED])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut done = false;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let asked: Value = serde_json::from_str(&line.unwrap()).unwrap();
        done = asked["do"] == "done";
        let answer = if done { Value::Null } else { act(&peer, &asked) };
        writeln!(input, "{answer}").unwrap();
    }
    assert!(
        child.wait().unwrap().success(),
        "the library does not accept the peer: see its error above"
    );
    assert!(done);
    let versions: Vec<_> = peer.seen().into_iter().filter_map(|seen| seen.version).collect();
    assert!(
        versions
            .iter()
            .all(|version| version == imajin_testkit::stripe_peer::API_VERSION)
    );
}
