//! The services beside pay, as far as the tests need them.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use imajin_did::Did;
use imajin_kernel::{Code, Problem, Timestamp};
use imajin_pay_api::{Delivery, DeliveryOutcome, GoodsQuote, GoodsRef, GoodsReturn, Released, Returned, SellerApi};
use imajin_web::macro_support::async_trait;
use imajin_web::{CallerKeys, Custody, Identities, Notice, SessionView, Tier};

/// Everybody with a key in their DID is registered. A session's token is the DID.
#[derive(Default)]
pub(crate) struct FakeIdentities {
    pub(crate) operator: Mutex<Option<Did>>,
    /// Who is not registered here.
    pub(crate) visitors: Mutex<Vec<Did>>,
    /// Mailbox identities, and who has claimed them.
    pub(crate) claimed: Mutex<Vec<(Did, Did)>>,
    /// What people were told.
    pub(crate) told: Mutex<Vec<Notice>>,
    /// Whether nothing can be told.
    pub(crate) mail_away: AtomicBool,
}

impl FakeIdentities {
    fn tier(&self, did: &Did) -> Tier {
        if self.operator.lock().unwrap().as_ref() == Some(did) {
            Tier::Operator
        } else if self.visitors.lock().unwrap().contains(did) {
            Tier::Visitor
        } else {
            Tier::Key
        }
    }
}

#[async_trait]
impl Identities for FakeIdentities {
    async fn caller_keys(&self, did: &Did) -> Result<CallerKeys, Problem> {
        let did = did.canonical();
        let keys = did.public_key().into_iter().collect();
        let tier = self.tier(&did);
        Ok(CallerKeys {
            did,
            keys,
            tier,
            custody: Custody::Own,
        })
    }

    async fn holdings(&self, did: &Did) -> Result<Vec<Did>, Problem> {
        let claimed = self.claimed.lock().unwrap();
        let soft = claimed
            .iter()
            .filter(|(_, owner)| owner == did)
            .map(|(soft, _)| soft.clone());
        Ok([did.clone()].into_iter().chain(soft).collect())
    }

    async fn notice_send(&self, notice: &Notice) -> Result<(), Problem> {
        if self.mail_away.load(Ordering::SeqCst) {
            return Err(Problem::unavailable("The mail server"));
        }
        self.told.lock().unwrap().push(notice.clone());
        Ok(())
    }

    async fn session_view(&self, token: &str) -> Result<Option<SessionView>, Problem> {
        let Ok(did) = token.parse::<Did>() else { return Ok(None) };
        let tier = self.tier(&did);
        let expires_at = Timestamp::from_seconds(4_000_000_000);
        Ok(Some(SessionView {
            did,
            handle: None,
            name: None,
            tier,
            custody: Custody::Own,
            expires_at,
        }))
    }
}

/// Sells what a test puts on its shelf. Survives pay's restarts, as another process would.
#[derive(Default)]
pub(crate) struct FakeSeller {
    quotes: Mutex<HashMap<String, GoodsQuote>>,
    /// What was decided about goods, and for which checkout: the same delivery always ends the same way.
    outcomes: Mutex<HashMap<String, (String, DeliveryOutcome)>>,
    pub(crate) away: AtomicBool,
    pub(crate) refuses: AtomicBool,
    pub(crate) asked: AtomicUsize,
    /// Goods that nobody paid for.
    pub(crate) released: Mutex<Vec<String>>,
    /// What the seller was told about money that went back.
    pub(crate) returned: Mutex<Vec<GoodsReturn>>,
}

impl FakeSeller {
    pub(crate) fn put(&self, quote: GoodsQuote) -> GoodsRef {
        let mut quotes = self.quotes.lock().unwrap();
        let id = format!("ord_{}", quotes.len());
        quotes.insert(id.clone(), quote);
        GoodsRef {
            kind: "order".to_owned(),
            id,
        }
    }

    /// A work that anybody may buy, once each.
    pub(crate) fn put_work(&self, quote: GoodsQuote) -> GoodsRef {
        let goods = self.put(GoodsQuote { buyer: None, ..quote });
        GoodsRef {
            kind: "content".to_owned(),
            ..goods
        }
    }

    pub(crate) fn change(&self, goods: &GoodsRef, change: impl FnOnce(&mut GoodsQuote)) {
        change(self.quotes.lock().unwrap().get_mut(&goods.id).unwrap());
    }

    /// Goods that were handed over.
    pub(crate) fn delivered(&self) -> usize {
        let outcomes = self.outcomes.lock().unwrap();
        outcomes
            .values()
            .filter(|(_, outcome)| matches!(outcome, DeliveryOutcome::Delivered { .. }))
            .count()
    }

    fn here(&self) -> Result<(), Problem> {
        if self.away.load(Ordering::SeqCst) {
            Err(Problem::unavailable("The seller"))
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl SellerApi for FakeSeller {
    async fn goods_quote(&self, request: GoodsRef) -> Result<GoodsQuote, Problem> {
        self.here()?;
        let found = self.quotes.lock().unwrap().get(&request.id).cloned();
        found.ok_or_else(|| Problem::new(Code::NotFound, "There is no such order."))
    }

    async fn goods_release(&self, request: GoodsRef) -> Result<Released, Problem> {
        self.here()?;
        self.released.lock().unwrap().push(request.id);
        Ok(Released {})
    }

    async fn goods_return(&self, request: GoodsReturn) -> Result<Returned, Problem> {
        self.here()?;
        self.returned.lock().unwrap().push(request);
        Ok(Returned {})
    }

    async fn goods_deliver(&self, request: Delivery) -> Result<DeliveryOutcome, Problem> {
        self.here()?;
        self.asked.fetch_add(1, Ordering::SeqCst);
        let refuses = self.refuses.load(Ordering::SeqCst);
        let mut outcomes = self.outcomes.lock().unwrap();
        let delivery = format!("{}/{}", request.checkout, request.receipt);
        let sold = match request.goods.kind.as_str() {
            "content" => format!("{}/{}", request.goods.id, request.payer),
            _ => request.goods.id.clone(),
        };
        let decided = outcomes.entry(sold).or_insert_with(|| {
            let outcome = if refuses {
                DeliveryOutcome::Refused {
                    reason: "No places are left.".to_owned(),
                }
            } else {
                DeliveryOutcome::Delivered {
                    references: vec![format!("tkt of {}", request.goods.id)],
                }
            };
            (delivery.clone(), outcome)
        });
        Ok(match (decided.0 == delivery, &decided.1) {
            (true, outcome) | (false, outcome @ DeliveryOutcome::Refused { .. }) => outcome.clone(),
            (false, _) => DeliveryOutcome::Refused {
                reason: "This order was paid already.".to_owned(),
            },
        })
    }
}
