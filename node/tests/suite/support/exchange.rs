use imajin_consent::{ContentRef, DeclarationDraft, IntendedUse};
use imajin_did::Did;
use imajin_kernel::Env;
use imajin_mjn::{Client, Means, Pending, RequestDraft, SettlementInstruction};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::Buyer;

/// An exchange of value that somebody asks for.
#[derive(Clone)]
pub(crate) struct Exchange<'a> {
    pub(crate) path: String,
    pub(crate) content: ContentRef,
    pub(crate) used_for: IntendedUse,
    pub(crate) scope: Option<String>,
    pub(crate) max: &'a str,
    pub(crate) means: Means,
    pub(crate) key: Option<&'a str>,
    pub(crate) body: Vec<u8>,
}

/// A request with MJN headers, ready to be sent, also twice.
pub(crate) struct Signed {
    request: http::Request<bytes::Bytes>,
    url: String,
    pending: Pending,
    client: Client,
}

/// What a node has signed as its answer.
pub(crate) struct Exchanged {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Exchanged {
    pub(crate) fn code(&self) -> &str {
        assert!(!self.status.is_success(), "{}", self.body);
        self.body["code"].as_str().unwrap()
    }
}

impl Buyer {
    pub(crate) fn exchange_sign(&self, node: &Did, exchange: &Exchange<'_>) -> Signed {
        let env = Env::system();
        let mut consent = DeclarationDraft::now(self.key.did(), exchange.content.clone(), exchange.used_for, &env);
        consent.scope.clone_from(&exchange.scope);
        let consent = consent.sign(&self.key).unwrap();
        let settlement = SettlementInstruction {
            max: exchange.max.parse().unwrap(),
            means: exchange.means.clone(),
        };
        let url = self.url(&exchange.path);
        let draft = RequestDraft {
            method: "POST",
            target_uri: &url,
            idempotency_key: exchange.key,
            consent: &consent,
            settlement: &settlement,
            body: &exchange.body,
        };
        let client = Client::new(self.key.did(), self.key.clone(), env);
        let prepared = client.prepare(node, &draft).unwrap();
        Signed {
            request: prepared.request,
            url,
            pending: prepared.pending,
            client,
        }
    }

    /// Sends it, and checks that what comes is this node's answer to it. Nothing, when the line breaks.
    pub(crate) async fn exchange_send(&self, node: &Did, signed: &Signed) -> Option<Exchanged> {
        let (headers, body) = (signed.request.headers().clone(), signed.request.body().clone());
        let sent = self.http.post(&signed.url).headers(headers).body(body).send().await;
        let response = sent.ok()?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.ok()?;
        let keys = [node.public_key().unwrap()];
        let answer = signed
            .client
            .answer(&signed.pending, &keys, status.as_u16(), &headers, &body);
        answer.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&body)));
        let body = serde_json::from_slice(&body).unwrap();
        Some(Exchanged { status, headers, body })
    }

    pub(crate) async fn exchange(&self, node: &Did, exchange: &Exchange<'_>) -> Option<Exchanged> {
        self.exchange_send(node, &self.exchange_sign(node, exchange)).await
    }
}
