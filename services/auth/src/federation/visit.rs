//! The visited node: sending somebody home.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use imajin_did::{Did, Sealed};
use imajin_kernel::{Problem, Timestamp};
use imajin_proof::token::{self, Standard, key_id};
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use super::peer::home_parse;
use super::{AUTHORIZE_PATH, CALLBACK_PATH, LoginRequest, REQUEST_LIFETIME};
use crate::AuthError;
use crate::auth::Auth;

const SEAL_LABEL: &str = "auth/federation-visit/1";

/// What a browser keeps, sealed, while its person is at home: so an answer counts in this browser only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Visit {
    pub(crate) home: Did,
    pub(crate) nonce: String,
    pub(crate) next: String,
    pub(crate) until: Timestamp,
}

/// Where to send somebody, and what their browser keeps.
#[derive(Debug)]
pub(crate) struct Departure {
    pub(crate) url: String,
    pub(crate) kept: String,
}

impl Auth {
    /// Sends somebody to the home that they named.
    pub(crate) async fn visit_start(&self, home: &str, next: String) -> Result<Departure, AuthError> {
        let home = home_parse(home)?;
        let peer = self.peer_resolve(&home).await?;
        let now = self.env.now();
        let nonce = hex::encode(self.env.random_bytes::<32>());
        let own = self.node_web_did().to_string();
        let standard = Standard {
            iss: own.clone(),
            aud: peer.did.to_string(),
            sub: own,
            jti: hex::encode(self.env.random_bytes::<16>()),
            iat: now,
            exp: now.plus(REQUEST_LIFETIME),
        };
        let request = LoginRequest {
            nonce: nonce.clone(),
            return_to: self.public.absolute(CALLBACK_PATH),
        };
        let key = self.keyring.node_key();
        let request = token::issue(key, &key_id(&key.public()), &standard, &request).map_err(AuthError::Token)?;
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("request", &request);
        let visit = Visit {
            home,
            nonce,
            next,
            until: now.plus(REQUEST_LIFETIME),
        };
        Ok(Departure {
            url: format!("{}{AUTHORIZE_PATH}?{}", peer.origin, query.finish()),
            kept: self.visit_seal(&visit)?,
        })
    }

    fn visit_seal(&self, visit: &Visit) -> Result<String, Problem> {
        let bytes = serde_json::to_vec(visit).map_err(|_error| Problem::internal())?;
        let sealed = self.keyring.seal(SEAL_LABEL, &bytes, &self.env);
        Ok(URL_SAFE_NO_PAD.encode(sealed.as_bytes()))
    }

    /// What this browser set out with.
    pub(crate) fn visit_open(&self, kept: &str) -> Option<Visit> {
        let bytes = URL_SAFE_NO_PAD.decode(kept).ok()?;
        let opened = self.keyring.open(SEAL_LABEL, &Sealed::from_bytes(bytes)).ok()?;
        let visit: Visit = serde_json::from_slice(&opened).ok()?;
        (visit.until > self.env.now()).then_some(visit)
    }
}
