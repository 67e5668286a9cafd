//! Who sells: places at one evening, as the events service sells them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use imajin_did::SecretKey;
use imajin_fair::{Contributor, Manifest, Payee};
use imajin_kernel::id::{CheckoutId, RefundId};
use imajin_kernel::{Code, Problem, Span};
use imajin_money::{Money, Share};
use imajin_pay_api::{Delivery, DeliveryOutcome, GoodsQuote, GoodsRef, GoodsReturn, Released, Returned, SellerApi};
use imajin_web::macro_support::async_trait;

use crate::ether::{BEGIN, Ether};
use crate::mistakes::Mistake;

const SHOP: &str = "seller";
/// Who sells everything.
pub(crate) const SELLER: &str = "organiser";
/// Whose node it is.
pub(crate) const OPERATOR: &str = "operator";
/// Works that anybody may buy, as often as they like.
pub(crate) const WORKS: [(&str, &str); 3] = [
    ("cnt_song", "0.75 USD"),
    ("cnt_book", "2.30 USD"),
    ("cnt_trial", "0.40 TEST-USD"),
];
const CONTENT: &str = "content";
/// How long places are held, and how much longer while a checkout is open.
const HOLD: Span = Span::minutes(15);
const EXTENSION: Span = Span::minutes(15);

/// A key that is always the same for a name.
pub(crate) fn key(name: &str) -> SecretKey {
    SecretKey::from_seed(imajin_proof::digest::sha256(name.as_bytes()))
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OrderState {
    Held,
    Fulfilled(CheckoutId),
    Refused(String),
    Released,
    Withdrawn,
    Expired,
}

pub(crate) struct Order {
    pub(crate) quote: GoodsQuote,
    pub(crate) state: OrderState,
    /// Receipts that tickets were issued with.
    pub(crate) tickets: Vec<String>,
}

/// A work that somebody has paid for.
pub(crate) enum WorkSale {
    /// It is theirs, with this receipt.
    Sold(String),
    /// It was withdrawn.
    Refused,
}

#[derive(Default)]
pub(crate) struct Shelf {
    pub(crate) orders: BTreeMap<String, Order>,
    /// What was said to each checkout of a work.
    pub(crate) works: BTreeMap<CheckoutId, WorkSale>,
    /// What the seller was told about money that went back.
    pub(crate) returned: BTreeMap<RefundId, GoodsReturn>,
    /// Places that nobody holds or has.
    pub(crate) free: usize,
}

pub(crate) struct Seller {
    ether: Arc<Ether>,
    mistake: Option<Mistake>,
    stock: Mutex<Shelf>,
}

/// Two splits: one that all have accepted, and one with a share that waits.
pub(crate) fn manifests() -> &'static [Manifest; 2] {
    static MADE: OnceLock<[Manifest; 2]> = OnceLock::new();
    MADE.get_or_init(|| {
        let two = [("mira", 700_000), ("jonas", 300_000)];
        let three = [("mira", 333_333), ("jonas", 333_333), ("lena", 333_334)];
        [manifest(&two), manifest(&three)]
    })
}

fn manifest(shares: &[(&str, u32)]) -> Manifest {
    let contributor = |(name, share): &(&str, u32)| {
        let share = Share::from_millionths(*share).unwrap();
        Contributor::new(Payee::Did(key(name).did()), "artist", share)
    };
    let mut manifest = Manifest::new(shares.iter().map(contributor).collect()).unwrap();
    let organiser = key(SELLER);
    manifest.author = Some(organiser.did());
    manifest.sign(&organiser, organiser.did(), BEGIN).unwrap()
}

impl Seller {
    pub(crate) fn new(ether: Arc<Ether>, mistake: Option<Mistake>) -> Self {
        let free = 1 + ether.dice.below(6);
        ether.say(&format!("{SHOP}: {free} places"));
        let stock = Shelf {
            free,
            ..Shelf::default()
        };
        Self {
            ether,
            mistake,
            stock: Mutex::new(stock),
        }
    }

    pub(crate) fn stock(&self) -> MutexGuard<'_, Shelf> {
        self.stock.lock().unwrap()
    }

    /// Somebody takes a place. `None`: there is none.
    pub(crate) fn order(&self, buyer: &str, price: Money) -> Option<GoodsRef> {
        let mut stock = self.stock();
        stock.free = stock.free.checked_sub(1)?;
        let manifest = self.ether.dice.pick(manifests()).cloned().unwrap();
        let quote = GoodsQuote {
            title: "1 × Standard — An evening".to_owned(),
            price,
            buyer: Some(key(buyer).did()),
            seller: key(SELLER).did(),
            manifest,
            accepted: vec![key("mira").did(), key("jonas").did()],
            sources: Vec::new(),
            expires_at: self.ether.now().plus(HOLD),
        };
        let id = format!("ord_{}", stock.orders.len());
        let order = Order {
            quote,
            state: OrderState::Held,
            tickets: Vec::new(),
        };
        stock.orders.insert(id.clone(), order);
        Some(GoodsRef {
            kind: "order".to_owned(),
            id,
        })
    }

    /// Gives back what nobody has paid for in time.
    pub(crate) fn sweep(&self) {
        let now = self.ether.now();
        let mut stock = self.stock();
        let late =
            |order: &&mut Order| order.state == OrderState::Held && order.quote.expires_at.plus(EXTENSION) <= now;
        let expired: usize = stock
            .orders
            .values_mut()
            .filter(late)
            .map(|order| order.state = OrderState::Expired)
            .count();
        stock.free += expired;
    }

    /// A place that was held is free again.
    pub(crate) fn order_end(&self, id: &str, why: OrderState) {
        let mut stock = self.stock();
        if let Some(order) = stock.orders.get_mut(id)
            && order.state == OrderState::Held
        {
            order.state = why;
            stock.free += 1;
        }
    }

    fn work_quote(&self, id: &str) -> Option<GoodsQuote> {
        let place = WORKS.iter().position(|(work, _)| *work == id)?;
        Some(GoodsQuote {
            title: "A work".to_owned(),
            price: WORKS[place].1.parse().unwrap(),
            buyer: None,
            seller: key(SELLER).did(),
            manifest: manifests()[place % 2].clone(),
            accepted: vec![key("mira").did(), key("jonas").did()],
            sources: Vec::new(),
            expires_at: self.ether.now().plus(HOLD),
        })
    }

    fn work_deliver(&self, delivery: &Delivery) -> DeliveryOutcome {
        let price = self.work_quote(&delivery.goods.id).map(|quote| quote.price);
        if price != Some(delivery.gross) {
            self.ether.wrong(format!("{} is paid wrongly", delivery.goods.id));
        }
        let withdrawn = self.ether.dice.chance(150);
        let mut stock = self.stock();
        let sale = stock.works.entry(delivery.checkout).or_insert_with(|| {
            let receipt = delivery.receipt.to_string();
            if withdrawn {
                WorkSale::Refused
            } else {
                WorkSale::Sold(receipt)
            }
        });
        match sale {
            WorkSale::Sold(receipt) => {
                if *receipt != delivery.receipt.to_string() {
                    let text = format!(
                        "{} has {receipt}, and is to have {}",
                        delivery.checkout, delivery.receipt
                    );
                    self.ether.wrong(text);
                }
                DeliveryOutcome::Delivered {
                    references: vec![format!("acc of {}", delivery.goods.id)],
                }
            }
            WorkSale::Refused => DeliveryOutcome::Refused {
                reason: "The work was withdrawn.".to_owned(),
            },
        }
    }

    /// What went back: the same refund says the same, however often it is told.
    fn take_back(&self, told: GoodsReturn) {
        let mut stock = self.stock();
        let text = format!("{told:?}");
        let before = stock.returned.entry(told.refund).or_insert(told);
        if format!("{before:?}") != text {
            self.ether.wrong(format!("{before:?} was told, and then {text}"));
        }
    }

    fn deliver(&self, delivery: &Delivery) -> DeliveryOutcome {
        let refused = |reason: &str| DeliveryOutcome::Refused {
            reason: reason.to_owned(),
        };
        if delivery.goods.kind == CONTENT {
            return self.work_deliver(delivery);
        }
        let mut stock = self.stock();
        let free = stock.free;
        let Some(order) = stock.orders.get_mut(&delivery.goods.id) else {
            return refused("There is no such order.");
        };
        if order.quote.price != delivery.gross || order.quote.buyer.as_ref() != Some(&delivery.payer) {
            self.ether.wrong(format!("{} is paid wrongly", delivery.goods.id));
        }
        let retakes = matches!(order.state, OrderState::Expired | OrderState::Released);
        match &order.state {
            OrderState::Fulfilled(checkout) if *checkout != delivery.checkout => {
                return refused("This order was paid already.");
            }
            OrderState::Refused(reason) => return refused(reason),
            OrderState::Withdrawn => return refused("The order was cancelled before it was paid."),
            OrderState::Fulfilled(_) if self.mistake != Some(Mistake::SellerIssuesTwice) => {}
            _ if retakes && free == 0 => {
                let reason = "The places were sold to others.".to_owned();
                order.state = OrderState::Refused(reason.clone());
                return refused(&reason);
            }
            _ => {
                if self.mistake != Some(Mistake::SellerForgets) {
                    order.tickets.push(delivery.receipt.to_string());
                }
                order.state = OrderState::Fulfilled(delivery.checkout);
            }
        }
        let references = vec![format!("tkt of {}", delivery.goods.id)];
        stock.free -= usize::from(retakes);
        DeliveryOutcome::Delivered { references }
    }
}

fn lost() -> Problem {
    Problem::unavailable("The seller")
}

#[async_trait]
impl SellerApi for Seller {
    async fn goods_quote(&self, request: GoodsRef) -> Result<GoodsQuote, Problem> {
        let quote = || {
            if let Some(quote) = self.work_quote(&request.id) {
                return Ok(quote);
            }
            let stock = self.stock();
            let found = stock.orders.get(&request.id);
            let found = found.filter(|order| order.state == OrderState::Held);
            found
                .map(|order| order.quote.clone())
                .ok_or_else(|| Problem::new(Code::HoldExpired, "The order is over."))
        };
        self.ether.call(SHOP, "quote", lost, quote).await
    }

    async fn goods_release(&self, request: GoodsRef) -> Result<Released, Problem> {
        let release = || {
            self.order_end(&request.id, OrderState::Released);
            Ok(Released {})
        };
        let what = format!("release of {}", request.id);
        self.ether.call(SHOP, &what, lost, release).await
    }

    async fn goods_return(&self, request: GoodsReturn) -> Result<Returned, Problem> {
        let what = format!("return of {}", request.goods.id);
        let take = || {
            self.take_back(request);
            Ok(Returned {})
        };
        self.ether.call(SHOP, &what, lost, take).await
    }

    async fn goods_deliver(&self, request: Delivery) -> Result<DeliveryOutcome, Problem> {
        let what = format!("delivery of {}", request.goods.id);
        self.ether.call(SHOP, &what, lost, || Ok(self.deliver(&request))).await
    }
}
