//! Paying from a balance: the open checkout is the quote, and the money is set aside until the goods are handed over.

use imajin_did::Did;
use imajin_kernel::id::{CheckoutId, HoldId, ReceiptId};
use imajin_kernel::{Code, Problem, Span, Timestamp};
use imajin_ledger::{AccountKey, Command, Hold, HoldPlace, HoldRelease, Owner, Purpose, Refusal, Release};
use imajin_money::Money;
use imajin_pay_api::CheckoutState;
use imajin_store::outbox::{self, OutboxRow};
use imajin_store::{Conn, SealedRow};

use super::checkout_lock;
use super::debts::debt_repay;
use super::measured::is_measured;
use super::message::DELIVER;
use super::notices::{News, sale_owe};
use super::payer::Payer;
use super::visa::{VISA, visa_free};
use crate::PayError;
use crate::context::Context;
use crate::rows::CheckoutRow;

/// What stands in the place of a rail when a balance pays.
pub(crate) const BALANCE: &str = "balance";
/// How long the request that has paid is left alone with handing over what it paid for. Whatever is not handed over by
/// then, because its process has ended, the background hands over.
pub(crate) const HANDING_OVER: Span = Span::seconds(2);
/// The action in the mutation log.
pub(crate) const QUOTE_SETTLE: &str = "quote.settle";

/// The ledger's key of the money that was set aside, by what has paid.
pub(crate) fn paid_key(means: &str, id: CheckoutId) -> String {
    format!("{means}/{id}")
}

/// Whether a checkout is paid at this node itself, and not at a rail.
pub(crate) fn is_paid_here(rail: &str) -> bool {
    rail == BALANCE || rail == VISA
}

/// The ledger's key of the money that came back.
pub(crate) fn returned_key(id: CheckoutId) -> String {
    format!("return/{id}")
}

/// A quote that was paid, now or before.
pub(crate) struct Spent {
    pub(crate) row: CheckoutRow,
    /// The delivery that follows.
    pub(crate) item: Option<OutboxRow>,
    /// Whether the request was answered before.
    pub(crate) replayed: bool,
}

/// Pays a quote from the signer's balance, once.
pub(crate) fn balance_pay(
    conn: &mut Conn,
    context: &Context,
    payer: &Payer,
    id: CheckoutId,
) -> Result<Spent, PayError> {
    if let Some(spent) = replayed(conn, context, payer)? {
        return Ok(spent);
    }
    let row = quote_lock(conn, context, payer.did(), id)?;
    let held = balance_hold(conn, context, payer.did(), row)?;
    paid(conn, context, payer, held)
}

/// A quote whose money is set aside; nothing of it is written yet.
pub(crate) struct HeldQuote {
    pub(crate) row: CheckoutRow,
    pub(crate) hold: HoldId,
    pub(crate) receipt: ReceiptId,
}

/// Sets the price of a quote aside from its owner's balance.
pub(crate) fn balance_hold(
    conn: &mut Conn,
    context: &Context,
    owner: &Did,
    mut row: CheckoutRow,
) -> Result<HeldQuote, PayError> {
    let (id, price) = (row.id, row.price()?);
    let hold: HoldId = context.env.new_id();
    debt_repay(conn, context, owner, price.asset, hold.as_str())?;
    let place = HoldPlace {
        id: hold,
        key: paid_key(BALANCE, id),
        source: AccountKey::of(owner, price.asset, Purpose::Available),
        owner: Owner::Did(owner.canonical()),
        amount: price.amount,
        reference: id.to_string(),
        expires_at: None,
    };
    let placed = context.ledger.execute_one(conn, &Command::Place(place))?;
    let hold = placed
        .map_err(|refusal| short(refusal, price))?
        .hold
        .map(|hold| hold.id);
    let hold = hold.ok_or_else(|| PayError::Fault("a hold without a hold".to_owned()))?;
    row.rail_reference = Some(hold.to_string());
    let receipt = context.env.new_id();
    Ok(HeldQuote { row, hold, receipt })
}

/// The earlier answer to this request, if there is one.
pub(crate) fn replayed(conn: &mut Conn, context: &Context, payer: &Payer) -> Result<Option<Spent>, PayError> {
    let Some(body) = payer.key().replayed(conn, context, payer.did())? else {
        return Ok(None);
    };
    payer.again(conn, context)?;
    let known = std::str::from_utf8(&body).ok().and_then(|text| text.parse().ok());
    let row = known.map(|id| checkout_lock(conn, context, id)).transpose()?.flatten();
    Ok(Some(Spent {
        row: row.ok_or(PayError::NotFound("quote"))?,
        item: None,
        replayed: true,
    }))
}

/// The money of a quote is held: the goods are handed over next.
pub(crate) fn paid(conn: &mut Conn, context: &Context, payer: &Payer, held: HeldQuote) -> Result<Spent, PayError> {
    let (owner, id) = (payer.did(), held.row.id);
    let (row, item) = held_write(conn, context, held, context.now().plus(HANDING_OVER))?;
    sale_owe(conn, context, &row)?;
    payer.log(conn, context, &format!("{id}/settle"))?;
    payer
        .key()
        .store(conn, context, owner, 200, id.to_string().as_bytes())?;
    Ok(Spent {
        row,
        item: Some(item),
        replayed: false,
    })
}

/// Writes down that the money of a quote is held, and that the goods are handed over from `due_at` on.
pub(crate) fn held_write(
    conn: &mut Conn,
    context: &Context,
    held: HeldQuote,
    due_at: Timestamp,
) -> Result<(CheckoutRow, OutboxRow), PayError> {
    let HeldQuote { mut row, hold, receipt } = held;
    let (id, now) = (row.id, context.now());
    row.state_set(CheckoutState::Paid, now);
    row.hold_id = Some(hold);
    row.receipt_id = Some(receipt);
    row.paid_at = Some(now);
    let row = row.save(conn, &context.sealer)?;
    let (sealer, env) = (&context.sealer, &context.env);
    let item = outbox::enqueue_at(conn, sealer, env, DELIVER, &id.to_string(), &id, due_at)?;
    Ok((row, item))
}

/// A quote that its owner may pay now.
pub(crate) fn quote_lock(
    conn: &mut Conn,
    context: &Context,
    owner: &Did,
    id: CheckoutId,
) -> Result<CheckoutRow, PayError> {
    let row = checkout_lock(conn, context, id)?;
    let is_own = |row: &CheckoutRow| is_paid_here(&row.rail) && row.owner_did == owner.canonical().as_str();
    let row = row.filter(is_own).ok_or(PayError::NotFound("quote"))?;
    match row.state_at(context.now())? {
        CheckoutState::Open => Ok(row),
        CheckoutState::Expired => {
            let problem = Problem::new(Code::HoldExpired, "This quote has expired.");
            Err(problem.hint("Ask for a new one: POST /pay/api/quote.").into())
        }
        CheckoutState::Cancelled => Err(PayError::State {
            detail: "This quote was replaced by another one.".to_owned(),
            hint: "Pay the newer one, or ask for a new one: POST /pay/api/quote.",
        }),
        CheckoutState::Paid | CheckoutState::Settled | CheckoutState::Refunded => Err(PayError::State {
            detail: "This quote was used already.".to_owned(),
            hint: "A quote is paid once. Ask for a new one: POST /pay/api/quote.",
        }),
    }
}

/// A balance that is too small, with what is missing.
fn short(refusal: Refusal, price: Money) -> PayError {
    let Refusal::Insufficient { available, .. } = refusal else {
        return refusal.into();
    };
    let missing = price.checked_sub(available).unwrap_or(price);
    let text = |money: Money| serde_json::to_value(money).unwrap_or_default();
    let detail = format!("This costs {price}, and your balance is {available}: {missing} is missing.");
    Problem::new(Code::PaymentRequired, detail)
        .with("price", text(price))
        .with("available", text(available))
        .with("missing", text(missing))
        .with("topup", "/pay/api/topup")
        .hint("Top your balance up (POST /pay/api/topup, or imajin topup), or pay by checkout.")
        .into()
}

/// Whether a hold is what was set aside for a checkout: then only the checkout moves it.
pub(crate) fn is_of_checkout(conn: &mut Conn, context: &Context, hold: &Hold) -> Result<bool, PayError> {
    let Ok(checkout) = hold.reference.parse() else {
        return Ok(false);
    };
    let row = super::checkout_find(conn, context, checkout)?;
    Ok(row.is_some_and(|row| row.hold_id == Some(hold.id)))
}

/// Sends the money of a checkout back to the balance, or the promise, that it came from: the goods cannot be had.
pub(crate) fn balance_return(
    conn: &mut Conn,
    context: &Context,
    mut checkout: CheckoutRow,
    reason: &str,
) -> Result<(), PayError> {
    let id = checkout.id;
    let missing = || PayError::damaged(CheckoutRow::TABLE, &id.to_string(), "it is paid, and names no payment");
    let release = HoldRelease {
        hold: checkout.hold_id.ok_or_else(missing)?,
        key: returned_key(id),
        why: Release::Void,
        reference: id.to_string(),
    };
    context.ledger.execute_one(conn, &Command::Release(release))??;
    if checkout.rail == VISA {
        visa_free(conn, context, &checkout)?;
    } else if !is_measured(&checkout) {
        let (amount, reason) = (checkout.price()?, reason.to_owned());
        let news = News::Back {
            checkout: id,
            amount,
            reason,
        };
        news.owe(conn, context)?;
    }
    checkout.state_set(CheckoutState::Refunded, context.now());
    checkout.reason = Some(reason.to_owned());
    checkout.receipt_id = None;
    checkout.save(conn, &context.sealer)?;
    tracing::info!(checkout = %id, reason, "the money of a quote goes back to its balance");
    Ok(())
}
