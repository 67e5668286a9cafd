use imajin_did::P256Key;
use imajin_kernel::{Span, Timestamp};
use imajin_proof::digest::sha256_hex;
use serde::Serialize;

use crate::headers::Written;
use crate::{AgentManifest, Claim, ClaimError, ClaimHeaders};

/// How far the agent's clock may be from ours, either way.
pub(crate) const WINDOW: Span = Span::seconds(300);
/// How much longer than a claim counts it is remembered: the clocks of hosts that share what is spent differ.
pub(crate) const CLOCK_SLACK: Span = Span::seconds(30);

/// What the publisher knows of a request without its claim.
#[derive(Debug, Clone, Copy)]
pub struct ClaimExpectation<'a> {
    /// The current time.
    pub now: Timestamp,
    /// The whole URL that was asked for, from the publisher's own configuration.
    pub url: &'a str,
    /// Its path and query.
    pub path_and_query: &'a str,
    /// Whether claims of the version 1.0 are taken: they have no nonce.
    pub is_v10_allowed: bool,
}

/// How closely a claim is bound to what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Binding {
    /// By the whole URL.
    Url,
    /// By path and query: the same claim fits the same path of another host.
    #[serde(rename = "host-unbound")]
    PathOnly,
    /// Not at all: a claim of the version 1.0 that names nothing fits everything.
    Unbound,
}

impl Binding {
    /// Its name in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::PathOnly => "host-unbound",
            Self::Unbound => "unbound",
        }
    }
}

/// A claim whose signature fits a key of the agent, the resource and the time. It is not spent yet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedClaim {
    /// What was claimed.
    pub claim: Claim,
    /// The key that signed it.
    pub key: P256Key,
    /// How closely it is bound.
    pub binding: Binding,
    /// SHA-256 of the signed bytes, in hex: what receipts and disputes name.
    pub digest: String,
}

impl VerifiedClaim {
    /// What must be remembered of the agent until [`VerifiedClaim::kept_until`], so that the claim is good only once.
    ///
    /// The nonce; without one the digest of the claim, and never the signature: of an ECDSA signature anybody can make
    /// a second one.
    pub fn replay_key(&self) -> &str {
        self.claim.nonce.as_deref().unwrap_or(&self.digest)
    }

    /// Until when the claim could be used again, by the slowest clock of those that share what is spent.
    pub fn kept_until(&self) -> Timestamp {
        self.claim.made_at.plus(WINDOW).plus(CLOCK_SLACK)
    }
}

impl ClaimHeaders {
    /// What can be said of a claim without its agent's keys: whether it is of now, and for what is asked. It proves
    /// nothing; whoever fetches keys asks this first.
    ///
    /// # Errors
    /// [`ClaimError`].
    pub fn check(&self, expect: &ClaimExpectation<'_>) -> Result<Binding, ClaimError> {
        let claim = &self.claim;
        if claim.nonce.is_none() && !expect.is_v10_allowed {
            return Err(ClaimError::NoNonce);
        }
        let away = expect.now.since(claim.made_at);
        if away > WINDOW || expect.now < claim.made_at.minus(WINDOW) {
            return Err(ClaimError::OutsideWindow);
        }
        match claim.resource.as_deref() {
            None => Ok(Binding::Unbound),
            Some(resource) if resource == expect.url => Ok(Binding::Url),
            Some(resource) if resource == expect.path_and_query => Ok(Binding::PathOnly),
            Some(_) => Err(ClaimError::OtherResource),
        }
    }

    /// Checks a claim against the manifest of its agent: the cheap checks first, then the arithmetic.
    ///
    /// # Errors
    /// [`ClaimError`].
    pub fn verify(&self, manifest: &AgentManifest, expect: &ClaimExpectation<'_>) -> Result<VerifiedClaim, ClaimError> {
        let claim = &self.claim;
        if claim.agent != manifest.agent {
            return Err(ClaimError::AgentName);
        }
        let binding = self.check(expect)?;
        let keys: Vec<&P256Key> = match &self.key {
            Some(named) => manifest.keys.iter().filter(|key| *key == named).collect(),
            None => manifest.keys.iter().collect(),
        };
        if keys.is_empty() {
            return Err(ClaimError::ForeignKey);
        }
        let canonical = claim.canonical_bytes()?;
        // One reading of 1.0 signs the header's own text.
        let readings = [
            Some(canonical.as_slice()),
            claim.nonce.is_none().then_some(self.payload.as_bytes()),
        ];
        let signed = readings.into_iter().flatten();
        let fits = |key: &P256Key, bytes: &[u8]| match &self.signature {
            Written::Fixed(signature) => key.verify(bytes, signature).is_ok(),
            Written::Der(signature) => key.verify_der(bytes, signature).is_ok(),
        };
        let mut tried = signed.flat_map(|bytes| keys.iter().map(move |key| (*key, bytes)));
        let (key, _) = tried
            .find(|(key, bytes)| fits(key, bytes))
            .ok_or(ClaimError::BadSignature)?;
        Ok(VerifiedClaim {
            claim: claim.clone(),
            key: key.clone(),
            binding,
            digest: sha256_hex(&canonical),
        })
    }
}
