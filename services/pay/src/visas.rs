//! Visas: checked, spent, and redeemed at their brokers, many at once.

use std::collections::BTreeMap;

use imajin_did::Did;
use imajin_kernel::Problem;
use imajin_kernel::id::CheckoutId;
use imajin_pay_api::{GoodsRef, VisaCapture, VisaCaptured, VisaCheck, VisaChecked};
use imajin_proof::jose::Jwk;
use imajin_store::outbox::OutboxRow;

use crate::brokers::wire::{REDEMPTIONS_MAX, Redeemed, Redemption, RedemptionBatch};
use crate::brokers::{Visa, VisaAsked};
use crate::context::IdempotencyKey;
use crate::domain::balance::{Spent, replayed};
use crate::domain::collect::answers_book;
use crate::domain::payer::{Claim, Payer};
use crate::domain::visa::{RedeemOrder, capture_find, visa_buy, visa_pay, visa_would_pay};
use crate::opening::{Means, OpeningWish};
use crate::rows::{CaptureRow, CaptureState};
use crate::{Pay, PayError, Step};

impl Pay {
    /// Pays a quote with a visa of a broker that this node trusts.
    pub(crate) async fn visa_settle(&self, payer: Payer, quote: CheckoutId, token: &str) -> Result<Spent, PayError> {
        let paid = async {
            let (visa, by) = (self.visa_of(&payer, token).await?, payer.clone());
            self.write(move |conn, context| visa_pay(conn, context, &by, quote, &visa))
                .await
        };
        self.or_answered(&payer, Box::pin(paid).await).await
    }

    /// What was answered before is answered so again, whatever has become of the visa, or of the goods.
    async fn or_answered(&self, payer: &Payer, paid: Result<Spent, PayError>) -> Result<Spent, PayError> {
        let Err(error) = paid else { return paid };
        let again = payer.clone();
        let before = self.write(move |conn, context| replayed(conn, context, &again)).await?;
        before.ok_or(error)
    }

    /// A visa that whoever pays may spend.
    async fn visa_of(&self, payer: &Payer, token: &str) -> Result<Visa, PayError> {
        let (holder, claim) = match payer {
            Payer::Signed(request) => (self.thumbprints(request.verified.did()).await?, None),
            Payer::Claim(claim) => (vec![claim.holder.clone()], Some(claim)),
        };
        let asked = VisaAsked {
            token,
            holder: &holder,
            audience: claim.and_then(|claim| claim.audience.as_deref()),
            purpose: claim.and_then(|claim| claim.purpose),
            // Only a policy takes them, and who signs a request for a quote has none behind it.
            takes_bearer: claim.is_some_and(|claim| claim.takes_bearer),
        };
        self.brokers.visa_verify(&asked).await
    }

    /// The keys of somebody, as visas name them.
    pub(crate) async fn thumbprints(&self, did: &Did) -> Result<Vec<String>, PayError> {
        let keys = self.site.identities.caller_keys(did).await?.keys;
        Ok(keys.into_iter().map(|key| Jwk::from_key(key).thumbprint()).collect())
    }

    /// Pays goods with a visa, on the word of a service that has checked the claim of whoever pays; once for each
    /// claim.
    pub(crate) async fn claim_capture(&self, asked: VisaCapture) -> Result<VisaCaptured, PayError> {
        let VisaCapture {
            goods,
            payer,
            visa,
            holder,
            claim_digest,
            audience,
            purpose,
            takes_bearer,
        } = asked;
        let named = [&goods.kind, &goods.id, &visa, &holder];
        let content = serde_json::to_vec(&named).map_err(|error| PayError::Fault(error.to_string()))?;
        let key = IdempotencyKey::named("claimDigest", &claim_digest, &content)?;
        let claim = Payer::Claim(Claim {
            payer: payer.clone(),
            key,
            digest: claim_digest,
            holder,
            audience,
            purpose,
            takes_bearer,
        });
        let paid = Box::pin(self.claim_pay(goods, payer, &claim, &visa)).await;
        let spent = self.or_answered(&claim, paid).await?;
        if let Some(item) = spent.item {
            Box::pin(self.item_handle(item)).await;
        }
        let view = self.checkout_row(spent.row.id).await?.view(self.context.now())?;
        Ok(VisaCaptured {
            checkout: view.id,
            price: view.price,
            state: view.state,
            receipt: view.receipt,
            reason: view.reason,
        })
    }

    /// Whether a visa would pay a price now.
    pub(crate) async fn visa_look(&self, asked: VisaCheck) -> Result<VisaChecked, PayError> {
        let wanted = VisaAsked {
            token: &asked.visa,
            holder: std::slice::from_ref(&asked.holder),
            audience: asked.audience.as_deref(),
            purpose: asked.purpose,
            takes_bearer: asked.takes_bearer,
        };
        let (visa, price) = (self.brokers.visa_verify(&wanted).await?, asked.price);
        self.read(move |conn, context| visa_would_pay(conn, context, &visa, price))
            .await
    }

    /// The quote is opened and paid in one step.
    async fn claim_pay(&self, goods: GoodsRef, buyer: Did, claim: &Payer, token: &str) -> Result<Spent, PayError> {
        let visa = self.visa_of(claim, token).await?;
        let wish = OpeningWish {
            goods,
            buyer,
            success_url: "/".to_owned(),
            cancel_url: "/".to_owned(),
            request: None,
            means: Means::Balance,
            amount: None,
        };
        let (new, claim) = (self.checkout_prepare(wish).await?.new, claim.clone());
        self.write(move |conn, context| visa_buy(conn, context, &claim, &new, &visa))
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

    /// Each item is done, or put back.
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
        let all = items.to_vec();
        let booked = self.write(move |conn, context| answers_book(conn, context, &all, &answers));
        if let Err(error) = booked.await {
            tracing::error!(issuer, %error, "what a broker says about its promises was not booked");
            let reason = error.to_string();
            for (item, _) in items {
                self.item_put_back(item, reason.clone()).await;
            }
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
}
