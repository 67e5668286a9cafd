//! Visas: promises of a broker to pay a publisher for what an agent reads there.
//!
//! A visa is a JWT of the type `pay+jwt`, signed by ES256. It names the publisher, the agent, the key that may spend
//! it, how much it pays in all and how often. The publisher checks it here, and keeps in its own ledger what is spent.
//!
//! Another broker's may name neither the publisher nor a key: a bearer's visa, which whoever has copied it can spend.
//! It counts only where that is expected, and it pays once, whatever it says: a copy must not be good for what is left.
//! One that names only one of the two is a mistake of its broker's, and pays nothing.

use http::{HeaderMap, HeaderName};
use imajin_kernel::{Span, Timestamp};
use imajin_money::{Amount, Asset, Money};
use imajin_proof::digest::sha256_hex;
use imajin_proof::jose::{self, Algorithm, Expect, Jwks, SigningKey};
use imajin_proof::token::{self, Standard, TokenError, TokenKind};
use serde::{Deserialize, Deserializer, Serialize};

use crate::headers::single;
use crate::{ClaimError, Purpose};

/// The visa, by the name that the libraries use.
pub const CREDENTIAL: HeaderName = HeaderName::from_static("x-imagxp-credential");
/// The visa, by the name that the specification uses. An agent sends both.
pub const PAYMENT: HeaderName = HeaderName::from_static("x-imagxp-payment");

/// The longest life of a visa.
pub const LIFETIME_MAX: Span = Span::hours(1);
const TOKEN_LENGTH_MAX: usize = 8 * 1024;
/// The longest name in a visa.
const NAME_BYTES_MAX: usize = 200;
/// Visas count in millionths.
const MICRO_DIGITS: u32 = 6;

/// The claims of a visa beside the standard ones.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct VisaClaims {
    #[serde(default, deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    cnf: Option<Confirmation>,
    cur: String,
    max_micros: i64,
    #[serde(default = "once")]
    uses: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    purpose: Option<Purpose>,
    /// What other publishers' libraries ask for; it decides nothing here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payment_status: Option<String>,
    #[serde(default, skip_deserializing, skip_serializing_if = "Option::is_none")]
    amount: Option<String>,
    #[serde(default, skip_deserializing, skip_serializing_if = "Option::is_none")]
    ver: Option<String>,
}

const fn once() -> u32 {
    1
}

/// What is there must name a key in the way that is checked: `null` does not stand for nothing.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Confirmation>, D::Error> {
    Confirmation::deserialize(deserializer).map(Some)
}

/// Whose key must sign whatever the visa pays for (RFC 7800, RFC 9449 section 6.1).
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Confirmation {
    jkt: String,
}

impl TokenKind for VisaClaims {
    const TYP: &'static str = "pay+jwt";
}

/// What a broker writes into a visa.
#[derive(Debug, Clone)]
pub struct VisaDraft<'a> {
    /// The broker's address, beneath which its keys are.
    pub issuer: &'a str,
    /// The publisher's host, with its port if it has one.
    pub publisher: &'a str,
    /// The agent, as the broker knows it.
    pub agent: &'a str,
    /// The thumbprint of the agent's key (RFC 7638).
    pub holder: &'a str,
    /// The visa's own name.
    pub jti: &'a str,
    /// The current time.
    pub now: Timestamp,
    /// How long it lasts.
    pub lifetime: Span,
    /// What it pays at most, in all.
    pub max: Money,
    /// How often it pays.
    pub uses: u32,
    /// What for, if for one thing only.
    pub purpose: Option<Purpose>,
}

impl VisaDraft<'_> {
    /// Signs the visa.
    ///
    /// # Errors
    /// [`VisaError`] when no publisher would take it, or the key is not one for ES256.
    pub fn issue(&self, key: &SigningKey) -> Result<String, VisaError> {
        if key.algorithm() != Algorithm::ES256 {
            return Err(VisaError::Token(TokenError::WrongKind));
        }
        if self.lifetime > LIFETIME_MAX {
            return Err(VisaError::TooLong);
        }
        if !names_fit([self.jti, self.agent]) || self.publisher.is_empty() || self.holder.is_empty() {
            return Err(VisaError::Names);
        }
        if self.max.is_zero() || self.max.asset.scale() != MICRO_DIGITS || self.uses == 0 {
            return Err(VisaError::Nothing);
        }
        let standard = Standard {
            iss: self.issuer.to_owned(),
            aud: self.publisher.to_owned(),
            sub: self.agent.to_owned(),
            jti: self.jti.to_owned(),
            iat: self.now,
            exp: self.now.plus(self.lifetime),
        };
        let claims = VisaClaims {
            cnf: Some(Confirmation {
                jkt: self.holder.to_owned(),
            }),
            cur: self.max.asset.to_string(),
            max_micros: self.max.amount.micros(),
            uses: self.uses,
            purpose: self.purpose,
            payment_status: Some("paid".to_owned()),
            amount: Some(self.max.decimal()),
            ver: Some("1.1".to_owned()),
        };
        jose::issue(key, &standard, &claims).map_err(VisaError::Token)
    }
}

/// A visa whose signature was checked, and that is for this publisher and for whoever holds one of the keys, or for
/// whoever has it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Visa {
    /// The broker.
    pub issuer: String,
    /// Its name, at its broker.
    pub jti: String,
    /// Whom the broker has promised it to.
    pub agent: String,
    /// The thumbprint of the key that may spend it; none of a bearer's.
    pub holder: Option<String>,
    /// What it pays at most, in all.
    pub max: Money,
    /// How often it pays.
    pub uses: u32,
    /// From when on it pays nothing.
    pub expires_at: Timestamp,
    /// Names the token: SHA-256, in hex.
    pub digest: String,
}

/// What a publisher demands of a visa.
#[derive(Debug, Clone, Copy)]
pub struct VisaExpectation<'a> {
    /// The broker, one that is trusted.
    pub issuer: &'a str,
    /// The publisher's own host.
    pub audience: &'a str,
    /// The thumbprints of the keys of whoever wants to pay with it.
    pub holders: &'a [String],
    /// What it is to pay for; a visa for one purpose pays for that one only.
    pub purpose: Option<Purpose>,
    /// Whether one counts that names neither the publisher nor a key: the publisher says so of its broker.
    pub takes_bearer: bool,
    /// The current time.
    pub now: Timestamp,
}

/// Why a visa does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VisaError {
    /// The token as such: its form, kind, signature, issuer, audience or time.
    #[error("{0}")]
    Token(TokenError),
    /// A longer life than a visa may have.
    #[error("it lasts longer than an hour")]
    TooLong,
    /// No name, or a name that is too long.
    #[error("its name, or that of its agent, is missing or too long")]
    Names,
    /// Promised to somebody else.
    #[error("it was promised to the holder of another key")]
    OtherHolder,
    /// A bearer's, where none is taken.
    #[error("it names neither the publisher nor a key, and such visas of its broker are not taken here")]
    Bearer,
    /// Bound by halves.
    #[error("it names only one of the publisher and a key: a visa names both, or a bearer's neither")]
    HalfBound,
    /// Promised for something else.
    #[error("it was promised for another purpose")]
    OtherPurpose,
    /// Nobody knows what it counts.
    #[error("its currency is unknown")]
    Currency,
    /// It pays nothing.
    #[error("it is a promise of nothing")]
    Nothing,
}

/// The visa that a request carries, under either name.
///
/// # Errors
/// [`ClaimError`] when a header is repeated or too long, or the two differ.
pub fn visa_read(headers: &HeaderMap) -> Result<Option<&str>, ClaimError> {
    let credential = single(headers, &CREDENTIAL, TOKEN_LENGTH_MAX)?;
    let payment = single(headers, &PAYMENT, TOKEN_LENGTH_MAX)?;
    match (credential, payment) {
        (Some(one), Some(other)) if one != other => {
            Err(ClaimError::Malformed("the two headers of the visa hold different ones"))
        }
        (one, other) => Ok(one.or(other)),
    }
}

/// Who a visa says that it is from. It proves nothing: it tells whose keys to look for.
///
/// # Errors
/// [`VisaError::Token`] when it cannot be read.
pub fn visa_issuer(token: &str) -> Result<String, VisaError> {
    token::issuer_claimed(token).map_err(VisaError::Token)
}

/// What a visa is called, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VisaName {
    /// The broker.
    pub broker: String,
    /// The visa's name there.
    pub id: String,
    /// Whether it names neither the publisher nor a key.
    pub is_bearer: bool,
}

/// What a visa says that it is called. It proves nothing: it names a visa that was checked.
///
/// # Errors
/// [`VisaError::Token`] when it cannot be read.
pub fn visa_name(token: &str) -> Result<VisaName, VisaError> {
    let (broker, id) = token::name_claimed(token).map_err(VisaError::Token)?;
    let is_bearer = visa_is_bearer(token)?;
    Ok(VisaName { broker, id, is_bearer })
}

/// Whether a visa names neither the publisher nor a key. It proves nothing: [`visa_verify`] decides.
///
/// # Errors
/// [`VisaError::Token`] when it cannot be read.
pub fn visa_is_bearer(token: &str) -> Result<bool, VisaError> {
    let is_bound = token::is_any_claimed(token, &["aud", "cnf"]).map_err(VisaError::Token)?;
    Ok(!is_bound)
}

/// The keys of a broker that sign visas: those for ES256, and none that is published for something else.
pub fn visa_keys(published: &Jwks) -> Jwks {
    let keys = published
        .keys()
        .iter()
        .filter(|key| key.algorithm() == Algorithm::ES256);
    // A part of a set has no name twice either.
    Jwks::new(keys.cloned().collect()).unwrap_or_default()
}

/// Checks a visa with the keys of its broker.
///
/// # Errors
/// [`VisaError`].
pub fn visa_verify(token: &str, keys: &Jwks, expect: &VisaExpectation<'_>) -> Result<Visa, VisaError> {
    let demands = Expect {
        iss: expect.issuer,
        aud: expect.audience,
        now: expect.now,
    };
    let read = jose::verify_unaddressed::<VisaClaims>(token, &visa_keys(keys), &demands).map_err(VisaError::Token)?;
    let (standard, claims) = (read.standard, read.claims);
    if standard.exp.since(standard.iat) > LIFETIME_MAX {
        return Err(VisaError::TooLong);
    }
    if !names_fit([&standard.jti, &standard.sub]) {
        return Err(VisaError::Names);
    }
    let holder = claims.cnf.map(|cnf| cnf.jkt);
    let is_bearer = match (standard.aud.as_str(), &holder) {
        (_, Some(holder)) if !expect.holders.contains(holder) => return Err(VisaError::OtherHolder),
        ("", None) if expect.takes_bearer => true,
        ("", None) => return Err(VisaError::Bearer),
        ("", Some(_)) | (_, None) => return Err(VisaError::HalfBound),
        (_, Some(_)) => false,
    };
    if claims.purpose.is_some() && claims.purpose != expect.purpose {
        return Err(VisaError::OtherPurpose);
    }
    let asset: Asset = claims.cur.parse().or(Err(VisaError::Currency))?;
    let max = Amount::from_micros(claims.max_micros).ok();
    let max = max.filter(|max| !max.is_zero() && asset.scale() == MICRO_DIGITS && claims.uses > 0);
    Ok(Visa {
        issuer: standard.iss,
        jti: standard.jti,
        agent: standard.sub,
        holder,
        max: Money::new(max.ok_or(VisaError::Nothing)?, asset),
        uses: if is_bearer { once() } else { claims.uses },
        expires_at: standard.exp,
        digest: sha256_hex(token.as_bytes()),
    })
}

/// Reads a visa that this broker has signed once, for anybody and however long ago. It names a promise, and must never
/// pay for anything.
///
/// # Errors
/// [`VisaError::Token`].
pub fn visa_recognise(token: &str, keys: &Jwks, issuer: &str) -> Result<Standard, VisaError> {
    let read = jose::recognise::<VisaClaims>(token, &visa_keys(keys), issuer);
    read.map(|token| token.standard).map_err(VisaError::Token)
}

fn names_fit(names: [&str; 2]) -> bool {
    names.iter().all(|name| (1..=NAME_BYTES_MAX).contains(&name.len()))
}
