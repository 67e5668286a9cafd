use imajin_consent::{ContentRef, DeclarationDraft, IntendedUse};
use imajin_did::Did;
use imajin_kernel::Env;
use imajin_mjn::{Client, Means, RequestDraft, SettlementInstruction};
use imajin_proof::digest::sha256_hex;
use imajin_query_api::AnswerBody;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{Buyer, Home, Node, imajin, text};

/// Somebody who asks questions and pays for them from a balance.
pub(crate) struct Asker {
    pub(crate) buyer: Buyer,
    pub(crate) leader: Did,
    node: Did,
}

/// What became of a question.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Heard {
    /// The node's signed answer.
    Answer(Box<AnswerBody>),
    /// The node's signed refusal, by its code.
    Refused(String),
    /// The node says that it is still at it.
    InFlight,
    /// The line broke.
    Nothing,
}

impl Heard {
    pub(crate) fn answer(self) -> AnswerBody {
        match self {
            Self::Answer(answer) => *answer,
            other => panic!("no answer: {other:?}"),
        }
    }
}

impl Asker {
    /// A member of the node with this much money, whose key is in a file of this name.
    pub(crate) fn new(home: &Home, node: &Node, name: &str, topup: &str, leader: &str) -> Self {
        let file = format!("{name}.key");
        let (key, url) = (home.key(&file), node.url());
        let whose = ["--node", &url, "--key", text(&key)];
        imajin(&[&["login", "--handle", name], &whose[..]].concat()).expect_success();
        imajin(&[&["topup", topup], &whose[..]].concat()).expect_success();
        let terms = imajin(&["leader", "show", "--node", &url, leader]).expect_success();
        Self {
            buyer: Buyer::from_file(node, home, &file),
            leader: leader.parse().unwrap(),
            node: terms["terms"]["payload"]["node"].as_str().unwrap().parse().unwrap(),
        }
    }

    /// Asks under an idempotency key, for at most 0.05, and checks that what comes is the node's to this question.
    pub(crate) async fn ask(&self, idempotency_key: &str, query: &str) -> Heard {
        let (key, env) = (&self.buyer.key, Env::system());
        let whom = ContentRef::Did(self.leader.clone());
        let mut consent = DeclarationDraft::now(key.did(), whom, IntendedUse::Query, &env);
        consent.scope = Some(sha256_hex(query.as_bytes()));
        let consent = consent.sign(key).unwrap();
        let settlement = SettlementInstruction {
            max: "0.05 TEST-USD".parse().unwrap(),
            means: Means::Balance,
        };
        let draft = RequestDraft {
            method: "POST",
            target_uri: &self.buyer.url("/query/api/query"),
            idempotency_key: Some(idempotency_key),
            consent: &consent,
            settlement: &settlement,
            body: &serde_json::to_vec(&json!({"query": query})).unwrap(),
        };
        let client = Client::new(key.did(), key.clone(), env);
        let prepared = client.prepare(&self.node, &draft).unwrap();
        let (head, body) = prepared.request.into_parts();
        let sent = self.buyer.http.post(draft.target_uri).headers(head.headers).body(body);
        let Ok(response) = sent.send().await else {
            return Heard::Nothing;
        };
        let (status, headers) = (response.status(), response.headers().clone());
        let Ok(body) = response.bytes().await else {
            return Heard::Nothing;
        };
        let keys = [self.node.public_key().unwrap()];
        let signed = client.answer(&prepared.pending, &keys, status.as_u16(), &headers, &body);
        signed.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&body)));
        if status == StatusCode::OK {
            return Heard::Answer(serde_json::from_slice(&body).unwrap());
        }
        let problem: Value = serde_json::from_slice(&body).unwrap();
        match problem["code"].as_str().unwrap() {
            "idempotency_in_flight" => Heard::InFlight,
            code => Heard::Refused(code.to_owned()),
        }
    }
}
