//! Visas: checked, spent, and redeemed at their brokers, many at once.

use std::collections::BTreeMap;

use imajin_did::Did;
use imajin_kernel::Problem;
use imajin_kernel::id::CheckoutId;
use imajin_pay_api::{GoodsRef, VisaCapture, VisaCaptured, VisaCheck, VisaChecked};
use imajin_proof::jose::Jwk;
use imajin_store::outbox::{self, OutboxRow};

use crate::brokers::VisaAsked;
use crate::brokers::wire::{REDEMPTIONS_MAX, Redeemed, Redemption, RedemptionBatch};
use crate::context::IdempotencyKey;
use crate::domain::balance::{Spent, replayed};
use crate::domain::collect::redeemed_apply;
use crate::domain::payer::{Claim, Payer};
use crate::domain::visa::{RedeemOrder, capture_find, visa_pay, visa_would_pay};
use crate::opening::{Means, OpeningWish};
use crate::rows::{CaptureRow, CaptureState};
use crate::{Pay, PayError, Step};

/// How often another quote is taken, because somebody was faster with the one before.
const QUOTES_MAX: u32 = 16;

impl Pay {
    /// Pays a quote with a visa of a broker that this node trusts.
    pub(crate) async fn visa_settle(&self, payer: Payer, quote: CheckoutId, token: &str) -> Result<Spent, PayError> {
        match self.answered(&payer).await? {
            Some(spent) => Ok(spent),
            None => self.visa_settle_new(payer, quote, token).await,
        }
    }

    /// What was answered before is answered so again, whatever has become of the visa.
    async fn answered(&self, payer: &Payer) -> Result<Option<Spent>, PayError> {
        let again = payer.clone();
        self.write(move |conn, context| replayed(conn, context, &again)).await
    }

    async fn visa_settle_new(&self, payer: Payer, quote: CheckoutId, token: &str) -> Result<Spent, PayError> {
        let holder = match &payer {
            Payer::Signed(request) => self.thumbprints(request.verified.did()).await?,
            Payer::Claim(claim) => vec![claim.holder.clone()],
        };
        let (audience, purpose) = match &payer {
            Payer::Signed(_) => (None, None),
            Payer::Claim(claim) => (claim.audience.as_deref(), claim.purpose),
        };
        let asked = VisaAsked {
            token,
            holder: &holder,
            audience,
            purpose,
        };
        let visa = self.brokers.visa_verify(&asked).await?;
        self.write(move |conn, context| visa_pay(conn, context, &payer, quote, &visa))
            .await
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
        });
        let spent = match self.answered(&claim).await? {
            Some(spent) => spent,
            None => Box::pin(self.claim_pay(&goods, &payer, claim, &visa)).await?,
        };
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
        };
        let (visa, price) = (self.brokers.visa_verify(&wanted).await?, asked.price);
        self.read(move |conn, context| visa_would_pay(conn, context, &visa, price))
            .await
    }

    /// Two claims of one agent for the same goods may get the same quote at one moment: the slower one takes another.
    async fn claim_pay(&self, goods: &GoodsRef, payer: &Did, claim: Payer, visa: &str) -> Result<Spent, PayError> {
        let mut tries: u32 = 0;
        loop {
            let wish = OpeningWish {
                goods: goods.clone(),
                buyer: payer.clone(),
                success_url: "/".to_owned(),
                cancel_url: "/".to_owned(),
                request: None,
                means: Means::Balance,
                amount: None,
            };
            let quote = Box::pin(self.checkout_begin(wish)).await?.view.id;
            match self.visa_settle_new(claim.clone(), quote, visa).await {
                Err(PayError::State { .. }) if tries < QUOTES_MAX => tries = tries.saturating_add(1),
                paid => return paid,
            }
        }
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
