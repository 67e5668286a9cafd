//! What pay itself sells: tips, and top-ups of a balance. Only here does the payer say how much.

use imajin_did::Did;
use imajin_fair::{Contributor, Manifest, Payee};
use imajin_kernel::{Problem, Span};
use imajin_money::{Amount, Money, Share};
use imajin_pay_api::{Delivery, DeliveryOutcome, GoodsQuote, GoodsRef, GoodsReturn};

use crate::{Pay, PayError};

/// Money for the payer's own balance.
pub(crate) const TOPUP: &str = "topup";
/// Money for somebody, named by their DID, or for everybody behind a work, named by its identifier.
pub(crate) const TIP: &str = "tip";
/// The works of publisher.
pub(crate) const CONTENT: &str = "content";

/// The most that somebody gives or puts in at once: 100,000 of any currency.
const AMOUNT_MICROS_MAX: i64 = 100_000_000_000;
/// How long such an offer stands.
const OPEN_FOR: Span = Span::minutes(15);

/// Whether pay itself hands the goods over.
fn is_own(goods: &GoodsRef) -> bool {
    goods.kind == TOPUP || goods.kind == TIP
}

impl Pay {
    /// What goods cost and whom the money belongs to, from whoever sells them. Only tips and top-ups take the amount
    /// from the payer.
    pub(crate) async fn goods_quoted(
        &self,
        goods: &GoodsRef,
        payer: &Did,
        amount: Option<Money>,
    ) -> Result<GoodsQuote, PayError> {
        match (goods.kind.as_str(), amount) {
            (TOPUP, Some(amount)) => self.topup_quote(payer, bounded(amount)?),
            (TIP, Some(amount)) => self.tip_quote(goods, payer, bounded(amount)?).await,
            (TOPUP, None) => Err(PayError::invalid(
                "goods.type",
                "a balance is topped up by POST /pay/api/topup, which says how much",
            )),
            (TIP, None) => Err(PayError::invalid("amount", "is missing: say how much you want to give")),
            (_, Some(_)) => Err(PayError::PriceNamed {
                member: "amount".to_owned(),
            }),
            (_, None) => Ok(self.seller.goods_quote(goods.clone()).await?),
        }
    }

    /// The seller's word about goods that were paid for: of a tip for a work, the word about the work.
    pub(crate) async fn goods_again(&self, goods: &GoodsRef) -> Result<GoodsQuote, Problem> {
        match goods.kind.as_str() {
            TIP if goods.id.parse::<Did>().is_err() => self.seller.goods_quote(content(&goods.id)).await,
            TIP | TOPUP => Err(Problem::not_found("seller of these goods")),
            _ => self.seller.goods_quote(goods.clone()).await,
        }
    }

    /// Hands goods over. Tips and top-ups are nothing but their money.
    pub(crate) async fn goods_hand_over(&self, delivery: Delivery) -> Result<DeliveryOutcome, Problem> {
        if is_own(&delivery.goods) {
            return Ok(DeliveryOutcome::Delivered { references: Vec::new() });
        }
        self.seller.goods_deliver(delivery).await
    }

    /// Tells the seller that nobody pays for the goods any more.
    pub(crate) async fn goods_free(&self, goods: GoodsRef) -> Result<(), Problem> {
        if is_own(&goods) {
            return Ok(());
        }
        self.seller.goods_release(goods).await.map(drop)
    }

    /// Tells the seller what went back. Of tips and top-ups there is nothing to take back.
    pub(crate) async fn goods_take_back(&self, told: GoodsReturn) -> Result<(), Problem> {
        if is_own(&told.goods) {
            return Ok(());
        }
        self.seller.goods_return(told).await.map(drop)
    }

    fn topup_quote(&self, payer: &Did, price: Money) -> Result<GoodsQuote, PayError> {
        let node = self.context.keyring.node_did().clone();
        self.gift(payer, "payer", node, "Top-up of a balance".to_owned(), price, payer)
    }

    async fn tip_quote(&self, goods: &GoodsRef, payer: &Did, price: Money) -> Result<GoodsQuote, PayError> {
        if let Ok(named) = goods.id.parse::<Did>() {
            let to = named.canonical();
            if to == payer.canonical() {
                return Err(PayError::invalid(
                    "goods.id",
                    "is your own DID: a tip is for somebody else",
                ));
            }
            self.site.identities.caller_keys(&to).await?;
            let seller = to.clone();
            return self.gift(&to, "author", seller, "A tip".to_owned(), price, payer);
        }
        let work = self.seller.goods_quote(content(&goods.id)).await?;
        Ok(GoodsQuote {
            title: format!("A tip for {}", work.title),
            price,
            buyer: Some(payer.canonical()),
            ..work
        })
    }

    /// An offer whose whole price goes to one payee; the node signs what that payee need not.
    fn gift(
        &self,
        to: &Did,
        role: &str,
        seller: Did,
        title: String,
        price: Money,
        payer: &Did,
    ) -> Result<GoodsQuote, PayError> {
        let keyring = &self.context.keyring;
        let fault = |error: &dyn std::fmt::Display| PayError::Fault(format!("an offer of the node: {error}"));
        let entry = Contributor::new(Payee::Did(to.canonical()), role, Share::ONE);
        let mut manifest = Manifest::new(vec![entry]).map_err(|error| fault(&error))?;
        manifest.title = Some(title.clone());
        manifest.author = Some(keyring.node_did().clone());
        let now = self.context.now();
        let manifest = manifest
            .sign(keyring.node_key(), keyring.node_did().clone(), now)
            .map_err(|error| fault(&error))?;
        Ok(GoodsQuote {
            title,
            price,
            buyer: Some(payer.canonical()),
            seller,
            manifest,
            accepted: vec![to.canonical()],
            sources: Vec::new(),
            expires_at: now.plus(OPEN_FOR),
        })
    }
}

fn content(id: &str) -> GoodsRef {
    GoodsRef {
        kind: CONTENT.to_owned(),
        id: id.to_owned(),
    }
}

/// Refuses nothing, and more than anybody means.
fn bounded(amount: Money) -> Result<Money, PayError> {
    if amount.is_zero() {
        return Err(PayError::invalid("amount", "must be more than zero"));
    }
    if amount.amount.micros() > AMOUNT_MICROS_MAX {
        let most = Money::new(
            Amount::from_micros(AMOUNT_MICROS_MAX).unwrap_or(Amount::MAX),
            amount.asset,
        );
        return Err(PayError::invalid("amount", format!("must be at most {most}")));
    }
    Ok(amount)
}
