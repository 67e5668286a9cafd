//! What a buyer's bank takes back.

use imajin_money::Amount;

use super::StripeRail;
use super::money::{fee_in_charge, from_minor};
use super::objects::{Dispute, DisputeMove};
use super::payments::{checkout_in, found, segment};
use crate::{Confirmed, DisputeState, RailDispute, RailError, RailEvent, RailFee};

impl StripeRail {
    pub(super) async fn dispute_confirm(&self, event: RailEvent) -> Result<Option<Confirmed>, RailError> {
        let path = format!("disputes/{}", segment(&event.reference)?);
        let Some(dispute) = found(self.client.get::<Dispute>(&path, &[]).await)? else {
            return Ok(None);
        };
        let Some(payment) = dispute.payment_intent.clone() else {
            return Ok(None);
        };
        let intent = self.intent_fetch(&payment).await?;
        let Some(checkout) = intent.and_then(|intent| checkout_in(&intent.metadata)) else {
            return Ok(None);
        };
        let amount = from_minor(dispute.amount, &dispute.currency, self.is_test)?;
        let (taken, given_back) = (self.moved(&dispute, -1)?, self.moved(&dispute, 1)?);
        let state = state_of(&dispute);
        let event = RailEvent {
            checkout: Some(checkout),
            amount,
            ..event
        };
        Ok(Some(Confirmed {
            event,
            fee: RailFee::Unknown,
            dispute: Some(RailDispute {
                payment,
                taken,
                given_back,
                state,
            }),
            payee_ready: None,
        }))
    }

    /// What has left our balance at Stripe because of a dispute (`sign` −1), or has come back to it (1).
    pub(super) fn moved(&self, dispute: &Dispute, sign: i64) -> Result<Amount, RailError> {
        let malformed = || RailError::Malformed("what a dispute moved is no amount".to_owned());
        let mut sum: i64 = 0;
        for part in dispute
            .balance_transactions
            .iter()
            .filter(|part| part.net.signum() == sign)
        {
            let minor = minor_of(part, dispute).ok_or_else(malformed)?;
            sum = sum.checked_add(minor).ok_or_else(malformed)?;
        }
        Ok(from_minor(sum, &dispute.currency, self.is_test)?.amount)
    }
}

pub(super) fn state_of(dispute: &Dispute) -> DisputeState {
    match dispute.status.as_str() {
        "won" | "warning_closed" | "prevented" => DisputeState::Won,
        "lost" => DisputeState::Lost,
        _ => DisputeState::Open,
    }
}

/// What a movement is in the currency of the payment, whatever the currency of our balance.
fn minor_of(part: &DisputeMove, dispute: &Dispute) -> Option<i64> {
    let net = part.net.checked_abs()?;
    if part.currency == dispute.currency {
        return Some(net);
    }
    fee_in_charge(net, part.amount.checked_abs()?, dispute.amount)
}
