//! What people should hear of without looking: a purchase, money that goes back, a payout, a debt. Owed in the
//! transaction that makes it true, and handed over afterwards to whoever knows mailboxes.
//!
//! A notice is for one person and says nothing about others: what a payee owes, the buyer does not read.

use std::collections::BTreeMap;

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::id::{CheckoutId, PayoutId, RefundId};
use imajin_kernel::{Span, Timestamp};
use imajin_money::{Amount, Asset, Money};
use imajin_pay_api::CheckoutState;
use imajin_store::{Conn, outbox};
use imajin_web::{Addressee, Notice};
use serde::{Deserialize, Serialize};

use super::checkout_find;
use super::payout_list::{payout_find, payout_view};
use super::reconcile::kind::Kind;
use super::sale_refund::refund_find;
use super::visa::VISA;
use crate::PayError;
use crate::context::Context;
use crate::rows::{CheckoutRow, RefundState, RoundRow};
use crate::schema::differences;

/// The outbox topic of what was not told yet.
pub(crate) const NOTICE: &str = "notice";
/// Goods are handed over at once, mostly: so long the news of a sale waits to be the whole of it.
const SALE_AFTER: Span = Span::seconds(10);

/// How a dispute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DisputeNews {
    /// The bank has taken the money: the seller can answer.
    Opened,
    /// The money came back.
    Won,
    /// The bank keeps it.
    Lost,
}

/// What there is to tell, and to whom.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum News {
    /// To the payer: the goods are theirs.
    Sale(CheckoutId),
    /// To the payer: what they have paid goes back as it came, because nothing is sold for it.
    Back {
        checkout: CheckoutId,
        amount: Money,
        reason: String,
    },
    /// To the payer: a part of what they have paid, or all of it, was sent back.
    Refund(RefundId),
    /// To the payer: their bank did not take it, so it is in their balance.
    RefundReturned(RefundId),
    /// To the payee: what has left, and what came back.
    Payout(PayoutId),
    /// To the seller, and at its end to the payer.
    Dispute {
        checkout: CheckoutId,
        amount: Money,
        news: DisputeNews,
        to: Did,
    },
    /// To whoever owes: how much more than before.
    Debt { did: Did, amount: Money },
    /// To the operator: what a comparison has found since it began.
    Differences { scope: String, since: Timestamp },
}

impl News {
    /// News with the same key are told one after the other.
    fn key(&self) -> String {
        match self {
            Self::Sale(checkout) | Self::Back { checkout, .. } | Self::Dispute { checkout, .. } => checkout.to_string(),
            Self::Refund(refund) | Self::RefundReturned(refund) => refund.to_string(),
            Self::Payout(payout) => payout.to_string(),
            Self::Debt { did, .. } => did.to_string(),
            Self::Differences { scope, .. } => scope.clone(),
        }
    }

    /// Owes it to whom it concerns. Call it in the transaction that makes it true.
    pub(crate) fn owe(&self, conn: &mut Conn, context: &Context) -> Result<(), PayError> {
        let now = context.now();
        let due = if matches!(self, Self::Sale(_)) {
            now.plus(SALE_AFTER)
        } else {
            now
        };
        outbox::enqueue_at(conn, &context.sealer, &context.env, NOTICE, &self.key(), self, due)?;
        Ok(())
    }

    /// What is told now, if anything. The caller knows what to call it.
    pub(crate) fn telling(&self, conn: &mut Conn, context: &Context) -> Result<Telling, PayError> {
        match self {
            Self::Sale(id) => sale(&checkout_of(conn, context, *id)?),
            Self::Back {
                checkout,
                amount,
                reason,
            } => back(&checkout_of(conn, context, *checkout)?, *amount, reason),
            Self::Refund(id) | Self::RefundReturned(id) => refund(conn, context, *id),
            Self::Payout(id) => payout(conn, context, *id),
            Self::Dispute {
                checkout,
                amount,
                news,
                to,
            } => dispute(&checkout_of(conn, context, *checkout)?, *amount, *news, to),
            Self::Debt { did, amount } => Ok(debt(did, *amount)),
            Self::Differences { scope, since } => differences_found(conn, scope, *since),
        }
    }
}

/// Owes the seller, and once it is decided the payer, what became of a dispute.
pub(crate) fn dispute_owe(
    conn: &mut Conn,
    context: &Context,
    checkout: &CheckoutRow,
    amount: Money,
    news: DisputeNews,
) -> Result<(), PayError> {
    let seller = checkout.seller_did.parse();
    let seller: Did = seller.map_err(|_no_did| PayError::damaged("checkouts", checkout.id.as_str(), "its seller"))?;
    let payer = (news != DisputeNews::Opened).then(|| checkout.buyer()).transpose()?;
    for to in [Some(seller), payer].into_iter().flatten() {
        let news = News::Dispute {
            checkout: checkout.id,
            amount,
            news,
            to,
        };
        news.owe(conn, context)?;
    }
    Ok(())
}

/// Owes the news of a sale whose money has come. Who pays with a visa is no person.
pub(crate) fn sale_owe(conn: &mut Conn, context: &Context, checkout: &CheckoutRow) -> Result<(), PayError> {
    if checkout.rail == VISA {
        return Ok(());
    }
    News::Sale(checkout.id).owe(conn, context)
}

/// Owes the operator what a comparison has found, when it is through.
pub(crate) fn differences_owe(conn: &mut Conn, context: &Context, round: &RoundRow) -> Result<(), PayError> {
    let (scope, since) = (round.scope.clone(), round.started_at);
    if kinds_found(conn, &scope, since)?.is_empty() {
        return Ok(());
    }
    News::Differences { scope, since }.owe(conn, context)
}

/// Whether there is something to tell.
pub(crate) enum Telling {
    /// This.
    Now(Told),
    /// It is not decided yet.
    Later,
    /// Nothing, or not any more.
    Nothing,
}

/// A notice that has no name yet.
pub(crate) struct Told {
    to: Addressee,
    subject: String,
    text: String,
    path: String,
}

impl Told {
    fn now(to: Did, subject: String, text: String, path: String) -> Telling {
        Telling::Now(Self {
            to: Addressee::Person(to),
            subject,
            text,
            path,
        })
    }

    pub(crate) fn named(self, source: String) -> Notice {
        Notice {
            source,
            to: self.to,
            subject: self.subject,
            text: self.text,
            path: self.path,
        }
    }
}

fn checkout_of(conn: &mut Conn, context: &Context, id: CheckoutId) -> Result<CheckoutRow, PayError> {
    checkout_find(conn, context, id)?.ok_or(PayError::NotFound("checkout"))
}

/// Test money is called so wherever it is spoken of.
fn text_of(money: Money) -> String {
    if money.asset.is_test() {
        format!("{money} (test money)")
    } else {
        money.to_string()
    }
}

fn receipt_or_checkout(row: &CheckoutRow) -> String {
    row.receipt_id.map_or_else(
        || format!("/pay/checkout/{}", row.id),
        |receipt| format!("/receipts/{receipt}"),
    )
}

fn sale(row: &CheckoutRow) -> Result<Telling, PayError> {
    let (title, price) = (&row.title, text_of(row.price()?));
    match row.state()? {
        CheckoutState::Paid => Ok(Telling::Later),
        CheckoutState::Settled => Ok(Told::now(
            row.buyer()?,
            format!("Receipt: {title}"),
            format!("You have paid {price} for “{title}”. Your receipt:"),
            receipt_or_checkout(row),
        )),
        // What became of the money instead is told by itself.
        _ => Ok(Telling::Nothing),
    }
}

fn back(row: &CheckoutRow, amount: Money, reason: &str) -> Result<Telling, PayError> {
    let (title, amount) = (&row.title, text_of(amount));
    Ok(Told::now(
        row.buyer()?,
        format!("Sent back: {title}"),
        format!("The {amount} that you have paid for “{title}” go back the way they came. {reason}"),
        format!("/pay/checkout/{}", row.id),
    ))
}

fn refund(conn: &mut Conn, context: &Context, id: RefundId) -> Result<Telling, PayError> {
    let row = refund_find(conn, context, id)?;
    let checkout = checkout_of(conn, context, row.checkout_id)?;
    let (title, amount) = (&checkout.title, text_of(row.money()?));
    let why = row
        .reason
        .as_ref()
        .map_or(String::new(), |reason| format!(" The reason: {reason}"));
    let text = if row.is(RefundState::Returned) {
        format!(
            "Your bank did not take the {amount} that were sent back to you for “{title}”. They are in your balance \
             here: spend them, or have them paid out."
        )
    } else {
        format!("{amount} of what you have paid for “{title}” were sent back the way they came.{why}")
    };
    let subject = format!("Sent back: {amount} for {title}");
    Ok(Told::now(
        checkout.buyer()?,
        subject,
        text,
        receipt_or_checkout(&checkout),
    ))
}

fn payout(conn: &mut Conn, context: &Context, id: PayoutId) -> Result<Telling, PayError> {
    let row = payout_find(conn, context, id)?;
    let view = payout_view(conn, context, &row)?;
    let (amount, returned) = (text_of(view.amount), text_of(view.returned));
    let (subject, text) = match view.state.as_str() {
        "under_way" => return Ok(Telling::Later),
        "paid" => {
            let text = format!(
                "{amount} of your balance are on their way to your account at {}.",
                view.rail
            );
            (format!("Paid out: {amount}"), text)
        }
        "failed" => {
            let text = format!("Your payout of {amount} did not arrive. The money is in your balance again.");
            ("A payout came back".to_owned(), text)
        }
        _partly => {
            let text = format!("{returned} of your payout of {amount} did not arrive, and are in your balance again.");
            ("Part of a payout came back".to_owned(), text)
        }
    };
    Ok(Told::now(row.payee()?, subject, text, "/earnings".to_owned()))
}

fn dispute(checkout: &CheckoutRow, amount: Money, news: DisputeNews, to: &Did) -> Result<Telling, PayError> {
    let (title, amount) = (&checkout.title, text_of(amount));
    let is_payer = checkout.buyer()?.canonical() == to.canonical();
    let (subject, text) = match (news, is_payer) {
        (DisputeNews::Opened, _) => (
            "Disputed",
            format!(
                "The bank of somebody who has bought “{title}” wants {amount} back, and has taken them until it is \
                 decided. What was split of it was taken back. The operator of this node answers the bank: send them \
                 what proves the sale."
            ),
        ),
        (DisputeNews::Won, false) => (
            "Dispute won",
            format!(
                "The dispute about “{title}” is decided: the bank gave the {amount} back, and they are split again."
            ),
        ),
        (DisputeNews::Lost, false) => (
            "Dispute lost",
            format!("The dispute about “{title}” is decided: the bank keeps the {amount}."),
        ),
        (DisputeNews::Won, true) => (
            "Dispute decided",
            format!("Your bank has decided about {amount} for “{title}”: the payment stands."),
        ),
        (DisputeNews::Lost, true) => (
            "Dispute decided",
            format!("Your bank has decided about {amount} for “{title}”: it has taken them back for you."),
        ),
    };
    let subject = format!("{subject}: {title}");
    Ok(Told::now(to.clone(), subject, text, receipt_or_checkout(checkout)))
}

fn debt(did: &Did, amount: Money) -> Telling {
    let amount = text_of(amount);
    let text = format!(
        "Money that you had received went back to whoever paid it, and your balance was too small: {amount} are \
         missing. You owe them now, and what you get next pays them first."
    );
    Told::now(did.clone(), format!("You owe {amount}"), text, "/earnings".to_owned())
}

/// How many differences of each kind a comparison has found that were not known when it began.
fn kinds_found(conn: &mut Conn, scope: &str, since: Timestamp) -> Result<BTreeMap<String, u64>, PayError> {
    let kinds: Vec<String> = differences::table
        .filter(differences::scope.eq(scope))
        .filter(differences::first_seen_at.ge(since))
        .filter(differences::resolved_at.is_null())
        .select(differences::kind)
        .load(conn)?;
    let mut found = BTreeMap::new();
    for kind in kinds {
        let count: &mut u64 = found.entry(kind).or_default();
        *count = count.saturating_add(1);
    }
    Ok(found)
}

fn differences_found(conn: &mut Conn, scope: &str, since: Timestamp) -> Result<Telling, PayError> {
    let found = kinds_found(conn, scope, since)?;
    let count = found.values().fold(0_u64, |sum, count| sum.saturating_add(*count));
    if count == 0 {
        return Ok(Telling::Nothing);
    }
    let lines = found.iter().map(|(kind, count)| {
        let name = kind.replace('_', " ");
        format!("- {count} × {name}. {}", Kind::advice_of(kind))
    });
    let lines: Vec<String> = lines.collect();
    let text = format!(
        "The books were compared ({scope}), and something is different that was not before:\n\n{}",
        lines.join("\n")
    );
    let noun = if count == 1 { "difference" } else { "differences" };
    Ok(Telling::Now(Told {
        to: Addressee::Operator,
        subject: format!("{count} {noun} in the books: {scope}"),
        text,
        path: "/pay/operator/reconciliation".to_owned(),
    }))
}

/// Owes it to everybody who has just got into debt.
pub(crate) fn debts_owe(
    conn: &mut Conn,
    context: &Context,
    asset: Asset,
    indebted: &[(Did, i64)],
) -> Result<(), PayError> {
    for (did, units) in indebted {
        let amount = Amount::from_micros(*units).unwrap_or(Amount::MAX);
        let news = News::Debt {
            did: did.clone(),
            amount: Money::new(amount, asset),
        };
        news.owe(conn, context)?;
    }
    Ok(())
}
