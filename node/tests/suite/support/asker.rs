use imajin_consent::{ContentRef, IntendedUse};
use imajin_did::Did;
use imajin_mjn::Means;
use imajin_proof::digest::sha256_hex;
use imajin_query_api::AnswerBody;
use reqwest::StatusCode;
use serde_json::json;

use super::{Buyer, Exchange, Home, Node, imajin, text};

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
        let exchange = Exchange {
            path: "/query/api/query".to_owned(),
            content: ContentRef::Did(self.leader.clone()),
            used_for: IntendedUse::Query,
            scope: Some(sha256_hex(query.as_bytes())),
            max: "0.05 TEST-USD",
            means: Means::Balance,
            key: Some(idempotency_key),
            body: serde_json::to_vec(&json!({"query": query})).unwrap(),
        };
        let Some(told) = self.buyer.exchange(&self.node, &exchange).await else {
            return Heard::Nothing;
        };
        if told.status == StatusCode::OK {
            return Heard::Answer(serde_json::from_value(told.body).unwrap());
        }
        match told.code() {
            "idempotency_in_flight" => Heard::InFlight,
            code => Heard::Refused(code.to_owned()),
        }
    }
}
