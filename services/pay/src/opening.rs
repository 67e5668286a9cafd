//! Opening a checkout: the seller's word, the split it leads to, a rail that takes it.

use std::sync::Arc;

use imajin_did::Did;
use imajin_fair::plan::{FeeSchedule, Plan};
use imajin_kernel::{Code, Problem};
use imajin_money::Money;
use imajin_pay_api::{CheckoutView, DEPOSIT, GoodsQuote, GoodsRef};
use imajin_rails::{Opened, Rail, RailCheckout};

use crate::domain::balance::BALANCE;
use crate::domain::checkout::{BuyerRequest, NewCheckout, checkout_open};
use crate::domain::direct::shares_of_plan;
use crate::domain::fees::fees_in_force;
use crate::domain::free::FREE;
use crate::domain::plan::Split;
use crate::own_goods::TOPUP;
use crate::{Pay, PayError};

/// The longest address to go back to.
const URL_BYTES_MAX: usize = 2_048;
/// The longest name of goods.
const GOODS_BYTES_MAX: usize = 128;

/// What a checkout is asked for.
pub(crate) struct OpeningWish {
    pub(crate) goods: GoodsRef,
    pub(crate) buyer: Did,
    pub(crate) success_url: String,
    pub(crate) cancel_url: String,
    pub(crate) request: Option<BuyerRequest>,
    /// How it is to be paid.
    pub(crate) means: Means,
    /// How much, where the payer decides: tips and top-ups.
    pub(crate) amount: Option<Money>,
}

/// How goods are paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Means {
    /// Through the rail that takes the currency.
    Rail,
    /// From the payer's balance here: the open checkout is the quote.
    Balance,
}

/// A checkout, and whether the request was answered before.
pub(crate) struct Opening {
    pub(crate) view: CheckoutView,
    pub(crate) replayed: bool,
    /// Whom the price would go to.
    pub(crate) plan: Plan,
    pub(crate) title: String,
}

/// A checkout that could be opened, as its seller and its rail have said.
pub(crate) struct Prepared<'a> {
    pub(crate) new: NewCheckout,
    /// Whom the price would go to.
    plan: Plan,
    rail: Option<&'a Arc<dyn Rail>>,
}

impl Pay {
    /// Opens a checkout, or finds the one that is open for these goods and this buyer.
    pub(crate) async fn checkout_begin(&self, wish: OpeningWish) -> Result<Opening, PayError> {
        let Prepared { new, plan, rail } = Box::pin(self.checkout_prepare(wish)).await?;
        let (id, title, reference) = (new.id, new.title.clone(), new.rail_reference.clone());
        let (row, replayed) = self
            .write(move |conn, context| checkout_open(conn, context, &new))
            .await?;
        if let Some((reference, rail)) = reference.zip(rail).filter(|_| row.id != id) {
            rail_abandon(rail.as_ref(), &reference).await;
        }
        if row.rail == FREE {
            self.wake.notify_one();
        }
        Ok(Opening {
            view: row.view(self.context.now())?,
            replayed,
            plan,
            title,
        })
    }

    /// Asks the seller and the rail; nothing is written yet.
    pub(crate) async fn checkout_prepare(&self, mut wish: OpeningWish) -> Result<Prepared<'_>, PayError> {
        let id = self.context.env.new_id();
        if wish.goods.kind == TOPUP {
            // A top-up is nothing but itself.
            wish.goods.id = format!("{id}");
        }
        for (member, text) in [("goods.type", &wish.goods.kind), ("goods.id", &wish.goods.id)] {
            if text.is_empty() || text.len() > GOODS_BYTES_MAX {
                return Err(PayError::invalid(
                    member,
                    format!("must have 1 to {GOODS_BYTES_MAX} bytes"),
                ));
            }
        }
        let success_url = self.own_path("successUrl", &wish.success_url)?;
        let cancel_url = self.own_path("cancelUrl", &wish.cancel_url)?;
        let quote = self.goods_quoted(&wish.goods, &wish.buyer, wish.amount).await?;
        self.quote_check(&quote, &wish.buyer).await?;
        let fees = self.fees_for(&wish.goods).await?;
        let split = Split::of(&quote, &fees)?;
        // Whatever cannot be split must not be paid for.
        let plan = split.plan(quote.price)?;
        let now = self.context.now();
        let config = &self.context.config;
        let expires_at = now
            .plus(config.checkout_open)
            .min(quote.expires_at.plus(config.quote_extension));
        let checkout = RailCheckout {
            id,
            title: quote.title.clone(),
            price: quote.price,
            payer: wish.buyer.canonical(),
            expires_at,
            success_url: success_url.clone(),
            cancel_url: cancel_url.clone(),
        };
        // It has to arrive here to be a balance.
        let split_now = (!is_balance(&wish.goods)).then(|| plan.clone());
        let (rail, opened) = Box::pin(self.rail_open(wish.means, &checkout, split_now)).await?;
        let in_place_of_rail = if quote.price.is_zero() { FREE } else { BALANCE };
        let new = NewCheckout {
            id: checkout.id,
            rail: rail.map_or(in_place_of_rail, |rail| rail.name()).to_owned(),
            goods: wish.goods,
            buyer: checkout.payer,
            title: quote.title,
            price: quote.price,
            split: Arc::new(split),
            expires_at,
            pay_url: opened.url,
            rail_reference: opened.reference,
            success_url,
            cancel_url,
            request: wish.request,
        };
        Ok(Prepared { new, plan, rail })
    }

    /// What comes off the price.
    async fn fees_for(&self, goods: &GoodsRef) -> Result<FeeSchedule, PayError> {
        // What somebody tops up stays their own money.
        if is_balance(goods) {
            return Ok(FeeSchedule::none());
        }
        self.read(|conn, context| fees_in_force(conn, context, context.now()))
            .await
    }

    /// Opens a checkout at the rail that takes its currency, with the split where the rail pays the payees itself; a
    /// balance has no rail.
    async fn rail_open(
        &self,
        means: Means,
        checkout: &RailCheckout,
        split_now: Option<Plan>,
    ) -> Result<(Option<&Arc<dyn Rail>>, Opened), PayError> {
        if checkout.price.is_zero() && means == Means::Balance {
            let detail = "These goods cost nothing, so there is nothing to pay from a balance.".to_owned();
            return Err(PayError::State {
                detail,
                hint: "POST /pay/api/checkout gets them, with a receipt.",
            });
        }
        if checkout.price.is_zero() {
            // Nothing to pay, so nowhere to go for it.
            let url = self.site.public.absolute(&checkout.success_url);
            return Ok((None, Opened { url, reference: None }));
        }
        if means == Means::Balance {
            let url = self.site.public.absolute("/pay/api/settle");
            return Ok((None, Opened { url, reference: None }));
        }
        let rail = self.context.rail_for(checkout.price.asset)?;
        let Some(plan) = split_now.filter(|_| rail.splits()) else {
            return Ok((Some(rail), rail.open(checkout).await?));
        };
        let shares = self
            .read(move |conn, context| shares_of_plan(conn, context, &plan))
            .await?;
        Ok((Some(rail), rail.open_split(checkout, &shares).await?))
    }

    /// Refuses goods that this buyer cannot pay for now.
    pub(crate) async fn quote_check(&self, quote: &GoodsQuote, buyer: &Did) -> Result<(), PayError> {
        let is_for = |owner: &Did| owner.canonical() == buyer.canonical();
        if !quote.buyer.as_ref().is_none_or(is_for) {
            return Err(PayError::Forbidden("These goods are reserved for somebody else."));
        }
        if quote.expires_at <= self.context.now() {
            let problem = Problem::new(Code::HoldExpired, "The reservation of these goods has expired.");
            return Err(problem.hint("Start again at the seller.").into());
        }
        let signer = quote.manifest.signer();
        let signer = signer.ok_or_else(|| unsigned("the manifest of these goods is not signed"))?;
        let keys = self.site.identities.caller_keys(signer).await?.keys;
        if keys.iter().any(|key| quote.manifest.verify_signature(key).is_ok()) {
            return Ok(());
        }
        Err(unsigned(
            "the manifest of these goods does not carry a valid signature of its signer",
        ))
    }

    /// The path of an address on this node; refuses every other address.
    fn own_path(&self, member: &str, text: &str) -> Result<String, PayError> {
        let wrong = || PayError::invalid(member, "must be an address on this node, for example /orders/1");
        if text.len() > URL_BYTES_MAX || text.chars().any(|letter| letter.is_control() || letter == '\\') {
            return Err(wrong());
        }
        let url = self.site.public.0.join(text).map_err(|_unreadable| wrong())?;
        if url.origin() != self.site.public.0.origin() {
            return Err(wrong());
        }
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        Ok(format!("{}{query}", url.path()))
    }
}

/// Whether the goods are nothing but money in somebody's balance here.
fn is_balance(goods: &GoodsRef) -> bool {
    goods.kind == TOPUP || goods.kind == DEPOSIT
}

/// There was a checkout already: nobody learns of the new one, and it ends by itself if this does not end it.
async fn rail_abandon(rail: &dyn Rail, reference: &str) {
    let closed = rail.close(reference).await;
    tracing::debug!(?closed, reference, "a checkout at a rail was not needed");
}

fn unsigned(problem: &str) -> PayError {
    let detail = format!("{problem}: nothing can be split along it.");
    PayError::State {
        detail,
        hint: "Ask the seller to sign the manifest again.",
    }
}
