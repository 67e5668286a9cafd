//! Visas: wanted, reserved, open, closed. Pay sets the money aside and gives back what is left; every step here is one
//! transaction before or after a question to pay, and each question may be asked again.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_imagxp::authority_of;
use imajin_imagxp::broker::VisaOrder;
use imajin_imagxp::visa::LIFETIME_MAX;
use imajin_kernel::id::VisaId;
use imajin_kernel::{Span, Timestamp};
use imajin_money::Money;
use imajin_proof::digest::sha256_hex;
use imajin_store::{Conn, SealedRow, for_update};

use super::account::account_require;
use crate::caller::Caller;
use crate::context::{Change, Context};
use crate::rows::{VisaRow, VisaState};
use crate::schema::{redemptions, visas};
use crate::{BrokerError, log};

/// The most that a visa pays: 10,000 of any currency.
const AMOUNT_MICROS_MAX: i64 = 10_000_000_000;
/// How often a visa pays at most.
const USES_MAX: u32 = 10_000;
/// And for each time so much of a currency, at the least: each use is a row and an entry of the ledger for ever, also
/// where the money goes round.
const USE_MICROS_MIN: i64 = 100;
/// The longest name of a publisher.
const HOST_BYTES_MAX: usize = 200;
/// Visas count in millionths.
const MICRO_DIGITS: u32 = 6;
/// A visa whose agent got no answer is gone on with after so long.
const RESUMED_AFTER: Span = Span::minutes(2);

/// The name of a visa in the log.
pub(crate) fn object(jti: VisaId) -> String {
    format!("{}{jti}", log::VISA_PREFIX)
}

fn order_check(order: &VisaOrder) -> Result<(), BrokerError> {
    let Money { amount, asset } = order.max_amount;
    if asset.scale() != MICRO_DIGITS {
        return Err(BrokerError::invalid(
            "max_amount",
            "must be in a currency that counts in millionths",
        ));
    }
    if amount.is_zero() || amount.micros() > AMOUNT_MICROS_MAX {
        return Err(BrokerError::invalid(
            "max_amount",
            "must be more than 0 and at most 10000",
        ));
    }
    let longest = LIFETIME_MAX.as_seconds();
    if order.ttl == 0 || i64::from(order.ttl) > longest {
        return Err(BrokerError::invalid("ttl", format!("must be 1 to {longest} seconds")));
    }
    let uses = order.uses.unwrap_or(1);
    if !(1..=USES_MAX).contains(&uses) {
        return Err(BrokerError::invalid("uses", format!("must be 1 to {USES_MAX}")));
    }
    if amount.micros() < i64::from(uses).saturating_mul(USE_MICROS_MIN) {
        return Err(BrokerError::invalid(
            "max_amount",
            "must be at least 0.0001 for each use",
        ));
    }
    let wrong = || BrokerError::invalid("publisher", "must be a host, with its port if it has one: news.example");
    let url = url::Url::parse(&format!("https://{}/", order.publisher)).map_err(|_unreadable| wrong())?;
    let is_whole = authority_of(&url).is_some_and(|authority| authority == order.publisher);
    if !is_whole || order.publisher.len() > HOST_BYTES_MAX {
        return Err(wrong());
    }
    Ok(())
}

/// Refuses what no visa can be and who may have none, before anything is written about it. `true`: it was ordered
/// before.
pub(crate) fn visa_check(
    conn: &mut Conn,
    context: &Context,
    change: &Change,
    order: &VisaOrder,
) -> Result<bool, BrokerError> {
    let buyer = change.caller.did().canonical();
    if visa_known(conn, context, &buyer, change)?.is_some() {
        return Ok(true);
    }
    order_check(order)?;
    if let Caller::Agent(agent) = &change.caller {
        account_require(conn, context, &agent.did)?;
    }
    open_require(conn, context, &buyer)?;
    Ok(false)
}

/// The visa that a request with this idempotency key has ordered before.
fn visa_known(
    conn: &mut Conn,
    context: &Context,
    buyer: &Did,
    change: &Change,
) -> Result<Option<VisaRow>, BrokerError> {
    let Some(key) = &change.key else { return Ok(None) };
    let known: Option<VisaRow> = visas::table
        .filter(visas::agent_did.eq(buyer))
        .filter(visas::request_key.eq(key.as_str()))
        .select(VisaRow::as_select())
        .first(conn)
        .optional()?;
    Ok(known.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// Keeps what somebody wants, for the holder of the key with this thumbprint; a request that is repeated with its
/// idempotency key finds the first one.
pub(crate) fn visa_begin(
    conn: &mut Conn,
    context: &Context,
    change: &Change,
    (order, holder): (&VisaOrder, &str),
) -> Result<VisaRow, BrokerError> {
    let buyer = change.caller.did().canonical();
    let digest = sha256_hex(&change.body);
    if let Some(known) = visa_known(conn, context, &buyer, change)? {
        if known.request_digest != digest {
            return Err(BrokerError::IdempotencyMismatch);
        }
        change.nonce_spend(conn, context)?;
        return Ok(known);
    }
    visa_check(conn, context, change, order)?;
    // The token has whole seconds.
    let now = Timestamp::from_seconds(context.now().as_seconds());
    let row = VisaRow {
        jti: context.env.new_id(),
        agent_did: buyer,
        publisher: order.publisher.clone(),
        holder: holder.to_owned(),
        asset: order.max_amount.asset.to_string(),
        max_micros: order.max_amount.amount.micros(),
        uses: i64::from(order.uses.unwrap_or(1)),
        purpose: purpose_text(order)?,
        hold_id: context.env.new_id(),
        state: VisaState::Reserving.as_str().to_owned(),
        request_key: change.key.as_ref().map(|key| key.as_str().to_owned()),
        request_digest: digest,
        redeemed_micros: 0,
        redeemed_uses: 0,
        credited_micros: 0,
        returned_micros: None,
        created_at: now,
        expires_at: now.plus(Span::seconds(i64::from(order.ttl))),
        closes_at: now.plus(RESUMED_AFTER),
        closed_at: None,
        reversed_micros: None,
        row_seal: Vec::new(),
    };
    log::append(conn, context, change, log::VISA_ISSUE, &object(row.jti))?;
    Ok(row.insert(conn, &context.sealer)?)
}

/// Refuses who has as many visas that can still be redeemed as one may have. Of one that is used up there is nothing
/// left to promise: however long its dispute window is, it keeps nobody from reading on.
fn open_require(conn: &mut Conn, context: &Context, buyer: &Did) -> Result<(), BrokerError> {
    let most = i64::from(context.config.open_visas_max);
    let open: Vec<VisaId> = visas::table
        .filter(visas::agent_did.eq(buyer))
        .filter(visas::closed_at.is_null())
        .filter(visas::redeemed_uses.lt(visas::uses))
        .filter(visas::redeemed_micros.lt(visas::max_micros))
        .limit(most)
        .select(visas::jti)
        .load(conn)?;
    if i64::try_from(open.len()).unwrap_or(i64::MAX) < most {
        return Ok(());
    }
    Err(BrokerError::State {
        detail: format!("{most} visas of this agent are open."),
        hint: "Use them, with several uses each, or wait until the first of them have ended.",
    })
}

/// The purpose as the wire writes it.
pub(crate) fn purpose_text(order: &VisaOrder) -> Result<Option<String>, BrokerError> {
    let written = order.purpose.map(serde_json::to_value).transpose();
    let written = written.map_err(|error| BrokerError::Fault(error.to_string()))?;
    Ok(written.and_then(|value| value.as_str().map(str::to_owned)))
}

/// A visa, its seal checked; for readers, which lock nothing.
pub(crate) fn visa_find(conn: &mut Conn, context: &Context, jti: VisaId) -> Result<Option<VisaRow>, BrokerError> {
    let query = visas::table.find(jti).select(VisaRow::as_select());
    let row: Option<VisaRow> = query.first(conn).optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// A visa, locked until the transaction ends, its seal checked.
pub(crate) fn visa_lock(conn: &mut Conn, context: &Context, jti: VisaId) -> Result<Option<VisaRow>, BrokerError> {
    let row: Option<VisaRow> = for_update!(
        conn,
        visas::table.find(jti).select(VisaRow::as_select()) => first
    )
    .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

fn visa_require(conn: &mut Conn, context: &Context, jti: VisaId) -> Result<VisaRow, BrokerError> {
    visa_lock(conn, context, jti)?.ok_or_else(|| BrokerError::damaged(VisaRow::TABLE, &jti, "the row is missing"))
}

/// Its amount is set aside: from now on it can be redeemed.
pub(crate) fn visa_opened(conn: &mut Conn, context: &Context, jti: VisaId) -> Result<VisaRow, BrokerError> {
    let mut row = visa_require(conn, context, jti)?;
    if row.state()? != VisaState::Reserving {
        return Ok(row);
    }
    row.state_set(VisaState::Open);
    row.closes_at = row.expires_at.plus(context.config.redeem_for);
    Ok(row.save(conn, &context.sealer)?)
}

/// Pay does not set its amount aside: there is too little in the account, most likely. The same request may be sent
/// again.
pub(crate) fn visa_refused(conn: &mut Conn, context: &Context, jti: VisaId) -> Result<VisaRow, BrokerError> {
    let mut row = visa_require(conn, context, jti)?;
    if row.state()? != VisaState::Reserving {
        return Ok(row);
    }
    row.state_set(VisaState::Refused);
    row.request_key = None;
    row.closed_at = Some(context.now());
    Ok(row.save(conn, &context.sealer)?)
}

/// What is to be done about a visa whose time has come.
#[derive(Debug)]
pub(crate) enum Due {
    /// Its agent got no answer: pay is asked again.
    Resume(VisaRow),
    /// What is left goes back.
    Return(VisaRow),
    /// Nothing, for now.
    Nothing,
}

/// The visas whose time has come, and since when; those that come `after` one of them.
pub(crate) fn visas_due(
    conn: &mut Conn,
    now: Timestamp,
    after: Option<(Timestamp, VisaId)>,
    limit: i64,
) -> Result<Vec<(Timestamp, VisaId)>, BrokerError> {
    let (closes_at, jti) = after.unwrap_or((Timestamp::from_micros(i64::MIN), VisaId::from_bytes([0; 16])));
    Ok(visas::table
        .filter(visas::closed_at.is_null())
        .filter(visas::closes_at.le(now))
        .filter(
            visas::closes_at
                .gt(closes_at)
                .or(visas::closes_at.eq(closes_at).and(visas::jti.gt(jti))),
        )
        .order_by((visas::closes_at, visas::jti))
        .limit(limit)
        .select((visas::closes_at, visas::jti))
        .load(conn)?)
}

/// What was to be done about a visa could not be done: it is looked at again after a while.
pub(crate) fn visa_put_back(conn: &mut Conn, context: &Context, jti: VisaId) -> Result<(), BrokerError> {
    let mut row = visa_require(conn, context, jti)?;
    if row.closed_at.is_none() {
        row.closes_at = context.now().plus(RESUMED_AFTER);
        row.save(conn, &context.sealer)?;
    }
    Ok(())
}

/// Begins to close a visa, unless something of it waits for its dispute window.
pub(crate) fn visa_close_begin(conn: &mut Conn, context: &Context, jti: VisaId) -> Result<Due, BrokerError> {
    let mut row = visa_require(conn, context, jti)?;
    match row.state()? {
        VisaState::Reserving => return Ok(Due::Resume(row)),
        VisaState::Closing => return Ok(Due::Return(row)),
        VisaState::Closed | VisaState::Refused => return Ok(Due::Nothing),
        VisaState::Open => {}
    }
    let waits: Option<Timestamp> = redemptions::table
        .filter(redemptions::jti.eq(jti))
        .filter(redemptions::ended_at.is_null())
        .select(diesel::dsl::max(redemptions::due_at))
        .first(conn)?;
    if let Some(due_at) = waits {
        row.closes_at = due_at.max(context.now()).plus(RESUMED_AFTER);
        row.save(conn, &context.sealer)?;
        return Ok(Due::Nothing);
    }
    row.state_set(VisaState::Closing);
    Ok(Due::Return(row.save(conn, &context.sealer)?))
}

/// What was left is its agent's again.
pub(crate) fn visa_closed(
    conn: &mut Conn,
    context: &Context,
    jti: VisaId,
    returned: Money,
) -> Result<VisaRow, BrokerError> {
    let mut row = visa_require(conn, context, jti)?;
    if row.state()? != VisaState::Closing {
        return Ok(row);
    }
    let due = row.left_micros();
    if due != returned.amount.micros() {
        return Err(BrokerError::damaged(
            VisaRow::TABLE,
            &jti,
            "pay has given back something else than what was not paid",
        ));
    }
    row.returned_micros = Some(due);
    row.state_set(VisaState::Closed);
    row.closed_at = Some(context.now());
    Ok(row.save(conn, &context.sealer)?)
}

/// What is promised for an agent and neither paid nor returned.
pub(crate) fn reserved_of(conn: &mut Conn, context: &Context, agent: &Did) -> Result<Vec<Money>, BrokerError> {
    let rows: Vec<VisaRow> = visas::table
        .filter(visas::agent_did.eq(agent))
        .filter(visas::closed_at.is_null())
        .filter(visas::state.ne(VisaState::Reserving.as_str()))
        .select(VisaRow::as_select())
        .load(conn)?;
    let mut sums: std::collections::BTreeMap<String, i64> = std::collections::BTreeMap::new();
    for row in rows {
        let row = row.intact(&context.sealer)?;
        let sum = sums.entry(row.asset.clone()).or_default();
        *sum = sum.saturating_add(row.left_micros());
    }
    let money = |(asset, micros): (String, i64)| crate::rows::money(VisaRow::TABLE, agent, micros, &asset);
    sums.into_iter().map(money).collect()
}
