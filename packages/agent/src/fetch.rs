//! Reading a page, and paying for it if need be.

use std::fs::File;
use std::path::{Path, PathBuf};

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use imajin_imagxp::pay_per_crawl::{EXACT_PRICE, price_text};
use imajin_imagxp::visa::{CREDENTIAL, PAYMENT};
use imajin_imagxp::{Claim, ClaimHeaders, PaymentRequired, Provenance, Purpose, RECEIPT};
use imajin_kernel::{Code, Problem};
use imajin_money::Money;
use imajin_web::{HttpAnswer, PublicBase};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::again::{TRIES_MAX, is_undecided, wait_before};
use crate::files::{failed, folder_sync};
use crate::{Agent, PaidPage, Purchase, PurchaseState, Run};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What is to be read.
#[derive(Debug, Clone)]
pub struct FetchWish {
    /// The page.
    pub url: Url,
    /// What for.
    pub purpose: Purpose,
    /// The most that it may cost; nothing, when nothing is said.
    pub max: Option<Money>,
    /// Where the page is put.
    pub out: PathBuf,
    /// The crawl that it belongs to, whose budget counts too.
    pub run: Option<Run>,
}

/// What was paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    /// How much.
    pub price: Money,
    /// To whom: the publisher's host.
    pub publisher: String,
    /// Whose visa has paid.
    pub broker: String,
    /// The publisher's receipt.
    pub receipt: String,
    /// Whether an earlier, interrupted run had begun to pay.
    pub is_resumed: bool,
}

impl Payment {
    pub(crate) fn of(purchase: &Purchase, receipt: String, is_resumed: bool) -> Self {
        Self {
            price: purchase.price,
            publisher: purchase.publisher.clone(),
            broker: purchase.broker.clone(),
            receipt,
            is_resumed,
        }
    }
}

/// A page that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fetched {
    /// The page.
    pub url: Url,
    /// How many bytes it has.
    pub bytes: u64,
    /// What kind of document it is.
    pub content_type: Option<String>,
    /// What it cost.
    pub paid: Option<Payment>,
    /// Where the publisher has signed that it is from: `HUMAN`, `SYNTHETIC` or `HYBRID`.
    pub origin: Option<String>,
    /// Why it could not be checked what the publisher has signed about that. The page is there all the same: what was
    /// paid for is not thrown away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin_unchecked: Option<String>,
}

struct Page {
    answer: HttpAnswer,
    bytes: u64,
}

impl Agent {
    /// Reads a page; pays for it if it costs no more than the wish and the agent's limits allow, and never twice.
    ///
    /// # Errors
    /// Why it was not read. [`Code::Unavailable`] means that it is not known how it ended: the same wish goes on.
    pub async fn fetch(&self, wish: &FetchWish) -> Result<Fetched, Problem> {
        let mut wish = wish.clone();
        wish.url.set_fragment(None);
        let site = self.site_rules(&wish.url).await?;
        if let Some(reason) = site.refusal(&wish.url, wish.purpose) {
            return Err(Problem::new(Code::Forbidden, reason));
        }
        Box::pin(self.page_read(&wish)).await
    }

    /// The same, where what the site says about its pages was asked before.
    pub(crate) async fn page_read(&self, wish: &FetchWish) -> Result<Fetched, Problem> {
        let begun = self.journal().open_find(wish.url.as_str(), wish.purpose).cloned();
        if let Some(purchase) = begun {
            return self.buy(wish, purchase, true).await;
        }
        let untold = self.journal().untold_find(wish.url.as_str(), wish.purpose).cloned();
        if let Some(fetched) = untold.map(|purchase| self.tell(wish, purchase)).transpose()?.flatten() {
            return Ok(fetched);
        }
        let page = self.page_get(wish, None).await?;
        if page.answer.status != StatusCode::PAYMENT_REQUIRED {
            return self.fetched(wish, page, None).await;
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
        let allowed = wish
            .max
            .is_some_and(|max| max.asset == price.asset && price.amount <= max.amount);
        if !allowed {
            let max = wish.max.map_or_else(|| "nothing".to_owned(), |max| max.to_string());
            let detail = format!("It costs {price}, and at most {max} was to be paid.");
            return Err(Problem::new(Code::PaymentRequired, detail).hint("Allow more with --max."));
        }
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
            run: wish.run.as_ref().map(|run| run.id.clone()),
            claims: Vec::new(),
            dispute: None,
            page: None,
            state: PurchaseState::Intended,
        };
        // Held from the question to the intention: what another page costs meanwhile counts.
        let mut journal = self.journal();
        journal.allow(price, &self.home().settings().limits, self.now())?;
        if let Some(run) = &wish.run {
            journal.run_allow(price, run)?;
        }
        journal.write(&purchase)?;
        Ok(purchase)
    }

    /// Goes through with a purchase, from wherever it stands.
    async fn buy(&self, wish: &FetchWish, mut purchase: Purchase, is_resumed: bool) -> Result<Fetched, Problem> {
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
        let Some(receipt) = receipt.filter(|_| status.is_success()).map(ToOwned::to_owned) else {
            // What is not a good answer costs nothing, and neither does one without a receipt.
            let reason = if status.is_success() {
                "it cost nothing".to_owned()
            } else {
                detail_of(&page.answer)
            };
            purchase.state = PurchaseState::Unspent { reason };
            self.journal().write(&purchase)?;
            return self.fetched(wish, page, None).await;
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
        purchase.page = None;
        self.journal().write(&purchase)?;
        fetched
    }

    /// Gives out a page that an interrupted run has paid for; nothing, when it is not there any more.
    fn tell(&self, wish: &FetchWish, mut purchase: Purchase) -> Result<Option<Fetched>, Problem> {
        let PurchaseState::Paid { receipt } = &purchase.state else {
            return Ok(None);
        };
        let payment = Payment::of(&purchase, receipt.clone(), true);
        let page = purchase.page.take();
        let page = page.filter(|page| digest_of(&page.file).is_ok_and(|digest| digest == page.digest));
        if let Some(page) = page.as_ref().filter(|page| page.file != wish.out) {
            std::fs::copy(&page.file, &wish.out).map_err(failed(&wish.out))?;
        }
        self.journal().write(&purchase)?;
        if page.is_none() {
            return Ok(None);
        }
        Ok(Some(Fetched {
            url: wish.url.clone(),
            bytes: std::fs::metadata(&wish.out).map_err(failed(&wish.out))?.len(),
            content_type: None,
            paid: Some(payment),
            origin: None,
            origin_unchecked: Some("It came in an earlier run, which was interrupted.".to_owned()),
        }))
    }

    /// What a broker has decided for good ends the purchase; what is not known leaves it open.
    fn decided<T>(&self, purchase: &mut Purchase, outcome: Result<T, Problem>) -> Result<T, Problem> {
        outcome.map_err(|problem| {
            if matches!(problem.code, Code::Unavailable | Code::Internal | Code::Timeout) {
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
        let said: Result<Option<Provenance>, Problem> = self.provenance(&wish.url, &page.answer, &wish.out).await;
        let (said, origin_unchecked) = match said {
            Ok(said) => (said, None),
            Err(problem) if problem.code == Code::Unavailable => (None, Some(problem.detail)),
            Err(problem) => return Err(problem),
        };
        let kind = page.answer.headers.get(header::CONTENT_TYPE);
        Ok(Fetched {
            url: wish.url.clone(),
            bytes: page.bytes,
            content_type: kind.and_then(|value| value.to_str().ok()).map(ToOwned::to_owned),
            paid,
            origin: said.map(|said| said.origin.as_str().to_owned()),
            origin_unchecked,
        })
    }

    /// Asks for a page, with a claim of its own each time; again, when the answer was lost. What pays is written down
    /// before it is sent, with the claim.
    async fn page_get(
        &self,
        wish: &FetchWish,
        mut paying: Option<(&mut Purchase, HeaderMap)>,
    ) -> Result<Page, Problem> {
        let mut tries: u32 = 1;
        loop {
            let (mut headers, claim) = self.claim_headers(&wish.url, wish.purpose)?;
            if let Some((purchase, more)) = &mut paying {
                purchase.claims.push(claim);
                self.journal().write(purchase)?;
                headers.extend(more.clone());
            }
            let page = self.page_try(wish, headers, paying.is_some()).await;
            let is_lost = match &page {
                Ok(page) => is_undecided(page.answer.status),
                Err(problem) => problem.code == Code::Unavailable,
            };
            if !is_lost || tries >= TRIES_MAX {
                return page;
            }
            let headers = page.as_ref().ok().map(|page| &page.answer.headers);
            tokio::time::sleep(wait_before(tries, headers)).await;
            tries = tries.saturating_add(1);
        }
    }

    /// The headers of a request with a fresh claim, and the digest of the claim.
    fn claim_headers(&self, url: &Url, purpose: Purpose) -> Result<(HeaderMap, String), Problem> {
        let nonce = self.fresh_name();
        let claim = Claim::new(self.home().id(), self.now(), &nonce, url.as_str(), purpose, false);
        let signed = claim.and_then(|claim| Ok((ClaimHeaders::sign(self.key(), &claim)?, claim.digest()?)));
        let wrong = |error| Problem::invalid(format!("A claim for {url}: {error}."));
        let (signed, digest) = signed.map_err(wrong)?;
        let mut headers = self.plain_headers();
        headers.extend(signed);
        Ok((headers, digest))
    }

    /// A document of the site that costs nothing, for whoever says who asks.
    pub(crate) async fn claimed_get(&self, url: &Url, purpose: Purpose) -> Result<HttpAnswer, Problem> {
        let (headers, _claim) = self.claim_headers(url, purpose)?;
        self.http().send(Method::GET, url.clone(), headers, Vec::new()).await
    }

    async fn page_try(&self, wish: &FetchWish, headers: HeaderMap, is_paid: bool) -> Result<Page, Problem> {
        let mut file = File::create(&wish.out).map_err(failed(&wish.out))?;
        let (answer, bytes) = self.http().fetch(wish.url.clone(), headers, &mut file).await?;
        if is_paid && answer.status.is_success() {
            // What is written down as paid is there after a power cut.
            let synced = file.sync_all().and_then(|()| folder_sync(&wish.out));
            synced.map_err(failed(&wish.out))?;
        }
        Ok(Page { answer, bytes })
    }
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

/// The digest of what was written, as `Content-Digest` has it.
pub(crate) fn digest_of(path: &Path) -> Result<String, Problem> {
    let bytes = std::fs::read(path).map_err(failed(path))?;
    Ok(imajin_proof::digest::content_digest(&bytes))
}
