use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri};
use imajin_did::{Did, PublicKey, SecretKey, Verify};
use imajin_kernel::Env;
use imajin_proof::ProofError;
use imajin_proof::http_sig::SignatureParams;

use crate::request::{RequestDraft, request_sign};
use crate::{AnswerExpectation, MjnError, RequestBinding, StreamHead, VerifiedAnswer, answer_verify};

/// The asking side: signs requests, and checks that what comes back answers them. It sends nothing itself: any HTTP
/// client does.
pub struct Client {
    did: Did,
    key: SecretKey,
    env: Env,
}

/// A signed request, and what is needed to check its answer.
#[derive(Debug)]
pub struct Prepared {
    /// What to send.
    pub request: Request<Bytes>,
    /// What to check the answer with.
    pub pending: Pending,
}

/// An exchange whose answer is awaited.
#[derive(Debug, Clone)]
pub struct Pending {
    binding: RequestBinding,
    from: Did,
}

impl Client {
    /// Asks as `did`, whose key this must be.
    pub const fn new(did: Did, key: SecretKey, env: Env) -> Self {
        Self { did, key, env }
    }

    /// Signs a request to `from`, with a fresh nonce.
    ///
    /// # Errors
    /// [`MjnError`] when the consent is another's, or something cannot be written as HTTP.
    pub fn prepare(&self, from: &Did, draft: &RequestDraft<'_>) -> Result<Prepared, MjnError> {
        let params = SignatureParams::now(self.did.clone(), &self.env);
        let (headers, binding) = request_sign(&self.key, draft, &params)?;
        let method = Method::from_bytes(draft.method.as_bytes()).or(Err(ProofError::WrongMethod))?;
        let uri: Uri = draft.target_uri.parse().or(Err(ProofError::WrongTarget))?;
        let mut request = Request::new(Bytes::copy_from_slice(draft.body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        let from = from.clone();
        Ok(Prepared {
            request,
            pending: Pending { binding, from },
        })
    }

    /// Checks an answer that was read to its end, with the answerer's current keys.
    ///
    /// # Errors
    /// [`MjnError`]: then nothing of the answer may be believed, whatever its status is.
    pub fn answer(
        &self,
        pending: &Pending,
        keys: &[PublicKey],
        status: u16,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<VerifiedAnswer, MjnError> {
        answer_verify(keys, &pending.binding, &self.expect(pending), status, headers, body)
    }

    /// Checks the header of a streamed answer; its body goes to [`StreamHead::reader`].
    ///
    /// # Errors
    /// [`MjnError`].
    pub fn stream<K: Verify>(
        &self,
        pending: &Pending,
        keys: &[K],
        status: u16,
        headers: &HeaderMap,
    ) -> Result<StreamHead, MjnError> {
        StreamHead::verify(keys, &pending.binding, &self.expect(pending), status, headers)
    }

    fn expect<'a>(&self, pending: &'a Pending) -> AnswerExpectation<'a> {
        AnswerExpectation {
            from: &pending.from,
            now: self.env.now(),
        }
    }
}
