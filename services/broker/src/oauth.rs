//! OAuth 2.0 for machines: a token to read one's own account with, and what a token of this broker is worth.
//!
//! A client is an agent, by its domain, or a DID. It proves itself by a JWT that it has signed (RFC 7523, section 2.2)
//! or by an RFC 9421 signature over the request. Money is never moved by a token: that takes a signature.

use axum::body::Bytes;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use imajin_did::{Did, Signature, Verify, VerifyingKey};
use imajin_imagxp::AgentId;
use imajin_imagxp::visa::visa_recognise;
use imajin_kernel::id::VisaId;
use imajin_kernel::{Code, Problem, Span, Timestamp};
use imajin_proof::digest::sha256_hex;
use imajin_proof::jose::{self, Algorithm, Expect, Jwk};
use imajin_proof::token::{Standard, TokenKind};
use imajin_store::nonce;
use imajin_web::RawRequest;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::caller::{agent_did, names};
use crate::context::Context;
use crate::domain::visa::visa_find;
use crate::{Broker, BrokerError};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How long a token lasts.
pub(crate) const TOKEN_LASTS: Span = Span::minutes(10);
/// How long an assertion may last.
const ASSERTION_LASTS_MAX: Span = Span::minutes(10);
/// How far a client's clock may be ahead.
const AHEAD_MAX: Span = Span::seconds(30);
const ASSERTION_BYTES_MAX: usize = 8 * 1024;
/// What a token is good for.
const SCOPE: &str = "read";

/// The claims of a token beside the standard ones (RFC 9068).
#[derive(Debug, Clone, Serialize, Deserialize)]
struct AccessClaims {
    client_id: String,
    scope: String,
}

impl TokenKind for AccessClaims {
    const TYP: &'static str = "at+jwt";
}

/// Why a client gets nothing, in OAuth's words (RFC 6749, section 5.2).
#[derive(Debug)]
pub(crate) struct OauthError {
    pub(crate) error: &'static str,
    pub(crate) description: String,
}

impl OauthError {
    fn new(error: &'static str, description: impl Into<String>) -> Self {
        Self {
            error,
            description: description.into(),
        }
    }

    pub(crate) fn invalid_request(description: impl Into<String>) -> Self {
        Self::new("invalid_request", description)
    }

    fn client(description: impl Into<String>) -> Self {
        Self::new("invalid_client", description)
    }
}

impl From<BrokerError> for OauthError {
    fn from(error: BrokerError) -> Self {
        let problem = Problem::from(error);
        match problem.code {
            Code::Internal => Self::new("server_error", problem.detail),
            Code::Unavailable => Self::new("temporarily_unavailable", problem.detail),
            _ => Self::client(problem.detail),
        }
    }
}

/// The parameters of a form, each at most once.
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    pub(crate) fn parse(body: &Bytes) -> Result<Self, OauthError> {
        let parameters: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
        let mut names: Vec<&String> = parameters.iter().map(|(name, _)| name).collect();
        names.sort();
        if names.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(OauthError::new("invalid_request", "A parameter is there twice."));
        }
        Ok(Self(parameters))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

#[derive(Deserialize)]
struct AssertionHeader {
    alg: Algorithm,
    kid: Option<String>,
}

#[derive(Deserialize)]
struct Assertion {
    iss: String,
    sub: String,
    aud: Audience,
    jti: String,
    exp: i64,
    iat: Option<i64>,
    nbf: Option<i64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn holds(&self, wanted: &[String]) -> bool {
        match self {
            Self::One(one) => wanted.contains(one),
            Self::Many(many) => many.iter().any(|one| wanted.contains(one)),
        }
    }
}

/// A JWT whose signature is still to be checked.
struct Jwt<'a> {
    header: AssertionHeader,
    claims: Assertion,
    signed: &'a str,
    signature: Signature,
}

fn jwt_read(text: &str) -> Option<Jwt<'_>> {
    if text.len() > ASSERTION_BYTES_MAX {
        return None;
    }
    let (signed, signature) = text.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
    Some(Jwt {
        header: serde_json::from_slice(&bytes(header)?).ok()?,
        claims: serde_json::from_slice(&bytes(claims)?).ok()?,
        signed,
        signature: Signature::from_slice(&bytes(signature)?)?,
    })
}

impl Broker {
    /// Who asks, by whichever of the two ways; it counts once.
    pub(crate) async fn client_of(&self, raw: &RawRequest, form: &Form) -> Result<Did, OauthError> {
        if let Some(assertion) = form.get("client_assertion") {
            if form.get("client_assertion_type") != Some(ASSERTION_TYPE) {
                let text = format!("The client_assertion_type must be {ASSERTION_TYPE}.");
                return Err(OauthError::new("invalid_request", text));
            }
            return self.assertion_check(assertion, form.get("client_id")).await;
        }
        if !raw.is_signed() {
            return Err(OauthError::client(
                "Prove who you are by client_assertion (private_key_jwt), or sign the request by RFC 9421.",
            ));
        }
        let request = raw.signed().map_err(BrokerError::from)?;
        let caller = self.caller_of(&request).await?;
        let (did, proof) = (caller.did().canonical(), caller.proof().clone());
        self.write(move |conn, context| Ok(nonce::request_spend(conn, &context.sealer, &proof)?))
            .await?;
        Ok(did)
    }

    async fn assertion_check(&self, text: &str, client_id: Option<&str>) -> Result<Did, OauthError> {
        let wrong = |problem: &str| OauthError::client(format!("The client_assertion: {problem}."));
        let jwt =
            jwt_read(text).ok_or_else(|| wrong("it is no JWT by ES256 or EdDSA with iss, sub, aud, jti and exp"))?;
        let claims = &jwt.claims;
        if claims.iss != claims.sub || client_id.is_some_and(|named| named != claims.sub) {
            return Err(wrong("iss, sub and client_id must be the same"));
        }
        let issuer = &self.context.issuer;
        let own = [
            issuer.to_string(),
            format!("{issuer}/oauth/token"),
            format!("{issuer}/oauth/introspect"),
        ];
        if !claims.aud.holds(&own) {
            return Err(wrong("aud must be this broker"));
        }
        let now = self.context.now();
        let (ends, soon) = (Timestamp::from_seconds(claims.exp), now.plus(AHEAD_MAX));
        let begins = [claims.iat, claims.nbf]
            .into_iter()
            .flatten()
            .map(Timestamp::from_seconds);
        if ends <= now || ends > now.plus(ASSERTION_LASTS_MAX) || begins.into_iter().any(|at| at > soon) {
            return Err(wrong("it must be made now, and last at most ten minutes"));
        }
        if claims.jti.is_empty() || claims.jti.len() > 128 {
            return Err(wrong("jti must have 1 to 128 characters"));
        }
        let (did, keys) = self.client_keys(&claims.sub).await?;
        let named = jwt.header.kid.as_deref();
        let fits = |key: &&VerifyingKey| {
            let jwk = Jwk::from_key((*key).clone());
            // The key decides about the algorithm; a name that is not the thumbprint may be the client's own.
            jwk.algorithm() == jwt.header.alg && key.verify_signature(jwt.signed.as_bytes(), &jwt.signature).is_ok()
        };
        if keys.iter().find(fits).is_none() {
            let of = named.map(|kid| format!(" {kid}")).unwrap_or_default();
            return Err(wrong(&format!(
                "the key{of} is none of the client's, or the signature does not fit"
            )));
        }
        let nonce_text = format!("assertion/{}", sha256_hex(claims.jti.as_bytes()));
        let owner = did.clone();
        let spend = self.write(move |conn, context| {
            Ok(nonce::spend(
                conn,
                &context.sealer,
                &owner,
                &nonce_text,
                context.now(),
                ASSERTION_LASTS_MAX,
            )?)
        });
        spend.await?;
        Ok(did)
    }

    /// A client by its name, a domain or a DID, with its keys.
    async fn client_keys(&self, name: &str) -> Result<(Did, Vec<VerifyingKey>), OauthError> {
        let agent = AgentId::parse(name, names(self.context.config.reach)).ok();
        let Some(agent) = agent else {
            let did: Did = name
                .parse()
                .map_err(|_error| OauthError::client("The client is neither a domain nor a DID."))?;
            let caller = self
                .site
                .identities
                .caller_keys(&did)
                .await
                .map_err(BrokerError::from)?;
            return Ok((caller.did, caller.keys.into_iter().map(VerifyingKey::from).collect()));
        };
        let manifest = self.agents.manifest(&agent, false).await?;
        let keys = manifest.keys.iter().cloned().map(VerifyingKey::from);
        Ok((agent_did(&agent)?, keys.collect()))
    }

    /// A token to read with.
    pub(crate) async fn token_issue(&self, client: &Did, form: &Form) -> Result<Value, OauthError> {
        if form.get("grant_type") != Some("client_credentials") {
            let text = "The grant_type must be client_credentials.";
            return Err(OauthError::new("unsupported_grant_type", text));
        }
        if form.get("scope").is_some_and(|scope| scope != SCOPE) {
            return Err(OauthError::new(
                "invalid_scope",
                format!("The scope can be {SCOPE}, and nothing else."),
            ));
        }
        let now = self.context.now();
        let issuer = self.context.issuer.to_string();
        let standard = Standard {
            iss: issuer.clone(),
            aud: issuer,
            sub: client.to_string(),
            jti: hex::encode(self.context.env.random_bytes::<16>()),
            iat: now,
            exp: now.plus(TOKEN_LASTS),
        };
        let claims = AccessClaims {
            client_id: client.to_string(),
            scope: SCOPE.to_owned(),
        };
        let key = self.signing_key().await?;
        let token = jose::issue(&key, &standard, &claims);
        let token = token.map_err(|error| BrokerError::Fault(format!("a token could not be signed: {error}")))?;
        Ok(json!({
            "access_token": token, "token_type": "Bearer", "expires_in": TOKEN_LASTS.as_seconds(), "scope": SCOPE,
        }))
    }

    /// Who reads with a token of this broker.
    pub(crate) async fn token_reader(&self, token: &str) -> Result<Option<Did>, BrokerError> {
        let keys = self.key_set().await?;
        let expect = Expect {
            iss: &self.context.issuer,
            aud: &self.context.issuer,
            now: self.context.now(),
        };
        let read = jose::verify::<AccessClaims>(token, &keys, &expect).ok();
        Ok(read.and_then(|token| token.standard.sub.parse().ok()))
    }

    /// What a token is worth (RFC 7662): a visa, for the agent and the publisher that it is between; a token to read
    /// with, for its owner. For everybody else, none is worth anything.
    pub(crate) async fn introspect(&self, client: &Did, token: &str) -> Result<Value, OauthError> {
        let inactive = json!({"active": false});
        if self.token_reader(token).await?.as_ref() == Some(client) {
            return Ok(json!({
                "active": true, "token_type": "Bearer", "scope": SCOPE, "client_id": client, "sub": client,
                "iss": &*self.context.issuer,
            }));
        }
        let keys = self.key_set().await?;
        let Ok(standard) = visa_recognise(token, &keys, &self.context.issuer) else {
            return Ok(inactive);
        };
        let Ok(jti) = standard.jti.parse::<VisaId>() else {
            return Ok(inactive);
        };
        let row = self
            .read(move |conn, context: &Context| visa_find(conn, context, jti))
            .await?;
        let Some(row) = row else { return Ok(inactive) };
        let is_agent = row.agent_did == *client;
        if !is_agent
            && !self
                .hosts_of(client, vec![row.publisher.clone()])
                .await?
                .own
                .contains(&row.publisher)
        {
            return Ok(inactive);
        }
        if row.closed_at.is_some() || row.expires_at <= self.context.now() {
            return Ok(inactive);
        }
        let left = row.money(row.max_micros.saturating_sub(row.redeemed_micros))?;
        Ok(json!({
            "active": true, "token_type": "pay+jwt", "iss": &*self.context.issuer, "aud": row.publisher,
            "sub": standard.sub, "jti": row.jti, "iat": row.created_at.as_seconds(), "exp": row.expires_at.as_seconds(),
            "cnf": {"jkt": row.holder}, "cur": row.asset, "max_micros": row.max_micros, "uses": row.uses,
            "redeemed_uses": row.redeemed_uses, "left_micros": left.amount.micros(),
        }))
    }
}
