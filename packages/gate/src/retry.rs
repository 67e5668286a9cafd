//! What makes a request safe to repeat: its key, and its body, since with another one it asks for something else.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use http::HeaderMap;
use http_body_util::{BodyExt, Limited};
use imajin_imagxp::x402::Payment;
use imajin_imagxp::{ClaimError, Refusal, VisitorType};
use imajin_proof::digest::sha256_hex;

use crate::identity::x402_payment;
use crate::judge::visa_of;
use crate::{Asked, Gate, Refused};

const KEY_LENGTH_MAX: usize = 128;
/// The longest body that is read before anything is decided, and how long it may take.
const BODY_BYTES_MAX: usize = 64 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

impl Gate {
    /// A request with the SHA-256 of its body, in hex, where that is part of what is paid for: where it has a key and
    /// something that could pay. Every other body is streamed.
    pub(crate) async fn body_read(&self, request: Request) -> Result<(Request, Option<String>), Refused> {
        // What the body is, not what the headers say: HTTP/2 needs none that does.
        if self.is_dry() || request.body().is_end_stream() || !pays_repeatably(request.headers()) {
            return Ok((request, None));
        }
        let (parts, body) = request.into_parts();
        let read = Limited::new(body, BODY_BYTES_MAX).collect();
        let Ok(Ok(read)) = tokio::time::timeout(BODY_TIMEOUT, read).await else {
            let detail = "a payment with a key to repeat it is for a body of at most 64 KiB, which comes within \
                          10 seconds: send a shorter one, or no Idempotency-Key";
            return Err(Refused::new(Refusal::Malformed, VisitorType::UnidentifiedBot, detail));
        };
        let bytes = read.to_bytes();
        let digest = (!bytes.is_empty()).then(|| sha256_hex(&bytes));
        Ok((Request::from_parts(parts, Body::from(bytes)), digest))
    }
}

/// Whether a request could pay, and be repeated after that.
fn pays_repeatably(headers: &HeaderMap) -> bool {
    let Ok(payment) = x402_payment(headers) else {
        return false;
    };
    let pays = payment.is_some() || matches!(visa_of(headers), Ok(Some(_)));
    pays && matches!(key_of(headers, payment.as_ref()), Ok(Some(_)))
}

/// What makes the request safe to repeat. No key has a space in it, so none is taken for one with a method or a body.
pub(crate) fn retry_key(asked: &Asked<'_>, payment: Option<&Payment>) -> Result<Option<String>, ClaimError> {
    let Some(key) = key_of(asked.headers, payment)? else {
        return Ok(None);
    };
    // What reads is one request, and each method that does something is another.
    Ok(Some(match (asked.method, asked.body) {
        ("GET" | "HEAD", None) => key,
        (method, None) => format!("{method} {key}"),
        ("GET" | "HEAD", Some(digest)) => format!("GET {key} {digest}"),
        (method, Some(digest)) => format!("{method} {key} {digest}"),
    }))
}

fn key_of(headers: &HeaderMap, payment: Option<&Payment>) -> Result<Option<String>, ClaimError> {
    if let Some(id) = payment.and_then(Payment::identifier) {
        return Ok(Some(id.to_owned()));
    }
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let text = value.to_str().ok().map(str::trim);
    let is_visible = |text: &&str| text.bytes().all(|byte| byte.is_ascii_graphic());
    let text = text.filter(|text| (1..=KEY_LENGTH_MAX).contains(&text.len()));
    let wrong = ClaimError::Malformed("the Idempotency-Key has 1 to 128 visible characters");
    Ok(Some(text.filter(is_visible).ok_or(wrong)?.to_owned()))
}
