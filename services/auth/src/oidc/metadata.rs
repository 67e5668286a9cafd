//! What a client says about itself (RFC 7591, section 2), checked.

use imajin_proof::jose::Algorithm;
use serde::{Deserialize, Serialize};
use url::{Host, Url};
use utoipa::ToSchema;

use crate::identities::name_parse;

const URIS_MAX: usize = 10;
const URI_LENGTH_MAX: usize = 500;

/// How a client proves itself at the token endpoint.
pub(crate) const AUTH_METHODS: [&str; 3] = ["client_secret_basic", "client_secret_post", AUTH_NONE];
/// A public client: it has no secret, and PKCE alone binds its codes.
pub(crate) const AUTH_NONE: &str = "none";
const GRANT_TYPES: [&str; 2] = ["authorization_code", "refresh_token"];

/// A client, as whoever registers it describes it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct ClientMetadata {
    /// What people read when they are asked.
    #[schema(example = "The members' wiki")]
    pub(crate) client_name: String,
    /// Where answers may be sent: compared letter by letter.
    #[schema(example = json!(["https://wiki.example.org/callback"]))]
    pub(crate) redirect_uris: Vec<String>,
    /// Where people may be sent after logging out.
    #[serde(default)]
    pub(crate) post_logout_redirect_uris: Vec<String>,
    /// `client_secret_basic` (the default), `client_secret_post`, or `none` for a client that can keep no secret.
    #[serde(default = "default_auth_method")]
    pub(crate) token_endpoint_auth_method: String,
    /// How its ID tokens are signed: `RS256` (the default), `ES256` or `EdDSA`.
    #[serde(default = "default_algorithm")]
    pub(crate) id_token_signed_response_alg: String,
    /// `code`, if it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) response_types: Option<Vec<String>>,
    /// `authorization_code` and `refresh_token`, if it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) grant_types: Option<Vec<String>>,
}

fn default_auth_method() -> String {
    "client_secret_basic".to_owned()
}

fn default_algorithm() -> String {
    Algorithm::RS256.name().to_owned()
}

/// Metadata that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CheckedMetadata {
    pub(crate) name: String,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) logout_uris: Vec<String>,
    pub(crate) auth_method: String,
    pub(crate) algorithm: Algorithm,
}

/// What was wrong, with the error code of RFC 7591, section 3.2.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MetadataError {
    pub(crate) code: &'static str,
    pub(crate) what: String,
}

fn metadata_error(what: impl Into<String>) -> MetadataError {
    MetadataError {
        code: "invalid_client_metadata",
        what: what.into(),
    }
}

impl ClientMetadata {
    /// Checks everything.
    pub(crate) fn check(&self) -> Result<CheckedMetadata, MetadataError> {
        let name = name_parse(&self.client_name).map_err(|_error| {
            metadata_error("client_name must have 1 to 80 characters, without control characters.")
        })?;
        if self.redirect_uris.is_empty() {
            return Err(redirect_error("redirect_uris must not be empty."));
        }
        uris_check("redirect_uris", &self.redirect_uris)?;
        uris_check("post_logout_redirect_uris", &self.post_logout_redirect_uris)?;
        if !AUTH_METHODS.contains(&self.token_endpoint_auth_method.as_str()) {
            let known = AUTH_METHODS.join(", ");
            return Err(metadata_error(format!(
                "token_endpoint_auth_method must be one of {known}."
            )));
        }
        let algorithm = (self.id_token_signed_response_alg.parse())
            .map_err(|_error| metadata_error("id_token_signed_response_alg must be RS256, ES256 or EdDSA."))?;
        let is_other = |wanted: &Option<Vec<String>>, known: &[&str]| {
            wanted.iter().flatten().any(|word| !known.contains(&word.as_str()))
        };
        if is_other(&self.response_types, &["code"]) || is_other(&self.grant_types, &GRANT_TYPES) {
            return Err(metadata_error(
                "Only the response type code and the grants that belong to it are served.",
            ));
        }
        Ok(CheckedMetadata {
            name,
            redirect_uris: self.redirect_uris.clone(),
            logout_uris: self.post_logout_redirect_uris.clone(),
            auth_method: self.token_endpoint_auth_method.clone(),
            algorithm,
        })
    }
}

fn redirect_error(what: impl Into<String>) -> MetadataError {
    MetadataError {
        code: "invalid_redirect_uri",
        what: what.into(),
    }
}

fn uris_check(member: &str, uris: &[String]) -> Result<(), MetadataError> {
    if uris.len() > URIS_MAX {
        return Err(redirect_error(format!(
            "{member} may name at most {URIS_MAX} addresses."
        )));
    }
    for uri in uris {
        if !is_redirect_target(uri) {
            return Err(redirect_error(format!(
                "{uri:?} in {member} cannot be used: it must be https, http to this very machine (127.0.0.1, [::1] or \
                 localhost), or a scheme of one's own that is a reversed domain name, without a fragment."
            )));
        }
    }
    Ok(())
}

/// RFC 6749, section 3.1.2, and RFC 8252, section 7: nothing that a browser executes, nothing in the clear over a wire.
fn is_redirect_target(text: &str) -> bool {
    if text.len() > URI_LENGTH_MAX || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return false;
    }
    let Ok(url) = Url::parse(text) else { return false };
    let plain = url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    let allowed = match url.scheme() {
        "https" => url.host().is_some(),
        "http" => is_this_machine(url.host().as_ref()),
        scheme => scheme.contains('.'),
    };
    plain && allowed
}

fn is_this_machine(host: Option<&Host<&str>>) -> bool {
    match host {
        Some(Host::Domain(name)) => *name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(uri: &str) -> ClientMetadata {
        serde_json::from_value(serde_json::json!({"client_name": "Wiki", "redirect_uris": [uri]})).unwrap()
    }

    #[test]
    fn only_addresses_that_are_safe_to_answer_to_can_be_registered() {
        for good in [
            "https://wiki.example.org/cb?x=1",
            "http://127.0.0.1:8080/cb",
            "http://[::1]/cb",
            "http://localhost/",
            "org.example.app:/cb",
        ] {
            assert!(metadata(good).check().is_ok(), "{good}");
        }
        for bad in [
            "http://wiki.example.org/cb",
            "https://wiki.example.org/cb#x",
            "https://me@wiki.example.org/",
            "javascript:alert(1)",
            "data:text/html,x",
            "app:/cb",
            "/cb",
            "",
            "https://wiki.example.org/\u{fc}",
        ] {
            assert_eq!(metadata(bad).check().unwrap_err().code, "invalid_redirect_uri", "{bad}");
        }
    }

    #[test]
    fn only_what_is_served_can_be_registered() {
        let mut implicit = metadata("https://a.example/");
        implicit.response_types = Some(vec!["token".to_owned()]);
        let mut method = metadata("https://a.example/");
        method.token_endpoint_auth_method = "private_key_jwt".to_owned();
        let mut algorithm = metadata("https://a.example/");
        algorithm.id_token_signed_response_alg = "none".to_owned();
        for bad in [implicit, method, algorithm] {
            assert_eq!(bad.check().unwrap_err().code, "invalid_client_metadata");
        }
    }
}
