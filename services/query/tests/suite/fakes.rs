//! The services beside paid questions, as far as the tests need them. Pay has balances and holds, and asks the seller
//! as the real one does; what it books is a list.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};

use imajin_connections_api::{
    CheckAnswer, ConnectionsOwn, NeighbourhoodFetch, NeighbourhoodView, OwnConnections, PathAnswer, PathFetch, Proven,
    StandingView, StatementKind, StatementStatus, StatementView, TrustApi, TrustAsk, TrustRecord,
};
use imajin_did::{Did, Keyring};
use imajin_kernel::id::{CheckoutId, ReceiptId, StatementId};
use imajin_kernel::{Code, Env, Problem, Timestamp};
use imajin_money::Money;
use imajin_pay_api::{
    BalanceList, BalanceView, CheckoutCreate, CheckoutFetch, CheckoutState, CheckoutView, CreditNoteFetch,
    CreditNoteView, Delivery, DeliveryOutcome, GoodsHold, GoodsQuote, HeldGoods, PayApi, ReceiptBody, ReceiptFetch,
    ReceiptLedgerEntry, ReceiptList, ReceiptManifest, ReceiptView, RefundList, RefundSheet, SalesSummary,
    SalesSummaryRequest, SellerClient, VisaCapture, VisaCaptured, VisaCheck, VisaChecked,
};
use imajin_profile_api::{Connected, ConnectionCheck, ConnectionsApi};
use imajin_proof::SignedMessage;
use imajin_web::macro_support::async_trait;
use imajin_web::{CallerKeys, Custody, Identities, SessionView, Tier};

/// Everybody with a key in their DID is registered; a session's token is the DID.
pub(crate) struct People;

#[async_trait]
impl Identities for People {
    async fn caller_keys(&self, did: &Did) -> Result<CallerKeys, Problem> {
        let did = did.canonical();
        Ok(CallerKeys {
            keys: did.public_key().into_iter().collect(),
            tier: Tier::Key,
            custody: Custody::Own,
            did,
        })
    }

    async fn session_view(&self, token: &str) -> Result<Option<SessionView>, Problem> {
        Ok(token.parse().ok().map(|did| SessionView {
            did,
            handle: None,
            name: None,
            tier: Tier::Key,
            custody: Custody::Own,
            expires_at: Timestamp::from_seconds(4_000_000_000),
        }))
    }
}

/// Who is how near to the leader, and who vouches for whom.
#[derive(Default)]
pub(crate) struct FakeTrust {
    pub(crate) away: AtomicBool,
    pub(crate) hops: Mutex<BTreeMap<Did, u8>>,
    pub(crate) vouches: Mutex<Vec<(Did, Did, StatementStatus)>>,
    /// Who is connected with whom.
    pub(crate) connected: Mutex<Vec<(Did, Did)>>,
}

impl FakeTrust {
    fn here(&self) -> Result<(), Problem> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Problem::unavailable("The service `connections`"));
        }
        Ok(())
    }
}

#[async_trait]
impl TrustApi for FakeTrust {
    async fn trust_check(&self, ask: TrustAsk) -> Result<CheckAnswer, Problem> {
        self.here()?;
        let hops = self.hops.lock().unwrap().get(&ask.to).copied();
        Ok(CheckAnswer {
            hops: hops.filter(|hops| *hops <= ask.hops),
            token: String::new(),
        })
    }

    async fn trust_path(&self, _ask: PathFetch) -> Result<PathAnswer, Problem> {
        Err(Problem::internal())
    }

    async fn connections_own(&self, ask: ConnectionsOwn) -> Result<OwnConnections, Problem> {
        self.here()?;
        let vouches = self.vouches.lock().unwrap();
        let received = vouches.iter().filter(|(_, to, _)| *to == ask.did);
        let view = |(from, to, status): &(Did, Did, StatementStatus)| StatementView {
            id: StatementId::from_bytes([7; 16]),
            digest: String::new(),
            kind: StatementKind::Vouch,
            from: from.clone(),
            to: to.clone(),
            weight_millionths: Some(1),
            level: None,
            expires_at: None,
            status: *status,
            created_at: Timestamp::from_seconds(0),
            proof: Proven {
                document: SignedMessage::sign(
                    &crate::world::key("voucher"),
                    from.clone(),
                    "trust.vouch",
                    Some(to.clone()),
                    Timestamp::from_seconds(0),
                    serde_json::Value::Null,
                )
                .unwrap(),
                acceptance: None,
                revocation: None,
            },
            token: String::new(),
        };
        Ok(OwnConnections {
            connections: Vec::new(),
            requests_received: Vec::new(),
            requests_sent: Vec::new(),
            vouches_given: Vec::new(),
            vouches_received: received.map(view).collect(),
            flags_given: Vec::new(),
            co_presences: Vec::new(),
            audience: imajin_connections_api::Audience::default(),
            blocked: Vec::new(),
            token: String::new(),
        })
    }

    async fn trust_export(&self, _ask: ConnectionsOwn) -> Result<TrustRecord, Problem> {
        Err(Problem::internal())
    }

    async fn neighbourhood(&self, ask: NeighbourhoodFetch) -> Result<NeighbourhoodView, Problem> {
        self.here()?;
        assert_eq!(
            ask.did, ask.reader,
            "what is told of a person is what they see themselves"
        );
        Ok(NeighbourhoodView {
            did: ask.did,
            is_shown: true,
            people: Vec::new(),
            hops: Some(0),
            standing: Some(StandingView {
                connections: 3,
                vouches: 2,
                vouched_millionths: 1_500_000,
                vouching: 1,
                yellow: 0,
                amber: 0,
                red: 0,
            }),
            token: String::new(),
        })
    }
}

#[async_trait]
impl ConnectionsApi for FakeTrust {
    async fn connection_check(&self, ask: ConnectionCheck) -> Result<Connected, Problem> {
        self.here()?;
        let connected = self.connected.lock().unwrap().contains(&(ask.owner, ask.reader));
        Ok(Connected { connected })
    }
}

/// A hold, and what became of it.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) hold: GoodsHold,
    pub(crate) checkout: CheckoutId,
    pub(crate) receipt: ReceiptId,
    pub(crate) most: Money,
    pub(crate) state: CheckoutState,
    pub(crate) taken: Option<GoodsQuote>,
    pub(crate) references: Vec<String>,
}

/// Pay, with one currency.
pub(crate) struct FakePay {
    env: Env,
    keyring: Keyring,
    pub(crate) seller: OnceLock<SellerClient>,
    pub(crate) away: AtomicBool,
    pub(crate) balances: Mutex<BTreeMap<Did, i64>>,
    pub(crate) held: Mutex<Vec<Held>>,
}

impl FakePay {
    pub(crate) fn new(env: Env, keyring: Keyring) -> Self {
        Self {
            env,
            keyring,
            seller: OnceLock::new(),
            away: AtomicBool::new(false),
            balances: Mutex::default(),
            held: Mutex::default(),
        }
    }

    fn here(&self) -> Result<SellerClient, Problem> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Problem::unavailable("The service `pay`"));
        }
        Ok(self.seller.get().unwrap().clone())
    }

    pub(crate) fn balance(&self, did: &Did) -> i64 {
        self.balances.lock().unwrap().get(did).copied().unwrap_or(0)
    }

    fn move_by(&self, did: &Did, micros: i64) {
        *self.balances.lock().unwrap().entry(did.clone()).or_default() += micros;
    }

    pub(crate) fn all(&self) -> Vec<Held> {
        self.held.lock().unwrap().clone()
    }

    /// What the real one does again and again: asks about everything that has not ended.
    pub(crate) async fn drive(&self) {
        for one in self.all() {
            if one.state == CheckoutState::Paid {
                let _later = self.goods_finish(CheckoutFetch { id: one.checkout }).await;
            }
        }
    }

    fn receipt(&self, held: &Held) -> SignedMessage<ReceiptBody> {
        let quote = held.taken.as_ref().unwrap();
        let body = ReceiptBody {
            id: held.receipt,
            time: self.env.now(),
            checkout: held.checkout,
            goods: held.hold.goods.clone(),
            title: quote.title.clone(),
            delivered: held.references.clone(),
            seller: quote.seller.clone(),
            manifest: ReceiptManifest {
                id: quote.manifest.id.clone(),
                sha256: quote.manifest.digest_hex().unwrap(),
            },
            gross: quote.price,
            fees: Vec::new(),
            legs: Vec::new(),
            releases: Vec::new(),
            rail: "balance".to_owned(),
            rail_reference: String::new(),
            rail_fee: None,
            test_money: true,
            ledger_entry: ReceiptLedgerEntry {
                id: imajin_kernel::id::EntryId::from_bytes([1; 16]),
                hash: String::new(),
            },
        };
        let (key, node) = (self.keyring.node_key(), self.keyring.node_did().clone());
        SignedMessage::sign(
            key,
            node,
            "receipt",
            Some(held.hold.buyer.clone()),
            self.env.now(),
            body,
        )
        .unwrap()
    }
}

#[async_trait]
impl PayApi for FakePay {
    async fn visa_capture(&self, _: VisaCapture) -> Result<VisaCaptured, Problem> {
        Err(Problem::unavailable("Paying by visa"))
    }

    async fn visa_check(&self, _: VisaCheck) -> Result<VisaChecked, Problem> {
        Err(Problem::unavailable("Paying by visa"))
    }

    async fn goods_hold(&self, request: GoodsHold) -> Result<HeldGoods, Problem> {
        let seller = self.here()?;
        let same = |held: &Held| held.hold.goods == request.goods && held.hold.buyer == request.buyer;
        if let Some(held) = self.all().into_iter().find(same) {
            return Ok(HeldGoods {
                checkout: held.checkout,
                receipt: held.receipt,
            });
        }
        let quote = seller.goods_quote(request.goods.clone()).await?;
        let micros = quote.price.amount.micros();
        if self.balance(&request.buyer) < micros {
            return Err(Problem::new(Code::PaymentRequired, "The balance is too small."));
        }
        self.move_by(&request.buyer, -micros);
        let (checkout, receipt) = (self.env.new_id(), self.env.new_id());
        self.held.lock().unwrap().push(Held {
            hold: request,
            checkout,
            receipt,
            most: quote.price,
            state: CheckoutState::Paid,
            taken: None,
            references: Vec::new(),
        });
        Ok(HeldGoods { checkout, receipt })
    }

    async fn goods_finish(&self, request: CheckoutFetch) -> Result<CheckoutView, Problem> {
        let seller = self.here()?;
        let mut held = self.all().into_iter().find(|held| held.checkout == request.id).unwrap();
        if held.state == CheckoutState::Paid {
            let delivery = Delivery {
                goods: held.hold.goods.clone(),
                checkout: held.checkout,
                receipt: held.receipt,
                payer: held.hold.buyer.clone(),
                gross: held.most,
                paid_at: self.env.now(),
            };
            match seller.goods_deliver(delivery).await {
                Ok(DeliveryOutcome::Delivered { references }) => {
                    let quote = seller.goods_quote(held.hold.goods.clone()).await?;
                    assert!(
                        quote.price.amount <= held.most.amount,
                        "more than was held is asked for"
                    );
                    let rest = held.most.amount.micros() - quote.price.amount.micros();
                    self.move_by(&held.hold.buyer, rest);
                    self.move_by(&quote.seller, quote.price.amount.micros());
                    held.state = CheckoutState::Settled;
                    held.taken = Some(quote);
                    held.references = references;
                }
                Ok(DeliveryOutcome::Refused { .. }) => {
                    self.move_by(&held.hold.buyer, held.most.amount.micros());
                    held.state = CheckoutState::Refunded;
                }
                Err(problem) => assert_eq!(problem.code, Code::Unavailable),
            }
            let mut all = self.held.lock().unwrap();
            let place = all.iter_mut().find(|one| one.checkout == request.id).unwrap();
            *place = held.clone();
        }
        Ok(CheckoutView {
            id: held.checkout,
            goods: held.hold.goods.clone(),
            url: String::new(),
            price: held.most,
            state: held.state,
            expires_at: self.env.now(),
            receipt: held.taken.is_some().then_some(held.receipt),
            reason: None,
        })
    }

    async fn receipt_fetch(&self, request: ReceiptFetch) -> Result<Option<ReceiptView>, Problem> {
        let found = self.all().into_iter().find(|held| held.receipt == request.id);
        let found = found.filter(|held| held.taken.is_some());
        Ok(found.map(|held| ReceiptView {
            message: self.receipt(&held),
            jwt: String::new(),
        }))
    }

    async fn checkout_create(&self, _request: CheckoutCreate) -> Result<CheckoutView, Problem> {
        Err(Problem::internal())
    }

    async fn checkout_fetch(&self, _request: CheckoutFetch) -> Result<Option<CheckoutView>, Problem> {
        Err(Problem::internal())
    }

    async fn checkout_cancel(&self, _request: CheckoutFetch) -> Result<CheckoutView, Problem> {
        Err(Problem::internal())
    }

    async fn receipt_list(&self, _request: ReceiptList) -> Result<Vec<ReceiptView>, Problem> {
        Err(Problem::internal())
    }

    async fn refund_list(&self, _request: RefundList) -> Result<Option<RefundSheet>, Problem> {
        Err(Problem::internal())
    }

    async fn credit_note_fetch(&self, _request: CreditNoteFetch) -> Result<Option<CreditNoteView>, Problem> {
        Err(Problem::internal())
    }

    async fn balance_list(&self, _request: BalanceList) -> Result<Vec<BalanceView>, Problem> {
        Err(Problem::internal())
    }

    async fn sales_summary(&self, _request: SalesSummaryRequest) -> Result<SalesSummary, Problem> {
        Err(Problem::internal())
    }
}
