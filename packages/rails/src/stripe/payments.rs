//! Checkout sessions, what they bring, and refunds.

use imajin_kernel::id::CheckoutId;
use imajin_kernel::{Span, Timestamp};
use imajin_money::{Amount, Money};
use serde_json::Value;

use super::client::Failed;
use super::money::{fee_in_charge, from_minor, to_minor};
use super::objects::{BalanceTransaction, Charge, Event, Intent, Metadata, Refund, Session};
use super::{CHECKOUT_MEMBER, PAYOUT_MEMBER, REFUND_MEMBER, StripeRail};
use crate::{Confirmed, Opened, RailCheckout, RailError, RailEvent, RailFee, RailOutcome, RailRefund, Refunded};

/// The shortest life that Stripe gives a session, and something for the way there.
const SESSION_LEAST: Span = Span::seconds(30 * 60 + 60);
/// The longest title that Stripe shows.
const TITLE_CHARS_MAX: usize = 250;

impl StripeRail {
    pub(super) async fn session_open(&self, checkout: &RailCheckout) -> Result<Opened, RailError> {
        let (amount, currency) = to_minor(checkout.price)?;
        let id = checkout.id.to_string();
        let title: String = checkout.title.chars().take(TITLE_CHARS_MAX).collect();
        // A session that outlives its checkout is closed by `close`.
        let expires_at = checkout.expires_at.max(self.env.now().plus(SESSION_LEAST));
        let absolute = |path: &str| format!("{}{path}", self.node_url);
        let form = [
            ("mode", "payment".to_owned()),
            ("client_reference_id", id.clone()),
            ("metadata[imajin_checkout]", id.clone()),
            ("payment_intent_data[capture_method]", "automatic".to_owned()),
            ("payment_intent_data[metadata][imajin_checkout]", id.clone()),
            ("line_items[0][quantity]", "1".to_owned()),
            ("line_items[0][price_data][currency]", currency),
            ("line_items[0][price_data][unit_amount]", amount.to_string()),
            ("line_items[0][price_data][product_data][name]", title),
            ("success_url", absolute(&checkout.success_url)),
            ("cancel_url", absolute(&checkout.cancel_url)),
            ("expires_at", expires_at.as_seconds().to_string()),
        ];
        let key = format!("checkout/{id}");
        let session: Session = self.client.post("checkout/sessions", &form, &key).await?;
        let url = session
            .url
            .ok_or_else(|| RailError::Refused("the session has no page".to_owned()))?;
        Ok(Opened {
            url,
            reference: Some(session.id),
        })
    }

    pub(super) async fn session_close(&self, session: &str) -> Result<(), RailError> {
        let path = format!("checkout/sessions/{}/expire", segment(session)?);
        let ended: Result<Session, Failed> = self.client.post(&path, &[], &format!("close/{session}")).await;
        match ended {
            // It is over already, one way or the other.
            Ok(_) | Err(Failed::Refused { .. }) => Ok(()),
            Err(failed) => Err(failed.into()),
        }
    }

    /// What a genuine message says, if it is about something of ours.
    pub(super) fn event_read(&self, event: Event) -> Result<Option<RailEvent>, RailError> {
        if event.livemode == self.is_test {
            let sort = if event.livemode { "real money" } else { "test money" };
            return Err(RailError::WrongMoney(sort));
        }
        let object = &event.data.object;
        if let Some(account) = &event.account {
            if event.kind == "payout.failed" {
                return self.bank_event(&event, account).map(Some);
            }
            // Whatever is paid at an account of somebody else is not ours. Whether it can be paid is.
            let is_about_it = event.kind == "account.updated" && text(object, "id") == account;
            return if is_about_it {
                self.payee_event(&event, account).map(Some)
            } else {
                Ok(None)
            };
        }
        let outcome = match event.kind.as_str() {
            "checkout.session.completed" if text(object, "payment_status") == "paid" => RailOutcome::Paid,
            "checkout.session.async_payment_succeeded" => RailOutcome::Paid,
            "checkout.session.async_payment_failed" | "payment_intent.payment_failed" => RailOutcome::Failed,
            "checkout.session.expired" => RailOutcome::Cancelled,
            "charge.updated" if object.get("balance_transaction").is_some_and(|known| !known.is_null()) => {
                RailOutcome::FeeKnown
            }
            "transfer.reversed" if has_payout(object) => RailOutcome::TransferReversed,
            "refund.failed" if has_member(object, REFUND_MEMBER) => RailOutcome::RefundFailed,
            // That one was called off is told in no message of its own.
            "refund.updated" | "charge.refund.updated"
                if has_member(object, REFUND_MEMBER) && is_in_vain(text(object, "status")) =>
            {
                RailOutcome::RefundFailed
            }
            kind if kind.starts_with("charge.dispute.") => RailOutcome::Disputed,
            _ => return Ok(None),
        };
        let checkout = checkout_of(object);
        // Another shop may use the same account. A dispute does not say whose it is; its payment does.
        let elsewhere = matches!(outcome, RailOutcome::Disputed | RailOutcome::TransferReversed);
        if checkout.is_none() && !elsewhere {
            return Ok(None);
        }
        let amount = ["amount_total", "amount"]
            .into_iter()
            .find_map(|name| object.get(name)?.as_i64());
        let amount = from_minor(amount.unwrap_or_default(), text(object, "currency"), self.is_test)?;
        let reference = match outcome {
            RailOutcome::FeeKnown => text(object, "payment_intent"),
            _ => text(object, "id"),
        };
        Ok(Some(RailEvent {
            id: event.id,
            checkout,
            outcome,
            amount,
            reference: reference.to_owned(),
            time: Timestamp::from_seconds(event.created),
        }))
    }

    /// Asks Stripe what is true.
    pub(super) async fn event_confirm(&self, event: RailEvent) -> Result<Option<Confirmed>, RailError> {
        if segment(&event.reference).is_err() {
            // Stripe has nothing of that name.
            return Ok(None);
        }
        match event.outcome {
            RailOutcome::Paid => self.paid_confirm(event).await,
            RailOutcome::FeeKnown => self.fee_confirm(event).await,
            // Nothing is booked for these; they only say what the buyer sees.
            RailOutcome::Failed | RailOutcome::Cancelled => Ok(Some(Confirmed::plain(event, RailFee::Unknown))),
            RailOutcome::Disputed => self.dispute_confirm(event).await,
            // After a payout that failed, the money is the payee's own, at the rail; what can be paid now is asked as
            // for any change of the account.
            RailOutcome::PayeeChanged | RailOutcome::PayoutFailed => self.payee_confirm(event).await,
            RailOutcome::TransferReversed => self.transfer_confirm(event).await,
            RailOutcome::RefundFailed => self.refund_confirm(event).await,
        }
    }

    async fn paid_confirm(&self, event: RailEvent) -> Result<Option<Confirmed>, RailError> {
        let path = format!("checkout/sessions/{}", segment(&event.reference)?);
        let Some(session) = found(self.client.get::<Session>(&path, &[]).await)? else {
            return Ok(None);
        };
        let ours = session.metadata.as_ref().and_then(checkout_in) == event.checkout;
        let (Some(intent), "paid", true) = (&session.payment_intent, session.payment_status.as_str(), ours) else {
            return Ok(None);
        };
        let Some(intent) = self.intent_fetch(intent).await? else {
            return Ok(None);
        };
        // The payment itself must say the same as its session.
        let same = session.amount_total == Some(intent.amount) && session.currency.as_ref() == Some(&intent.currency);
        let complete = session.status.as_deref() == Some("complete");
        if intent.status != "succeeded" || !same || !complete || intent.livemode == self.is_test {
            return Ok(None);
        }
        let amount = from_minor(intent.amount_received, &intent.currency, self.is_test)?;
        let fee = self.fee_of(&intent)?;
        let event = RailEvent {
            amount,
            reference: intent.id,
            ..event
        };
        Ok(Some(Confirmed::plain(event, fee)))
    }

    async fn fee_confirm(&self, event: RailEvent) -> Result<Option<Confirmed>, RailError> {
        let Some(intent) = self.intent_fetch(&event.reference).await? else {
            return Ok(None);
        };
        if checkout_in(&intent.metadata) != event.checkout {
            return Ok(None);
        }
        let fee = self.fee_of(&intent)?;
        let known = matches!(fee, RailFee::Known(_));
        Ok(known.then(|| Confirmed::plain(event, fee)))
    }

    pub(super) async fn fee_fetch(&self, intent: &str) -> Result<RailFee, RailError> {
        let found = self.intent_fetch(intent).await?;
        let intent = found.ok_or_else(|| RailError::Refused(format!("there is no payment {intent}")))?;
        self.fee_of(&intent)
    }

    pub(super) async fn intent_fetch(&self, id: &str) -> Result<Option<Intent>, RailError> {
        let expand = [("expand[0]", "latest_charge.balance_transaction".to_owned())];
        found(
            self.client
                .get(&format!("payment_intents/{}", segment(id)?), &expand)
                .await,
        )
    }

    /// What Stripe has taken of a payment: its balance transaction says so, some time after the payment.
    pub(super) fn fee_of(&self, intent: &Intent) -> Result<RailFee, RailError> {
        let charge = intent.latest_charge.as_ref().and_then(|charge| charge.object());
        let Some(charge) = charge else {
            return Ok(RailFee::Unknown);
        };
        let balance = charge.balance_transaction.as_ref().and_then(|balance| balance.object());
        balance.map_or(Ok(RailFee::Unknown), |balance| {
            self.fee_in(charge, balance).map(RailFee::Known)
        })
    }

    fn fee_in(&self, charge: &Charge, balance: &BalanceTransaction) -> Result<Amount, RailError> {
        let fee = if balance.currency == charge.currency {
            Some(balance.fee)
        } else {
            fee_in_charge(balance.fee, balance.amount, charge.amount)
        };
        let fee = fee.ok_or_else(|| RailError::Malformed(format!("the fee of {} is no amount", charge.id)))?;
        let fee: Money = from_minor(fee.max(0), &charge.currency, self.is_test)?;
        Ok(fee.amount)
    }

    pub(super) async fn refund_make(&self, refund: &RailRefund) -> Result<Refunded, RailError> {
        let (amount, _currency) = to_minor(refund.amount)?;
        // Stripe forgets keys after a day or more, and a part refund could be made twice then: it is asked first.
        if let Some(made) = self.refund_find(refund).await? {
            return refund_made(made);
        }
        let form = [
            ("payment_intent", refund.reference.clone()),
            ("amount", amount.to_string()),
            ("metadata[imajin_refund]", refund.key.clone()),
            ("metadata[imajin_checkout]", refund.checkout.to_string()),
        ];
        let made: Result<Refund, Failed> = self
            .client
            .post("refunds", &form, &format!("refund/{}", refund.key))
            .await;
        let made = match made {
            Ok(made) => made,
            // The buyer's bank has taken it back already; unless it was sent before that, and the answer was lost.
            Err(Failed::Refused { code, .. }) if code == "charge_disputed" => {
                let Some(made) = self.refund_find(refund).await? else {
                    return Ok(Refunded::by_dispute(&refund.reference));
                };
                made
            }
            Err(refused @ Failed::Refused { .. }) => self
                .refund_find(refund)
                .await?
                .ok_or_else(|| RailError::from(refused))?,
            Err(failed) => return Err(failed.into()),
        };
        refund_made(made)
    }

    /// A refund that had been made and did not arrive.
    async fn refund_confirm(&self, event: RailEvent) -> Result<Option<Confirmed>, RailError> {
        let path = format!("refunds/{}", segment(&event.reference)?);
        let refund = found(self.client.get::<Refund>(&path, &[]).await)?;
        let failed = refund.is_some_and(|refund| refund.status.as_deref().is_some_and(is_in_vain));
        Ok(failed.then(|| Confirmed::plain(event, RailFee::Unknown)))
    }

    async fn refund_find(&self, refund: &RailRefund) -> Result<Option<Refund>, RailError> {
        let query = [("payment_intent", refund.reference.clone())];
        let ours = |made: &Refund| {
            let key = made.metadata.as_ref().and_then(|metadata| metadata.get(REFUND_MEMBER));
            key == Some(&refund.key)
        };
        self.client.find("refunds", &query, |made| &made.id, ours).await
    }
}

/// Whether a refund in this state leaves the money here: the buyer's bank did not take it, or it was called off.
pub(super) fn is_in_vain(status: &str) -> bool {
    matches!(status, "failed" | "canceled")
}

fn refund_made(made: Refund) -> Result<Refunded, RailError> {
    if made.status.as_deref().is_some_and(is_in_vain) {
        let text = format!("the refund {} does not reach the buyer's bank", made.id);
        return Err(RailError::Refused(text));
    }
    Ok(Refunded { reference: made.id })
}

/// An object, or nothing when there is none that our key may see.
pub(super) fn found<T>(answer: Result<T, Failed>) -> Result<Option<T>, RailError> {
    match answer {
        Ok(object) => Ok(Some(object)),
        Err(Failed::Refused { status: 404, .. }) => Ok(None),
        Err(failed) => Err(failed.into()),
    }
}

/// An identifier that may stand in a path.
pub(super) fn segment(id: &str) -> Result<&str, RailError> {
    let plain = !id.is_empty()
        && id
            .bytes()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == b'_');
    plain
        .then_some(id)
        .ok_or_else(|| RailError::Malformed(format!("`{id}` is no identifier of Stripe's")))
}

fn has_payout(object: &Value) -> bool {
    has_member(object, PAYOUT_MEMBER)
}

fn has_member(object: &Value, member: &str) -> bool {
    object
        .get("metadata")
        .is_some_and(|metadata| !text(metadata, member).is_empty())
}

pub(super) fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn checkout_of(object: &Value) -> Option<CheckoutId> {
    text(object.get("metadata")?, CHECKOUT_MEMBER).parse().ok()
}

pub(super) fn checkout_in(metadata: &Metadata) -> Option<CheckoutId> {
    metadata.get(CHECKOUT_MEMBER)?.parse().ok()
}
