//! Web Bot Auth: agents that sign their requests as RFC 9421 says, with keys that they publish in a directory.
//!
//! The key's name is its thumbprint (RFC 7638). Where something has to be paid, the signature must cover what is asked
//! for, and have a nonce: one for `/` would do for every page otherwise.

mod directory;

use http::{HeaderMap, HeaderName, HeaderValue};
use imajin_did::VerifyingKey;
use imajin_kernel::{Span, Timestamp};
use imajin_proof::ProofError;
use imajin_proof::digest::sha256_hex;
use imajin_proof::http_sig::{FIELD_LENGTH_MAX, MessageParams, MessageSignature, MessageView, SignatureFields, Signer};
use imajin_proof::jose::Jwks;
use sfv::{BareItem, Dictionary, Item, ListEntry, Parser};
use url::Url;

use crate::verify::CLOCK_SLACK;
use crate::{AgentId, Names};
pub use directory::{DIRECTORY_PATH, DIRECTORY_TYPE, directory_parse, directory_sign};

/// Where the keys of the agent are.
pub const SIGNATURE_AGENT: HeaderName = HeaderName::from_static("signature-agent");

const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");
const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const TAG: &str = "web-bot-auth";
const LABEL: &str = "sig1";
/// The longest time for which a signature may count.
pub const LIFETIME_MAX: Span = Span::hours(24);
/// How far the agent's clock may be ahead.
const FUTURE: Span = Span::seconds(30);
/// How long a signature of ours counts.
const LIFETIME: Span = Span::minutes(5);

/// The signature of an agent, read and not yet checked.
#[derive(Debug, Clone)]
pub struct BotSignature {
    /// The agent, where the request says who it is: its directory has the keys.
    pub agent: Option<AgentId>,
    signature: MessageSignature,
    covers_agent: bool,
}

/// What a signature says, where that is enough.
struct Said<'a> {
    keyid: &'a str,
    expires: Timestamp,
    is_bound: bool,
}

/// What a publisher demands of a signature.
#[derive(Debug, Clone, Copy)]
pub struct BotExpectation {
    /// The current time.
    pub now: Timestamp,
    /// The longest time for which it may count; [`LIFETIME_MAX`] for everybody who has no reason for another.
    pub lifetime_max: Span,
    /// Whether something has to be paid.
    pub is_priced: bool,
}

/// An agent whose signature counts. It is not spent yet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedBot {
    /// The key that signed it.
    pub key: VerifyingKey,
    /// The name of the key.
    pub thumbprint: String,
    /// What makes it good only once, if it has something.
    pub nonce: Option<String>,
    /// Until when it counts.
    pub expires_at: Timestamp,
    /// Whether it covers the method and the whole URL.
    pub is_bound: bool,
    /// SHA-256 of the signed text, in hex: what receipts and disputes name.
    pub digest: String,
}

impl VerifiedBot {
    /// What must be remembered until it has expired, so that it is good only once.
    pub fn replay_key(&self) -> &str {
        self.nonce.as_deref().unwrap_or(&self.digest)
    }

    /// Until when it could be used again, by the slowest clock of those that share what is spent.
    pub fn kept_until(&self) -> Timestamp {
        self.expires_at.plus(CLOCK_SLACK)
    }
}

/// Why a signature does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BotError {
    /// The headers as such, or the arithmetic.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The agent's name.
    #[error("Signature-Agent must be the https address of a public domain")]
    Agent,
    /// The name of the agent is not signed.
    #[error("the signature must cover signature-agent")]
    AgentNotCovered,
    /// It does not say for whom it is.
    #[error("the signature must cover @authority or @target-uri")]
    AuthorityNotCovered,
    /// It does not say for what it is.
    #[error("what has a price needs a signature over @method and @target-uri (or @authority, @path and @query)")]
    NotBound,
    /// It is good more than once.
    #[error("what has a price needs a signature with a nonce")]
    NoNonce,
    /// It lacks a parameter, or says something impossible.
    #[error("the signature needs the parameters created, expires and keyid, and lasts at most a day")]
    Parameters,
    /// It is from the past or the future.
    #[error("the signature has expired or is from the future; sign again")]
    Time,
    /// Its key is not in the directory.
    #[error("the directory of the agent has no key with this keyid (a thumbprint by RFC 7638)")]
    UnknownKey,
}

impl BotError {
    /// Which of the protocol's refusals it is.
    pub const fn refusal(&self) -> crate::Refusal {
        use crate::Refusal;
        match self {
            Self::Proof(ProofError::BadSignature) | Self::NotBound => Refusal::CryptoFail,
            Self::Agent | Self::AgentNotCovered | Self::UnknownKey => Refusal::IdentityFail,
            Self::NoNonce => Refusal::ReplayAttack,
            Self::Time => Refusal::TimestampInvalid,
            Self::Proof(_) | Self::AuthorityNotCovered | Self::Parameters => Refusal::Malformed,
        }
    }
}

impl BotSignature {
    /// The signature of a request that is meant for this; none when it has none.
    ///
    /// # Errors
    /// [`BotError`] when there is one that cannot be read.
    pub fn read(message: &MessageView<'_>, headers: &HeaderMap, names: Names) -> Result<Option<Self>, BotError> {
        if !headers.contains_key("signature-input") {
            return Ok(None);
        }
        let all = message.signatures()?.into_iter();
        let mut meant = all.filter(|one| one.as_ref().map_or(true, |one| one.tag() == Some(TAG)));
        // One that cannot be read matters only when no other can.
        let mut unread = None;
        let signature = meant.find_map(|one| one.map_err(|error| unread = Some(error)).ok());
        let Some(signature) = signature else {
            return unread.map_or(Ok(None), |error| Err(error.into()));
        };
        let agent = agent_read(headers, signature.label(), names)?;
        // Once: covered in two ways, two readers may take two agents for the one that is meant.
        let covers_agent = agent.as_ref().is_none_or(|(_, identifier)| {
            signature.covers(identifier) && signature.times_covered(SIGNATURE_AGENT.as_str()) == 1
        });
        Ok(Some(Self {
            agent: agent.map(|(agent, _)| agent),
            signature,
            covers_agent,
        }))
    }

    /// Where the agent's keys are.
    pub fn directory_url(&self) -> Option<String> {
        let agent = self.agent.as_ref()?;
        Some(format!("{}{DIRECTORY_PATH}", agent.origin()))
    }

    /// The name of the key.
    pub fn keyid(&self) -> Option<&str> {
        self.signature.keyid()
    }

    /// What can be said of it without its agent's keys: whether it is of now, and covers what it has to. It proves
    /// nothing; whoever fetches keys asks this first.
    ///
    /// # Errors
    /// [`BotError`].
    pub fn check(&self, expect: &BotExpectation) -> Result<(), BotError> {
        self.said(expect).map(|_said| ())
    }

    fn said(&self, expect: &BotExpectation) -> Result<Said<'_>, BotError> {
        let signature = &self.signature;
        let parameters = (signature.created(), signature.expires(), signature.keyid());
        let (Some(created), Some(expires), Some(keyid)) = parameters else {
            return Err(BotError::Parameters);
        };
        if created > expires || expires.since(created) > expect.lifetime_max {
            return Err(BotError::Parameters);
        }
        if expires <= expect.now || created > expect.now.plus(FUTURE) {
            return Err(BotError::Time);
        }
        if !self.covers_agent {
            return Err(BotError::AgentNotCovered);
        }
        let covers = |identifiers: &[&str]| identifiers.iter().all(|one| signature.covers(one));
        if !covers(&["\"@authority\""]) && !covers(&["\"@target-uri\""]) {
            return Err(BotError::AuthorityNotCovered);
        }
        let is_bound = covers(&["\"@method\"", "\"@target-uri\""])
            || covers(&["\"@method\"", "\"@authority\"", "\"@path\"", "\"@query\""]);
        if expect.is_priced && !is_bound {
            return Err(BotError::NotBound);
        }
        if expect.is_priced && signature.nonce().is_none() {
            return Err(BotError::NoNonce);
        }
        Ok(Said {
            keyid,
            expires,
            is_bound,
        })
    }

    /// Checks it with the keys of the agent's directory: the cheap checks first, then the arithmetic.
    ///
    /// # Errors
    /// [`BotError`].
    pub fn verify(
        &self,
        message: &MessageView<'_>,
        keys: &Jwks,
        expect: &BotExpectation,
    ) -> Result<VerifiedBot, BotError> {
        let Said {
            keyid,
            expires,
            is_bound,
        } = self.said(expect)?;
        let signature = &self.signature;
        let key = keys.keys().iter().find(|key| key.thumbprint() == keyid);
        let key = key
            .and_then(imajin_proof::jose::Jwk::verifying_key)
            .ok_or(BotError::UnknownKey)?;
        let base = signature.verify(message, &key)?;
        Ok(VerifiedBot {
            key,
            thumbprint: keyid.to_owned(),
            nonce: signature.nonce().map(ToOwned::to_owned),
            expires_at: expires,
            is_bound,
            digest: sha256_hex(base.as_bytes()),
        })
    }
}

/// The agent of a signature, and the identifier by which it covers that: the header is one address, or one for each
/// label.
fn agent_read(headers: &HeaderMap, label: &str, names: Names) -> Result<Option<(AgentId, String)>, BotError> {
    let lines: Vec<&str> = headers
        .get_all(SIGNATURE_AGENT)
        .iter()
        .map(|value| value.to_str().or(Err(BotError::Agent)))
        .collect::<Result<_, _>>()?;
    if lines.is_empty() {
        return Ok(None);
    }
    let text = lines.join(", ");
    if text.len() > FIELD_LENGTH_MAX {
        return Err(BotError::Agent);
    }
    if let Ok(Item {
        bare_item: BareItem::String(address),
        ..
    }) = Parser::new(&text).parse::<Item>()
    {
        return Ok(Some((
            agent_of(address.as_str(), names)?,
            "\"signature-agent\"".to_owned(),
        )));
    }
    let dictionary: Dictionary = Parser::new(&text).parse().or(Err(BotError::Agent))?;
    let (key, entry) = match (dictionary.get_key_value(label), dictionary.first()) {
        (Some(own), _) => own,
        (None, Some(only)) if dictionary.len() == 1 => only,
        _ => return Err(BotError::Agent),
    };
    let ListEntry::Item(Item {
        bare_item: BareItem::String(address),
        ..
    }) = entry
    else {
        return Err(BotError::Agent);
    };
    let identifier = format!("\"signature-agent\";key=\"{}\"", key.as_str());
    Ok(Some((agent_of(address.as_str(), names)?, identifier)))
}

fn agent_of(address: &str, names: Names) -> Result<AgentId, BotError> {
    let url = Url::parse(address).or(Err(BotError::Agent))?;
    let host = url.host_str().ok_or(BotError::Agent)?;
    let is_plain = url.username().is_empty() && url.password().is_none();
    let name = url
        .port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let agent = AgentId::parse(&name, names).or(Err(BotError::Agent))?;
    // The scheme must be the one by which the agent is asked.
    if is_plain && agent.origin().starts_with(&format!("{}://", url.scheme())) {
        Ok(agent)
    } else {
        Err(BotError::Agent)
    }
}

/// What an agent says about its signature.
#[derive(Debug, Clone, Copy)]
pub struct BotDraft<'a> {
    /// The method, in upper case.
    pub method: &'a str,
    /// The whole URL.
    pub url: &'a str,
    /// The agent, whose directory has the key.
    pub agent: &'a AgentId,
    /// The name of the key: its thumbprint.
    pub thumbprint: &'a str,
    /// The current time.
    pub now: Timestamp,
    /// What makes it good only once.
    pub nonce: &'a str,
}

impl BotDraft<'_> {
    /// The headers of a signed request.
    ///
    /// # Errors
    /// [`ProofError`] when the URL is none, or something does not fit into a header.
    pub fn sign(&self, key: &dyn Signer) -> Result<HeaderMap, ProofError> {
        self.sign_named(key).map(|(headers, _digest)| headers)
    }

    /// The same, with what receipts and disputes call the request: see [`VerifiedBot::digest`].
    ///
    /// # Errors
    /// As [`BotDraft::sign`].
    pub fn sign_named(&self, key: &dyn Signer) -> Result<(HeaderMap, String), ProofError> {
        let mut headers = HeaderMap::new();
        // One address, and not one for each label: the form that the public libraries verify.
        set(&mut headers, SIGNATURE_AGENT, &format!("\"{}\"", self.agent.origin()))?;
        let params = MessageParams {
            label: LABEL,
            keyid: self.thumbprint,
            created: self.now,
            expires: Some(self.now.plus(LIFETIME)),
            nonce: Some(self.nonce),
            tag: Some(TAG),
        };
        let covered = [
            "\"@method\"",
            "\"@authority\"",
            "\"@target-uri\"",
            "\"signature-agent\"",
        ];
        let signed = MessageView::request(self.method, self.url, &headers).sign(key, &covered, &params)?;
        signature_set(&mut headers, &signed)?;
        Ok((headers, sha256_hex(signed.base.as_bytes())))
    }
}

fn signature_set(headers: &mut HeaderMap, signed: &SignatureFields) -> Result<(), ProofError> {
    set(headers, SIGNATURE_INPUT, &signed.signature_input)?;
    set(headers, SIGNATURE, &signed.signature)
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) -> Result<(), ProofError> {
    let value = HeaderValue::from_str(value).or(Err(ProofError::BadCharacters("a header field")))?;
    headers.insert(name, value);
    Ok(())
}
