//! Somebody who answers questions: her documents, her terms, and an invitation into her trust graph.

use std::collections::BTreeSet;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use imajin_connections_api::StatementKind;
use imajin_connections_api::statement::{ConnectionTerms, InviteTerms, invite_key};
use imajin_consent::IntendedUse;
use imajin_did::{Keyring, SecretKey};
use imajin_events::DemoIdentity;
use imajin_kernel::{Code, Env, Problem, Span};
use imajin_money::{Amount, Asset, Money};
use imajin_proof::SignedMessage;
use imajin_proof::http_sig::{self, RequestToSign, SignatureParams};
use imajin_query_api::{DocumentBody, LeaderTerms};
use imajin_web::{PublicBase, signed_headers};
use serde::Serialize;
use serde_json::{Value, json};

use super::exchange;

const HANDLE: &str = "demo_ines";
/// How many people can join her trust graph: as many as somebody may invite whom nobody has vouched for.
const INVITED: u32 = 5;
/// How long people can join her trust graph: as long as an invitation may last.
const INVITED_FOR: Span = Span::days(90);
const DOCUMENTS: [(&str, &str, &str); 3] = [
    (
        "Keeping a sourdough starter",
        "text/markdown",
        include_str!("starter.md"),
    ),
    ("Baking the loaf", "text/markdown", include_str!("baking.md")),
    ("Flours", "text/plain", include_str!("flour.txt")),
];

/// The leader's identity, to be registered.
pub(super) fn leader_identity(keyring: &Keyring) -> DemoIdentity {
    DemoIdentity {
        handle: HANDLE,
        name: "Ines Moreau",
        key: SecretKey::from_seed(keyring.derive(&format!("demo/{HANDLE}"))),
    }
}

/// Where the leader is found.
#[derive(Debug, Clone, Serialize)]
pub struct LeaderLinks {
    /// Joins her trust graph; good for five people and ninety days.
    pub join: String,
    /// Asks her.
    pub ask: String,
}

/// The services that know the leader.
pub(super) struct Leader<'a> {
    pub(super) keyring: &'a Keyring,
    pub(super) env: &'a Env,
    pub(super) public: &'a PublicBase,
    pub(super) query: Router,
    pub(super) connections: Router,
}

impl Leader<'_> {
    /// Makes the leader, unless she is there. Her terms come last, and say that everything else is there.
    pub(super) async fn seed(&self) -> Result<LeaderLinks, Problem> {
        let key = leader_identity(self.keyring).key;
        let code: String = hex::encode(self.keyring.derive("demo/invite"))
            .chars()
            .take(32)
            .collect();
        let links = LeaderLinks {
            join: self.public.absolute(&format!("/invited#{code}")),
            ask: self.public.absolute(&format!("/ask/{HANDLE}")),
        };
        let known = format!("/query/api/query/terms?leader={}", key.did());
        if exchange(&self.query, Request::get(known), Body::empty()).await.is_ok() {
            return Ok(links);
        }
        for (title, media_type, text) in DOCUMENTS {
            let author = (&key, &key.did());
            let body = DocumentBody::own(author, title, media_type, text.to_owned(), self.env.now());
            let body = body.map_err(|_error| Problem::internal())?;
            self.send(&self.query, &key, ("POST", "/query/api/documents"), &body)
                .await?;
        }
        let invite = self.invite(&key, &code)?;
        self.send(&self.connections, &key, ("POST", "/connections/api/invites"), &invite)
            .await?;
        let terms = self.message(&key, LeaderTerms::KIND, &self.terms()?)?;
        self.send(&self.query, &key, ("PUT", "/query/api/query/terms"), &terms)
            .await?;
        Ok(links)
    }

    /// Sends what the leader has signed. What is there already is left as it is.
    async fn send<T: Serialize>(
        &self,
        routes: &Router,
        key: &SecretKey,
        (method, path): (&str, &str),
        body: &T,
    ) -> Result<(), Problem> {
        let body = serde_json::to_vec(body).map_err(|_error| Problem::internal())?;
        let target_uri = self.public.absolute(path);
        let to_sign = RequestToSign {
            method,
            target_uri: &target_uri,
            idempotency_key: None,
            body: &body,
        };
        let params = SignatureParams::now(key.did(), self.env);
        let signed = http_sig::sign(key, &to_sign, &params).map_err(|_error| Problem::internal())?;
        let mut request = Request::builder().method(method).uri(path);
        if let Some(headers) = request.headers_mut() {
            *headers = signed_headers(&signed)?;
        }
        match exchange(routes, request, Body::from(signed.body)).await {
            Err(problem) if problem.code == Code::Conflict => Ok(()),
            other => other.map(drop),
        }
    }

    fn message<T: Serialize>(&self, key: &SecretKey, kind: &str, payload: &T) -> Result<SignedMessage<Value>, Problem> {
        let payload = serde_json::to_value(payload).map_err(|_error| Problem::internal())?;
        SignedMessage::sign(key, key.did(), kind, None, self.env.now(), payload).map_err(|_error| Problem::internal())
    }

    fn invite(&self, key: &SecretKey, code: &str) -> Result<Value, Problem> {
        let terms = ConnectionTerms {
            invite: Some(InviteTerms {
                key: invite_key(code).public(),
                max_uses: INVITED,
                expires: self.env.now().plus(INVITED_FOR).as_millis(),
            }),
        };
        let document = self.message(key, StatementKind::Connection.message_type(), &terms)?;
        Ok(json!({"document": document, "note": "Ask me about bread."}))
    }

    fn terms(&self) -> Result<LeaderTerms, Problem> {
        let money = |micros| {
            let amount = Amount::from_micros(micros).map_err(|_error| Problem::internal());
            amount.map(|amount| Money::new(amount, Asset::TEST_USD))
        };
        Ok(LeaderTerms {
            node: self.keyring.node_did().canonical(),
            open: true,
            max_hops: 2,
            vouches_min: 0,
            pods: BTreeSet::new(),
            uses: BTreeSet::from([IntendedUse::Query, IntendedUse::Read]),
            engine: "embedded".to_owned(),
            model: None,
            per_answer: money(10_000)?,
            per_thousand_tokens: money(500_000)?,
            ceiling: money(50_000)?,
            works_share_millionths: 200_000,
            tokens_max: 400,
            asker_daily_max: 50,
            daily_max: 1_000,
        })
    }
}
