//! Who asks: by a claim, or by Web Bot Auth.

use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderValue};
use imajin_imagxp::web_bot_auth::{BotError, BotExpectation, BotSignature, LIFETIME_MAX};
use imajin_imagxp::x402::{PAYMENT_SIGNATURE, Payment};
use imajin_imagxp::{
    AgentId, Binding, ClaimError, ClaimExpectation, ClaimHeaders, ClaimShown, Feedback, PAYLOAD, PUBLIC_KEY, Purpose,
    Refusal, SIGNATURE,
};
use imajin_kernel::Timestamp;
use imajin_proof::http_sig::MessageView;
use imajin_proof::jose::Jwk;

use crate::feedback::{feedback_of, feedback_of_bot};
use crate::{Busy, Gate};

/// An agent whose signature counts; it is not spent yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// Its domain.
    pub agent: AgentId,
    /// The name of the key that has signed.
    pub thumbprint: String,
    /// What it wants.
    pub purpose: Purpose,
    /// How closely the signature is bound to what is asked for.
    pub binding: Binding,
    /// SHA-256 of what was signed, in hex.
    pub digest: String,
    /// The claim as it came; a signature by Web Bot Auth is none.
    pub(crate) claim: Option<ClaimShown>,
    /// What the agent says about something that it has paid for, or why that does not count; until it is kept.
    pub(crate) feedback: Option<Result<Feedback, String>>,
    pub(crate) replay_key: String,
    pub(crate) kept_until: Timestamp,
}

/// Why an identity does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unproven {
    pub(crate) refusal: Refusal,
    pub(crate) detail: String,
    /// Nobody has looked: the agent is not to blame, and comes again.
    pub(crate) is_away: bool,
}

impl Unproven {
    const fn new(refusal: Refusal, detail: String) -> Self {
        Self {
            refusal,
            detail,
            is_away: false,
        }
    }
}

impl From<Busy> for Unproven {
    fn from(busy: Busy) -> Self {
        Self {
            is_away: true,
            ..Self::new(Refusal::IdentityFail, busy.to_string())
        }
    }
}

impl From<ClaimError> for Unproven {
    fn from(error: ClaimError) -> Self {
        Self::new(error.refusal(), error.to_string())
    }
}

impl From<BotError> for Unproven {
    fn from(error: BotError) -> Self {
        Self::new(error.refusal(), error.to_string())
    }
}

/// A request as the gate knows it, apart from any HTTP library.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The method, in upper case.
    pub method: &'a str,
    /// The whole URL, from the gate's own configuration.
    pub url: &'a str,
    /// Its path and query.
    pub path_and_query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// SHA-256 of its body, in hex, where it has one that counts among what is paid for.
    pub body: Option<&'a str>,
}

impl Asked<'_> {
    /// Whether the connection would change its protocol.
    pub(crate) fn wants_upgrade(&self) -> bool {
        self.method == "GET" && upgrade_of(self.headers).is_some()
    }
}

/// The protocol that a visitor wants to change to. Only WebSocket (RFC 6455) is passed on: over a connection that has
/// become one of HTTP/2, other pages could be asked for behind the gate's back.
pub(crate) fn upgrade_of(headers: &HeaderMap) -> Option<HeaderValue> {
    let wants = |value: &HeaderValue| {
        let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
        text.split(',').any(|word| word.trim() == "upgrade")
    };
    let is_websocket = |value: &&HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"websocket");
    let is_wanted = !announces_body(headers) && headers.get_all(CONNECTION).iter().any(wants);
    headers.get(UPGRADE).filter(is_websocket).filter(|_| is_wanted).cloned()
}

/// Whether headers say that a body follows.
pub(crate) fn announces_body(headers: &HeaderMap) -> bool {
    let length = headers.get(CONTENT_LENGTH);
    headers.contains_key(TRANSFER_ENCODING) || length.is_some_and(|length| length.as_bytes() != b"0")
}

/// The payment of x402 in a request, if it has one.
pub(crate) fn x402_payment(headers: &HeaderMap) -> Result<Option<Payment>, ClaimError> {
    let Some(value) = headers.get(PAYMENT_SIGNATURE) else {
        return Ok(None);
    };
    let text = value.to_str().or(Err(ClaimError::Malformed("a header is not ASCII")))?;
    Payment::parse(text).map(Some)
}

impl Gate {
    /// Who asks, if anybody says so.
    pub(crate) async fn identify(
        &self,
        asked: &Asked<'_>,
        payment: Option<&Payment>,
    ) -> Result<Option<Identified>, Unproven> {
        let from_payment = payment.and_then(claim_headers);
        let has_claim = asked.headers.contains_key(PAYLOAD) || asked.headers.contains_key(SIGNATURE);
        let headers = from_payment.as_ref().filter(|_| !has_claim).unwrap_or(asked.headers);
        match ClaimHeaders::read(headers, self.names()) {
            Err(ClaimError::Missing) => self.bot_identify(asked).await,
            read => self.claim_identify(asked, &read?).await.map(Some),
        }
    }

    async fn claim_identify(&self, asked: &Asked<'_>, read: &ClaimHeaders) -> Result<Identified, Unproven> {
        let agent = &read.claim.agent;
        let expect = ClaimExpectation {
            now: self.now(),
            url: asked.url,
            path_and_query: asked.path_and_query,
            is_v10_allowed: self.policy().is_v10_allowed,
        };
        // Whatever is refused without a key is refused before anybody is asked for one.
        read.check(&expect)?;
        let unknown = || {
            let detail = format!("there is no valid manifest of the agent: {}", agent.manifest_url());
            Unproven::new(Refusal::IdentityFail, detail)
        };
        let mut manifest = self.directory().manifest(agent, false).await?.ok_or_else(unknown)?;
        let verified = match read.verify(&manifest, &expect) {
            // The agent may have changed its keys.
            Err(ClaimError::ForeignKey | ClaimError::BadSignature) => {
                manifest = self.directory().manifest(agent, true).await?.ok_or_else(unknown)?;
                read.verify(&manifest, &expect)?
            }
            known => known?,
        };
        Ok(Identified {
            agent: agent.clone(),
            claim: Some(read.shown(&verified.key)),
            feedback: feedback_of(asked.headers, &manifest),
            thumbprint: Jwk::from_key(verified.key.clone()).thumbprint(),
            purpose: verified.claim.purpose,
            binding: verified.binding,
            replay_key: verified.replay_key().to_owned(),
            kept_until: verified.kept_until(),
            digest: verified.digest,
        })
    }

    async fn bot_identify(&self, asked: &Asked<'_>) -> Result<Option<Identified>, Unproven> {
        let message = MessageView::request(asked.method, asked.url, asked.headers);
        let Some(read) = BotSignature::read(&message, asked.headers, self.names())? else {
            return Ok(None);
        };
        let agent = read.agent.clone().ok_or(BotError::Agent)?;
        let policy = self.policy();
        let purpose = policy.bot_purpose;
        let terms = policy.terms(asked.path_and_query, Some(purpose));
        let expect = BotExpectation {
            now: self.now(),
            lifetime_max: LIFETIME_MAX,
            is_priced: terms.require_binding || terms.requires_payment,
        };
        // Whatever is refused without a key is refused before anybody is asked for one.
        read.check(&expect)?;
        let unknown = || {
            let detail = format!("there is no valid directory of keys at {}", agent.origin());
            Unproven::new(Refusal::IdentityFail, detail)
        };
        let keys = self.directory().keys(&agent, false).await?.ok_or_else(unknown)?;
        let verified = match read.verify(&message, &keys, &expect) {
            Err(BotError::UnknownKey) => {
                let keys = self.directory().keys(&agent, true).await?.ok_or_else(unknown)?;
                read.verify(&message, &keys, &expect)?
            }
            known => known?,
        };
        let binding = if verified.is_bound {
            Binding::Url
        } else {
            Binding::Unbound
        };
        Ok(Some(Identified {
            agent,
            purpose,
            binding,
            claim: None,
            feedback: feedback_of_bot(asked.headers),
            replay_key: verified.replay_key().to_owned(),
            kept_until: verified.kept_until(),
            thumbprint: verified.thumbprint,
            digest: verified.digest,
        }))
    }
}

/// The claim of a payment, for clients that cannot set headers of their own.
fn claim_headers(payment: &Payment) -> Option<HeaderMap> {
    let claim = payment.payload.claim.as_ref()?;
    let mut headers = HeaderMap::new();
    headers.insert(PAYLOAD, HeaderValue::from_str(&claim.payload).ok()?);
    headers.insert(SIGNATURE, HeaderValue::from_str(&claim.signature).ok()?);
    if let Some(key) = &claim.public_key {
        headers.insert(PUBLIC_KEY, HeaderValue::from_str(key).ok()?);
    }
    Some(headers)
}
