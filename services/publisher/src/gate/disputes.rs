//! Disputes at brokers: this node asks them what agents object to, and answers with what it has to show.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
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
/// Nobody answers at a broker's address; what it does answer has other codes.
const AWAY: Code = Code::Timeout;
/// How long the record of an answer may be on its way into the chain.
const RECORD_WAIT: Span = Span::minutes(10);

/// Speaks to brokers as this node.
pub(crate) struct BrokerDesk {
    http: GuardedClient,
    /// The brokers that are trusted, as their visas name them.
    brokers: Vec<String>,
    /// How far the list of each was read.
    walks: Mutex<HashMap<String, Walk>>,
}

/// A way through a broker's list, the newest first. One that was not ended is gone on with in the next round: what is
/// behind it is known to nobody else. A node that has just started knows nothing of any.
#[derive(Debug, Clone, Default)]
struct Walk {
    /// The page that comes next.
    cursor: Option<String>,
    /// Whether all that is behind the news was read once.
    is_whole: bool,
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
            walks: Mutex::default(),
        })
    }

    fn walk_of(&self, broker: &str) -> Walk {
        let walks = self.walks.lock().unwrap_or_else(PoisonError::into_inner);
        walks.get(broker).cloned().unwrap_or_default()
    }

    fn walk_keep(&self, broker: &str, walk: Walk) {
        let mut walks = self.walks.lock().unwrap_or_else(PoisonError::into_inner);
        walks.insert(broker.to_owned(), walk);
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
            if let Err(problem) = self.broker_walk(broker).await {
                tracing::debug!(broker, %problem, "a broker did not tell of all disputes");
            }
            // Also what it told of in earlier rounds: its list need not come so far again before their time is over.
            answered = answered.saturating_add(self.disputes_answer(broker).await?);
        }
        Ok(answered)
    }

    /// Writes down what a broker tells of disputes.
    async fn broker_walk(&self, broker: &str) -> Result<(), Problem> {
        let mut walk = self.desk.walk_of(broker);
        let begun_at = walk.cursor.clone();
        for _page in 0..PAGES_MAX {
            let page = self.broker_page(broker, walk.cursor.as_deref()).await;
            if page.is_err() && walk.cursor.is_some() && walk.cursor == begun_at {
                // It may not know this place any more.
                self.desk.walk_keep(broker, Walk::default());
            }
            let (next, has_new) = page?;
            let is_end = next.is_none();
            // Newest first: behind a page without news there is none, if all of it was read once.
            let is_over = is_end || (walk.is_whole && !has_new);
            walk = Walk {
                cursor: next.filter(|_| !is_over),
                is_whole: is_over,
            };
            self.desk.walk_keep(broker, walk.clone());
            if is_over {
                break;
            }
        }
        Ok(())
    }

    /// Writes a page of disputes down: where the next one begins, and whether there was something new in it.
    async fn broker_page(&self, broker: &str, cursor: Option<&str>) -> Result<(Option<String>, bool), Problem> {
        let after = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let path = format!("/api/disputes?limit={PAGE}{after}");
        let answer = self.broker_ask(broker, "GET", &path, Vec::new()).await?;
        let listed: Listed = read(broker, &answer)?;
        let mut has_new = false;
        for told in listed.items {
            let (name, id) = (broker.to_owned(), told.id.clone());
            let kept = self
                .write(move |conn, context| dispute::dispute_keep(conn, context, &name, &told))
                .await;
            match kept {
                Ok(kept) => has_new |= kept.is_some_and(|(_row, is_new)| is_new),
                Err(error) => tracing::error!(broker, dispute = id, %error, "a dispute could not be written down"),
            }
        }
        Ok((listed.cursor, has_new))
    }

    /// Answers what is open at a broker; says how many answers it has taken. One that fails ends nothing but itself.
    async fn disputes_answer(&self, broker: &str) -> Result<usize, Problem> {
        let (mut answered, mut after) = (0_usize, String::new());
        loop {
            let (name, from) = (broker.to_owned(), after.clone());
            let ids = self
                .read(move |conn, _context| dispute::open_ids(conn, &name, &from, i64::from(PAGE)))
                .await?;
            let Some(last) = ids.last() else { return Ok(answered) };
            after.clone_from(last);
            for id in ids {
                let (name, wanted) = (broker.to_owned(), id.clone());
                let row = self
                    .read(move |conn, context| dispute::dispute_find(conn, context, &name, &wanted))
                    .await;
                let taken = match row {
                    Ok(Some(row)) => self.dispute_answer(row).await,
                    Ok(None) => Ok(false),
                    Err(error) => Err(error.into()),
                };
                match taken {
                    Ok(is_taken) => answered = answered.saturating_add(usize::from(is_taken)),
                    Err(problem) => {
                        tracing::warn!(broker, dispute = id, %problem, "a dispute is answered later");
                        if problem.code == AWAY {
                            return Ok(answered);
                        }
                    }
                }
            }
        }
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
            // It was answered or ended already: its list says how, and nothing more is to be said.
            let written = self
                .write(move |conn, context| dispute::dispute_answered(conn, context, (&row.broker, &row.id)))
                .await;
            return Ok(written.map(|()| false)?);
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
        answer.map_err(|error| Problem::new(AWAY, format!("{broker}: {error}.")))
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
