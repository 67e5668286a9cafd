//! Money that its owner sets aside, and pays from.

use imajin_did::Did;
use imajin_kernel::id::{EntryId, HoldId};
use imajin_kernel::{Code, Span, Timestamp};
use imajin_ledger::{
    AccountKey, Command, EntryKind, Hold, HoldCapture, HoldPlace, HoldRelease, Movement, Outcome, Owner, Purpose,
    Release, hold_expired_list, hold_fetch,
};
use imajin_money::{Amount, Money};
use imajin_store::Conn;
use imajin_web::Verified;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::balance;
use super::checkout::Swept;
use super::debts::{debt_repay, income_book};
use crate::PayError;
use crate::context::{Context, IdempotencyKey};

/// How long a hold lasts when its owner does not say.
const EXPIRES_DEFAULT: Span = Span::days(7);
/// How long a hold lasts at most, in seconds.
pub(crate) const EXPIRES_SECONDS_MAX: u32 = 30 * 24 * 60 * 60;
/// The longest reference of a caller.
const REFERENCE_BYTES_MAX: usize = 200;
/// Expired holds per transaction of the sweeper.
const SWEEP_ROWS: i64 = 200;

/// The answer to everything about a hold, also as it is kept under an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HoldView {
    /// The hold.
    #[schema(value_type = String)]
    pub(crate) id: HoldId,
    /// What was set aside.
    #[schema(value_type = Object)]
    pub(crate) amount: Money,
    /// What went to payees.
    #[schema(value_type = Object)]
    pub(crate) captured: Money,
    /// What is still set aside.
    #[schema(value_type = Object)]
    pub(crate) remaining: Money,
    /// `open`, `captured`, `voided` or `expired`.
    pub(crate) state: String,
    /// What it is for.
    pub(crate) reference: String,
    /// When it ends by itself.
    #[schema(value_type = Option<String>)]
    pub(crate) expires_at: Option<Timestamp>,
    /// The ledger's entry for this request.
    #[schema(value_type = String)]
    pub(crate) entry: EntryId,
}

impl HoldView {
    fn of(outcome: &Outcome) -> Result<Self, PayError> {
        let hold = outcome
            .hold
            .as_ref()
            .ok_or_else(|| PayError::Fault("a hold without a hold".to_owned()))?;
        Ok(Self {
            id: hold.id,
            amount: hold.amount,
            captured: Money::new(hold.captured, hold.amount.asset),
            remaining: hold.remaining(),
            state: hold.state.to_string(),
            reference: hold.reference.clone(),
            expires_at: hold.expires_at,
            entry: outcome.entry.id,
        })
    }
}

/// A signed request that moves money.
#[derive(Clone)]
pub(crate) struct MoneyRequest {
    pub(crate) verified: Verified,
    pub(crate) body: Vec<u8>,
    pub(crate) key: IdempotencyKey,
}

impl MoneyRequest {
    fn owner(&self) -> &Did {
        self.verified.did()
    }

    /// Does the work once; a request that is repeated gets the first answer, marked as such.
    fn once(
        &self,
        conn: &mut Conn,
        context: &Context,
        action: &str,
        status: u16,
        work: impl FnOnce(&mut Conn) -> Result<HoldView, PayError>,
    ) -> Result<(HoldView, bool), PayError> {
        if let Some(body) = self.key.replayed(conn, context, self.owner())? {
            context.nonce_spend(conn, &self.verified)?;
            let view = serde_json::from_slice(&body)
                .map_err(|error| PayError::Fault(format!("a kept answer cannot be read: {error}")))?;
            return Ok((view, true));
        }
        let view = work(conn)?;
        context.signed_append(conn, &self.verified, action, &view.id.to_string(), &self.body)?;
        let body = serde_json::to_vec(&view).map_err(|error| PayError::Fault(error.to_string()))?;
        self.key.store(conn, context, self.owner(), status, &body)?;
        Ok((view, false))
    }
}

/// Sets a part of the signer's own balance aside.
#[derive(Debug, Clone)]
pub(crate) struct PlaceWish {
    pub(crate) amount: Money,
    pub(crate) reference: Option<String>,
    pub(crate) expires_in_seconds: Option<u32>,
}

pub(crate) fn hold_place(
    conn: &mut Conn,
    context: &Context,
    request: &MoneyRequest,
    wish: &PlaceWish,
) -> Result<(HoldView, bool), PayError> {
    request.once(conn, context, "hold.place", 201, |conn| {
        let owner = request.owner();
        let lasts = wish
            .expires_in_seconds
            .map_or(EXPIRES_DEFAULT, |seconds| Span::seconds(i64::from(seconds)));
        if lasts <= Span::ZERO || lasts > Span::seconds(i64::from(EXPIRES_SECONDS_MAX)) {
            return Err(PayError::invalid(
                "expiresInSeconds",
                format!("must be 1 to {EXPIRES_SECONDS_MAX}"),
            ));
        }
        let id: HoldId = context.env.new_id();
        debt_repay(conn, context, owner, wish.amount.asset, id.as_str())?;
        let place = HoldPlace {
            id,
            key: request.key.ledger_key(owner),
            source: AccountKey::of(owner, wish.amount.asset, Purpose::Available),
            owner: Owner::Did(owner.canonical()),
            amount: wish.amount.amount,
            reference: reference_of(wish.reference.as_deref())?,
            expires_at: Some(context.now().plus(lasts)),
        };
        HoldView::of(&context.ledger.execute_one(conn, &Command::Place(place))??)
    })
}

/// Pays from a hold.
#[derive(Debug, Clone)]
pub(crate) struct CaptureWish {
    pub(crate) hold: HoldId,
    pub(crate) payee: Did,
    /// All that is left, if not said.
    pub(crate) amount: Option<Money>,
    /// Whether what is left afterwards stays held.
    pub(crate) keep_rest: bool,
    pub(crate) reference: Option<String>,
}

pub(crate) fn hold_capture(
    conn: &mut Conn,
    context: &Context,
    request: &MoneyRequest,
    wish: &CaptureWish,
) -> Result<(HoldView, bool), PayError> {
    request.once(conn, context, "hold.capture", 200, |conn| {
        let hold = own_hold(conn, context, request.owner(), wish.hold)?;
        let money = wish.amount.unwrap_or_else(|| hold.remaining());
        if money.asset != hold.amount.asset {
            return Err(imajin_ledger::Refusal::HoldOtherAsset.into());
        }
        let payee = AccountKey::of(&wish.payee, money.asset, Purpose::Available);
        let (key, reference) = (
            request.key.ledger_key(request.owner()),
            reference_of(wish.reference.as_deref())?,
        );
        let capture = HoldCapture {
            hold: hold.id,
            key: key.clone(),
            kind: EntryKind::Capture,
            reference: reference.clone(),
            credits: vec![Movement::new(payee, money.amount.micros())],
            release_rest: !wish.keep_rest,
        };
        HoldView::of(&income_book(
            conn,
            context,
            &key,
            &reference,
            Command::Capture(capture),
        )?)
    })
}

/// Sends what is left of a hold back to its owner's balance.
pub(crate) fn hold_void(
    conn: &mut Conn,
    context: &Context,
    request: &MoneyRequest,
    hold: HoldId,
) -> Result<(HoldView, bool), PayError> {
    request.once(conn, context, "hold.void", 200, |conn| {
        let hold = own_hold(conn, context, request.owner(), hold)?;
        let release = HoldRelease {
            hold: hold.id,
            key: request.key.ledger_key(request.owner()),
            why: Release::Void,
            reference: hold.reference,
        };
        HoldView::of(&context.ledger.execute_one(conn, &Command::Release(release))??)
    })
}

/// A hold of the caller's own balance. For everybody else there is none; a checkout's hold belongs to the checkout.
fn own_hold(conn: &mut Conn, context: &Context, owner: &Did, id: HoldId) -> Result<Hold, PayError> {
    let hold = hold_fetch(conn, &context.sealer, id)?.ok_or(PayError::NotFound("hold"))?;
    if hold.owner != Owner::Did(owner.canonical()).to_string() {
        return Err(PayError::NotFound("hold"));
    }
    let is_from_rail = hold.source != AccountKey::of(owner, hold.amount.asset, Purpose::Available).id();
    if is_from_rail || balance::is_of_checkout(conn, context, &hold)? {
        return Err(PayError::Forbidden(
            "This money was paid for a checkout, and only the checkout moves it.",
        ));
    }
    Ok(hold)
}

fn reference_of(text: Option<&str>) -> Result<String, PayError> {
    match text {
        None => Ok("hold".to_owned()),
        Some(text) if text.is_empty() || text.len() > REFERENCE_BYTES_MAX || text.chars().any(char::is_control) => {
            let problem = format!("must have 1 to {REFERENCE_BYTES_MAX} bytes and no control characters");
            Err(PayError::invalid("reference", problem))
        }
        Some(text) => Ok(text.to_owned()),
    }
}

/// Sends expired holds back, a page of them; answers where the next page begins, if there is one.
pub(crate) fn holds_expire(
    conn: &mut Conn,
    context: &Context,
    after: Option<(Timestamp, HoldId)>,
) -> Result<Swept<HoldId>, PayError> {
    let due = hold_expired_list(conn, context.now(), after, SWEEP_ROWS)?;
    let next = due.last().copied();
    let ids: Vec<HoldId> = due.into_iter().map(|(_, id)| id).collect();
    let together = diesel::Connection::transaction(conn, |conn| holds_release(conn, context, &ids));
    match together {
        Ok(refused) => return Ok((next, refused)),
        Err(error) if error.code() == Code::Unavailable => return Err(error),
        // One of them may be what stopped all: each on its own then.
        Err(_) => {}
    }
    let mut failed = Vec::new();
    for id in ids {
        match diesel::Connection::transaction(conn, |conn| holds_release(conn, context, &[id])) {
            Ok(refused) => failed.extend(refused),
            Err(error) if error.code() == Code::Unavailable => return Err(error),
            Err(error) => failed.push((id, error)),
        }
    }
    Ok((next, failed))
}

/// Those that the ledger does not send back.
fn holds_release(conn: &mut Conn, context: &Context, ids: &[HoldId]) -> Result<Vec<(HoldId, PayError)>, PayError> {
    let command = |id: &HoldId| {
        Command::Release(HoldRelease {
            hold: *id,
            key: format!("expire/{id}"),
            why: Release::Expire,
            reference: id.to_string(),
        })
    };
    let commands: Vec<Command> = ids.iter().map(command).collect();
    if commands.is_empty() {
        return Ok(Vec::new());
    }
    let answers = context.ledger.execute(conn, &commands)?;
    let refused = ids.iter().zip(answers);
    Ok(refused
        .filter_map(|(id, answer)| Some((*id, answer.err()?.into())))
        .collect())
}

/// Refuses a payment of nothing before the ledger has to.
pub(crate) fn positive(member: &str, money: Money) -> Result<Money, PayError> {
    if money.amount == Amount::ZERO {
        return Err(PayError::invalid(member, "must be more than zero"));
    }
    Ok(money)
}
