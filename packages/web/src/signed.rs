//! Signed requests that are no JSON: bytes that somebody sends, and questions of machines.

use axum::extract::{FromRef, FromRequest, FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use bytes::Bytes;
use imajin_did::Did;
use imajin_kernel::Problem;
use imajin_proof::http_sig::SignedRequest;

use crate::extract::{signature_require, signed_request, target_uri};
use crate::{Failure, Identities, RawRequest, Signer, Site, Verified, Viewer};

/// As [`crate::SignedBody`], for a body of any kind: the signature covers its digest.
#[derive(Debug)]
pub struct SignedBytes<W = Verified> {
    /// The checked signature and who made it.
    pub verified: W,
    /// The request as it was received, with its body.
    pub request: SignedRequest,
}

impl<S, W> FromRequest<S> for SignedBytes<W>
where
    S: Send + Sync,
    W: Signer,
    Site: FromRef<S>,
{
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        signature_require(request.headers())?;
        let request = RawRequest::from_request(request, state).await?.signed()?;
        let site = Site::from_ref(state);
        let verified = site.verify(&request, &request.method, &request.target_uri).await?;
        Ok(Self {
            verified: W::admit(verified)?,
            request,
        })
    }
}

/// Who reads: a person with a session, a machine that has signed its request, or a stranger.
#[derive(Debug)]
pub struct Asker {
    /// The session, if there is one.
    pub viewer: Viewer,
    /// The checked signature, if the request has one. Its nonce is not spent yet.
    pub verified: Option<Verified>,
    /// The token of the `Authorization` header when it is no session's: perhaps one that the service has issued.
    pub token: Option<String>,
}

impl Asker {
    /// Who that is; nobody for a stranger.
    pub fn did(&self) -> Option<&Did> {
        let signed = self.verified.as_ref().map(Verified::did);
        signed.or_else(|| self.viewer.session.as_ref().map(|session| &session.did))
    }

    /// Whether that still holds: the session goes on, or the key that signed is still theirs. For answers that go on
    /// for long.
    ///
    /// # Errors
    /// When nobody can say.
    pub async fn holds(&self, identities: &dyn Identities) -> Result<bool, Problem> {
        if let Some(verified) = &self.verified {
            let caller = identities.caller_keys(verified.did()).await?;
            return Ok(verified.is_by(&caller.keys));
        }
        match &self.viewer.token {
            Some(token) => Ok(identities.session_view(token).await?.is_some()),
            None => Ok(false),
        }
    }

    /// Who asks, or a refusal that says how to say so.
    ///
    /// # Errors
    /// [`imajin_kernel::Code::Unauthenticated`] for a stranger.
    pub fn require(&self) -> Result<&Did, Problem> {
        match &self.verified {
            Some(verified) => Ok(verified.did()),
            None => self.viewer.session_require().map(|session| &session.did),
        }
    }
}

/// Whoever reads what strangers may not: as [`Asker`], and refused before anything else of the question is looked at.
#[derive(Debug)]
pub struct Reader(pub Did);

impl<S> FromRequestParts<S> for Reader
where
    S: Send + Sync,
    Site: FromRef<S>,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let asker = Asker::from_request_parts(parts, state).await?;
        Ok(Self(asker.require()?.clone()))
    }
}

/// Whether a request says that it is signed, which proves nothing. One of the two headers is enough to mean it: half a
/// signature is refused, not ignored.
pub fn is_signed(headers: &HeaderMap) -> bool {
    headers.contains_key("signature-input") || headers.contains_key("signature")
}

/// The token of a request by `Authorization: Bearer` (RFC 6750 section 2.1).
pub fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
    Some(value.strip_prefix("Bearer ")?.trim().to_owned())
}

impl<S> FromRequestParts<S> for Asker
where
    S: Send + Sync,
    Site: FromRef<S>,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let site = Site::from_ref(state);
        let viewer = Viewer::from_request_parts(parts, state).await?;
        let verified = if is_signed(&parts.headers) {
            let target_uri = target_uri(parts, &site);
            // Nothing of the body of a question counts; a signature covers that there is none.
            let request = signed_request(&parts.headers, parts.method.as_str(), &target_uri, &Bytes::new())?;
            Some(site.verify(&request, &request.method, &request.target_uri).await?)
        } else {
            None
        };
        let token = bearer(&parts.headers).filter(|_token| viewer.session.is_none());
        Ok(Self {
            viewer,
            verified,
            token,
        })
    }
}
