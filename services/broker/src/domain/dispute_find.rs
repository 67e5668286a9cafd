//! Disputes, and what is known about their two sides, found again.

use std::collections::BTreeMap;

use diesel::prelude::*;
use imajin_broker_api::{DisputeState, RuledBy};
use imajin_did::Did;
use imajin_imagxp::Feedback;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{DisputeId, VisaId};
use imajin_store::{Conn, SealedRow, for_update};

use super::rules::{AgentRecord, LATELY, Record};
use crate::BrokerError;
use crate::context::Context;
use crate::rows::{DisputeRow, RedemptionRow, VisaRow, dispute_state, ruled_by};
use crate::schema::{disputes, redemptions, visas};

/// So many payments by one claim are looked at.
const CANDIDATES_MAX: i64 = 20;
/// The DIDs of agents, those of their domains.
const AGENTS: &str = "did:web:%";

/// The payments that feedback may be about, the oldest first.
pub(crate) fn payments_of(
    conn: &mut Conn,
    context: &Context,
    (feedback, publisher): (&Feedback, &str),
) -> Result<Vec<(RedemptionRow, VisaRow)>, BrokerError> {
    let rows: Vec<(RedemptionRow, VisaRow)> = redemptions::table
        .inner_join(visas::table.on(visas::jti.eq(redemptions::jti)))
        .filter(redemptions::claim_digest.eq(feedback.claim_digest.to_ascii_lowercase()))
        .filter(visas::publisher.eq(publisher))
        .order_by(redemptions::created_at)
        .limit(CANDIDATES_MAX)
        .select((RedemptionRow::as_select(), VisaRow::as_select()))
        .load(conn)?;
    let intact =
        |(row, visa): (RedemptionRow, VisaRow)| Ok((row.intact(&context.sealer)?, visa.intact(&context.sealer)?));
    rows.into_iter().map(intact).collect()
}

/// The dispute about a redemption, locked until the transaction ends, its seal checked.
pub(crate) fn dispute_of(
    conn: &mut Conn,
    context: &Context,
    redemption: &RedemptionRow,
) -> Result<Option<DisputeRow>, BrokerError> {
    let (jti, receipt) = (redemption.jti, redemption.receipt.as_str());
    let row: Option<DisputeRow> = for_update!(
        conn,
        disputes::table
            .filter(disputes::jti.eq(jti))
            .filter(disputes::receipt.eq(receipt))
            .select(DisputeRow::as_select()) => first
    )
    .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// A dispute, locked until the transaction ends, its seal checked.
pub(crate) fn dispute_lock(
    conn: &mut Conn,
    context: &Context,
    id: DisputeId,
) -> Result<Option<DisputeRow>, BrokerError> {
    let row: Option<DisputeRow> = for_update!(
        conn,
        disputes::table.find(id).select(DisputeRow::as_select()) => first
    )
    .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// A dispute, its seal checked; for readers.
pub(crate) fn dispute_find(
    conn: &mut Conn,
    context: &Context,
    id: DisputeId,
) -> Result<Option<DisputeRow>, BrokerError> {
    let query = disputes::table.find(id).select(DisputeRow::as_select());
    let row: Option<DisputeRow> = query.first(conn).optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// What an agent has paid for and objected to lately, everywhere and at one publisher's node. To be proven right by the
/// publisher or the arbiter costs nothing.
pub(crate) fn agent_record(
    conn: &mut Conn,
    agent: &Did,
    node: &Did,
    now: Timestamp,
) -> Result<AgentRecord, BrokerError> {
    let since = now.minus(LATELY);
    let payments = || {
        redemptions::table
            .inner_join(visas::table.on(visas::jti.eq(redemptions::jti)))
            .filter(visas::agent_did.eq(agent))
            .filter(redemptions::created_at.gt(since))
    };
    let paid = payments().count().get_result(conn)?;
    let paid_here = payments()
        .filter(redemptions::node_did.eq(node))
        .count()
        .get_result(conn)?;
    let free = [ruled_by(RuledBy::Publisher), ruled_by(RuledBy::Arbiter)];
    let all: Vec<(String, Option<String>, Did)> = disputes::table
        .filter(disputes::agent_did.eq(agent))
        .filter(disputes::created_at.gt(since))
        .select((disputes::state, disputes::ruled_by, disputes::node_did))
        .load(conn)?;
    let counts = |(state, by, _at): &&(String, Option<String>, Did)| {
        let by = by.as_deref().unwrap_or_default();
        let is_right = *state == dispute_state(DisputeState::Reversed) && free.contains(&by);
        by != ruled_by(RuledBy::Agent) && !is_right
    };
    let counted: Vec<_> = all.iter().filter(counts).collect();
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let here = counted.iter().filter(|(_state, _by, at)| at == node).count();
    Ok(AgentRecord {
        everywhere: Record {
            payments: paid,
            disputes: count(counted.len()),
        },
        here: Record {
            payments: paid_here,
            disputes: count(here),
        },
    })
}

/// What a publisher was paid for and has lost lately. To give in is no shame, and that nobody decides about what it has
/// answered is none of its doing.
pub(crate) fn publisher_record(conn: &mut Conn, node: &Did, now: Timestamp) -> Result<Record, BrokerError> {
    let since = now.minus(LATELY);
    let payments = redemptions::table
        .filter(redemptions::node_did.eq(node))
        .filter(redemptions::created_at.gt(since))
        .count()
        .get_result(conn)?;
    let unanswered = disputes::answered_at.is_null();
    let disputes = disputes::table
        .filter(disputes::node_did.eq(node))
        .filter(disputes::created_at.gt(since))
        .filter(disputes::state.eq(dispute_state(DisputeState::Reversed)))
        // Against whoever makes no claims a publisher has nothing to show.
        .filter(disputes::agent_did.like(AGENTS))
        .filter(disputes::ruled_by.ne(ruled_by(RuledBy::Publisher)))
        .filter(unanswered.or(disputes::ruled_by.ne(ruled_by(RuledBy::Deadline))))
        .count()
        .get_result(conn)?;
    Ok(Record { payments, disputes })
}

/// The dispute about each redemption of these visas, by visa and receipt.
pub(crate) fn disputes_about(
    conn: &mut Conn,
    jtis: &[VisaId],
) -> Result<BTreeMap<(VisaId, String), DisputeId>, BrokerError> {
    let rows: Vec<(VisaId, String, DisputeId)> = disputes::table
        .filter(disputes::jti.eq_any(jtis.to_vec()))
        .select((disputes::jti, disputes::receipt, disputes::id))
        .load(conn)?;
    let named = |(jti, receipt, id): (VisaId, String, DisputeId)| ((jti, receipt), id);
    Ok(rows.into_iter().map(named).collect())
}

/// The disputes whose time is over, and since when; those that come `after` one of them.
pub(crate) fn disputes_due(
    conn: &mut Conn,
    now: Timestamp,
    after: Option<(Timestamp, DisputeId)>,
    limit: i64,
) -> Result<Vec<(Timestamp, DisputeId)>, BrokerError> {
    let (due_at, id) = after.unwrap_or((Timestamp::from_micros(i64::MIN), DisputeId::from_bytes([0; 16])));
    Ok(disputes::table
        .filter(disputes::ended_at.is_null())
        .filter(disputes::due_at.le(now))
        .filter(
            disputes::due_at
                .gt(due_at)
                .or(disputes::due_at.eq(due_at).and(disputes::id.gt(id))),
        )
        .order_by((disputes::due_at, disputes::id))
        .limit(limit)
        .select((disputes::due_at, disputes::id))
        .load(conn)?)
}
