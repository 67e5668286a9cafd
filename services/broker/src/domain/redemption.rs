//! What publishers ask to be paid: once per visa and receipt, never more than the visa, and after the time in which the
//! agent can object.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_imagxp::broker::{Redeemed, Redemption, RedemptionState};
use imajin_kernel::Timestamp;
use imajin_kernel::id::{RedemptionId, VisaId};
use imajin_store::{Conn, SealedRow, for_update};

use super::visa::visa_lock;
use crate::caller::agent_of;
use crate::context::{Change, Context};
use crate::rows::{RedemptionRow, Standing, VisaRow, VisaState};
use crate::schema::{redemptions, visas};
use crate::{BrokerError, log};

/// The longest receipt of a publisher.
const RECEIPT_BYTES_MAX: usize = 128;
/// The length of the digest of a claim: SHA-256, in hex.
const DIGEST_LENGTH: usize = 64;

/// Takes a batch: what is new is accepted or refused, what is known is answered as it stands. `hosts` are the
/// publishers that the caller is; what is for a publisher that could not be asked who it is, is left out.
pub(crate) fn batch_take(
    conn: &mut Conn,
    context: &Context,
    change: &Change,
    (batch, hosts): (&[Redemption], &Hosts),
) -> Result<Vec<Redeemed>, BrokerError> {
    let node = change.caller.verified()?.did().canonical();
    let mut answers = Vec::with_capacity(batch.len());
    let mut is_new = false;
    for asked in batch {
        match redemption_take(conn, context, &node, (asked, hosts))? {
            Taken::New(answer) => {
                is_new = true;
                answers.push(answer);
            }
            Taken::Answered(answer) => answers.push(answer),
            Taken::Undecided => {}
        }
    }
    if is_new {
        let object = format!("redemptions/{node}/{}", change.caller.proof().nonce);
        log::append(conn, context, change, log::REDEMPTIONS_ASK, &object)?;
    } else {
        change.nonce_spend(conn, context)?;
    }
    Ok(answers)
}

/// Which publishers a caller is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hosts {
    /// The caller's own.
    pub(crate) own: Vec<String>,
    /// Those of which nobody knows at the moment.
    pub(crate) unknown: Vec<String>,
}

enum Taken {
    New(Redeemed),
    Answered(Redeemed),
    Undecided,
}

fn refused(asked: &Redemption, reason: &str) -> Taken {
    Taken::Answered(Redeemed {
        jti: asked.jti.clone(),
        receipt: asked.receipt.clone(),
        amount: asked.amount,
        state: RedemptionState::Refused,
        reference: None,
        reason: Some(reason.to_owned()),
    })
}

fn redemption_take(
    conn: &mut Conn,
    context: &Context,
    node: &Did,
    (asked, hosts): (&Redemption, &Hosts),
) -> Result<Taken, BrokerError> {
    let Ok(jti) = asked.jti.parse::<VisaId>() else {
        return Ok(refused(asked, "There is no such visa."));
    };
    let receipt = asked.receipt.as_str();
    if !(1..=RECEIPT_BYTES_MAX).contains(&receipt.len()) || receipt.chars().any(char::is_control) {
        return Ok(refused(asked, "The receipt must have 1 to 128 characters."));
    }
    // By anything else the agent could not find the payment that it objects to.
    let digest = asked.claim_digest.to_ascii_lowercase();
    if digest.len() != DIGEST_LENGTH || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(refused(asked, "The digest of the claim must be a SHA-256 in hex."));
    }
    let Some(mut visa) = visa_lock(conn, context, jti)? else {
        return Ok(refused(asked, "There is no such visa."));
    };
    if let Some(known) = redemption_lock(conn, context, jti, &asked.receipt)? {
        let is_same = known.node_did == *node && known.money()? == asked.amount;
        return Ok(if is_same {
            Taken::Answered(known.answer()?)
        } else {
            refused(asked, "This receipt was redeemed with something else.")
        });
    }
    if hosts.unknown.contains(&visa.publisher) {
        return Ok(Taken::Undecided);
    }
    if let Some(reason) = refusal_of(context, &visa, asked, hosts)? {
        return Ok(refused(asked, reason));
    }
    if is_claimed(conn, context, &visa, &digest)? {
        return Ok(refused(asked, "This claim was redeemed already."));
    }
    let row = RedemptionRow {
        jti,
        receipt: asked.receipt.clone(),
        id: context.env.new_id(),
        node_did: node.clone(),
        asset: visa.asset.clone(),
        amount: asked.amount.amount.micros(),
        claim_digest: digest,
        state: Standing::Accepted.as_str().to_owned(),
        created_at: context.now(),
        due_at: context.now().plus(context.config.dispute_window),
        ended_at: None,
        row_seal: Vec::new(),
    };
    visa.redeemed_micros = visa.redeemed_micros.saturating_add(row.amount);
    visa.redeemed_uses = visa.redeemed_uses.saturating_add(1);
    visa.save(conn, &context.sealer)?;
    let row = row.insert(conn, &context.sealer)?;
    Ok(Taken::New(row.answer()?))
}

/// Whether an agent's claim is paid already: each claim is signed for one payment. Whoever makes no claims spends a
/// visa by its uses alone. The visa is locked.
fn is_claimed(conn: &mut Conn, context: &Context, visa: &VisaRow, digest: &str) -> Result<bool, BrokerError> {
    if agent_of(&visa.agent_did, context.config.reach)?.is_none() {
        return Ok(false);
    }
    let paid: i64 = redemptions::table
        .filter(redemptions::jti.eq(visa.jti))
        .filter(redemptions::claim_digest.eq(digest))
        .count()
        .get_result(conn)?;
    Ok(paid > 0)
}

/// Why a publisher is not paid of a visa.
fn refusal_of(
    context: &Context,
    visa: &VisaRow,
    asked: &Redemption,
    hosts: &Hosts,
) -> Result<Option<&'static str>, BrokerError> {
    if !hosts.own.contains(&visa.publisher) {
        return Ok(Some("This visa is for another publisher."));
    }
    if visa.state()? != VisaState::Open || visa.expires_at.plus(context.config.redeem_for) <= context.now() {
        return Ok(Some("This visa has ended."));
    }
    let max = visa.max()?;
    if asked.amount.asset != max.asset || asked.amount.is_zero() {
        return Ok(Some("This visa pays in another currency, or this is about nothing."));
    }
    let left = visa.max_micros.saturating_sub(visa.redeemed_micros);
    if visa.redeemed_uses >= visa.uses || asked.amount.amount.micros() > left {
        return Ok(Some("Less than that is left of this visa."));
    }
    Ok(None)
}

pub(crate) fn redemption_lock(
    conn: &mut Conn,
    context: &Context,
    jti: VisaId,
    receipt: &str,
) -> Result<Option<RedemptionRow>, BrokerError> {
    let row: Option<RedemptionRow> = for_update!(
        conn,
        redemptions::table.find((jti, receipt)).select(RedemptionRow::as_select()) => first
    )
    .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// The publishers of these visas.
pub(crate) fn publishers_of(conn: &mut Conn, batch: &[Redemption]) -> Result<Vec<String>, BrokerError> {
    let ids: Vec<VisaId> = batch.iter().filter_map(|asked| asked.jti.parse().ok()).collect();
    Ok(visas::table
        .filter(visas::jti.eq_any(ids))
        .select(visas::publisher)
        .distinct()
        .load(conn)?)
}

/// Where a redemption stands in the line of those that are due, and its name.
pub(crate) type DueRedemption = (Timestamp, VisaId, String);

/// The redemptions that are to be paid or given back now, the oldest first; those that come `after` one of them.
pub(crate) fn redemptions_due(
    conn: &mut Conn,
    now: Timestamp,
    after: Option<DueRedemption>,
    limit: i64,
) -> Result<Vec<DueRedemption>, BrokerError> {
    let (due_at, jti, receipt) = after.unwrap_or((
        Timestamp::from_micros(i64::MIN),
        VisaId::from_bytes([0; 16]),
        String::new(),
    ));
    let later_name = redemptions::jti
        .gt(jti)
        .or(redemptions::jti.eq(jti).and(redemptions::receipt.gt(receipt)));
    Ok(redemptions::table
        .filter(redemptions::ended_at.is_null())
        .filter(redemptions::state.ne(Standing::Disputed.as_str()))
        .filter(redemptions::due_at.le(now))
        .filter(
            redemptions::due_at
                .gt(due_at)
                .or(redemptions::due_at.eq(due_at).and(later_name)),
        )
        .order_by((redemptions::due_at, redemptions::jti, redemptions::receipt))
        .limit(limit)
        .select((redemptions::due_at, redemptions::jti, redemptions::receipt))
        .load(conn)?)
}

/// A redemption with what was set aside for it, their seals checked; for readers.
pub(crate) fn redemption_find(
    conn: &mut Conn,
    context: &Context,
    (jti, receipt): (VisaId, &str),
) -> Result<(RedemptionRow, VisaRow), BrokerError> {
    let (row, visa): (RedemptionRow, VisaRow) = redemptions::table
        .inner_join(visas::table.on(visas::jti.eq(redemptions::jti)))
        .filter(redemptions::jti.eq(jti))
        .filter(redemptions::receipt.eq(receipt))
        .select((RedemptionRow::as_select(), VisaRow::as_select()))
        .first(conn)?;
    Ok((row.intact(&context.sealer)?, visa.intact(&context.sealer)?))
}

/// Pay has paid it, or given it back.
pub(crate) fn redemption_booked(
    conn: &mut Conn,
    context: &Context,
    (jti, receipt): (VisaId, &str),
) -> Result<(), BrokerError> {
    let visa = visa_lock(conn, context, jti)?;
    let row = redemption_lock(conn, context, jti, receipt)?;
    let missing = || BrokerError::damaged(RedemptionRow::TABLE, &jti, "the row is missing");
    let (mut visa, mut row) = visa.zip(row).ok_or_else(missing)?;
    match row.standing()? {
        Standing::Accepted => {
            row.standing_set(Standing::Credited);
            visa.credited_micros = visa.credited_micros.saturating_add(row.amount);
        }
        Standing::Reversing => {
            row.standing_set(Standing::Reversed);
            visa.reversed_micros = Some(visa.reversed_micros.unwrap_or(0).saturating_add(row.amount));
        }
        Standing::Disputed => {
            let problem = "pay has moved what is disputed";
            return Err(BrokerError::damaged(RedemptionRow::TABLE, &row.id, problem));
        }
        Standing::Credited | Standing::Reversed => return Ok(()),
    }
    let now = context.now();
    row.ended_at = Some(now);
    if visa.is_used_up() {
        // Nothing more can be redeemed: what is left goes back as soon as nothing waits.
        visa.closes_at = now;
    }
    visa.save(conn, &context.sealer)?;
    row.save(conn, &context.sealer)?;
    Ok(())
}

/// How redemptions stand, by the broker's names for them.
pub(crate) fn answers_again(
    conn: &mut Conn,
    context: &Context,
    answers: Vec<Redeemed>,
) -> Result<Vec<Redeemed>, BrokerError> {
    let again = |answer: Redeemed| {
        let id: Option<RedemptionId> = answer.reference.as_deref().and_then(|text| text.parse().ok());
        let Some(id) = id else { return Ok(answer) };
        let row: RedemptionRow = redemptions::table
            .filter(redemptions::id.eq(id))
            .select(RedemptionRow::as_select())
            .first(conn)?;
        row.intact(&context.sealer)?.answer()
    };
    answers.into_iter().map(again).collect()
}
