//! Visas: checked, spent, and redeemed at their brokers, many at once.

use std::collections::BTreeMap;

use imajin_kernel::Problem;
use imajin_kernel::id::CheckoutId;
use imajin_store::outbox::{self, OutboxRow};

use crate::brokers::VisaAsked;
use crate::brokers::wire::{REDEMPTIONS_MAX, Redeemed, Redemption, RedemptionBatch};
use crate::domain::balance::{Spent, replayed};
use crate::domain::collect::redeemed_apply;
use crate::domain::holds::MoneyRequest;
use crate::domain::visa::{RedeemOrder, capture_find, visa_pay};
use crate::rows::{CaptureRow, CaptureState};
use crate::{Pay, PayError, Step};

impl Pay {
    /// Pays a quote with a visa of a broker that this node trusts.
    pub(crate) async fn visa_settle(
        &self,
        request: MoneyRequest,
        quote: CheckoutId,
        token: &str,
    ) -> Result<Spent, PayError> {
        // What was answered before is answered so again, whatever has become of the visa.
        let again = request.clone();
        let before = self.write(move |conn, context| replayed(conn, context, &again)).await?;
        if let Some(spent) = before {
            return Ok(spent);
        }
        let keys = self.site.identities.caller_keys(request.verified.did()).await?.keys;
        let asked = VisaAsked { token, holder: &keys };
        let visa = self.brokers.visa_verify(&asked).await?;
        self.write(move |conn, context| visa_pay(conn, context, &request, quote, &visa))
            .await
    }

    /// Asks the brokers to pay what they have promised, in as few questions as there are brokers, more or less.
    pub(crate) async fn visas_redeem(&self, items: Vec<OutboxRow>) {
        let mut by_broker: BTreeMap<String, Vec<(OutboxRow, CheckoutId)>> = BTreeMap::new();
        for item in items {
            match item.parse::<RedeemOrder>() {
                Ok(order) => by_broker.entry(order.issuer).or_default().push((item, order.checkout)),
                Err(error) => tracing::error!(item = %item.id, %error, "a promise of a broker cannot be read"),
            }
        }
        for (issuer, items) in by_broker {
            for chunk in items.chunks(REDEMPTIONS_MAX) {
                self.broker_redeem(&issuer, chunk).await;
            }
        }
    }

    /// Each item is done, or put back, whatever happens to the others.
    async fn broker_redeem(&self, issuer: &str, items: &[(OutboxRow, CheckoutId)]) {
        let answers = match self.broker_ask(issuer, items).await {
            Ok(answers) => answers,
            Err(error) => {
                tracing::warn!(issuer, %error, "a broker was not asked to pay; it will be tried again");
                let reason = Problem::from(error).detail;
                for (item, _) in items {
                    self.item_put_back(item, reason.clone()).await;
                }
                return;
            }
        };
        if self.context.config.interrupt.at(Step::RedemptionAnswered).is_err() {
            return;
        }
        for (item, checkout) in items {
            self.answer_book(item, *checkout, &answers).await;
        }
    }

    async fn broker_ask(&self, issuer: &str, items: &[(OutboxRow, CheckoutId)]) -> Result<Vec<Redeemed>, PayError> {
        let ids: Vec<CheckoutId> = items.iter().map(|(_, id)| *id).collect();
        let captures = self
            .read(move |conn, context| {
                let found = ids.into_iter().map(|id| capture_find(conn, context, id));
                Ok(found.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
            })
            .await?;
        let open = |capture: &&CaptureRow| {
            let state = capture.state();
            matches!(state, Ok(CaptureState::Owed | CaptureState::Accepted))
        };
        let captures: Vec<CaptureRow> = captures;
        let redemptions = captures.iter().filter(open).map(|capture| {
            Ok(Redemption {
                jti: capture.jti.clone(),
                receipt: capture.receipt_id.to_string(),
                amount: capture.money()?,
                claim_digest: capture.claim_digest.clone(),
            })
        });
        let batch = RedemptionBatch {
            redemptions: redemptions.collect::<Result<_, PayError>>()?,
        };
        Ok(self.brokers.redeem(issuer, &batch).await?.redemptions)
    }

    /// Books the answer about one promise.
    async fn answer_book(&self, item: &OutboxRow, checkout: CheckoutId, answers: &[Redeemed]) {
        let answers = answers.to_vec();
        let id = item.id;
        let booked = self
            .write(move |conn, context| {
                let missing = || PayError::NotFound("payment by visa");
                let capture = capture_find(conn, context, checkout)?.ok_or_else(missing)?;
                let receipt = capture.receipt_id.to_string();
                let is_it = |answer: &&Redeemed| answer.jti == capture.jti && answer.receipt == receipt;
                match answers.iter().find(is_it) {
                    Some(said) => redeemed_apply(conn, context, checkout, said, id),
                    None if matches!(capture.state()?, CaptureState::Owed | CaptureState::Accepted) => Ok(false),
                    None => {
                        outbox::done(conn, &context.sealer, &id, context.now())?;
                        Ok(true)
                    }
                }
            })
            .await;
        let reason = match booked {
            Ok(true) => return,
            Ok(false) => "The broker has not decided yet.".to_owned(),
            Err(error) => {
                tracing::error!(%checkout, %error, "what a broker says about its promise was not booked");
                error.to_string()
            }
        };
        self.item_put_back(item, reason).await;
    }
}
