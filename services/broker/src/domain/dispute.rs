//! Disputes: an agent objects before the publisher is paid, the publisher answers, rules or the arbiter decide. The
//! money stays set aside meanwhile. Every step is one transaction, and logged as signed by whoever took it.

use imajin_broker_api::{DisputeAnswer, DisputeDecision, DisputeState, RuledBy};
use imajin_did::Did;
use imajin_imagxp::{EvidenceExpectation, Feedback};
use imajin_kernel::Timestamp;
use imajin_kernel::id::DisputeId;
use imajin_proof::digest::sha256_hex;
use imajin_store::{Conn, SealedRow};
use serde::Serialize;

use super::dispute_find::{agent_record, dispute_lock, dispute_of, payments_of, publisher_record};
use super::redemption::redemption_lock;
use super::rules::{Ruling, objections_max, rule};
use super::visa::visa_lock;
use crate::caller::{agent_of, names};
use crate::context::{Change, Context};
use crate::log::FeedbackSigned;
use crate::rows::{DisputeRow, RedemptionRow, Standing, VisaRow, dispute_state, ruled_by};
use crate::{BrokerError, log};

/// The longest reason of an arbiter, and the longest note of a publisher.
const TEXT_BYTES_MAX: usize = 1_000;

/// The name of a dispute in the log.
pub(crate) fn object(id: DisputeId) -> String {
    format!("{}{id}", log::DISPUTE_PREFIX)
}

/// Who says it, and how it is known.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    /// With a signed request.
    Request(Box<Change>),
    /// With a signature in the feedback itself, by this key of the agent: base64 of its SPKI.
    Feedback(String),
}

/// Takes what an agent says about what it has paid for: one dispute for each payment. Said again, it is the same one.
pub(crate) fn feedback_take(
    conn: &mut Conn,
    context: &Context,
    (feedback, publisher): (&Feedback, &str),
    (agent, said): (&Did, &Said),
) -> Result<DisputeRow, BrokerError> {
    if !feedback.is_release() && agent_of(agent, context.config.reach)?.is_none() {
        return Err(BrokerError::State {
            detail: "This visa was bought by a DID without an agent's account: no claim of it can be shown.".to_owned(),
            hint: "Only an agent that signs claims can object; what was paid for stays paid.",
        });
    }
    let digest = feedback.digest()?;
    let mut found = payments_of(conn, context, (feedback, publisher))?;
    found.retain(|(_, visa)| visa.agent_did == *agent);
    let mut known = Vec::new();
    for (redemption, _) in &found {
        known.extend(dispute_of(conn, context, redemption)?);
    }
    if let Some(same) = known.iter().find(|row| row.said_digest == digest) {
        if let Said::Request(change) = said {
            change.nonce_spend(conn, context)?;
        }
        return Ok(same.clone());
    }
    let running = |row: &&DisputeRow| row.ended_at.is_none();
    if let Some(row) = known.iter().find(running).filter(|_| feedback.is_release()) {
        said_log(conn, context, (row.id, agent), (feedback, said))?;
        let ended = (RuledBy::Agent, "The agent lets the money go after all.");
        return dispute_end(conn, context, row.clone(), DisputeState::Released, ended);
    }
    let is_open = |redemption: &RedemptionRow| {
        let accepted = redemption.state == Standing::Accepted.as_str() && redemption.due_at > context.now();
        accepted
            && !known
                .iter()
                .any(|row| row.receipt == redemption.receipt && row.jti == redemption.jti)
    };
    let Some((redemption, _)) = found.iter().find(|(redemption, _)| is_open(redemption)) else {
        return Err(over(&known));
    };
    dispute_begin(conn, context, redemption, (feedback, &digest), (agent, said))
}

fn over(known: &[DisputeRow]) -> BrokerError {
    let (detail, hint) = if known.is_empty() {
        (
            "The time to object is over: the publisher is paid.",
            "Object earlier: the window is in the statement.",
        )
    } else {
        (
            "This payment was disputed already.",
            "GET /broker/api/disputes shows how it stands.",
        )
    };
    BrokerError::State {
        detail: detail.to_owned(),
        hint,
    }
}

fn dispute_begin(
    conn: &mut Conn,
    context: &Context,
    redemption: &RedemptionRow,
    (feedback, digest): (&Feedback, &str),
    (agent, said): (&Did, &Said),
) -> Result<DisputeRow, BrokerError> {
    let now = context.now();
    if !feedback.is_release() {
        objection_require(conn, agent, &redemption.node_did, now)?;
    }
    let row = DisputeRow {
        id: context.env.new_id(),
        jti: redemption.jti,
        receipt: redemption.receipt.clone(),
        agent_did: agent.clone(),
        node_did: redemption.node_did.clone(),
        asset: redemption.asset.clone(),
        amount: redemption.amount,
        url: feedback.url.clone(),
        score: feedback.quality_score.to_string(),
        reason: feedback.reason.clone(),
        said_digest: digest.to_owned(),
        state: dispute_state(DisputeState::Open).to_owned(),
        answer: None,
        answer_digest: None,
        is_shown: false,
        ruled_by: None,
        ruling: None,
        created_at: now,
        answered_at: None,
        due_at: now.plus(context.config.answer_for),
        ended_at: None,
        row_seal: Vec::new(),
    };
    said_log(conn, context, (row.id, agent), (feedback, said))?;
    let row = row.insert(conn, &context.sealer)?;
    if feedback.is_release() {
        let ended = (RuledBy::Agent, "The agent is content.");
        return dispute_end(conn, context, row, DisputeState::Released, ended);
    }
    redemption_set(conn, context, &row, (Standing::Disputed, row.due_at))?;
    Ok(row)
}

/// Refuses whoever has objected too often: in all, or to this publisher.
fn objection_require(conn: &mut Conn, agent: &Did, node: &Did, now: Timestamp) -> Result<(), BrokerError> {
    let record = agent_record(conn, agent, node, now)?;
    for (record, to) in [(record.everywhere, ""), (record.here, " to payments of this publisher")] {
        let most = objections_max(record);
        if record.disputes >= most {
            return Err(BrokerError::State {
                detail: format!(
                    "This agent has objected {} times{to} in 30 days, and may do so {most} times.",
                    record.disputes
                ),
                hint: "Choose publishers that are worth their price; what was paid for stays paid.",
            });
        }
    }
    Ok(())
}

fn said_log(
    conn: &mut Conn,
    context: &Context,
    (id, agent): (DisputeId, &Did),
    (feedback, said): (&Feedback, &Said),
) -> Result<(), BrokerError> {
    match said {
        Said::Request(change) => log::append(conn, context, change, log::DISPUTE_SAY, &object(id)),
        Said::Feedback(key) => {
            let body = FeedbackSigned {
                key: key.clone(),
                feedback: feedback.clone(),
            };
            log::node_append(conn, context, agent, (log::DISPUTE_SAY, object(id)), &body)
        }
    }
}

/// Takes the publisher's answer, once: it gives in, or shows what it has. The rules follow at once.
pub(crate) fn dispute_answer(
    conn: &mut Conn,
    context: &Context,
    change: &Change,
    (id, answer): (DisputeId, &DisputeAnswer),
) -> Result<DisputeRow, BrokerError> {
    let node = change.caller.verified()?.did().canonical();
    let row = dispute_lock(conn, context, id)?.filter(|row| row.node_did == node);
    let mut row = row.ok_or(BrokerError::NotFound("dispute"))?;
    let digest = sha256_hex(&change.body);
    if row.answer_digest.as_ref() == Some(&digest) {
        change.nonce_spend(conn, context)?;
        return Ok(row);
    }
    if row.state()? != DisputeState::Open || row.due_at <= context.now() {
        return Err(BrokerError::State {
            detail: format!("This dispute is {} and takes no other answer.", row.state),
            hint: "GET /broker/api/disputes shows how it stands.",
        });
    }
    if answer.note.as_ref().is_some_and(|note| note.len() > TEXT_BYTES_MAX) {
        return Err(BrokerError::invalid(
            "note",
            format!("has at most {TEXT_BYTES_MAX} bytes"),
        ));
    }
    row.is_shown = match (&answer.evidence, answer.concede) {
        (Some(_), true) => return Err(BrokerError::invalid("concede", "goes without evidence")),
        (None, false) if answer.note.is_none() => {
            return Err(BrokerError::invalid(
                "evidence",
                "is missing: give in, show the claim, or say something",
            ));
        }
        (None, _) => false,
        (Some(evidence), false) => {
            let (visa, redemption) = subject_of(conn, context, &row)?;
            let agent = agent_of(&row.agent_did, context.config.reach)?;
            let agent = agent.ok_or_else(|| BrokerError::invalid("evidence", "is for agents that make claims"))?;
            let expect = EvidenceExpectation {
                agent: &agent,
                holder: &visa.holder,
                claim_digest: &redemption.claim_digest,
                publisher: &visa.publisher,
                from: visa.created_at,
                until: visa.expires_at,
                names: names(context.config.reach),
            };
            let shown = evidence.verify(&expect);
            shown.map_err(|error| BrokerError::invalid("evidence", error.to_string()))?;
            true
        }
    };
    let text = serde_json::to_string(answer).map_err(|error| BrokerError::Fault(error.to_string()))?;
    row.answer = Some(text);
    row.answer_digest = Some(digest);
    row.answered_at = Some(context.now());
    log::append(conn, context, change, log::DISPUTE_ANSWER, &object(id))?;
    if answer.concede {
        let ended = (RuledBy::Publisher, "The publisher gives in.");
        return dispute_end(conn, context, row, DisputeState::Reversed, ended);
    }
    rules_apply(conn, context, row)
}

fn rules_apply(conn: &mut Conn, context: &Context, mut row: DisputeRow) -> Result<DisputeRow, BrokerError> {
    let now = context.now();
    let agent = agent_record(conn, &row.agent_did, &row.node_did, now)?;
    let publisher = publisher_record(conn, &row.node_did, now)?;
    let (state, why) = match rule(agent, publisher, row.is_shown) {
        Ruling::Arbiter => {
            dispute_state(DisputeState::Answered).clone_into(&mut row.state);
            row.due_at = now.plus(context.config.arbiter_for);
            redemption_set(conn, context, &row, (Standing::Disputed, row.due_at))?;
            return Ok(row.save(conn, &context.sealer)?);
        }
        Ruling::Publisher => (
            DisputeState::Released,
            "The agent's own claim was shown, and the agent objects often.",
        ),
        Ruling::Agent => (
            DisputeState::Reversed,
            "The publisher has lost many disputes lately, and the agent objects seldom.",
        ),
    };
    node_ends(conn, context, row, state, (RuledBy::Rules, why))
}

/// The arbiter decides what the rules could not.
pub(crate) fn dispute_decide(
    conn: &mut Conn,
    context: &Context,
    change: &Change,
    (id, decision): (DisputeId, &DisputeDecision),
) -> Result<DisputeRow, BrokerError> {
    let row = dispute_lock(conn, context, id)?.ok_or(BrokerError::NotFound("dispute"))?;
    let reason = decision.reason.trim();
    if reason.is_empty() || reason.len() > TEXT_BYTES_MAX {
        return Err(BrokerError::invalid(
            "reason",
            format!("has 1 to {TEXT_BYTES_MAX} bytes"),
        ));
    }
    let state = decision.outcome.state();
    if row.state()? != DisputeState::Answered {
        return Err(BrokerError::State {
            detail: format!("This dispute is {}, and nothing is to be decided.", row.state),
            hint: "The arbiter decides what the publisher has answered and the rules have left open.",
        });
    }
    log::append(conn, context, change, log::DISPUTE_DECIDE, &object(id))?;
    dispute_end(conn, context, row, state, (RuledBy::Arbiter, reason))
}

/// Ends a dispute that nobody has ended in time: the publisher is paid if it has shown the agent's claim.
pub(crate) fn dispute_expire(conn: &mut Conn, context: &Context, id: DisputeId) -> Result<(), BrokerError> {
    let Some(row) = dispute_lock(conn, context, id)? else {
        return Ok(());
    };
    if row.ended_at.is_some() || row.due_at > context.now() {
        return Ok(());
    }
    let (state, why) = match (row.state()?, row.is_shown) {
        (DisputeState::Open, _) => (DisputeState::Reversed, "The publisher has not answered."),
        (_, true) => (
            DisputeState::Released,
            "Nobody has decided in time, and the agent's own claim was shown.",
        ),
        (_, false) => (
            DisputeState::Reversed,
            "Nobody has decided in time, and the agent's own claim was not shown.",
        ),
    };
    node_ends(conn, context, row, state, (RuledBy::Deadline, why)).map(drop)
}

/// What the broker itself has decided, as the log keeps it.
#[derive(Serialize)]
struct Ruled<'a> {
    outcome: &'a str,
    by: &'a str,
    why: &'a str,
}

fn node_ends(
    conn: &mut Conn,
    context: &Context,
    row: DisputeRow,
    state: DisputeState,
    (by, why): (RuledBy, &str),
) -> Result<DisputeRow, BrokerError> {
    let body = Ruled {
        outcome: dispute_state(state),
        by: ruled_by(by),
        why,
    };
    let node = context.keyring.node_did().canonical();
    log::node_append(conn, context, &node, (log::DISPUTE_RULE, object(row.id)), &body)?;
    dispute_end(conn, context, row, state, (by, why))
}

/// From now on the money goes one way or the other.
fn dispute_end(
    conn: &mut Conn,
    context: &Context,
    mut row: DisputeRow,
    state: DisputeState,
    (by, why): (RuledBy, &str),
) -> Result<DisputeRow, BrokerError> {
    let now = context.now();
    dispute_state(state).clone_into(&mut row.state);
    row.ruled_by = Some(ruled_by(by).to_owned());
    row.ruling = Some(why.to_owned());
    row.ended_at = Some(now);
    let standing = if state == DisputeState::Reversed {
        Standing::Reversing
    } else {
        Standing::Accepted
    };
    redemption_set(conn, context, &row, (standing, now))?;
    Ok(row.save(conn, &context.sealer)?)
}

fn subject_of(conn: &mut Conn, context: &Context, row: &DisputeRow) -> Result<(VisaRow, RedemptionRow), BrokerError> {
    let visa = visa_lock(conn, context, row.jti)?;
    let redemption = redemption_lock(conn, context, row.jti, &row.receipt)?;
    visa.zip(redemption)
        .ok_or_else(|| row.damaged("what it is about is missing"))
}

fn redemption_set(
    conn: &mut Conn,
    context: &Context,
    row: &DisputeRow,
    (standing, due_at): (Standing, Timestamp),
) -> Result<(), BrokerError> {
    let (_, mut redemption) = subject_of(conn, context, row)?;
    if !matches!(redemption.standing()?, Standing::Accepted | Standing::Disputed) {
        return Err(row.damaged("what it is about has ended already"));
    }
    redemption.standing_set(standing);
    redemption.due_at = due_at;
    redemption.save(conn, &context.sealer)?;
    Ok(())
}
