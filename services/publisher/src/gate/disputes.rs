//! Disputes at brokers: this node asks them what agents object to, and answers with what it has to show.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use imajin_did::Keyring;
use imajin_imagxp::AccessEvidence;
use imajin_kernel::{Code, Env, Problem, Span};
use imajin_proof::http_sig::{RequestToSign, SignatureParams, sign};
use imajin_web::{GuardedAnswer, GuardedClient, PeersOf, Site};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::domain::dispute::{self, DisputeTold, Shown};
use crate::rows::DisputeRow;
use crate::{Publisher, PublisherConfig, PublisherError};

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// How many disputes are asked for at once, and how often in one round.
const PAGE: u32 = 100;
const PAGES_MAX: usize = 20;
/// How long the record of an answer may be on its way into the chain.
const RECORD_WAIT: Span = Span::minutes(10);

/// Speaks to brokers as this node.
pub(crate) struct BrokerDesk {
    http: GuardedClient,
    /// The brokers that are trusted, as their visas name them.
    brokers: Vec<String>,
}

impl BrokerDesk {
    pub(crate) fn new(config: &PublisherConfig, site: &Site) -> Result<Self, Problem> {
        let policy = Arc::new(PeersOf(Arc::clone(&site.identities)));
        let brokers = config.brokers.iter();
        Ok(Self {
            http: GuardedClient::new(config.reach, TIMEOUT)?.with_policy(policy),
            brokers: brokers
                .map(|url| url.as_str().trim_end_matches('/').to_owned())
                .collect(),
        })
    }

    /// The client for brokers.
    pub(crate) const fn client(&self) -> &GuardedClient {
        &self.http
    }

    /// The broker that is trusted, where there is only one.
    pub(crate) fn only_broker(&self) -> Option<&str> {
        match self.brokers.as_slice() {
            [broker] => Some(broker),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
struct Listed {
    items: Vec<DisputeTold>,
    #[serde(default)]
    cursor: Option<String>,
}

/// What is answered.
#[derive(Serialize)]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<&'a AccessEvidence>,
    note: &'a str,
}

impl Publisher {
    /// Asks the brokers what agents object to, and answers what was not answered yet. Says how many answers were
    /// taken. The background calls it.
    ///
    /// # Errors
    /// When the database does not answer; a broker that is away is asked again in the next round.
    pub async fn disputes_look(&self) -> Result<usize, Problem> {
        if self.desk.brokers.is_empty() || !self.read(|conn, _context| dispute::has_claims(conn)).await? {
            return Ok(0);
        }
        let mut answered: usize = 0;
        for broker in &self.desk.brokers {
            match self.broker_look(broker).await {
                Ok(count) => answered = answered.saturating_add(count),
                Err(problem) if problem.code == Code::Internal => return Err(problem),
                Err(problem) => tracing::debug!(broker, %problem, "a broker did not tell of disputes"),
            }
        }
        Ok(answered)
    }

    async fn broker_look(&self, broker: &str) -> Result<usize, Problem> {
        let (mut answered, mut cursor) = (0_usize, None::<String>);
        for _page in 0..PAGES_MAX {
            let after = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let path = format!("/api/disputes?limit={PAGE}{after}");
            let answer = self.broker_ask(broker, "GET", &path, Vec::new()).await?;
            let listed: Listed = read(broker, &answer)?;
            let mut has_new = false;
            for told in &listed.items {
                let (said, name) = (told.clone(), broker.to_owned());
                let kept = self
                    .write(move |conn, context| dispute::dispute_keep(conn, context, &name, &said))
                    .await?;
                let Some((row, is_new)) = kept else { continue };
                has_new |= is_new;
                if told.is_open() && !row.is_answered && self.dispute_answer(row).await? {
                    answered = answered.saturating_add(1);
                }
            }
            // Newest first: behind a page without news there is none.
            cursor = listed.cursor.filter(|_| has_new);
            if cursor.is_none() {
                break;
            }
        }
        Ok(answered)
    }

    /// Answers a dispute with what there is; `false` when it is to be tried again.
    async fn dispute_answer(&self, row: DisputeRow) -> Result<bool, Problem> {
        let wanted = row.clone();
        let shown = self
            .read(move |conn, context| dispute::dispute_shown(conn, context, &wanted))
            .await?;
        let is_young = row.said_at.plus(RECORD_WAIT) > self.context.env.now();
        if shown.note.is_none() && is_young {
            return Ok(false);
        }
        let path = format!("/api/disputes/{}/answer", row.id);
        let mut answer = self.broker_ask(&row.broker, "POST", &path, body_of(&shown)?).await?;
        if answer.status == StatusCode::BAD_REQUEST && shown.evidence.is_some() {
            // The broker does not take the claim for this payment: what is written down is said all the same.
            tracing::warn!(
                dispute = row.id,
                broker = row.broker,
                "a broker does not take a claim as evidence"
            );
            let said = Shown {
                evidence: None,
                ..shown
            };
            answer = self.broker_ask(&row.broker, "POST", &path, body_of(&said)?).await?;
        }
        if answer.status == StatusCode::CONFLICT {
            // Somebody has answered already: the next round hears how it stands.
            return Ok(false);
        }
        let told: DisputeTold = read(&row.broker, &answer)?;
        tracing::info!(
            dispute = row.id,
            broker = row.broker,
            state = told.state,
            "a dispute was answered"
        );
        let written = self.write(move |conn, context| {
            dispute::dispute_keep(conn, context, &row.broker, &told)?;
            dispute::dispute_answered(conn, context, (&row.broker, &row.id))
        });
        written.await?;
        Ok(true)
    }

    /// Sends a request that this node signs.
    async fn broker_ask(
        &self,
        broker: &str,
        method: &str,
        path: &str,
        body: Vec<u8>,
    ) -> Result<GuardedAnswer, Problem> {
        let url = Url::parse(&format!("{broker}{path}"));
        let url = url.map_err(|error| PublisherError::Fault(format!("the address of a broker: {error}")))?;
        let request = RequestToSign {
            method,
            target_uri: url.as_str(),
            idempotency_key: None,
            body: &body,
        };
        let (keyring, env): (&Keyring, &Env) = (&self.context.keyring, &self.context.env);
        let params = SignatureParams::now(keyring.node_did().clone(), env);
        let signed = sign(keyring.node_key(), &request, &params);
        let signed = signed.map_err(|error| PublisherError::Fault(format!("a request to a broker: {error}")))?;
        let answer = self.desk.http.send_signed(&signed, ANSWER_BYTES_MAX).await;
        answer.map_err(|error| Problem::new(Code::Unavailable, format!("{broker}: {error}.")))
    }
}

fn body_of(shown: &Shown) -> Result<Vec<u8>, PublisherError> {
    let answer = Answer {
        evidence: shown.evidence.as_ref(),
        note: shown
            .note
            .as_deref()
            .unwrap_or("The access was charged, and no record of its answer is left."),
    };
    serde_json::to_vec(&answer).map_err(|error| PublisherError::Fault(error.to_string()))
}

fn read<T: serde::de::DeserializeOwned>(broker: &str, answer: &GuardedAnswer) -> Result<T, Problem> {
    let wrong = |problem: String| Problem::new(Code::Unavailable, format!("{broker}: {problem}."));
    if !answer.status.is_success() {
        return Err(wrong(format!("it answers with {}", answer.status.as_u16())));
    }
    serde_json::from_slice(&answer.body).map_err(|error| wrong(format!("its answer cannot be read: {error}")))
}
