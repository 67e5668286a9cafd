use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use imajin_did::P256Key;
use imajin_kernel::{Span, Timestamp};
use imajin_proof::jose::Jwk;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::headers::Written;
use crate::{
    AgentId, AgentManifest, ClaimError, ClaimExpectation, ClaimHeaders, Names, PAYLOAD, PUBLIC_KEY, SIGNATURE,
    key_to_spki,
};

/// How long after its payment a page is handed out again to who asks with the same key: long enough for a lost answer,
/// and for an agent that was down.
pub const REPEATED_FOR: Span = Span::hours(24);

/// A claim as it came, with the key that it was verified with: enough for others to verify it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimShown {
    /// The text of `x-imagxp-payload`.
    pub payload: String,
    /// The signature, in a form that `x-imagxp-signature` has.
    pub signature: String,
    /// The key: base64 of its SPKI.
    pub public_key: String,
}

impl ClaimHeaders {
    /// The claim, for whoever must see later what was asked; `key` is the one that has signed it.
    pub fn shown(&self, key: &P256Key) -> ClaimShown {
        let signature = match &self.signature {
            Written::Fixed(signature) => hex::encode(signature.as_bytes()),
            Written::Der(der) => STANDARD.encode(der),
        };
        ClaimShown {
            payload: self.payload.clone(),
            signature,
            public_key: key_to_spki(key),
        }
    }
}

/// What a publisher shows about something that an agent has paid for: the agent's own claim as it came, and what the
/// publisher has answered. The publisher signs it with the request that carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessEvidence {
    /// The text of `x-imagxp-payload`.
    pub payload: String,
    /// The text of `x-imagxp-signature`.
    pub signature: String,
    /// The key that it was verified with: base64 of its SPKI.
    pub public_key: String,
    /// The status that was answered.
    pub status: u16,
    /// When it was answered.
    pub served_at: Timestamp,
    /// `Content-Digest` of what was answered (RFC 9530), where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_digest: Option<String>,
}

/// What a broker knows about a payment without the publisher's word.
#[derive(Debug, Clone, Copy)]
pub struct EvidenceExpectation<'a> {
    /// Whose visa it was.
    pub agent: &'a AgentId,
    /// The thumbprint of the key that the visa is for (RFC 7638).
    pub holder: &'a str,
    /// What the payment names: SHA-256 of the claim, in hex.
    pub claim_digest: &'a str,
    /// For whom the visa is: the publisher's host, with its port if it has one.
    pub publisher: &'a str,
    /// When the visa was issued.
    pub from: Timestamp,
    /// When it ended.
    pub until: Timestamp,
    /// Which names are believed.
    pub names: Names,
}

/// Why something shows nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoEvidence {
    /// The claim does not hold.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// The claim is not the one that was paid by.
    #[error("it is another claim than the one that was redeemed")]
    OtherClaim,
    /// The claim is signed by another key than the visa's.
    #[error("the claim is signed by another key than the one that the visa is for")]
    OtherKey,
    /// Made outside the time of the visa, or answered outside of it and of the day after.
    #[error("the claim or the answer is not of the time of the visa")]
    OtherTime,
    /// Nothing was handed over.
    #[error("the answer was no success, so there was nothing to pay for")]
    NotServed,
}

impl AccessEvidence {
    /// Checks that the agent has asked the publisher by exactly the claim that was paid, with the key of its visa, and
    /// that it was answered. What the agent says about it later changes nothing in that.
    ///
    /// # Errors
    /// [`NoEvidence`].
    pub fn verify(&self, expect: &EvidenceExpectation<'_>) -> Result<(), NoEvidence> {
        let headers = ClaimHeaders::read(&self.headers()?, expect.names)?;
        let key = headers.key.clone().ok_or(ClaimError::ForeignKey)?;
        if Jwk::from_key(key.clone()).thumbprint() != expect.holder {
            return Err(NoEvidence::OtherKey);
        }
        let manifest = AgentManifest {
            agent: expect.agent.clone(),
            keys: vec![key],
            contact: None,
        };
        // A claim of a path alone is for whoever was asked; the digest and the visa say that it was this publisher.
        let resource = headers.claim.resource.clone().ok_or(ClaimError::OtherResource)?;
        let is_publishers =
            || Url::parse(&resource).is_ok_and(|url| authority_of(&url).as_deref() == Some(expect.publisher));
        if !resource.starts_with('/') && !is_publishers() {
            return Err(ClaimError::OtherResource.into());
        }
        let made_at = headers.claim.made_at;
        let seen = ClaimExpectation {
            now: made_at,
            url: &resource,
            path_and_query: &resource,
            // Whether one without a nonce is taken was the publisher's to say. Its digest tells it from all others.
            is_v10_allowed: true,
        };
        let claim = headers.verify(&manifest, &seen)?;
        if claim.digest != expect.claim_digest.to_ascii_lowercase() {
            return Err(NoEvidence::OtherClaim);
        }
        let slack = crate::verify::WINDOW;
        let (from, until) = (expect.from.minus(slack), expect.until.plus(slack));
        // What the visa has paid in its time may have been answered again, where the first answer was lost.
        if !(from..=until).contains(&made_at) || !(from..=until.plus(REPEATED_FOR)).contains(&self.served_at) {
            return Err(NoEvidence::OtherTime);
        }
        if (200..300).contains(&self.status) {
            return Ok(());
        }
        Err(NoEvidence::NotServed)
    }

    /// What the claim asks for, if that is something else than this URL. It proves nothing by itself.
    ///
    /// # Errors
    /// When the claim cannot be read.
    pub fn resource_unless(&self, url: &str) -> Result<Option<String>, ClaimError> {
        // The name was believed when the evidence was taken.
        let claim = ClaimHeaders::read(&self.headers()?, Names::Development)?.claim;
        Ok(claim.resource.filter(|resource| !is_same(resource, url)))
    }

    fn headers(&self) -> Result<HeaderMap, ClaimError> {
        let fields: [(HeaderName, &str); 3] = [
            (PAYLOAD, &self.payload),
            (SIGNATURE, &self.signature),
            (PUBLIC_KEY, &self.public_key),
        ];
        let value = |(name, text): (HeaderName, &str)| {
            let value = HeaderValue::from_str(text);
            value
                .map(|value| (name, value))
                .or(Err(ClaimError::Malformed("it does not fit into a header")))
        };
        fields.into_iter().map(value).collect()
    }
}

/// The host that a URL names, with its port if it has one of its own: how visas name a publisher.
pub fn authority_of(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(
        url.port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")),
    )
}

/// Whether a claim for this resource, a URL or its path and query, is one for this URL.
fn is_same(resource: &str, url: &str) -> bool {
    let Ok(mut url) = Url::parse(url) else {
        return resource == url;
    };
    url.set_fragment(None);
    let path = url
        .query()
        .map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    resource == path || Url::parse(resource).is_ok_and(|resource| resource == url)
}
