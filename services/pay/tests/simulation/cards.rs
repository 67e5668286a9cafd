//! The processor as pay's rail.

use std::sync::Arc;

use imajin_kernel::{Span, Timestamp};
use imajin_money::{Amount, Money};
use imajin_rails::{
    Confirmed, FACT_DONE, FACT_FAILED, FactKind, FactPage, Headers, Opened, Rail, RailBalance, RailCheckout,
    RailDispute, RailError, RailEvent, RailFact, RailFee, RailOutcome, RailPayee, RailRefund, RailTransfer, Refunded,
};
use imajin_web::macro_support::async_trait;

use crate::bank::{Bank, Books, CARDS, HEADER, Session, sign, usd};

const TOLERANCE: Span = Span::seconds(300);
const CENT: i64 = 10_000;
/// Few, so that there are several pages.
const FACTS_PER_PAGE: usize = 4;

/// The way to the processor, over a network that loses things.
pub(crate) struct CardRail(pub(crate) Arc<Bank>);

fn lost() -> RailError {
    RailError::Unavailable("the line is dead".to_owned())
}

fn fee_of(books: &Books, payment: &str) -> Result<RailFee, RailError> {
    let payment = books
        .payments
        .get(payment)
        .ok_or_else(|| RailError::Refused("no such payment".to_owned()))?;
    if !payment.fee_known {
        return Ok(RailFee::Unknown);
    }
    Ok(RailFee::Known(Amount::from_micros(payment.fee).unwrap()))
}

/// What is true about an event.
fn confirmed(books: &Books, event: RailEvent) -> Result<Option<Confirmed>, RailError> {
    let reference = event.reference.clone();
    Ok(match event.outcome {
        RailOutcome::Paid => {
            let session = books.sessions.get(&reference);
            let Some(payment) = session.and_then(|session| session.payment.clone()) else {
                return Ok(None);
            };
            let (fee, paid) = (fee_of(books, &payment)?, &books.payments[&payment]);
            let event = RailEvent {
                amount: paid.amount,
                reference: payment,
                ..event
            };
            Some(Confirmed::plain(event, fee))
        }
        RailOutcome::FeeKnown => {
            let fee = fee_of(books, &reference)?;
            matches!(fee, RailFee::Known(_)).then(|| Confirmed::plain(event, fee))
        }
        RailOutcome::Disputed => books.disputes.get(&reference).map(|dispute| {
            let amount = |units| Amount::from_micros(units).unwrap();
            let event = RailEvent {
                checkout: Some(dispute.checkout),
                ..event
            };
            Confirmed {
                dispute: Some(RailDispute {
                    payment: dispute.payment.clone(),
                    taken: amount(dispute.taken),
                    given_back: amount(dispute.given_back),
                    state: dispute.state,
                }),
                ..Confirmed::plain(event, RailFee::Unknown)
            }
        }),
        RailOutcome::PayeeChanged | RailOutcome::PayoutFailed => Some(Confirmed {
            payee_ready: books.accounts.get(&reference).map(|(_, ready)| *ready),
            ..Confirmed::plain(event, RailFee::Free)
        }),
        _ => Some(Confirmed::plain(event, RailFee::Unknown)),
    })
}

/// Everything that the processor has done, in pages.
fn page_of(books: &Books, since: Timestamp, from: usize) -> FactPage {
    let amount = |units| Amount::from_micros(units).unwrap();
    let mut facts = Vec::new();
    for (name, made) in &books.payments {
        facts.push(RailFact {
            kind: FactKind::Payment,
            reference: name.clone(),
            about: made.checkout.to_string(),
            time: made.at,
            amount: made.amount,
            extra: made.fee_known.then(|| amount(made.fee)),
            state: FACT_DONE,
        });
    }
    for made in &books.refunds {
        facts.push(RailFact {
            kind: FactKind::Refund,
            reference: made.reference(),
            about: made.payment.clone(),
            time: made.at,
            amount: usd(made.amount),
            extra: None,
            state: if made.failed { FACT_FAILED } else { FACT_DONE },
        });
    }
    for (name, made) in &books.disputes {
        facts.push(RailFact {
            kind: FactKind::Dispute,
            reference: name.clone(),
            about: made.payment.clone(),
            time: made.at,
            amount: made.amount,
            extra: Some(amount(made.taken - made.given_back)),
            state: made.state.as_str(),
        });
    }
    for (index, made) in books.transfers.iter().enumerate() {
        facts.push(RailFact {
            kind: FactKind::Transfer,
            reference: format!("tr_{index}"),
            about: made.payout.clone(),
            time: made.at,
            amount: usd(made.amount),
            extra: Some(amount(made.reversed)),
            state: FACT_DONE,
        });
    }
    let known = facts.into_iter().filter(|fact| fact.time >= since);
    let mut page: Vec<RailFact> = known.skip(from).take(FACTS_PER_PAGE + 1).collect();
    let cursor = (page.len() > FACTS_PER_PAGE).then(|| (from + FACTS_PER_PAGE).to_string());
    page.truncate(FACTS_PER_PAGE);
    FactPage {
        facts: page,
        cursor,
        cut: None,
    }
}

#[async_trait]
impl Rail for CardRail {
    fn name(&self) -> &'static str {
        CARDS
    }

    fn is_test(&self) -> bool {
        false
    }

    async fn open(&self, checkout: &RailCheckout) -> Result<Opened, RailError> {
        let open = || {
            let mut books = self.0.books();
            let name = books.name("ses");
            let session = Session {
                checkout: checkout.id,
                price: checkout.price,
                expires_at: checkout.expires_at,
                payment: None,
                closed: false,
            };
            books.sessions.insert(name.clone(), session);
            Ok(Opened {
                url: format!("https://cards.test/{name}"),
                reference: Some(name),
            })
        };
        self.0.ether.call(CARDS, "open", lost, open).await
    }

    fn verify(&self, message: &[u8], headers: &Headers) -> Result<Option<RailEvent>, RailError> {
        let header = headers
            .iter()
            .find(|(name, _)| name == HEADER)
            .ok_or(RailError::Forged)?;
        let seconds = header.1.split(' ').next().and_then(|text| text.parse().ok());
        let at = Timestamp::from_seconds(seconds.ok_or(RailError::Forged)?);
        if *header != sign(message, at) {
            return Err(RailError::Forged);
        }
        let now = self.0.ether.now();
        if now.since(at) > TOLERANCE || at.since(now) > TOLERANCE {
            return Err(RailError::Stale);
        }
        let notice = serde_json::from_slice(message).map_err(|error| RailError::Malformed(error.to_string()))?;
        Bank::event_read(notice).map(Some)
    }

    fn is_remote(&self) -> bool {
        true
    }

    async fn confirm(&self, event: RailEvent) -> Result<Option<Confirmed>, RailError> {
        let what = format!("confirm {}", event.id);
        let ask = || confirmed(&self.0.books(), event);
        self.0.ether.call(CARDS, &what, lost, ask).await
    }

    async fn fee(&self, reference: &str) -> Result<RailFee, RailError> {
        let ask = || fee_of(&self.0.books(), reference);
        self.0.ether.call(CARDS, "fee", lost, ask).await
    }

    async fn close(&self, reference: &str) -> Result<(), RailError> {
        let close = || {
            if let Some(session) = self.0.books().sessions.get_mut(reference) {
                session.closed = true;
            }
            Ok(())
        };
        self.0.ether.call(CARDS, "close", lost, close).await
    }

    async fn refund(&self, refund: &RailRefund) -> Result<Refunded, RailError> {
        let what = format!("refund of {}", refund.reference);
        self.0
            .ether
            .call(CARDS, &what, lost, || self.0.refund_make(refund))
            .await
    }

    fn pays_out(&self) -> bool {
        true
    }

    fn payable(&self, money: Money) -> Money {
        let whole = money.amount.micros() / CENT * CENT;
        Money::new(Amount::from_micros(whole).unwrap(), money.asset)
    }

    fn lists(&self) -> bool {
        true
    }

    async fn facts(&self, since: Timestamp, cursor: Option<&str>) -> Result<FactPage, RailError> {
        let from = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        let ask = || Ok(page_of(&self.0.books(), since, from));
        self.0.ether.call(CARDS, "facts", lost, ask).await
    }

    async fn balances(&self) -> Result<Option<Vec<RailBalance>>, RailError> {
        let ask = || {
            let (asset, units) = (usd(0).asset, self.0.books().balance());
            Ok(Some(vec![RailBalance { asset, units }]))
        };
        self.0.ether.call(CARDS, "balances", lost, ask).await
    }

    async fn payee_make(&self, payee: &RailPayee) -> Result<String, RailError> {
        let make = || {
            let mut books = self.0.books();
            let did = payee.did.to_string();
            let known = books.accounts.iter().find(|(_, (whose, _))| *whose == did);
            if let Some((name, _)) = known {
                return Ok(name.clone());
            }
            let name = books.name("acct");
            books.accounts.insert(name.clone(), (did, true));
            Ok(name)
        };
        self.0.ether.call(CARDS, "account", lost, make).await
    }

    async fn payee_link(&self, account: &str, _return_path: &str) -> Result<String, RailError> {
        let link = || Ok(format!("https://cards.test/{account}"));
        self.0.ether.call(CARDS, "link", lost, link).await
    }

    async fn payee_ready(&self, account: &str) -> Result<bool, RailError> {
        let ask = || Ok(self.0.books().accounts.get(account).is_some_and(|(_, ready)| *ready));
        self.0.ether.call(CARDS, "ready", lost, ask).await
    }

    async fn transfer(&self, transfer: &RailTransfer) -> Result<String, RailError> {
        let what = format!("transfer out of {}", transfer.source);
        let make = || self.0.transfer_make(transfer);
        self.0.ether.call(CARDS, &what, lost, make).await
    }
}
