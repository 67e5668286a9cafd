//! An authorization request (OpenID Connect Core, section 3.1.2; RFC 7636), checked before anybody is asked.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use imajin_did::{Did, Keyring, Sealed};
use imajin_kernel::{Env, Problem, Span, Timestamp};
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use super::clients::Client;
use super::error::OauthError;
use super::scope::{Scope, Scopes};

/// Longer queries are refused before anything looks at them.
const QUERY_LENGTH_MAX: usize = 8 * 1024;
const STATE_LENGTH_MAX: usize = 2 * 1024;
const NONCE_LENGTH_MAX: usize = 512;
const SEAL_LABEL: &str = "auth/oidc-request/1";
/// How long somebody may think about it.
const CONSIDERED_MAX: Span = Span::minutes(15);

/// The parameters as they came: each at most once (RFC 6749, section 3.1).
#[derive(Debug, Clone)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn parse(query: &str) -> Result<Self, Problem> {
        if query.len() > QUERY_LENGTH_MAX {
            return Err(Problem::invalid("The request is too long."));
        }
        let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        for (at, (name, _value)) in pairs.iter().enumerate() {
            if pairs
                .iter()
                .skip(at.saturating_add(1))
                .any(|(other, _value)| other == name)
            {
                return Err(Problem::invalid(format!(
                    "The parameter {name} is there more than once."
                )));
            }
        }
        Ok(Self(pairs))
    }

    /// A parameter with a value: an empty one counts as left out (RFC 6749, section 3.1).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, value)| known == name && !value.is_empty())
            .map(|(_name, value)| value.as_str())
    }

    /// The same request without some parameters, and with one more.
    pub(crate) fn query_with(&self, without: &[&str], extra: Option<(&str, &str)>) -> String {
        let kept = self.0.iter().filter(|(name, _value)| !without.contains(&name.as_str()));
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(kept);
        if let Some((name, value)) = extra {
            text.append_pair(name, value);
        }
        text.finish()
    }
}

/// Where an answer goes: known before anything else is, because errors go there, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AnswerTo {
    pub(crate) redirect_uri: String,
    pub(crate) state: Option<String>,
}

impl AnswerTo {
    /// The address with the answer, and who answers (RFC 9207).
    pub(crate) fn url(&self, issuer: &str, pairs: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs);
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        query.append_pair("iss", issuer);
        let joint = if self.redirect_uri.contains('?') { '&' } else { '?' };
        format!("{}{joint}{}", self.redirect_uri, query.finish())
    }

    pub(crate) fn error_url(&self, issuer: &str, error: &OauthError) -> String {
        let pairs = [
            ("error", error.error),
            ("error_description", error.description.as_str()),
        ];
        self.url(issuer, &pairs)
    }
}

/// How much the client wants the person to be asked (OpenID Connect Core, section 3.1.2.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Prompt {
    pub(crate) none: bool,
    pub(crate) login: bool,
    pub(crate) consent: bool,
}

/// A request that may be answered.
#[derive(Debug, Clone)]
pub(crate) struct AuthorizationRequest {
    pub(crate) asked: Asked,
    pub(crate) prompt: Prompt,
    pub(crate) max_age: Option<Span>,
}

/// The part of a request that its answer depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) client_id: String,
    pub(crate) answer_to: AnswerTo,
    pub(crate) scope: String,
    pub(crate) nonce: Option<String>,
    pub(crate) code_challenge: String,
}

impl Asked {
    pub(crate) fn scopes(&self) -> Scopes {
        Scopes::parse(&self.scope)
    }
}

/// The redirect URI of a request, if it is one of the client's. Nothing may be sent there before this was checked.
pub(crate) fn answer_to(params: &Params, client: &Client) -> Result<AnswerTo, Problem> {
    let uri = params
        .get("redirect_uri")
        .ok_or_else(|| Problem::invalid("The parameter redirect_uri is missing."))?;
    if !client.redirect_uris.iter().any(|known| known == uri) {
        return Err(Problem::invalid("This redirect_uri is not registered for this client.")
            .hint("It must be the same letter by letter; the operator of this node can register another one."));
    }
    let state = params.get("state").filter(|state| state.len() <= STATE_LENGTH_MAX);
    Ok(AnswerTo {
        redirect_uri: uri.to_owned(),
        state: state.map(str::to_owned),
    })
}

impl AuthorizationRequest {
    /// Checks everything that does not depend on who is asked.
    pub(crate) fn parse(params: &Params, client: &Client, answer_to: AnswerTo) -> Result<Self, OauthError> {
        let invalid = |text: &str| OauthError::invalid_request(text);
        if params.get("request").is_some() {
            return Err(OauthError::new(
                "request_not_supported",
                "Send the parameters themselves.",
            ));
        }
        if params.get("request_uri").is_some() {
            return Err(OauthError::new(
                "request_uri_not_supported",
                "Send the parameters themselves.",
            ));
        }
        match params.get("response_type") {
            Some("code") => {}
            Some(_other) => return Err(OauthError::new("unsupported_response_type", "Only code is served.")),
            None => return Err(invalid("The parameter response_type is missing.")),
        }
        if params.get("response_mode").is_some_and(|mode| mode != "query") {
            return Err(invalid("Only the response mode query is served."));
        }
        if params.get("state").is_some() && answer_to.state.is_none() {
            return Err(invalid("The state is too long."));
        }
        let scopes = Scopes::parse(params.get("scope").unwrap_or_default());
        if !scopes.has(Scope::OpenId) {
            return Err(OauthError::new("invalid_scope", "The scope must contain openid."));
        }
        let nonce = params.get("nonce").map(str::to_owned);
        if nonce.as_ref().is_some_and(|nonce| nonce.len() > NONCE_LENGTH_MAX) {
            return Err(invalid("The nonce is too long."));
        }
        Ok(Self {
            asked: Asked {
                client_id: client.id.to_string(),
                answer_to,
                scope: scopes.to_string(),
                nonce,
                code_challenge: challenge_parse(params)?,
            },
            prompt: prompt_parse(params.get("prompt"))?,
            max_age: max_age_parse(params.get("max_age"))?,
        })
    }
}

/// RFC 7636, section 4.3; `plain` would show the verifier to whoever sees the request.
fn challenge_parse(params: &Params) -> Result<String, OauthError> {
    let challenge = params
        .get("code_challenge")
        .ok_or_else(|| OauthError::invalid_request("PKCE is required: the parameter code_challenge is missing."))?;
    if params.get("code_challenge_method") != Some("S256") {
        return Err(OauthError::invalid_request("code_challenge_method must be S256."));
    }
    let is_digest = URL_SAFE_NO_PAD.decode(challenge).is_ok_and(|bytes| bytes.len() == 32);
    if !is_digest {
        return Err(OauthError::invalid_request(
            "code_challenge must be a SHA-256 digest in base64url.",
        ));
    }
    Ok(challenge.to_owned())
}

fn prompt_parse(text: Option<&str>) -> Result<Prompt, OauthError> {
    let words: Vec<&str> = text
        .unwrap_or_default()
        .split(' ')
        .filter(|word| !word.is_empty())
        .collect();
    let prompt = Prompt {
        none: words.contains(&"none"),
        // Another account is chosen on the login page.
        login: words.contains(&"login") || words.contains(&"select_account"),
        consent: words.contains(&"consent"),
    };
    if prompt.none && words.len() > 1 {
        return Err(OauthError::invalid_request("prompt=none stands alone."));
    }
    Ok(prompt)
}

fn max_age_parse(text: Option<&str>) -> Result<Option<Span>, OauthError> {
    let Some(text) = text else { return Ok(None) };
    let seconds: u32 = text
        .parse()
        .map_err(|_error| OauthError::invalid_request("max_age must be a number of seconds."))?;
    Ok(Some(Span::seconds(i64::from(seconds))))
}

#[derive(Serialize, Deserialize)]
struct Pending {
    asked: Asked,
    did: Did,
    until: Timestamp,
}

/// Seals a checked request for the person that is asked: nothing is stored while they think about it.
pub(crate) fn pending_seal(keyring: &Keyring, env: &Env, asked: &Asked, did: &Did) -> Result<String, Problem> {
    let pending = Pending {
        asked: asked.clone(),
        did: did.clone(),
        until: env.now().plus(CONSIDERED_MAX),
    };
    let bytes = serde_json::to_vec(&pending).map_err(|_error| Problem::internal())?;
    Ok(URL_SAFE_NO_PAD.encode(keyring.seal(SEAL_LABEL, &bytes, env).as_bytes()))
}

/// Opens what came back, if it was this person that was asked.
pub(crate) fn pending_open(keyring: &Keyring, now: Timestamp, text: &str, did: &Did) -> Result<Asked, Problem> {
    let stale = || {
        Problem::new(
            imajin_kernel::Code::Gone,
            "This request has expired, or was made for somebody else.",
        )
        .hint("Go back to the application and sign in there once more.")
    };
    if text.len() > 2 * QUERY_LENGTH_MAX {
        return Err(stale());
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).or(Err(stale()))?;
    let opened = keyring.open(SEAL_LABEL, &Sealed::from_bytes(bytes)).or(Err(stale()))?;
    let pending: Pending = serde_json::from_slice(&opened).or(Err(stale()))?;
    if pending.did != *did || pending.until <= now {
        return Err(stale());
    }
    Ok(pending.asked)
}
