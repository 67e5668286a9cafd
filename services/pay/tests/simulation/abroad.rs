//! What is beyond the node: a broker that promises money, and another node, at which some people are at home.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use imajin_did::{Did, DidDocument, SecretKey};
use imajin_money::{Amount, Money};
use imajin_pay_api::{RemittanceBody, RemittanceLeg, RemittanceReceipt};
use imajin_proof::SignedMessage;
use imajin_testkit::broker_peer::{BrokerPeer, VisaWish};
use imajin_web::macro_support::async_trait;
use imajin_web::{Carrier, GuardError, GuardedAnswer};
use serde_json::{Value, json};

use crate::ether::Ether;
use crate::mistakes::Mistake;
use crate::seller::key;

/// Who promises.
pub(crate) const BROKER: &str = "broker";
/// The other node.
pub(crate) const HOME: &str = "home";
const BROKER_URL: &str = "https://broker.test";
pub(crate) const HOME_URL: &str = "https://home.test";
/// What a visa for the node names as its audience.
const AUDIENCE: &str = "node.test:7000";
/// How many of a thousand remittances the other node does not take.
const REFUSED: usize = 300;

/// A remittance that the other node was offered.
pub(crate) struct Offered {
    pub(crate) body: RemittanceBody,
    pub(crate) state: OfferedState,
}

pub(crate) enum OfferedState {
    /// The broker has not passed it on.
    Waits,
    Credited(Box<SignedMessage<RemittanceReceipt>>),
    Refused,
}

#[derive(Default)]
pub(crate) struct HomeBooks {
    pub(crate) offered: BTreeMap<String, Offered>,
    /// What the other node has sent to the node.
    pub(crate) sent: BTreeMap<String, RemittanceBody>,
}

pub(crate) struct Abroad {
    ether: Arc<Ether>,
    mistake: Option<Mistake>,
    pub(crate) broker: BrokerPeer,
    /// The node.
    node: Did,
    home: SecretKey,
    books: Mutex<HomeBooks>,
}

impl Abroad {
    pub(crate) fn new(ether: Arc<Ether>, node: Did, mistake: Option<Mistake>) -> Self {
        let broker = BrokerPeer::unserved(ether.env.clone(), BROKER_URL);
        broker.dispute_window(ether.dice.chance(500));
        Self {
            ether,
            mistake,
            broker,
            node,
            home: key(HOME),
            books: Mutex::default(),
        }
    }

    pub(crate) fn books(&self) -> MutexGuard<'_, HomeBooks> {
        self.books.lock().unwrap()
    }

    /// A promise to an agent, over a little more than a price.
    pub(crate) fn visa(&self, agent: &str, price: Money) -> String {
        let (more, currency) = (self.ether.dice.below(3), price.asset.to_string());
        let most = price.amount.micros() + i64::try_from(more).unwrap();
        let visa = self
            .broker
            .visa(&VisaWish::once(AUDIENCE, key(agent).public(), &currency, most));
        if self.ether.dice.chance(100) {
            let name = self.broker.visa_take_back(&visa);
            self.ether.say(&format!("{BROKER}: {name} was spent elsewhere"));
        }
        visa
    }

    /// Whatever a broker does by itself.
    pub(crate) fn something(&self) {
        match self.ether.dice.below(6) {
            0 => self.broker.dispute_window(true),
            1 => self.broker.dispute_window(false),
            2 => self.broker.disputes_win(),
            3 => self.broker.key_rotate(),
            _ => self.broker.window_close(),
        }
        self.ether.say(&format!("{BROKER}: does something"));
    }

    /// Brings to an end what would take weeks.
    pub(crate) fn wind_up(&self) {
        self.broker.dispute_window(false);
        self.broker.window_close();
    }

    /// The other node sends money of people who are at home at the node.
    pub(crate) fn remittance(&self, currency: &str, cents: [usize; 2]) -> SignedMessage<RemittanceBody> {
        let amount = |cents: usize| Amount::from_micros(i64::try_from(cents).unwrap() * 10_000).unwrap();
        let leg = |(name, cents): (&str, usize)| RemittanceLeg {
            did: key(name).did(),
            amount: amount(cents),
            receipts: Vec::new(),
        };
        let body = RemittanceBody {
            id: self.ether.env.new_id(),
            broker: self.broker.issuer().to_owned(),
            amount: Money::new(amount(cents[0] + cents[1]), currency.parse().unwrap()),
            legs: [("jonas", cents[0]), ("lena", cents[1])].map(leg).to_vec(),
        };
        self.books().sent.insert(body.id.to_string(), body.clone());
        let (now, to) = (self.ether.now(), Some(self.node.clone()));
        SignedMessage::sign(&self.home, self.home.did(), "remittance", to, now, body).unwrap()
    }

    /// The broker has the money of a remittance of the other node.
    pub(crate) fn remittance_pay(&self, body: &RemittanceBody) {
        let (from, reference) = (self.home.did(), body.id.to_string());
        self.broker
            .transfer_pay(&from, &self.node, &reference, json!(body.amount));
    }

    fn broker_ask(&self, request: &Request<Bytes>) -> (u16, Value) {
        let is_transfer = request.method() == Method::POST && request.uri().path().ends_with("/transfers");
        let before = self.broker.transfers().len();
        let answer = self.broker.ask(request);
        let is_repeated = is_transfer && answer.0 == 200 && self.broker.transfers().len() == before;
        if is_repeated && self.mistake == Some(Mistake::BrokerForgets) {
            let asked: Value = serde_json::from_slice(request.body()).unwrap();
            let (home, name) = (self.home.did(), asked["reference"].as_str().unwrap_or_default());
            self.broker
                .transfer_pay(&self.node, &home, name, asked["amount"].clone());
        }
        answer
    }

    fn home_ask(&self, request: &Request<Bytes>) -> (u16, Value) {
        match request.uri().path() {
            "/.well-known/did.json" => {
                let document = DidDocument::for_key(self.home.did(), &self.home.public(), Vec::new());
                (200, json!(document))
            }
            "/pay/api/remit" => self.remittance_take(request.body()),
            path => (
                404,
                json!({"code": "not_found", "detail": format!("There is no {path}.")}),
            ),
        }
    }

    /// What the other node says to a remittance: always the same to the same one.
    fn remittance_take(&self, body: &[u8]) -> (u16, Value) {
        let message: SignedMessage<RemittanceBody> = serde_json::from_slice(body).unwrap();
        let signer = self.node.public_key().unwrap();
        if message.verify("remittance", &signer).is_err() {
            self.ether.wrong("the node has not signed a remittance".to_owned());
        }
        let (body, mut books) = (message.payload, self.books());
        let offered = books.offered.entry(body.id.to_string()).or_insert_with(|| Offered {
            body: body.clone(),
            state: if self.ether.dice.chance(REFUSED) {
                OfferedState::Refused
            } else {
                OfferedState::Waits
            },
        });
        if offered.body != body {
            let (before, now) = (&offered.body, &body);
            self.ether.wrong(format!("{before:?} was sent, and then {now:?}"));
        }
        if matches!(offered.state, OfferedState::Waits) && self.is_passed_on(&body) {
            offered.state = OfferedState::Credited(Box::new(self.receipt(body)));
        }
        match &offered.state {
            OfferedState::Waits => (200, json!({"state": "unconfirmed"})),
            OfferedState::Credited(receipt) => (200, json!({"state": "credited", "receipt": receipt})),
            OfferedState::Refused => (
                403,
                json!({"code": "forbidden", "detail": "Nobody of that name lives here."}),
            ),
        }
    }

    fn is_passed_on(&self, body: &RemittanceBody) -> bool {
        let (from, to) = (self.node.canonical(), self.home.did().canonical());
        self.broker.transfers().iter().any(|made| {
            made.reference == body.id.to_string()
                && made.from == from.to_string()
                && made.to == to.to_string()
                && made.amount == json!(body.amount)
        })
    }

    fn receipt(&self, body: RemittanceBody) -> SignedMessage<RemittanceReceipt> {
        let now = self.ether.now();
        let receipt = RemittanceReceipt {
            remittance: body.id,
            broker: body.broker,
            amount: body.amount,
            legs: body.legs,
            time: now,
            ledger_entry: self.ether.env.new_id(),
            ledger_hash: "00".repeat(32),
        };
        let to = Some(self.node.clone());
        SignedMessage::sign(&self.home, self.home.did(), "remittance-receipt", to, now, receipt).unwrap()
    }
}

/// The lines to both of them.
#[async_trait]
impl Carrier for Abroad {
    async fn carry(&self, request: Request<Bytes>) -> Result<GuardedAnswer, GuardError> {
        let is_broker = BROKER_URL.ends_with(request.uri().host().unwrap_or_default());
        let who = if is_broker { BROKER } else { HOME };
        let what = format!("{} {}", request.method(), request.uri().path());
        let ask = || {
            let (status, body) = if is_broker {
                self.broker_ask(&request)
            } else {
                self.home_ask(&request)
            };
            Ok(GuardedAnswer {
                status: StatusCode::from_u16(status).unwrap(),
                headers: HeaderMap::new(),
                body: Bytes::from(serde_json::to_vec(&body).unwrap()),
            })
        };
        self.ether.call(who, &what, || GuardError::Away, ask).await
    }
}
