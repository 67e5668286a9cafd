//! Signing for identities whose key the node holds.

use diesel::prelude::*;
use imajin_auth_api::CustodialSign;
use imajin_did::{Did, Sealed, SecretKey};
use imajin_proof::http_sig::{RequestToSign, SignatureParams, SignedRequest, sign};
use imajin_store::SealedRow;
use imajin_web::Custody;
use url::Url;

use crate::AuthError;
use crate::auth::Auth;
use crate::rows::CustodialKeyRow;
use crate::schema::custodial_keys;

/// Binds a sealed key to its identity.
pub(crate) fn custodial_label(did: &Did) -> String {
    format!("auth/custodial/{did}")
}

impl Auth {
    /// Signs a request for a soft identity, while its session is alive, with its own sealed key.
    pub(crate) async fn request_sign(&self, request: &CustodialSign) -> Result<SignedRequest, AuthError> {
        let living = self
            .session_resolve(&request.token)
            .await?
            .ok_or(AuthError::SessionEnded)?;
        if living.identity.custody != Custody::Node {
            return Err(AuthError::NotCustodial);
        }
        if !self.is_own_url(&request.target_uri) {
            return Err(AuthError::ForeignTarget);
        }
        let key = self.custodial_key(&living.identity.did).await?;
        let params = SignatureParams::now(living.identity.did, &self.env);
        let to_sign = RequestToSign {
            method: &request.method,
            target_uri: &request.target_uri,
            idempotency_key: request.idempotency_key.as_deref(),
            body: request.body.as_bytes(),
        };
        Ok(sign(&key, &to_sign, &params)?)
    }

    pub(crate) async fn custodial_key(&self, did: &Did) -> Result<SecretKey, AuthError> {
        let (wanted, sealer) = (did.clone(), self.sealer.clone());
        let row: Option<CustodialKeyRow> = self
            .db
            .read(move |conn| {
                let query = custodial_keys::table.find(wanted).select(CustodialKeyRow::as_select());
                let row: Option<CustodialKeyRow> = query.first(conn).optional()?;
                Ok::<_, AuthError>(row.map(|row| row.intact(&sealer)).transpose()?)
            })
            .await?;
        let row = row.ok_or_else(|| AuthError::Row(format!("custodial_keys {did}")))?;
        Ok(self
            .keyring
            .open_key(&custodial_label(did), &Sealed::from_bytes(row.sealed_key))?)
    }

    /// Whether a URL is one of this node: its host, on whichever port a service listens. A session that was stolen
    /// must not yield signatures that are worth something elsewhere.
    fn is_own_url(&self, text: &str) -> bool {
        let Ok(url) = text.parse::<Url>() else { return false };
        url.scheme() == self.public.0.scheme() && url.host() == self.public.0.host() && url.username().is_empty()
    }
}
