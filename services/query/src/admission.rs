//! Whether somebody may ask: trust, then consent, then price.

use std::collections::BTreeSet;

use imajin_connections_api::{ConnectionsOwn, PodCheck, PodRole, PodsClient, StatementStatus, TrustAsk};
use imajin_consent::{AskerFacts, ContentRef, QueryAsked, Refusal, evaluate_query};
use imajin_did::Did;
use imajin_engine::QUESTION_BYTES_MAX;
use imajin_kernel::Problem;
use imajin_kernel::id::PodId;
use imajin_mjn::{Evidence, Means, VerifiedMjnRequest};
use imajin_proof::digest::sha256_hex;
use imajin_query_api::{AskBody, LeaderTerms};

use crate::domain::leaders::leader_find;
use crate::domain::questions::NewQuestion;
use crate::domain::quotes::{QuoteWanted, quote_usable};
use crate::{Query, QueryError};

/// So many of those who vouch for an asker are looked at.
const VOUCHERS_MAX: usize = 64;
/// The longest idempotency key.
const KEY_LENGTH_MAX: usize = 255;

/// Somebody of whom nothing is known.
const STRANGER: AskerFacts = AskerFacts {
    hops: None,
    vouches: 0,
    in_pod: false,
};

/// A leader, and the terms that hold now.
pub(crate) struct Leader {
    pub(crate) did: Did,
    pub(crate) terms: LeaderTerms,
}

impl Query {
    /// A leader who answers questions here.
    pub(crate) async fn leader_open(&self, did: &Did) -> Result<Leader, QueryError> {
        let did = did.canonical();
        let wanted = did.clone();
        let row = self
            .read(move |conn, context| leader_find(conn, context, &wanted))
            .await?;
        let terms = row.map(|row| row.terms()).transpose()?;
        let terms = terms
            .filter(|terms| terms.open)
            .ok_or(QueryError::NotFound("leader who answers questions"))?;
        Ok(Leader { did, terms })
    }

    /// What the trust graph says of an asker, and the pods where that is not enough. When they cannot be asked, nobody
    /// is let through.
    pub(crate) async fn facts(&self, leader: &Leader, asker: &Did) -> Result<AskerFacts, QueryError> {
        let facts = self.trusted(leader, asker).await?;
        if leader.terms.pods.is_empty() || leader.terms.query_terms(leader.did.clone()).is_near(facts) {
            return Ok(facts);
        }
        let in_pod = self.shares_pod(leader, &asker.canonical()).await?;
        Ok(AskerFacts { in_pod, ..facts })
    }

    /// Whether an asker is in one of the pods that the terms name.
    async fn shares_pod(&self, leader: &Leader, asker: &Did) -> Result<bool, QueryError> {
        let pods = self.pods()?;
        for pod in &leader.terms.pods {
            let Some(events) = pod_counts(pods, *pod, &leader.did).await? else {
                continue;
            };
            let check = PodCheck {
                events,
                by: Some(leader.did.clone()),
                ..PodCheck::of(*pod, asker.clone())
            };
            if pods.pod_check(check).await?.role.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The pods that terms name must be the leader's to name. Who answers nothing lets nobody in, and can say so also
    /// after they have left a pod.
    pub(crate) async fn pods_check(&self, terms: &LeaderTerms, leader: &Did) -> Result<(), QueryError> {
        if !terms.open {
            return Ok(());
        }
        for pod in &terms.pods {
            if pod_counts(self.pods()?, *pod, leader).await?.is_none() {
                let problem = format!(
                    "names {pod}, and you are not in it: name pods that you are in, and of an event one whose owner or \
                     admin you are"
                );
                return Err(QueryError::invalid("pods", problem));
            }
        }
        Ok(())
    }

    fn pods(&self) -> Result<&PodsClient, QueryError> {
        let pods = self.pods.as_ref();
        pods.ok_or_else(|| Problem::unavailable("The service `connections`").into())
    }

    async fn trusted(&self, leader: &Leader, asker: &Did) -> Result<AskerFacts, QueryError> {
        let asker = asker.canonical();
        if asker == leader.did {
            return Ok(AskerFacts {
                hops: Some(0),
                vouches: u32::MAX,
                in_pod: false,
            });
        }
        if leader.terms.max_hops == 0 {
            return Ok(STRANGER);
        }
        let Some(trust) = &self.trust else {
            return Err(Problem::unavailable("The trust graph").into());
        };
        let near = |to: Did| TrustAsk {
            hops: leader.terms.max_hops,
            ..TrustAsk::near(leader.did.clone(), to)
        };
        let hops = trust.trust_check(near(asker.clone())).await?.hops;
        let mut counted = 0_u32;
        if hops.is_some() && leader.terms.vouches_min > 0 {
            let own = trust.connections_own(ConnectionsOwn { did: asker.clone() }).await?;
            let active = own.vouches_received.into_iter();
            let active = active.filter(|vouch| vouch.status == StatementStatus::Active);
            let vouchers: BTreeSet<Did> = active.map(|vouch| vouch.from.canonical()).collect();
            for voucher in vouchers.into_iter().take(VOUCHERS_MAX) {
                let trusted = voucher == leader.did || trust.trust_check(near(voucher)).await?.hops.is_some();
                counted = counted.saturating_add(u32::from(trusted));
            }
        }
        Ok(AskerFacts {
            hops,
            vouches: counted,
            ..STRANGER
        })
    }

    /// A question that may be asked, with everything that is written down of it.
    pub(crate) async fn admit(
        &self,
        request: &VerifiedMjnRequest,
        body: &AskBody,
    ) -> Result<(NewQuestion, LeaderTerms), QueryError> {
        let leader = self.leader_open(named(request, body)?).await?;
        let facts = self.facts(&leader, &request.did).await?;
        let query_sha256 = sha256_hex(body.query.as_bytes());
        let wanted = body.quote_id.map(|id| QuoteWanted {
            id,
            asker: request.did.clone(),
            leader: leader.did.clone(),
            query_sha256: query_sha256.clone(),
        });
        // Strangers and those without consent learn nothing of quotes: what is wrong with one is said after them.
        let quoted = self.quoted(wanted.clone(), &leader.terms, body).await;
        let ceiling = match &quoted {
            Ok((_, ceiling)) => *ceiling,
            Err(_) => leader.terms.ceiling,
        };
        let asked = QueryAsked {
            node: self.context.keyring.node_did(),
            scope: Some(&query_sha256),
            quoted: Some(ceiling),
            offered: Some(request.settlement.max),
        };
        let permit = evaluate_query(
            &leader.terms.query_terms(leader.did.clone()),
            facts,
            &request.consent,
            &asked,
        );
        let (tokens_max, ceiling) = match (permit, quoted) {
            (Err(unmet @ Refusal::Unmet { .. }), _) => return Err(unmet.into()),
            (_, Err(error)) => return Err(error),
            (Err(unpaid), Ok(_)) => return Err(unpaid.into()),
            (Ok(_), Ok(quoted)) => quoted,
        };
        means_check(&request.settlement.means, ceiling.is_zero())?;
        if body.query.trim().is_empty() {
            return Err(QueryError::invalid("query", "is empty: say what you want to know"));
        }
        if body.query.len() > QUESTION_BYTES_MAX {
            return Err(imajin_engine::EngineError::QuestionTooLong.into());
        }
        let new = NewQuestion {
            asker: request.did.clone(),
            leader: leader.did,
            key: key_of(request)?,
            body_sha256: hex::encode(request.body_digest),
            query_sha256,
            quote: wanted,
            tokens_max,
            ceiling,
            evidence: Evidence::of(request),
            answer_within: self.config.answer_within,
            asker_daily_max: leader.terms.asker_daily_max,
            daily_max: leader.terms.daily_max,
        };
        Ok((new, leader.terms))
    }

    /// How many tokens the answer may have, and what it costs at most: by the quote, or by the terms without one.
    async fn quoted(
        &self,
        wanted: Option<QuoteWanted>,
        terms: &LeaderTerms,
        body: &AskBody,
    ) -> Result<(u32, imajin_money::Money), QueryError> {
        let Some(wanted) = wanted else {
            let tokens = tokens_of(terms, body.max_tokens)?;
            return Ok((tokens, terms.price(tokens)));
        };
        let quote = self
            .write(move |conn, context| quote_usable(conn, context, &wanted))
            .await?;
        Ok((quote.tokens_max()?, quote.ceiling()?))
    }
}

/// Whether a leader may let the members of a pod ask: who gets an answer must not tell the leader more of who is in it
/// than they see themselves. `Some(true)` where that holds of an event's pod, too: its members do not see each other,
/// its owner and admins see all.
async fn pod_counts(pods: &PodsClient, pod: PodId, leader: &Did) -> Result<Option<bool>, QueryError> {
    let check = |events| PodCheck {
        events,
        ..PodCheck::of(pod, leader.clone())
    };
    match pods.pod_check(check(true)).await?.role {
        None => Ok(None),
        Some(PodRole::Admin | PodRole::Owner) => Ok(Some(true)),
        Some(PodRole::Member) => Ok(pods.pod_check(check(false)).await?.role.map(|_| false)),
    }
}

/// Who is asked: whom the question names, or else the consent.
fn named<'a>(request: &'a VerifiedMjnRequest, body: &'a AskBody) -> Result<&'a Did, QueryError> {
    match (&body.leader, request.consent.declaration().content()) {
        (Some(leader), _) => Ok(leader),
        (None, ContentRef::Did(did)) => Ok(did),
        (None, ContentRef::Fair(_)) => Err(QueryError::invalid("leader", "is missing: say who is to answer")),
    }
}

/// How many tokens an answer may have.
pub(crate) fn tokens_of(terms: &LeaderTerms, wanted: Option<u32>) -> Result<u32, QueryError> {
    let tokens = wanted.unwrap_or(terms.tokens_max);
    if (1..=terms.tokens_max).contains(&tokens) {
        return Ok(tokens);
    }
    let problem = format!(
        "must be 1 to {}: that is as long as this leader answers",
        terms.tokens_max
    );
    Err(QueryError::invalid("maxTokens", problem))
}

/// The key under which a question is asked once.
pub(crate) fn key_of(request: &VerifiedMjnRequest) -> Result<String, QueryError> {
    let key = request.idempotency_key.clone().unwrap_or_default();
    if (1..=KEY_LENGTH_MAX).contains(&key.len()) {
        return Ok(key);
    }
    let problem = "send this header with 1 to 255 characters: asked again with it, a question costs nothing more";
    Err(QueryError::invalid("Idempotency-Key", problem))
}

fn means_check(means: &Means, is_free: bool) -> Result<(), QueryError> {
    match (means, is_free) {
        (Means::Balance | Means::Visa(_), _) | (Means::Free, true) => Ok(()),
        (Means::Free, false) => Err(QueryError::invalid(
            "means",
            "of free pay for nothing, and this costs something",
        )),
        (Means::Checkout(_) | Means::Solana(_), _) => {
            let problem = "of a question are `balance` or `visa`: what it costs is known only with the answer";
            Err(QueryError::invalid("means", problem))
        }
    }
}
