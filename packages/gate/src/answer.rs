//! What visitors are told: refusals, and the headers of what is let through.

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LINK, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use imajin_imagxp::visa::visa_name;
use imajin_imagxp::x402::{PAYMENT_RESPONSE, Paid};
use imajin_imagxp::{
    CONTENT_ORIGIN, PROVENANCE, Provenance, RECEIPT, RECEIPT_REL, RECEIPTS_PATH, VisitorType, pay_per_crawl,
    refusal_document,
};
use imajin_kernel::Timestamp;
use imajin_web::fair;
use serde_json::Value;

use crate::feedback::{self, reason_with};
use crate::{AccessRecord, Admitted, Charge, Charged, Gate, Identified, Refused};

/// What would have happened, in an answer of a gate that only says so.
const DRY: HeaderName = HeaderName::from_static("x-imagxp-dry-run");
const USAGE: HeaderName = HeaderName::from_static("content-usage");
/// After how long a visitor comes again where something here was away.
pub(crate) const AWAY_SECONDS: u16 = 5;

impl Gate {
    /// The answer to a request that does not get in.
    pub(crate) fn refuse(&self, refused: &Refused) -> Response {
        let mut document = match &refused.required {
            Some(required) => required.to_document(refused.visitor, &refused.detail),
            None => refusal_document(refused.refusal, refused.visitor, &refused.detail),
        };
        let status = status_of(refused);
        if let Some(members) = document.as_object_mut() {
            members.insert("status".to_owned(), Value::from(status.as_u16()));
            if refused.is_away {
                let hint = format!("Ask again in {AWAY_SECONDS} seconds, with a new claim.");
                members.insert("hint".to_owned(), Value::from(hint));
            }
        }
        let mut response = Response::new(Body::from(document.to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        if let Some(required) = &refused.required {
            match required.headers() {
                Ok(more) => headers.extend(more),
                Err(error) => tracing::error!(%error, "what has to be paid does not fit into headers"),
            }
        }
        self.link(headers);
        feedback::mark(headers, refused.feedback.as_ref());
        if let Some(error) = refused.crawler {
            headers.insert(pay_per_crawl::ERROR, HeaderValue::from_static(error.name()));
        }
        if refused.is_away {
            headers.insert(RETRY_AFTER, HeaderValue::from(AWAY_SECONDS));
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    /// Says where the policy is, beside whatever the site links to.
    fn link(&self, headers: &mut HeaderMap) {
        if let Ok(link) = HeaderValue::from_str(&self.links().link_header()) {
            headers.append(LINK, link);
        }
    }

    /// Says where the receipt is read by whoever has paid.
    fn link_receipt(&self, headers: &mut HeaderMap, receipt: &str) {
        let url = self.url(&format!("{RECEIPTS_PATH}{receipt}"));
        if let Ok(link) = HeaderValue::from_str(&format!("<{url}>; rel=\"{RECEIPT_REL}\"")) {
            headers.append(LINK, link);
        }
    }

    /// Adds to an answer what an agent is told about it; `digest` is `Content-Digest` of the body, where it is known.
    pub(crate) fn mark(
        &self,
        response: &mut Response,
        (url, digest): (&str, Option<&str>),
        admitted: &Admitted,
        charged: Option<&Charged>,
    ) {
        let policy = self.policy();
        let headers = response.headers_mut();
        self.link(headers);
        set(headers, &USAGE, policy.content_usage(url_path(url)));
        feedback::mark(headers, admitted.feedback.as_ref());
        if admitted.visitor != VisitorType::VerifiedAgent {
            return;
        }
        set(headers, &CONTENT_ORIGIN, policy.origin.as_str());
        if let Some(text) = self.provenance(url, digest) {
            set(headers, &PROVENANCE, &text);
        }
        let (Some(charge), Some(charged)) = (&admitted.charge, charged) else {
            return;
        };
        set(headers, &RECEIPT, &charged.receipt);
        self.link_receipt(headers, &charged.receipt);
        set(
            headers,
            &pay_per_crawl::CHARGED,
            &pay_per_crawl::price_text(charge.price),
        );
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
        if let Some(network) = &admitted.x402_network {
            let paid = Paid {
                success: true,
                error_reason: None,
                transaction: charged.receipt.clone(),
                network: network.clone(),
                payer: Some(charge.agent.clone()),
                amount: Some(charge.price.amount.micros().to_string()),
            };
            if let Ok(text) = paid.to_header() {
                set(headers, &PAYMENT_RESPONSE, &text);
            }
        }
    }

    /// The publisher's signature under the answer. Where the digest of the body is not known when it is made, it names
    /// the URL, the time and the origin.
    pub(crate) fn provenance(&self, url: &str, digest: Option<&str>) -> Option<String> {
        let provenance = Provenance {
            origin: self.policy().origin,
            url: url.to_owned(),
            content_digest: digest.map(ToOwned::to_owned),
            at: Timestamp::from_seconds(self.now().as_seconds()),
        };
        let signed = provenance.sign(self.key(), self.origin());
        signed
            .inspect_err(|error| tracing::error!(%error, "an answer could not be signed"))
            .ok()
    }

    /// Names the manifest along which an answer was paid; nothing where there is none of the site's own.
    pub(crate) async fn mark_fair(&self, headers: &mut HeaderMap, charge: &Charge) {
        let Some(id) = &charge.fair else { return };
        let shown = self.till().manifest(id).await;
        let shown = shown.and_then(|shown| shown.map(|shown| fair::headers(&shown.url, &shown.digest)).transpose());
        match shown {
            Ok(Some([(link, address), (name, digest)])) => {
                headers.append(link, address);
                headers.insert(name, digest);
            }
            Ok(None) => {}
            // It is paid: that the authors are not named takes nothing back.
            Err(problem) => tracing::warn!(%id, %problem, "an answer does not name its manifest"),
        }
    }

    /// Says what would have happened.
    pub(crate) fn mark_dry(response: &mut Response) {
        response.headers_mut().insert(DRY, HeaderValue::from_static("PASS"));
    }

    /// As [`Gate::mark_dry`], of a request that would have been refused.
    pub(crate) fn mark_dry_refused(&self, response: &mut Response, refused: &Refused) {
        let headers = response.headers_mut();
        headers.insert(DRY, HeaderValue::from_static(refused.refusal.as_str()));
        self.link(headers);
        feedback::mark(headers, refused.feedback.as_ref());
    }

    /// What is written down of every request; the rest says how it ended.
    fn record_of(&self, url: &str, identity: Option<&Identified>, visitor: VisitorType, status: u16) -> AccessRecord {
        AccessRecord {
            at: self.now(),
            agent: identity.map(|identity| identity.agent.to_string()),
            thumbprint: identity.map(|identity| identity.thumbprint.clone()),
            url: url.to_owned(),
            purpose: identity.map(|identity| identity.purpose),
            visitor,
            refusal: None,
            reason: String::new(),
            binding: identity.map(|identity| identity.binding),
            claim_digest: identity.map(|identity| identity.digest.clone()),
            visa: None,
            paid: None,
            receipt: None,
            status,
            is_dry: self.is_dry(),
        }
    }

    pub(crate) async fn record_admitted(&self, url: &str, admitted: &Admitted, charged: Option<&Charged>, status: u16) {
        let price = admitted.charge.as_ref().map(|charge| charge.price);
        let is_paid = charged.is_some_and(|charged| !charged.is_repeated);
        let visa = admitted.charge.as_ref().filter(|_| is_paid);
        let record = AccessRecord {
            reason: reason_with(&admitted.reason, admitted.feedback.as_ref()),
            // It has paid, so the till has checked it.
            visa: visa.and_then(|charge| visa_name(&charge.visa).ok()),
            paid: price.filter(|_| is_paid),
            receipt: charged.map(|charged| charged.receipt.clone()),
            ..self.record_of(url, admitted.identity.as_ref(), admitted.visitor, status)
        };
        self.records().record(record).await;
    }

    pub(crate) async fn record_refused(&self, url: &str, refused: &Refused, status: u16) {
        let record = AccessRecord {
            refusal: Some(refused.refusal),
            reason: reason_with(&refused.detail, refused.feedback.as_ref()),
            ..self.record_of(url, refused.identity.as_ref(), refused.visitor, status)
        };
        self.records().record(record).await;
    }
}

fn status_of(refused: &Refused) -> StatusCode {
    if refused.is_away {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let status = refused
        .crawler
        .map_or(refused.refusal.status(), pay_per_crawl::CrawlerError::status);
    StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN)
}

fn set(headers: &mut HeaderMap, name: &HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// The path of a URL of ours.
pub(crate) fn url_path(url: &str) -> &str {
    let after = url.split_once("://").map_or(url, |(_scheme, rest)| rest);
    after.find('/').and_then(|at| after.get(at..)).unwrap_or("/")
}
