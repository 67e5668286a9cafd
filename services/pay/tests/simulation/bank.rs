//! A card processor as the simulation needs one: it keeps the books that pay's ledger must agree with.
//!
//! It behaves as Stripe does: a session is paid once, a message only says that something has happened and is signed
//! with a time, fees may be known later, the same key gives the same refund and the same transfer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use imajin_kernel::Timestamp;
use imajin_kernel::id::CheckoutId;
use imajin_money::{Amount, Money};
use imajin_proof::digest::sha256_hex;
use imajin_rails::{DisputeState, RailError, RailEvent, RailOutcome, RailRefund, RailTransfer, Refunded};
use serde::{Deserialize, Serialize};

use crate::ether::Ether;
use crate::mistakes::Mistake;

pub(crate) const CARDS: &str = "cards";
pub(crate) const HEADER: &str = "cards-signature";
const SECRET: &str = "the processor's and the node's";
const CENT: i64 = 10_000;
/// What a dispute costs besides the money.
pub(crate) const DISPUTE_FEE: i64 = 15_000_000;

#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) checkout: CheckoutId,
    pub(crate) price: Money,
    pub(crate) expires_at: Timestamp,
    pub(crate) payment: Option<String>,
    pub(crate) closed: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Payment {
    pub(crate) checkout: CheckoutId,
    pub(crate) amount: Money,
    pub(crate) fee: i64,
    pub(crate) fee_known: bool,
    pub(crate) at: Timestamp,
}

#[derive(Debug, Clone)]
pub(crate) struct BankRefund {
    pub(crate) key: String,
    pub(crate) payment: String,
    pub(crate) amount: i64,
    pub(crate) at: Timestamp,
    /// The buyer's bank did not take it.
    pub(crate) failed: bool,
}

impl BankRefund {
    pub(crate) fn reference(&self) -> String {
        format!("re_{}", self.key)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct BankTransfer {
    pub(crate) key: String,
    pub(crate) payout: String,
    pub(crate) source: String,
    pub(crate) amount: i64,
    pub(crate) reversed: i64,
    pub(crate) at: Timestamp,
}

#[derive(Debug, Clone)]
pub(crate) struct BankDispute {
    pub(crate) payment: String,
    pub(crate) checkout: CheckoutId,
    pub(crate) amount: Money,
    pub(crate) taken: i64,
    pub(crate) given_back: i64,
    pub(crate) state: DisputeState,
    pub(crate) at: Timestamp,
}

/// What the processor tells the webhook.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Notice {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) reference: String,
    pub(crate) checkout: Option<CheckoutId>,
    pub(crate) amount: Money,
    pub(crate) time: Timestamp,
}

#[derive(Default)]
pub(crate) struct Books {
    pub(crate) sessions: BTreeMap<String, Session>,
    pub(crate) payments: BTreeMap<String, Payment>,
    pub(crate) refunds: Vec<BankRefund>,
    pub(crate) transfers: Vec<BankTransfer>,
    pub(crate) disputes: BTreeMap<String, BankDispute>,
    /// What was refused, by the key it was asked with: like Stripe, the bank gives one key one answer.
    refusals: BTreeMap<String, RefusedOnce>,
    /// Payees' accounts: whose, and whether they can be paid.
    pub(crate) accounts: BTreeMap<String, (String, bool)>,
    /// Messages that nobody has acknowledged.
    pub(crate) outgoing: Vec<Notice>,
    names: usize,
}

#[derive(Clone)]
enum RefusedOnce {
    Transfer(String),
    RefundByDispute,
}

pub(crate) struct Bank {
    pub(crate) ether: Arc<Ether>,
    pub(crate) mistake: Option<Mistake>,
    books: Mutex<Books>,
}

impl Books {
    pub(crate) fn name(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}_{}", self.names)
    }

    fn tell(&mut self, now: Timestamp, kind: RailOutcome, reference: &str, about: (Option<CheckoutId>, Money)) {
        let notice = Notice {
            id: self.name("evt"),
            kind: kind.as_str().to_owned(),
            reference: reference.to_owned(),
            checkout: about.0,
            amount: about.1,
            time: now,
        };
        self.outgoing.push(notice);
    }

    /// What the processor has sent back of a payment, and what the buyer's bank did not take of that.
    pub(crate) fn refunded(&self, payment: &str) -> i64 {
        let made = self.refunds.iter().filter(|refund| refund.payment == payment);
        made.map(|refund| refund.amount).sum()
    }

    pub(crate) fn dispute_of(&self, payment: &str) -> Option<&BankDispute> {
        self.disputes.values().find(|dispute| dispute.payment == payment)
    }

    /// What the processor has of the node's money. It keeps its fees, whatever goes back.
    pub(crate) fn balance(&self) -> i64 {
        let payments = self.payments.values();
        let payments = payments.map(|payment| payment.amount.amount.micros() - payment.fee);
        let refunds = self.refunds.iter().filter(|made| !made.failed).map(|made| made.amount);
        let transfers = self.transfers.iter().map(|made| made.amount - made.reversed);
        let disputes = self.disputes.values().map(|each| each.taken - each.given_back);
        payments.sum::<i64>() - refunds.sum::<i64>() - transfers.sum::<i64>() - disputes.sum::<i64>()
    }
}

pub(crate) fn usd(units: i64) -> Money {
    Money::new(Amount::from_micros(units).unwrap(), "USD".parse().unwrap())
}

/// The header of a message that is signed at a time.
pub(crate) fn sign(body: &[u8], at: Timestamp) -> (String, String) {
    let mac = sha256_hex(&[SECRET.as_bytes(), at.as_seconds().to_string().as_bytes(), body].concat());
    (HEADER.to_owned(), format!("{} {mac}", at.as_seconds()))
}

impl Bank {
    pub(crate) fn new(ether: Arc<Ether>, mistake: Option<Mistake>) -> Self {
        Self {
            ether,
            mistake,
            books: Mutex::default(),
        }
    }

    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap()
    }

    /// A customer pays a session. `None`: it is over.
    pub(crate) fn customer_pays(&self, session: &str) -> Option<String> {
        let (now, dice) = (self.ether.now(), &self.ether.dice);
        let mut books = self.books();
        let name = books.name("pi");
        let open = books.sessions.get_mut(session)?;
        if open.closed || open.payment.is_some() || open.expires_at <= now {
            return None;
        }
        open.payment = Some(name.clone());
        let (checkout, amount) = (open.checkout, open.price);
        let fee_known = dice.chance(500);
        let fee = amount.amount.micros() / 40 / CENT * CENT + 30 * CENT;
        books.payments.insert(
            name.clone(),
            Payment {
                checkout,
                amount,
                fee,
                fee_known,
                at: now,
            },
        );
        books.tell(now, RailOutcome::Paid, session, (Some(checkout), amount));
        Some(name)
    }

    pub(crate) fn card_declined(&self, session: &str) {
        let now = self.ether.now();
        let mut books = self.books();
        if let Some(open) = books.sessions.get(session).cloned() {
            books.tell(now, RailOutcome::Failed, session, (Some(open.checkout), open.price));
        }
    }

    /// Whatever a processor does by itself. `goods_gone`: whether a checkout's goods are with their buyer, so that a
    /// bank may take the money back.
    pub(crate) fn something(&self, goods_gone: &dyn Fn(CheckoutId) -> bool) {
        match self.ether.dice.below(7) {
            0 => self.fee_settle(false),
            1 => self.session_expire(),
            2 => self.dispute_open(goods_gone),
            3 => self.dispute_close(false),
            4 => self.refund_fail(),
            5 => self.payout_fail(),
            _ => self.account_or_transfer(),
        }
    }

    /// Brings to an end what would take weeks.
    pub(crate) fn wind_up(&self) {
        self.fee_settle(true);
        self.dispute_close(true);
        if self.ether.dice.chance(300) {
            self.refund_fail();
        }
    }

    fn fee_settle(&self, all: bool) {
        let now = self.ether.now();
        let mut books = self.books();
        let unknown = books.payments.iter().filter(|(_, payment)| !payment.fee_known);
        let names: Vec<String> = unknown.map(|(name, _)| name.clone()).collect();
        for name in names {
            let payment = books.payments.get_mut(&name).unwrap();
            payment.fee_known = true;
            let about = (Some(payment.checkout), payment.amount);
            books.tell(now, RailOutcome::FeeKnown, &name, about);
            self.ether.say(&format!("{CARDS}: the fee of {name} is known"));
            if !all {
                return;
            }
        }
    }

    fn session_expire(&self) {
        let now = self.ether.now();
        let mut books = self.books();
        let over = books.sessions.iter_mut();
        let mut over = over.filter(|(_, open)| !open.closed && open.payment.is_none() && open.expires_at <= now);
        let Some((name, session)) = over.next() else { return };
        session.closed = true;
        let (name, about) = (name.clone(), (Some(session.checkout), session.price));
        books.tell(now, RailOutcome::Cancelled, &name, about);
    }

    fn dispute_open(&self, goods_gone: &dyn Fn(CheckoutId) -> bool) {
        let now = self.ether.now();
        let mut books = self.books();
        let candidates: Vec<(String, Payment)> = books
            .payments
            .iter()
            .filter(|(name, payment)| {
                let left = payment.amount.amount.micros() - books.refunded(name);
                left > 0 && books.dispute_of(name).is_none() && goods_gone(payment.checkout)
            })
            .map(|(name, payment)| (name.clone(), payment.clone()))
            .collect();
        let Some((payment, of)) = self.ether.dice.pick(&candidates).cloned() else {
            return;
        };
        let name = books.name("dp");
        let left = usd(of.amount.amount.micros() - books.refunded(&payment));
        let taken = left.amount.micros() + DISPUTE_FEE;
        books.disputes.insert(
            name.clone(),
            BankDispute {
                payment,
                checkout: of.checkout,
                amount: left,
                taken,
                given_back: 0,
                state: DisputeState::Open,
                at: now,
            },
        );
        books.tell(now, RailOutcome::Disputed, &name, (None, left));
        self.ether
            .say(&format!("{CARDS}: {name} takes {taken} of {}", of.checkout));
    }

    fn dispute_close(&self, all: bool) {
        let now = self.ether.now();
        let mut books = self.books();
        let open = books
            .disputes
            .iter()
            .filter(|(_, each)| each.state == DisputeState::Open);
        let names: Vec<String> = open.map(|(name, _)| name.clone()).collect();
        for name in names {
            let won = self.ether.dice.chance(500);
            let dispute = books.disputes.get_mut(&name).unwrap();
            dispute.state = if won { DisputeState::Won } else { DisputeState::Lost };
            dispute.given_back = if won { dispute.taken } else { 0 };
            let amount = dispute.amount;
            books.tell(now, RailOutcome::Disputed, &name, (None, amount));
            self.ether
                .say(&format!("{CARDS}: {name} is {}", if won { "won" } else { "lost" }));
            if !all {
                return;
            }
        }
    }

    /// A buyer's bank does not take what went back.
    fn refund_fail(&self) {
        let now = self.ether.now();
        let mut books = self.books();
        let mut made: Vec<&mut BankRefund> = books.refunds.iter_mut().filter(|made| !made.failed).collect();
        let at = self.ether.dice.below(made.len());
        let Some(made) = made.get_mut(at) else { return };
        made.failed = true;
        let (reference, amount) = (made.reference(), usd(made.amount));
        books.tell(now, RailOutcome::RefundFailed, &reference, (None, amount));
        self.ether.say(&format!("{CARDS}: {reference} fails"));
    }

    /// A payee's bank takes nothing more.
    fn payout_fail(&self) {
        if !self.ether.dice.chance(250) {
            return;
        }
        let now = self.ether.now();
        let mut books = self.books();
        let names: Vec<String> = books.accounts.keys().cloned().collect();
        let Some(name) = self.ether.dice.pick(&names) else {
            return;
        };
        books.accounts.get_mut(name).unwrap().1 = false;
        books.tell(now, RailOutcome::PayoutFailed, name, (None, usd(0)));
        self.ether.say(&format!("{CARDS}: the bank of {name} takes nothing"));
    }

    fn account_or_transfer(&self) {
        let (now, dice) = (self.ether.now(), &self.ether.dice);
        let mut books = self.books();
        if dice.chance(500) {
            let names: Vec<String> = books.accounts.keys().cloned().collect();
            let Some(name) = dice.pick(&names) else { return };
            let ready = dice.chance(800);
            books.accounts.get_mut(name).unwrap().1 = ready;
            books.tell(now, RailOutcome::PayeeChanged, name, (None, usd(0)));
            self.ether.say(&format!("{CARDS}: {name} can be paid: {ready}"));
            return;
        }
        let whole = books
            .transfers
            .iter_mut()
            .enumerate()
            .filter(|(_, made)| made.reversed == 0);
        let mut whole: Vec<(usize, &mut BankTransfer)> = whole.collect();
        let at = dice.below(whole.len());
        let Some((index, made)) = whole.get_mut(at) else { return };
        made.reversed = made.amount;
        let (name, amount) = (format!("tr_{index}"), usd(made.amount));
        books.tell(now, RailOutcome::TransferReversed, &name, (None, amount));
        self.ether.say(&format!("{CARDS}: {name} comes back"));
    }

    pub(crate) fn event_read(notice: Notice) -> Result<RailEvent, RailError> {
        let outcome = RailOutcome::ALL.into_iter().find(|each| each.as_str() == notice.kind);
        Ok(RailEvent {
            id: notice.id,
            checkout: notice.checkout,
            outcome: outcome.ok_or(RailError::Malformed(notice.kind))?,
            amount: notice.amount,
            reference: notice.reference,
            time: notice.time,
        })
    }

    pub(crate) fn refund_make(&self, asked: &RailRefund) -> Result<Refunded, RailError> {
        let refused = |text: &str| Err(RailError::Refused(text.to_owned()));
        let (now, mut books) = (self.ether.now(), self.books());
        let amount = asked.amount.amount.micros();
        let kept = books.refunds.iter().find(|refund| refund.key == asked.key);
        if let Some(kept) = kept {
            if (&kept.payment, kept.amount) != (&asked.reference, amount) {
                self.ether
                    .wrong(format!("{} is asked for with another body", asked.key));
            }
            if self.mistake != Some(Mistake::BankForgetsKeys) {
                let reference = kept.reference();
                return Ok(Refunded { reference });
            }
            self.ether.wrong(format!("{} is refunded twice", asked.reference));
        }
        let Some(payment) = books.payments.get(&asked.reference).cloned() else {
            return refused("there is no such payment");
        };
        let disputed = books.dispute_of(&asked.reference);
        let is_disputed = disputed.is_some_and(|each| each.state != DisputeState::Won);
        if is_disputed || matches!(books.refusals.get(&asked.key), Some(RefusedOnce::RefundByDispute)) {
            books.refusals.insert(asked.key.clone(), RefusedOnce::RefundByDispute);
            return Ok(Refunded::by_dispute(&asked.reference));
        }
        let left = payment.amount.amount.micros() - books.refunded(&asked.reference);
        if payment.checkout != asked.checkout || amount > left || amount % CENT != 0 {
            let text = format!("{} are to go back of the {left} of {}", asked.amount, asked.reference);
            self.ether.wrong(text);
            return refused("it is too much");
        }
        let made = BankRefund {
            key: asked.key.clone(),
            payment: asked.reference.clone(),
            amount,
            at: now,
            failed: false,
        };
        let reference = made.reference();
        books.refunds.push(made);
        Ok(Refunded { reference })
    }

    pub(crate) fn transfer_make(&self, asked: &RailTransfer) -> Result<String, RailError> {
        if let Some(RefusedOnce::Transfer(text)) = self.books().refusals.get(&asked.key) {
            return Err(RailError::Refused(text.clone()));
        }
        let made = self.transfer_try(asked);
        if let Err(RailError::Refused(text)) = &made {
            let refused = RefusedOnce::Transfer(text.clone());
            self.books().refusals.insert(asked.key.clone(), refused);
        }
        made
    }

    fn transfer_try(&self, asked: &RailTransfer) -> Result<String, RailError> {
        let refused = |text: &str| Err(RailError::Refused(text.to_owned()));
        let (now, mut books) = (self.ether.now(), self.books());
        let made = books.transfers.iter().position(|made| made.key == asked.key);
        if let Some(index) = made.filter(|_| self.mistake != Some(Mistake::BankForgetsKeys)) {
            return Ok(format!("tr_{index}"));
        }
        let amount = asked.amount.amount.micros();
        if amount % CENT != 0 {
            self.ether
                .wrong(format!("{} is no whole number of cents", asked.amount));
        }
        if !books.accounts.get(&asked.account).is_some_and(|(_, ready)| *ready) {
            return refused("the account cannot be paid");
        }
        let Some(payment) = books.payments.get(&asked.source).cloned() else {
            return refused("there is no such payment");
        };
        if books.dispute_of(&asked.source).is_some_and(|each| each.given_back == 0) {
            return refused("the payment has gone back");
        }
        let passed_on = books.transfers.iter().filter(|made| made.source == asked.source);
        let passed_on: i64 = passed_on.map(|made| made.amount - made.reversed).sum();
        let left = payment.amount.amount.micros() - payment.fee - passed_on;
        if amount > left - books.refunded(&asked.source) {
            return refused("too much of the payment has gone back");
        }
        let twice = books
            .transfers
            .iter()
            .any(|made| made.payout == asked.payout && made.source == asked.source);
        if twice {
            self.ether
                .wrong(format!("{} of {} is paid out twice", asked.payout, asked.source));
        }
        if amount > left {
            self.ether.wrong(format!("{amount} of {left} left of {}", asked.source));
            return refused("there is not so much left of the payment");
        }
        books.transfers.push(BankTransfer {
            key: asked.key.clone(),
            payout: asked.payout.clone(),
            source: asked.source.clone(),
            amount,
            reversed: 0,
            at: now,
        });
        Ok(format!("tr_{}", books.transfers.len() - 1))
    }
}
