//! Reading a page, and paying for it if need be.

use std::collections::BTreeSet;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use imajin_imagxp::pay_per_crawl::{EXACT_PRICE, price_text};
use imajin_imagxp::visa::{CREDENTIAL, PAYMENT};
use imajin_imagxp::{PROVENANCE, PaymentRequired, Provenance, RECEIPT};
use imajin_kernel::{Code, Problem};
use imajin_web::{HttpAnswer, PublicBase};
use serde_json::Value;
use url::Url;

use crate::again::is_undecided;
use crate::fetched::{Answered, Taker};
use crate::page::{HOPS_MAX, Page, digest_of};
use crate::{Agent, FetchWish, Fetched, PaidPage, Payment, Purchase, PurchaseState};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

impl Agent {
    /// Reads a page; pays for it if it costs no more than the wish and the agent's limits allow, and never twice. Where
    /// it has moved to on its site, it is read there.
    ///
    /// # Errors
    /// Why it was not read. [`Code::Unavailable`] means that it is not known how it ended: the same wish goes on.
    pub async fn fetch(&self, wish: &FetchWish) -> Result<Fetched, Problem> {
        self.fetch_for(wish, &mut |_fetched| Ok(())).await
    }

    /// The same, and has somebody take the page from the file of the wish. A page that was paid for counts as given out
    /// only once they have it: until then the same wish gives it again, and pays nothing more.
    ///
    /// # Errors
    /// Also why they could not take it.
    pub async fn fetch_for(&self, wish: &FetchWish, take: Taker<'_>) -> Result<Fetched, Problem> {
        let fetched = async {
            let fetched = self.fetch_untold(wish).await?;
            take(&fetched)?;
            if let Some(purchase) = &fetched.untold {
                self.told(purchase)?;
            }
            Ok(fetched)
        };
        let fetched = fetched.await;
        self.waiting_clean(&wish.out);
        fetched
    }

    async fn fetch_untold(&self, wish: &FetchWish) -> Result<Fetched, Problem> {
        let mut wish = wish.clone();
        wish.url.set_fragment(None);
        self.shown_settle().await?;
        let site = self.site_rules(&wish.url).await?;
        let mut seen = BTreeSet::new();
        while seen.len() <= usize::from(HOPS_MAX) && seen.insert(wish.url.clone()) {
            if let Some(reason) = site.refusal(&wish.url, wish.purpose) {
                return Err(Problem::new(Code::Forbidden, reason));
            }
            match Box::pin(self.page_read(&wish)).await? {
                Answered::Page(fetched) => return Ok(*fetched),
                Answered::Moved(to) if to.origin() == wish.url.origin() => wish.url = to,
                Answered::Moved(to) => {
                    let detail = format!("{} has moved to another site: {to}.", wish.url);
                    return Err(Problem::new(Code::Forbidden, detail).hint("If you trust that site, fetch it there."));
                }
            }
        }
        let detail = format!("{} leads from one address to the next, and nowhere.", wish.url);
        Err(Problem::new(Code::Conflict, detail))
    }

    /// The same for one address, where what the site says about its pages was asked before.
    pub(crate) async fn page_read(&self, wish: &FetchWish) -> Result<Answered, Problem> {
        let begun = self.journal().open_find(wish.url.as_str(), wish.purpose).cloned();
        if let Some(purchase) = begun {
            let purchase = self.resume(wish, purchase).await?;
            return self.buy(wish, purchase, true).await;
        }
        let untold = self.journal().untold_find(wish.url.as_str(), wish.purpose).cloned();
        if let Some(purchase) = untold
            && let Some(fetched) = self.tell(wish, purchase)?
        {
            return Ok(Answered::Page(Box::new(fetched)));
        }
        let page = self.page_get(wish, None).await?;
        if let Some(to) = page.moved_to(&wish.url) {
            return Ok(Answered::Moved(to));
        }
        if page.answer.status != StatusCode::PAYMENT_REQUIRED {
            return self.answered(wish, page, None).await;
        }
        let required = PaymentRequired::parse(&page.answer.body);
        let required = required.map_err(|error| Problem::new(Code::PaymentRequired, format!("{error}.")))?;
        let purchase = self.intend(wish, &required)?;
        self.buy(wish, purchase, false).await
    }

    /// Decides whether a page is bought, and writes the intention down.
    fn intend(&self, wish: &FetchWish, required: &PaymentRequired) -> Result<Purchase, Problem> {
        let (price, publisher) = (required.price, PublicBase(wish.url.clone()).audience());
        if required.audience != publisher || required.resource != wish.url.as_str() {
            return Err(Problem::new(
                Code::PaymentRequired,
                "What is to be paid there is for another page.",
            ));
        }
        wish.max_check(price)?;
        let own = &self.home().settings().brokers;
        let broker = required.brokers.iter().find(|broker| own.contains(broker));
        let Some(broker) = broker.cloned() else {
            let detail = format!("It takes visas of {}.", required.brokers.join(", "));
            return Err(Problem::new(Code::PaymentRequired, detail)
                .hint("Open an account at one of them: imajin agent account --broker URL."));
        };
        let purchase = Purchase {
            id: self.fresh_name(),
            at: self.now(),
            url: wish.url.to_string(),
            purpose: wish.purpose,
            publisher,
            broker,
            price,
            door: self.door(),
            run: wish.run.as_ref().map(|run| run.id.clone()),
            claims: Vec::new(),
            dispute: None,
            page: None,
            state: PurchaseState::Intended,
        };
        // Held from the question to the intention: what another page costs meanwhile counts.
        let limits = &self.home().settings().limits;
        self.journal().begin(&purchase, limits, wish.run.as_ref())?;
        Ok(purchase)
    }

    /// Goes through with a purchase, from wherever it stands.
    async fn buy(&self, wish: &FetchWish, mut purchase: Purchase, is_resumed: bool) -> Result<Answered, Problem> {
        let visa = if let PurchaseState::Promised { visa } = &purchase.state {
            visa.clone()
        } else {
            let bought = self.visa_buy(&purchase).await;
            let visa = self.decided(&mut purchase, bought)?;
            purchase.state = PurchaseState::Promised { visa: visa.clone() };
            visa
        };
        let headers = paid_headers(&purchase, &visa)?;
        let page = self.page_get(wish, Some((&mut purchase, headers))).await?;
        let status = page.answer.status;
        if is_undecided(status) {
            return Err(go_on(&page.answer));
        }
        let receipt = page.answer.headers.get(RECEIPT).and_then(|value| value.to_str().ok());
        let receipt = receipt.map(ToOwned::to_owned);
        if let Some(to) = page.moved_to(&wish.url) {
            return self.moved((&mut purchase, visa), to, receipt);
        }
        let Some(receipt) = receipt.filter(|_| status.is_success()) else {
            // By its word it costs nothing. The site has the visa all the same.
            let reason = if status.is_success() {
                "it cost nothing".to_owned()
            } else {
                detail_of(&page.answer)
            };
            let visa = Some(visa);
            purchase.state = PurchaseState::Shown { visa, reason };
            self.journal().write(&purchase)?;
            return self.answered(wish, page, None).await;
        };
        purchase.state = PurchaseState::Paid {
            receipt: receipt.clone(),
        };
        purchase.page = Some(PaidPage {
            file: wish.out.clone(),
            digest: digest_of(&wish.out)?,
        });
        self.journal().write(&purchase)?;
        let payment = Payment::of(&purchase, receipt, is_resumed);
        let fetched = self.fetched(wish, page, Some(payment)).await;
        if fetched.is_err() {
            // It is not what the publisher has signed: nobody is to be told of it later.
            purchase.page = None;
            self.journal().write(&purchase)?;
        }
        let untold = Some(purchase.id);
        Ok(Answered::Page(Box::new(Fetched { untold, ..fetched? })))
    }

    /// The page that was to be bought is elsewhere. That costs nothing by the site's word; of a publisher who has taken
    /// money for it, no other page is bought.
    fn moved(
        &self,
        (purchase, visa): (&mut Purchase, String),
        to: Url,
        receipt: Option<String>,
    ) -> Result<Answered, Problem> {
        let Some(receipt) = receipt else {
            let (visa, reason) = (Some(visa), format!("it has moved to {to}"));
            purchase.state = PurchaseState::Shown { visa, reason };
            self.journal().write(purchase)?;
            return Ok(Answered::Moved(to));
        };
        purchase.state = PurchaseState::Paid { receipt };
        self.journal().write(purchase)?;
        let detail = format!("{} took money and gave no page: it leads to {to}.", purchase.publisher);
        Err(Problem::new(Code::PaymentFailed, detail).hint("Say so to the broker: imajin agent dispute."))
    }

    /// What a broker has decided for good ends the purchase; what is not known leaves it open.
    fn decided<T>(&self, purchase: &mut Purchase, outcome: Result<T, Problem>) -> Result<T, Problem> {
        outcome.map_err(|problem| {
            if is_open(problem.code) {
                return problem.hint("Run the command again: it goes on where it was.");
            }
            purchase.state = PurchaseState::Unspent {
                reason: problem.detail.clone(),
            };
            match self.journal().write(purchase) {
                Ok(()) => problem,
                Err(unwritten) => unwritten,
            }
        })
    }

    async fn answered(&self, wish: &FetchWish, page: Page, paid: Option<Payment>) -> Result<Answered, Problem> {
        let fetched = self.fetched(wish, page, paid).await?;
        Ok(Answered::Page(Box::new(fetched)))
    }

    async fn fetched(&self, wish: &FetchWish, page: Page, paid: Option<Payment>) -> Result<Fetched, Problem> {
        let status = page.answer.status;
        if !status.is_success() {
            let code = if status == StatusCode::NOT_FOUND {
                Code::NotFound
            } else {
                Code::Forbidden
            };
            let detail = format!("{}: {} ({status}).", wish.url, detail_of(&page.answer));
            return Err(Problem::new(code, detail));
        }
        let is_signed = paid.is_some() || page.answer.headers.contains_key(PROVENANCE);
        let keys = if is_signed {
            self.publisher_keys(&wish.url).await
        } else {
            Ok(Vec::new())
        };
        let said: Result<Option<Provenance>, Problem> = self.provenance(&wish.url, &page.answer, &wish.out, &keys);
        let (said, origin_unchecked) = match said {
            Ok(said) => (said, None),
            Err(problem) if problem.code == Code::Unavailable => (None, Some(problem.detail)),
            Err(problem) => return Err(problem),
        };
        let paid = match paid {
            Some(payment) => Some(self.receipt_read(payment, (wish, &page.answer), &keys).await),
            None => None,
        };
        let kind = page.answer.headers.get(header::CONTENT_TYPE);
        Ok(Fetched {
            url: wish.url.clone(),
            bytes: page.bytes,
            content_type: kind.and_then(|value| value.to_str().ok()).map(ToOwned::to_owned),
            paid,
            origin: said.map(|said| said.origin.as_str().to_owned()),
            origin_unchecked,
            untold: None,
        })
    }
}

/// Whether a refusal of a broker leaves open whether there is a visa.
const fn is_open(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable | Code::Internal | Code::Timeout | Code::RateLimited
    )
}

fn paid_headers(purchase: &Purchase, visa: &str) -> Result<HeaderMap, Problem> {
    let mut headers = HeaderMap::new();
    let price = price_text(purchase.price);
    for (name, text) in [
        (CREDENTIAL, visa),
        (PAYMENT, visa),
        (IDEMPOTENCY_KEY, &purchase.id),
        (EXACT_PRICE, &price),
    ] {
        let value = HeaderValue::from_str(text);
        headers.insert(
            name,
            value.map_err(|_error| Problem::invalid("The visa does not fit into a header."))?,
        );
    }
    Ok(headers)
}

/// Why a page was not given, in one sentence.
fn detail_of(answer: &HttpAnswer) -> String {
    let document: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let detail = document.as_ref().and_then(|document| document.get("detail")?.as_str());
    detail.map_or_else(
        || "it was not given".to_owned(),
        |text| text.trim_end_matches('.').to_owned(),
    )
}

fn go_on(answer: &HttpAnswer) -> Problem {
    let problem = Problem::new(Code::Unavailable, format!("{}.", detail_of(answer)));
    problem.hint("Run the command again: it goes on where it was.")
}
