//! Tokens that this node gives out: JWTs (RFC 7519) signed by Ed25519, each kind with a type of its own (RFC 8725,
//! section 3.11), so that no kind can stand in for another.
//!
//! A verifier demands `typ`, `alg`, `kid`, `iss`, `aud` and `exp`, and the time is passed in. The claims of a kind lie
//! beside the standard ones.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use imajin_did::{PublicKey, SecretKey, Signature};
use imajin_kernel::{Code, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

use crate::FUTURE_TOLERANCE;
use crate::digest::sha256;

/// Longer texts are refused before anything looks at them.
const LENGTH_MAX: usize = 16 * 1024;
/// The algorithms of which any verifier here checks one.
const ASYMMETRIC: [&str; 3] = ["EdDSA", "ES256", "RS256"];
const STANDARD_NAMES: [&str; 7] = ["iss", "aud", "sub", "jti", "iat", "exp", "nbf"];

/// The claims of one kind of token. They serialize as an object without any of the standard names.
pub trait TokenKind: Serialize + DeserializeOwned {
    /// The header's `typ`, for example `session+jwt`.
    const TYP: &'static str;
}

/// The claims that every token has (RFC 7519, section 4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standard {
    /// Who says it: the URL of the issuing service.
    pub iss: String,
    /// For whom it is; empty when it names nobody, as some kinds may.
    pub aud: String,
    /// About whom or what it is.
    pub sub: String,
    /// The token's own identifier.
    pub jti: String,
    /// When it was issued; the wire has whole seconds.
    pub iat: Timestamp,
    /// From when on it is worth nothing; the wire has whole seconds.
    pub exp: Timestamp,
}

/// A token whose signature and standard claims were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token<K> {
    /// Which key signed.
    pub kid: String,
    /// The claims that every token has.
    pub standard: Standard,
    /// The claims of this kind.
    pub claims: K,
}

/// Why a token is refused. Never holds any part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not three parts of base64url with JSON inside, or too long.
    #[error("the token cannot be read")]
    Malformed,
    /// A token of another kind, or not signed by Ed25519.
    #[error("this is a token of another kind")]
    WrongKind,
    /// Signed by a key that is not, or no longer, the issuer's.
    #[error("the token was signed by an unknown key; get a new one")]
    UnknownKey,
    /// The signature does not fit.
    #[error("the token's signature is not valid")]
    BadSignature,
    /// Issued by somebody else.
    #[error("the token is from another issuer")]
    WrongIssuer,
    /// Issued for somebody else.
    #[error("the token is for somebody else")]
    WrongAudience,
    /// Its time is over.
    #[error("the token has expired; get a new one")]
    Expired,
    /// Its time has not come.
    #[error("the token is from the future; check the clocks")]
    NotYetValid,
    /// The claims of this kind are not what they should be, or use a standard name.
    #[error("the token's claims are not valid")]
    Claims,
}

impl TokenError {
    /// The closed code for the wire.
    pub const fn code(self) -> Code {
        match self {
            Self::Claims => Code::InvalidRequest,
            Self::BadSignature => Code::BadSignature,
            _ => Code::Unauthenticated,
        }
    }
}

#[derive(Deserialize)]
struct WireHeader {
    typ: Option<String>,
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood (RFC 7515, section 4.1.11); we understand none.
    crit: Option<Value>,
}

#[derive(Serialize, Deserialize)]
struct WireStandard {
    iss: String,
    #[serde(default, deserialize_with = "said")]
    aud: Option<String>,
    sub: String,
    jti: String,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing)]
    nbf: Option<i64>,
}

/// What is there must be a text: `null` does not stand for nothing.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

/// Issues a token; `kid` names the key in the published key set.
///
/// # Errors
/// [`TokenError::Claims`] when the claims are no object, or use a standard name.
pub fn issue<K: TokenKind>(key: &SecretKey, kid: &str, standard: &Standard, claims: &K) -> Result<String, TokenError> {
    let members = members_of(standard, claims)?;
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(K::TYP.to_owned());
    header.kid = Some(kid.to_owned());
    let key = EncodingKey::from_ed_der(&key.to_pkcs8_der());
    jsonwebtoken::encode(&header, &members, &key).or(Err(TokenError::Claims))
}

/// The payload: the claims of the kind beside the standard ones.
pub(crate) fn members_of<K: TokenKind>(standard: &Standard, claims: &K) -> Result<Map<String, Value>, TokenError> {
    let Ok(Value::Object(mut members)) = serde_json::to_value(claims) else {
        return Err(TokenError::Claims);
    };
    if STANDARD_NAMES.iter().any(|name| members.contains_key(*name)) {
        return Err(TokenError::Claims);
    }
    let wire = json!({
        "iss": standard.iss, "aud": standard.aud, "sub": standard.sub, "jti": standard.jti,
        "iat": standard.iat.as_seconds(), "exp": standard.exp.as_seconds(),
    });
    if let Value::Object(wire) = wire {
        members.extend(wire);
    }
    if standard.aud.is_empty() {
        members.remove("aud");
    }
    Ok(members)
}

/// Checks a token of the kind `K`: type, algorithm, key, signature, issuer, audience and time, all of them demanded.
///
/// `key_of` finds the issuer's key by its `kid`. The signature is checked strictly, as every signature that decides.
///
/// # Errors
/// [`TokenError`] with what was wrong.
pub fn verify<K: TokenKind>(
    text: &str,
    key_of: &dyn Fn(&str) -> Option<PublicKey>,
    iss: &str,
    aud: &str,
    now: Timestamp,
) -> Result<Token<K>, TokenError> {
    let check = |kid: &str, algorithm: &str, signed: &[u8], signature: &[u8]| {
        if algorithm != "EdDSA" {
            return Err(TokenError::WrongKind);
        }
        let key = key_of(kid).ok_or(TokenError::UnknownKey)?;
        let signature = Signature::from_slice(signature).ok_or(TokenError::BadSignature)?;
        key.verify(signed, &signature).or(Err(TokenError::BadSignature))
    };
    read(text, &check, iss, aud, now)
}

/// Who a token says that it is from. It proves nothing: it tells whose keys to look for.
///
/// # Errors
/// [`TokenError::Malformed`] when it says nothing.
pub fn issuer_claimed(text: &str) -> Result<String, TokenError> {
    #[derive(Deserialize)]
    struct Claimed {
        iss: String,
    }
    let payload = decode(Parts::split(text)?.payload)?;
    let claimed: Claimed = serde_json::from_slice(&payload).or(Err(TokenError::Malformed))?;
    Ok(claimed.iss)
}

/// As [`issuer_claimed`], with the name (`jti`) of the token there.
///
/// # Errors
/// [`TokenError::Malformed`] when it says none of them.
pub fn name_claimed(text: &str) -> Result<(String, String), TokenError> {
    #[derive(Deserialize)]
    struct Claimed {
        iss: String,
        jti: String,
    }
    let payload = decode(Parts::split(text)?.payload)?;
    let claimed: Claimed = serde_json::from_slice(&payload).or(Err(TokenError::Malformed))?;
    Ok((claimed.iss, claimed.jti))
}

/// Whether a token says anything under one of these names. It proves nothing.
///
/// # Errors
/// [`TokenError::Malformed`] when it cannot be read.
pub fn is_any_claimed(text: &str, names: &[&str]) -> Result<bool, TokenError> {
    let payload = decode(Parts::split(text)?.payload)?;
    let members: Map<String, Value> = serde_json::from_slice(&payload).or(Err(TokenError::Malformed))?;
    Ok(names.iter().any(|name| members.contains_key(*name)))
}

/// Checks one signature: the `kid` and the `alg` of the header, the signed bytes, the signature.
pub(crate) type SignatureCheck<'a> = dyn Fn(&str, &str, &[u8], &[u8]) -> Result<(), TokenError> + 'a;

/// Reads a token: the header, then the signature by `check`, and only then the payload.
pub(crate) fn read<K: TokenKind>(
    text: &str,
    check: &SignatureCheck<'_>,
    iss: &str,
    aud: &str,
    now: Timestamp,
) -> Result<Token<K>, TokenError> {
    let nobody = Err(TokenError::Malformed);
    read_for(text, check, iss, (aud, nobody), now)
}

/// As [`read`]; a token may name nobody as its audience.
pub(crate) fn read_unaddressed<K: TokenKind>(
    text: &str,
    check: &SignatureCheck<'_>,
    iss: &str,
    aud: &str,
    now: Timestamp,
) -> Result<Token<K>, TokenError> {
    read_for(text, check, iss, (aud, Ok(())), now)
}

/// `nobody` is what becomes of a token without an audience.
fn read_for<K: TokenKind>(
    text: &str,
    check: &SignatureCheck<'_>,
    iss: &str,
    (aud, nobody): (&str, Result<(), TokenError>),
    now: Timestamp,
) -> Result<Token<K>, TokenError> {
    let (kid, payload) = read_signed::<K>(text, check)?;
    let wire = WireStandard::deserialize(&payload).or(Err(TokenError::Malformed))?;
    if wire.iss != iss {
        return Err(TokenError::WrongIssuer);
    }
    match wire.aud.as_deref() {
        None => nobody?,
        // An empty name would read as none afterwards.
        Some(named) if named == aud && !named.is_empty() => {}
        Some(_) => return Err(TokenError::WrongAudience),
    }
    let standard = wire.check_time(now)?;
    let claims = own_claims::<K>(payload)?;
    Ok(Token { kid, standard, claims })
}

/// Reads a token of one issuer without asking for whom it is and how old.
pub(crate) fn read_ageless<K: TokenKind>(
    text: &str,
    check: &SignatureCheck<'_>,
    iss: &str,
) -> Result<Token<K>, TokenError> {
    let (kid, payload) = read_signed::<K>(text, check)?;
    let wire = WireStandard::deserialize(&payload).or(Err(TokenError::Malformed))?;
    if wire.aud.is_none() {
        return Err(TokenError::Malformed);
    }
    if wire.iss != iss {
        return Err(TokenError::WrongIssuer);
    }
    let standard = wire.into_standard();
    let claims = own_claims::<K>(payload)?;
    Ok(Token { kid, standard, claims })
}

/// The `kid` and the payload of a token of the kind `K` whose signature fits.
fn read_signed<K: TokenKind>(text: &str, check: &SignatureCheck<'_>) -> Result<(String, Value), TokenError> {
    let parts = Parts::split(text)?;
    let header: WireHeader = serde_json::from_slice(&decode(parts.header)?).or(Err(TokenError::Malformed))?;
    if header.typ.as_deref() != Some(K::TYP) || header.crit.is_some() {
        return Err(TokenError::WrongKind);
    }
    // Before the name of the key is looked at: "none" and the symmetric ones have no key that could be found.
    if !ASYMMETRIC.contains(&header.alg.as_str()) {
        return Err(TokenError::WrongKind);
    }
    let kid = header.kid.ok_or(TokenError::UnknownKey)?;
    check(&kid, &header.alg, parts.signed.as_bytes(), &decode(parts.signature)?)?;
    let payload = serde_json::from_slice(&decode(parts.payload)?).or(Err(TokenError::Malformed))?;
    Ok((kid, payload))
}

impl WireStandard {
    fn check_time(self, now: Timestamp) -> Result<Standard, TokenError> {
        let latest = now.plus(FUTURE_TOLERANCE);
        let is_early = self.nbf.is_some_and(|nbf| Timestamp::from_seconds(nbf) > latest);
        let standard = self.into_standard();
        if standard.exp <= now {
            return Err(TokenError::Expired);
        }
        if is_early || standard.iat > latest {
            return Err(TokenError::NotYetValid);
        }
        Ok(standard)
    }

    fn into_standard(self) -> Standard {
        Standard {
            iss: self.iss,
            aud: self.aud.unwrap_or_default(),
            sub: self.sub,
            jti: self.jti,
            iat: Timestamp::from_seconds(self.iat),
            exp: Timestamp::from_seconds(self.exp),
        }
    }
}

fn own_claims<K: TokenKind>(payload: Value) -> Result<K, TokenError> {
    let Value::Object(mut members) = payload else {
        return Err(TokenError::Claims);
    };
    for name in STANDARD_NAMES {
        members.remove(name);
    }
    serde_json::from_value(Value::Object(members)).or(Err(TokenError::Claims))
}

struct Parts<'a> {
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
    signed: &'a str,
}

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Result<Self, TokenError> {
        if text.len() > LENGTH_MAX {
            return Err(TokenError::Malformed);
        }
        // A fourth part would leave a dot in the header, which is not base64url.
        let (signed, signature) = text.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, payload) = signed.rsplit_once('.').ok_or(TokenError::Malformed)?;
        Ok(Self {
            header,
            payload,
            signature,
            signed,
        })
    }
}

fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).or(Err(TokenError::Malformed))
}

/// The key's JWK thumbprint (RFC 7638): a `kid` that anyone can compute.
pub fn key_id(key: &PublicKey) -> String {
    let members = format!(
        r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#,
        URL_SAFE_NO_PAD.encode(key.as_bytes())
    );
    URL_SAFE_NO_PAD.encode(sha256(members.as_bytes()))
}

/// The key as a JWK (RFC 8037), for a published key set.
pub fn jwk(key: &PublicKey, kid: &str) -> Value {
    json!({
        "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(key.as_bytes()),
        "kid": kid, "alg": "EdDSA", "use": "sig",
    })
}
