use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::StreamExt;
use http::HeaderMap;
use imajin_consent::{ConsentError, Spending, SpentNonces};
use imajin_did::{Did, SecretKey};
use imajin_fair::ManifestId;
use imajin_kernel::id::ReceiptId;
use imajin_kernel::{Code, Env, Problem, Timestamp};
use imajin_web::{Failure, Site, target_uri};

use crate::{
    AnswerDraft, AnswerSigner, MjnError, MjnRequest, RequestBinding, StreamSigner, StreamedAnswer, VerifiedMjnRequest,
    answer_sign, stream_sign,
};

/// A nonce that is to be spent.
#[derive(Debug, Clone, Copy)]
pub struct NonceUse<'a> {
    /// Whose it is, in the canonical form.
    pub did: &'a Did,
    /// The nonce. Those of requests and of declarations are apart: `request` and `consent` in front of them.
    pub nonce: &'a str,
    /// Until when it must be remembered.
    pub kept_until: Timestamp,
}

/// Where nonces are spent. An exchange of which one nonce was spent before is refused; whether its others are then
/// spent does not matter, because it cannot be tried again.
#[async_trait]
pub trait Nonces: Send + Sync {
    /// Spends them; `false` when one was spent before.
    ///
    /// # Errors
    /// When it cannot be said: then the exchange is refused.
    async fn spend(&self, nonces: &[NonceUse<'_>], now: Timestamp) -> Result<bool, Problem>;
}

/// Nonces in memory: for one process, until it ends.
pub struct MemoryNonces(Mutex<SpentNonces>);

impl MemoryNonces {
    /// Remembers at most so many at once, and refuses what comes beyond them.
    pub fn new(capacity: usize) -> Self {
        Self(Mutex::new(SpentNonces::new(capacity)))
    }
}

#[async_trait]
impl Nonces for MemoryNonces {
    async fn spend(&self, nonces: &[NonceUse<'_>], now: Timestamp) -> Result<bool, Problem> {
        let mut spent = self.0.lock().map_err(|_poisoned| Problem::internal())?;
        for one in nonces {
            match spent.spend(one.did, one.nonce, one.kept_until, now) {
                Spending::Spent => {}
                Spending::Before => return Ok(false),
                Spending::Full => return Err(Problem::unavailable("The memory for nonces")),
            }
        }
        Ok(true)
    }
}

/// How exchanges are taken and answered.
#[derive(Clone)]
pub struct MjnOptions {
    /// Who answers.
    pub did: Did,
    /// A key of theirs.
    pub key: Arc<SecretKey>,
    /// Where nonces are spent.
    pub nonces: Arc<dyn Nonces>,
    /// The most bytes of a request's body.
    pub request_bytes_max: usize,
    /// The most bytes of an answer that is not streamed.
    pub answer_bytes_max: usize,
}

/// What the handler says of its answer, in the extensions of the response: written into the headers and signed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attribution {
    /// The manifest that says who made it.
    pub fair: Option<ManifestId>,
    /// The receipt for it.
    pub receipt: Option<ReceiptId>,
}

/// What [`exchanged`] works with.
pub struct Exchanges {
    site: Site,
    options: MjnOptions,
}

impl Exchanges {
    /// Looks keys and time up at `site`.
    pub fn new(site: Site, options: MjnOptions) -> Arc<Self> {
        Arc::new(Self { site, options })
    }
}

/// Middleware for routes on which something of value is exchanged. `axum::middleware::from_fn_with_state(exchanges,
/// exchanged)` makes a layer of it.
///
/// A request gets through only signed, fresh, with the asker's consent, and once; the handler finds it as an
/// `Arc<VerifiedMjnRequest>` in the extensions. Every answer, also a refusal by the handler or by this layer, is signed
/// and bound to its request, as soon as the request has a signature that can be read.
pub async fn exchanged(State(exchanges): State<Arc<Exchanges>>, request: Request, next: Next) -> Response {
    let binding = RequestBinding::of_request(request.headers()).ok();
    let response = match exchanges.admit(request).await {
        Ok(request) => next.run(request).await,
        Err(problem) => Failure(problem).into_response(),
    };
    let Some(binding) = binding else {
        return response;
    };
    let signed = exchanges.sign(&binding, response).await;
    signed.unwrap_or_else(|problem| Failure(problem).into_response())
}

impl Exchanges {
    /// Checks a request and leaves what was checked in its extensions.
    async fn admit(&self, request: Request) -> Result<Request, Problem> {
        let (mut parts, body) = request.into_parts();
        let body = to_bytes(body, self.options.request_bytes_max).await.map_err(|_error| {
            Problem::new(
                Code::BodyTooLarge,
                "The body is larger than this route accepts, or did not arrive.",
            )
        })?;
        let target_uri = target_uri(&parts, &self.site);
        let read = MjnRequest::read(parts.method.as_str(), &target_uri, &parts.headers, &body)?;
        let caller = self.site.identities.caller_keys(read.did()).await?;
        let now = self.site.env.now();
        let verified = read.verify(&caller.keys, now)?;
        self.spend(&verified, now).await?;
        parts.extensions.insert(Arc::new(verified));
        Ok(Request::from_parts(parts, Body::from(body)))
    }

    async fn spend(&self, verified: &VerifiedMjnRequest, now: Timestamp) -> Result<(), Problem> {
        let request = format!("request:{}", verified.nonce);
        let consent = format!("consent:{}", verified.consent.declaration().nonce());
        let nonces = [
            NonceUse {
                did: &verified.did,
                nonce: &request,
                kept_until: verified.nonce_kept_until(),
            },
            NonceUse {
                did: &verified.did,
                nonce: &consent,
                kept_until: verified.consent.nonce_kept_until(),
            },
        ];
        if self.options.nonces.spend(&nonces, now).await? {
            Ok(())
        } else {
            Err(MjnError::from(ConsentError::Replayed).into())
        }
    }

    async fn sign(&self, binding: &RequestBinding, response: Response) -> Result<Response, Problem> {
        let streamed = response.extensions().get::<StreamedAnswer>().cloned();
        match streamed {
            Some(streamed) => self.sign_stream(binding, response, streamed),
            None => self.sign_whole(binding, response).await,
        }
    }

    fn signer(&self) -> AnswerSigner<'_> {
        AnswerSigner {
            did: &self.options.did,
            key: &self.options.key,
            now: self.site.env.now(),
        }
    }

    async fn sign_whole(&self, binding: &RequestBinding, response: Response) -> Result<Response, Problem> {
        let (mut parts, body) = response.into_parts();
        let body = to_bytes(body, self.options.answer_bytes_max).await.map_err(|error| {
            tracing::error!(%error, "an answer could not be read to be signed");
            Problem::internal()
        })?;
        let attribution = parts.extensions.get::<Attribution>().cloned().unwrap_or_default();
        let draft = AnswerDraft {
            status: parts.status.as_u16(),
            fair: attribution.fair.as_ref(),
            receipt: attribution.receipt,
            body: &body,
        };
        extend(&mut parts.headers, answer_sign(&self.signer(), binding, &draft)?);
        // Whoever is around this layer must not write the refusal anew: what was signed is what is sent.
        parts.extensions.remove::<Problem>();
        Ok(Response::from_parts(parts, Body::from(body)))
    }

    fn sign_stream(
        &self,
        binding: &RequestBinding,
        response: Response,
        streamed: StreamedAnswer,
    ) -> Result<Response, Problem> {
        let (mut parts, body) = response.into_parts();
        let status = parts.status.as_u16();
        extend(
            &mut parts.headers,
            stream_sign(&self.signer(), binding, status, streamed.receipt)?,
        );
        let ending = Ending {
            signer: StreamSigner::new(binding, status),
            streamed,
            did: self.options.did.clone(),
            key: Arc::clone(&self.options.key),
            env: self.site.env.clone(),
        };
        Ok(Response::from_parts(parts, ended(body, ending)))
    }
}

/// What signs the end of a stream.
struct Ending {
    signer: StreamSigner,
    streamed: StreamedAnswer,
    did: Did,
    key: Arc<SecretKey>,
    env: Env,
}

impl Ending {
    /// The last bytes; none when nobody says how the answer ended.
    async fn bytes(self) -> Option<Result<Bytes, axum::Error>> {
        let close = self.streamed.closed().await?;
        let signer = AnswerSigner {
            did: &self.did,
            key: &self.key,
            now: self.env.now(),
        };
        let end = self.signer.end(&signer, close);
        Some(end.map(Bytes::from).map_err(axum::Error::new))
    }
}

/// The body, followed by its last event. A body that fails ends without one.
fn ended(body: Body, ending: Ending) -> Body {
    let data = body.into_data_stream();
    let stream = futures::stream::unfold(Some((data, ending)), |state| async move {
        let (mut data, mut ending) = state?;
        match data.next().await {
            Some(Ok(bytes)) => {
                ending.signer.push(&bytes);
                Some((Ok(bytes), Some((data, ending))))
            }
            Some(Err(error)) => Some((Err(error), None)),
            None => ending.bytes().await.map(|last| (last, None)),
        }
    });
    Body::from_stream(stream)
}

/// Sets the fields of the signature in place of any that were there.
fn extend(headers: &mut HeaderMap, signed: HeaderMap) {
    for (name, value) in signed {
        if let Some(name) = name {
            headers.insert(name, value);
        }
    }
}
