//! Disputes, over the domain: who says what, and that the money follows.

use imajin_broker_api::{DisputeAnswer, DisputeDecision, DisputeView};
use imajin_did::{Did, P256Key};
use imajin_imagxp::{Feedback, key_to_spki};
use imajin_kernel::id::DisputeId;
use imajin_kernel::{Code, Problem, Timestamp};
use imajin_web::RawRequest;
use url::Url;

use crate::caller::{Caller, agent_of};
use crate::context::Change;
use crate::domain::dispute::{self, Said};
use crate::domain::dispute_find;
use crate::{Broker, BrokerError};

/// So many disputes are looked at in one go.
const BATCH: i64 = 100;

impl Broker {
    /// Takes what an agent says about something that it has paid for: signed in itself, or by the request.
    pub(crate) async fn feedback_take(&self, raw: &RawRequest) -> Result<DisputeView, BrokerError> {
        let caller = if raw.is_signed() {
            Some(self.caller_of(&raw.signed()?).await?)
        } else {
            None
        };
        let feedback =
            Feedback::parse(&raw.body).map_err(|error| BrokerError::invalid("feedback", error.to_string()))?;
        let publisher = publisher_of(&feedback.url)?;
        let (about, host) = (feedback.clone(), publisher.clone());
        let found = self
            .read(move |conn, context| dispute_find::payments_of(conn, context, (&about, &host)))
            .await?;
        let mut agents: Vec<Did> = found.into_iter().map(|(_, visa)| visa.agent_did).collect();
        agents.dedup();
        let (agent, said) = match caller {
            Some(caller) => {
                let agent = caller.did().canonical();
                let own = agents.contains(&agent).then_some(agent);
                let change = Change::of(caller, &raw.signed()?)?;
                own.map(|agent| (agent, Said::Request(Box::new(change))))
            }
            None => self.feedback_signer(&feedback, agents).await?,
        }
        .ok_or(BrokerError::NotFound("payment by this claim at this publisher"))?;
        let row = self
            .write(move |conn, context| dispute::feedback_take(conn, context, (&feedback, &publisher), (&agent, &said)))
            .await?;
        // What an agent lets go is paid at once.
        self.redemptions_book().await?;
        row.view()
    }

    /// Which of these agents has signed the feedback itself, and by which key.
    async fn feedback_signer(&self, feedback: &Feedback, agents: Vec<Did>) -> Result<Option<(Did, Said)>, BrokerError> {
        if agents.is_empty() {
            return Ok(None);
        }
        let fits = |keys: &[P256Key]| {
            let fits = |key: &&P256Key| feedback.verify(std::slice::from_ref(*key)).is_ok();
            keys.iter().find(fits).map(key_to_spki)
        };
        for agent in agents {
            let Some(name) = agent_of(&agent, self.context.config.reach)? else {
                continue;
            };
            for again in [false, true] {
                let manifest = self.agents.manifest(&name, again).await?;
                if let Some(key) = fits(&manifest.keys) {
                    return Ok(Some((agent, Said::Feedback(key))));
                }
            }
        }
        let refused = Problem::new(
            Code::BadSignature,
            "The feedback is not signed by a key of the agent that has paid.",
        );
        Err(refused
            .hint("Sign the RFC 8785 bytes of the feedback without `signature`, or sign the request by RFC 9421.")
            .into())
    }

    /// Takes the publisher's answer.
    pub(crate) async fn dispute_answer(
        &self,
        change: Change,
        (id, answer): (DisputeId, DisputeAnswer),
    ) -> Result<DisputeView, BrokerError> {
        let row = self
            .write(move |conn, context| dispute::dispute_answer(conn, context, &change, (id, &answer)))
            .await?;
        self.redemptions_book().await?;
        row.view()
    }

    /// Takes the arbiter's decision.
    pub(crate) async fn dispute_decide(
        &self,
        change: Change,
        (id, decision): (DisputeId, DisputeDecision),
    ) -> Result<DisputeView, BrokerError> {
        self.arbiter_require(&change.caller)?;
        let row = self
            .write(move |conn, context| dispute::dispute_decide(conn, context, &change, (id, &decision)))
            .await?;
        self.redemptions_book().await?;
        row.view()
    }

    fn arbiter_require(&self, caller: &Caller) -> Result<(), BrokerError> {
        match &self.context.config.arbiter {
            Some(_) if self.is_arbiter(caller.did()) => Ok(()),
            Some(_) => Err(BrokerError::Forbidden("Only the arbiter of this broker may do this.")),
            None => caller.operator().map(drop),
        }
    }

    /// Whether somebody is named as the arbiter.
    pub(crate) fn is_arbiter(&self, did: &Did) -> bool {
        let arbiter = self.context.config.arbiter.as_ref();
        arbiter.is_some_and(|arbiter| arbiter.canonical() == did.canonical())
    }

    /// A dispute, for its two sides and for whoever sees all.
    pub(crate) async fn dispute_fetch(
        &self,
        id: DisputeId,
        (reader, sees_all): (&Did, bool),
    ) -> Result<DisputeView, BrokerError> {
        let row = self
            .read(move |conn, context| dispute_find::dispute_find(conn, context, id))
            .await?;
        let is_own = |row: &crate::rows::DisputeRow| sees_all || [&row.agent_did, &row.node_did].contains(&reader);
        row.filter(is_own).ok_or(BrokerError::NotFound("dispute"))?.view()
    }

    /// Ends the disputes whose time is over.
    pub(crate) async fn disputes_expire(&self) -> Result<usize, Problem> {
        let (mut ended, mut after): (usize, Option<(Timestamp, DisputeId)>) = (0, None);
        loop {
            let due = self
                .read(move |conn, context| dispute_find::disputes_due(conn, context.now(), after, BATCH))
                .await?;
            after = due.last().copied();
            for (_, id) in due {
                let expired = self.write(move |conn, context| dispute::dispute_expire(conn, context, id));
                match expired.await {
                    Ok(()) => ended = ended.saturating_add(1),
                    Err(error) => tracing::warn!(dispute = %id, %error, "a dispute was not ended"),
                }
            }
            if after.is_none() {
                return Ok(ended);
            }
        }
    }
}

/// The publisher whose page it is, as visas name it. Which page of the publisher it is says the agent alone: the broker
/// has seen nothing but the digest of the claim, so what is shown later is checked without it.
fn publisher_of(url: &str) -> Result<String, BrokerError> {
    let wrong = || BrokerError::invalid("url", "must be the whole address that was read");
    let url = Url::parse(url).map_err(|_unreadable| wrong())?;
    imajin_imagxp::authority_of(&url).ok_or_else(wrong)
}
