use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $Code:ident => $wire:literal, $title:literal;)*) => {
        /// Every way in which a request can be refused. Closed: a caller can match on all of it.
        ///
        /// The code knows no HTTP; `imajin-web` maps it to a status in one place.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Code {
            $($(#[$doc])* #[serde(rename = $wire)] $Code,)*
        }

        impl Code {
            /// Every code, for documentation and for tests that must cover all of them.
            pub const ALL: &'static [Self] = &[$(Self::$Code),*];

            /// The stable name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$Code => $wire,)* }
            }

            /// A short summary that is the same for every occurrence (RFC 9457, `title`).
            pub const fn title(self) -> &'static str {
                match self { $(Self::$Code => $title,)* }
            }
        }
    };
}

codes! {
    /// A member is missing, has the wrong form or an impossible value.
    InvalidRequest => "invalid_request", "The request is not valid";
    /// The body is no JSON, or not the JSON that the route takes.
    MalformedBody => "malformed_body", "The body could not be read";
    /// The body is larger than the route allows.
    BodyTooLarge => "body_too_large", "The body is too large";
    /// The body's media type is not one that the route takes.
    UnsupportedMediaType => "unsupported_media_type", "The media type is not supported";
    /// The route needs a session or a signature and got none.
    Unauthenticated => "unauthenticated", "You are not logged in";
    /// A signature does not verify, or does not cover what it must.
    BadSignature => "bad_signature", "The signature is not valid";
    /// A signature is outside its time window.
    StaleSignature => "stale_signature", "The signature is too old or from the future";
    /// A signature, challenge or link was used before.
    Replayed => "replayed", "This was used before";
    /// A mutation came with a cookie from another site, or with a cookie alone.
    CrossSite => "cross_site", "The request came from another site";
    /// The caller is known and may not do this.
    Forbidden => "forbidden", "You may not do this";
    /// There is no such thing, or the caller may not know that there is.
    NotFound => "not_found", "There is no such thing";
    /// The route exists but not with this method.
    MethodNotAllowed => "method_not_allowed", "The method is not allowed here";
    /// It existed and is gone for good.
    Gone => "gone", "It is gone";
    /// The state of the thing does not allow this.
    Conflict => "conflict", "The current state does not allow this";
    /// The thing is no longer as the caller knew it when the change was made.
    PreconditionFailed => "precondition_failed", "It has changed in the meantime";
    /// Fewer places are left than were asked for.
    SoldOut => "sold_out", "Sold out";
    /// The time to pay for the reserved places has passed.
    HoldExpired => "hold_expired", "The reservation has expired";
    /// The caller has to pay first, or has too little.
    PaymentRequired => "payment_required", "Payment is required";
    /// The payment was refused by its rail.
    PaymentFailed => "payment_failed", "The payment failed";
    /// The idempotency key was used with another request.
    IdempotencyMismatch => "idempotency_mismatch", "The idempotency key belongs to another request";
    /// The first request with this idempotency key has not ended yet.
    IdempotencyInFlight => "idempotency_in_flight", "The first request with this key is still running";
    /// Too many requests; `retry_after_seconds` says when to come back.
    RateLimited => "rate_limited", "Too many requests";
    /// The client took too long to send its request, or the answer took too long.
    Timeout => "timeout", "It took too long";
    /// Another service or the database is away; trying again later may help.
    Unavailable => "unavailable", "The service is not available right now";
    /// A fault of ours. The log has the cause under the request id; the answer has not.
    Internal => "internal", "Something went wrong on our side";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a request was refused, in a form that crosses process borders unchanged.
///
/// `detail` says what was wrong with this request, `hint` what to do about it. Neither ever holds a secret or an
/// internal cause: causes go to the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    /// Which of the closed list of refusals this is.
    pub code: Code,
    /// What was wrong, in one sentence for a person.
    pub detail: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// When it makes sense to try again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u32>,
    /// Members of particular refusals, for example the price of what must be paid for.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

impl Problem {
    /// A refusal with what was wrong.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            hint: None,
            retry_after_seconds: None,
            extra: serde_json::Map::new(),
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds when to try again.
    #[must_use]
    pub fn retry_after_seconds(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// Adds a member that only this kind of refusal has.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.extra.insert(name.to_owned(), value.into());
        self
    }

    /// [`Code::NotFound`] for a named kind of thing.
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("There is no such {what}."))
    }

    /// [`Code::InvalidRequest`] with what was wrong.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequest, detail)
    }

    /// [`Code::Internal`] without any detail: log the cause before you call this.
    pub fn internal() -> Self {
        Self::new(Code::Internal, "The request could not be completed.")
            .hint("Try again; if it stays, tell the operator the request id.")
    }

    /// [`Code::Unavailable`]: something that this depends on is away.
    pub fn unavailable(what: &str) -> Self {
        Self::new(Code::Unavailable, format!("{what} is not available right now."))
            .hint("Try again in a moment.")
            .retry_after_seconds(2)
    }
}
