//! The services beside events, as far as the tests need them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use imajin_did::Did;
use imajin_kernel::id::{Checkout, Id, ReceiptId};
use imajin_kernel::{Code, Env, Problem, Span, Timestamp};
use imajin_pay_api::{
    BalanceList, BalanceView, CheckoutCreate, CheckoutFetch, CheckoutState, CheckoutView, CreditNoteFetch,
    CreditNoteView, Delivery, DeliveryOutcome, GoodsHold, HeldGoods, PayApi, ReceiptFetch, ReceiptList, ReceiptView,
    RefundList, RefundSheet, SalesSummary, SalesSummaryRequest, SellerClient, VisaCapture, VisaCaptured, VisaCheck,
    VisaChecked,
};
use imajin_web::macro_support::async_trait;
use imajin_web::{CallerKeys, Custody, Identities, SessionView, SignerAsked, SignerKeys, Tier};

/// Everybody with a key in their DID is registered, unless a test says otherwise. A session's token is the DID.
#[derive(Default)]
pub(crate) struct FakeIdentities {
    pub(crate) tiers: Mutex<HashMap<Did, Tier>>,
    /// Whose first key counted only until then.
    pub(crate) replaced: Mutex<HashMap<Did, Timestamp>>,
}

impl FakeIdentities {
    fn tier(&self, did: &Did) -> Tier {
        self.tiers.lock().unwrap().get(did).copied().unwrap_or(Tier::Key)
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

    async fn signer_keys(&self, asked: &SignerAsked) -> Result<SignerKeys, Problem> {
        let mut signer = SignerKeys::of_caller(self.caller_keys(&asked.did).await?, asked.at);
        let until = self.replaced.lock().unwrap().get(&signer.did).copied();
        if until.is_some_and(|until| asked.at.is_none_or(|at| at >= until)) {
            signer.others = std::mem::take(&mut signer.keys);
        }
        Ok(signer)
    }

    async fn session_view(&self, token: &str) -> Result<Option<SessionView>, Problem> {
        let did: Did = token.parse().unwrap();
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

/// Pay: opens checkouts for what the seller quotes, and tells the seller when a test says that somebody paid.
pub(crate) struct FakePay {
    env: Env,
    seller: SellerClient,
    pub(crate) away: AtomicBool,
    /// How much longer than the goods its checkouts stay open.
    pub(crate) open_longer: Mutex<Span>,
    /// Refuses every checkout for good, with this code.
    pub(crate) refuses: Mutex<Option<Code>>,
    pub(crate) opened: AtomicUsize,
    checkouts: Mutex<Vec<(CheckoutView, Did)>>,
}

impl FakePay {
    pub(crate) fn new(env: Env, seller: SellerClient) -> Arc<Self> {
        Arc::new(Self {
            env,
            seller,
            away: AtomicBool::new(false),
            open_longer: Mutex::new(Span::ZERO),
            refuses: Mutex::new(None),
            opened: AtomicUsize::new(0),
            checkouts: Mutex::new(Vec::new()),
        })
    }

    /// The message that a checkout was paid, with a receipt of its own.
    pub(crate) fn delivery(&self, id: Id<Checkout>) -> Delivery {
        let checkouts = self.checkouts.lock().unwrap();
        let (view, buyer) = checkouts.iter().find(|(view, _)| view.id == id).unwrap();
        Delivery {
            goods: view.goods.clone(),
            checkout: id,
            receipt: ReceiptId::from_bytes(*id.as_bytes()),
            payer: buyer.clone(),
            gross: view.price,
            paid_at: self.env.now(),
        }
    }

    /// Somebody pays a checkout.
    pub(crate) async fn settle(&self, id: Id<Checkout>) -> DeliveryOutcome {
        let outcome = self.seller.goods_deliver(self.delivery(id)).await.unwrap();
        let mut checkouts = self.checkouts.lock().unwrap();
        let (view, _) = checkouts.iter_mut().find(|(view, _)| view.id == id).unwrap();
        view.state = match outcome {
            DeliveryOutcome::Delivered { .. } => CheckoutState::Settled,
            DeliveryOutcome::Refused { .. } => CheckoutState::Refunded,
        };
        outcome
    }
}

#[async_trait]
impl PayApi for FakePay {
    async fn checkout_create(&self, request: CheckoutCreate) -> Result<CheckoutView, Problem> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Problem::unavailable("The service `pay`"));
        }
        if let Some(code) = *self.refuses.lock().unwrap() {
            return Err(Problem::new(code, "This node takes no such money."));
        }
        let quote = self.seller.goods_quote(request.goods.clone()).await?;
        assert_eq!(quote.buyer.as_ref(), Some(&request.buyer));
        let mut checkouts = self.checkouts.lock().unwrap();
        let open = checkouts
            .iter()
            .find(|(view, _)| view.goods == request.goods && view.state == CheckoutState::Open);
        if let Some((view, _)) = open {
            return Ok(view.clone());
        }
        let id = self.env.new_id();
        let view = CheckoutView {
            id,
            goods: request.goods,
            url: format!("http://node.test/pay/checkout/{id}"),
            price: quote.price,
            state: CheckoutState::Open,
            expires_at: quote.expires_at.plus(*self.open_longer.lock().unwrap()),
            receipt: None,
            reason: None,
        };
        self.opened.fetch_add(1, Ordering::SeqCst);
        checkouts.push((view.clone(), request.buyer));
        Ok(view)
    }

    async fn checkout_fetch(&self, request: CheckoutFetch) -> Result<Option<CheckoutView>, Problem> {
        let checkouts = self.checkouts.lock().unwrap();
        Ok(checkouts
            .iter()
            .find(|(view, _)| view.id == request.id)
            .map(|(view, _)| view.clone()))
    }

    async fn checkout_cancel(&self, request: CheckoutFetch) -> Result<CheckoutView, Problem> {
        let mut checkouts = self.checkouts.lock().unwrap();
        let (view, _) = checkouts.iter_mut().find(|(view, _)| view.id == request.id).unwrap();
        if view.state == CheckoutState::Open {
            view.state = CheckoutState::Cancelled;
        }
        Ok(view.clone())
    }

    async fn goods_hold(&self, _request: GoodsHold) -> Result<HeldGoods, Problem> {
        Err(Problem::internal())
    }

    async fn goods_finish(&self, _request: CheckoutFetch) -> Result<CheckoutView, Problem> {
        Err(Problem::internal())
    }

    async fn visa_capture(&self, _: VisaCapture) -> Result<VisaCaptured, Problem> {
        Err(Problem::unavailable("Paying by visa"))
    }

    async fn visa_check(&self, _: VisaCheck) -> Result<VisaChecked, Problem> {
        Err(Problem::unavailable("Paying by visa"))
    }

    async fn receipt_fetch(&self, _request: ReceiptFetch) -> Result<Option<ReceiptView>, Problem> {
        Ok(None)
    }

    async fn receipt_list(&self, _request: ReceiptList) -> Result<Vec<ReceiptView>, Problem> {
        Ok(Vec::new())
    }

    async fn refund_list(&self, _request: RefundList) -> Result<Option<RefundSheet>, Problem> {
        Ok(None)
    }

    async fn credit_note_fetch(&self, _request: CreditNoteFetch) -> Result<Option<CreditNoteView>, Problem> {
        Ok(None)
    }

    async fn balance_list(&self, _request: BalanceList) -> Result<Vec<BalanceView>, Problem> {
        Ok(Vec::new())
    }

    async fn sales_summary(&self, _request: SalesSummaryRequest) -> Result<SalesSummary, Problem> {
        Ok(SalesSummary::default())
    }
}
