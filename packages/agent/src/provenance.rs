//! What a publisher signs: where its answers are from, and where the money went.

use std::path::Path;

use imajin_did::{DidDocument, PublicKey};
use imajin_imagxp::{CheckedReceipt, PROVENANCE, Provenance, RECEIPT_REL, ReceiptExpectation};
use imajin_kernel::{Code, Problem};
use imajin_proof::jose::{Jwk, Jwks};
use imajin_web::HttpAnswer;
use url::Url;

use crate::broker::url_of;
use crate::linked::linked;
use crate::page::digest_of;
use crate::{Agent, FetchWish, Payment};

/// The keys of a publisher; why there are none, where they cannot be read.
pub(crate) type PublisherKeys = Result<Vec<PublicKey>, Problem>;

impl Agent {
    /// The keys that the host of an address publishes. [`Code::Unavailable`] when they cannot be read now.
    pub(crate) async fn publisher_keys(&self, url: &Url) -> PublisherKeys {
        let origin = url.origin().ascii_serialization();
        let document = url_of(&format!("{origin}/.well-known/did.json"))?;
        let found = self.get_plain(&document).await?;
        if found.status.is_server_error() {
            let detail = format!("{origin} answers with {} when it is asked for its keys.", found.status);
            return Err(Problem::new(Code::Unavailable, detail));
        }
        let document: Result<DidDocument, _> = serde_json::from_slice(&found.body);
        let unproven = |_error| Problem::invalid(format!("{origin} does not say whose keys sign for it."));
        Ok(document.map_err(unproven)?.assertion_keys())
    }

    /// What the publisher has signed about an answer: for this URL, and for these bytes where it names them. None when
    /// it has signed nothing.
    pub(crate) fn provenance(
        &self,
        url: &Url,
        answer: &HttpAnswer,
        page: &Path,
        keys: &PublisherKeys,
    ) -> Result<Option<Provenance>, Problem> {
        let Some(text) = answer.headers.get(PROVENANCE).and_then(|value| value.to_str().ok()) else {
            return Ok(None);
        };
        let origin = url.origin().ascii_serialization();
        let keys = keys.as_ref().map_err(Clone::clone)?;
        let keys = Jwks::new(keys.iter().copied().map(Jwk::from_key).collect());
        let unproven = |_error| Problem::invalid(format!("{origin} does not say whose keys sign for it."));
        let wrong = |error| Problem::invalid(format!("What {origin} says about its answer does not count: {error}."));
        let said = Provenance::verify(text, &keys.map_err(unproven)?, &origin, self.now()).map_err(wrong)?;
        let is_this = said.url == url.as_str();
        let is_of_bytes = match &said.content_digest {
            Some(digest) => digest_of(page)? == *digest,
            None => true,
        };
        if is_this && is_of_bytes {
            return Ok(Some(said));
        }
        Err(Problem::invalid(format!(
            "What {origin} has signed is about another answer."
        )))
    }

    /// Says in a payment where the money went, by the receipt that the publisher links to; or why that is not known.
    /// What was paid for is given all the same.
    pub(crate) async fn receipt_read(
        &self,
        payment: Payment,
        (wish, answer): (&FetchWish, &HttpAnswer),
        keys: &PublisherKeys,
    ) -> Payment {
        let read = self.receipt_checked(&payment, (wish, answer), keys).await;
        match read {
            Ok(receipt) => payment.split(receipt),
            Err(problem) => Payment {
                receipt_unchecked: Some(problem.detail),
                ..payment
            },
        }
    }

    async fn receipt_checked(
        &self,
        payment: &Payment,
        (wish, answer): (&FetchWish, &HttpAnswer),
        keys: &PublisherKeys,
    ) -> Result<CheckedReceipt, Problem> {
        let Some(url) = linked(&answer.headers, RECEIPT_REL, &wish.url) else {
            let detail = format!("{} does not say where its receipt is read.", payment.publisher);
            return Err(Problem::new(Code::NotFound, detail));
        };
        let document = self.claimed_get(&url, wish.purpose).await?;
        document.success()?;
        let expect = ReceiptExpectation {
            keys: keys.as_ref().map_err(Clone::clone)?,
            id: &payment.receipt,
            payer: &self.home().did()?,
            price: payment.price,
        };
        CheckedReceipt::check(&document.body, &expect).map_err(|error| {
            let detail = format!("The receipt of {} does not count: {error}.", payment.publisher);
            Problem::invalid(detail)
        })
    }
}
