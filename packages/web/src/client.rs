use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use imajin_kernel::{Code, Problem, Timestamp};
use imajin_proof::http_sig::SignedRequest;
use serde_json::{Map, Value};
use url::Url;

use crate::trust::{tls_config, tls_config_with};

/// The largest answer that is read.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long a download of any length may take, and how long its sender may be silent.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_hours(12);
const SILENCE_MAX: Duration = Duration::from_mins(1);

/// An HTTP client for addresses that the operator or the person at the command line named: no redirects, no proxy,
/// bounded time and size. Not for addresses that come from a stranger.
#[derive(Clone)]
pub struct HttpClient(pub(crate) reqwest::Client);

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct HttpAnswer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl HttpClient {
    /// Prepares a client; no connection is made yet. `extra_root` is a certificate in PEM form to trust besides the
    /// usual ones, for nodes that made their own.
    ///
    /// # Errors
    /// When the certificate is none, or the TLS set-up of the machine is broken.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the client for configured addresses, with its own limits"
    )]
    pub fn new(timeout: Duration, extra_root: Option<&[u8]>) -> Result<Self, Problem> {
        let tls = match extra_root {
            None => tls_config()?,
            Some(pem) => tls_config_with(pem)?,
        };
        let builder = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .tls_backend_preconfigured(tls)
            .no_proxy();
        builder.build().map(Self).map_err(|error| {
            tracing::error!(%error, "no HTTP client could be made");
            Problem::internal()
        })
    }

    /// Sends a request and reads the answer. A lost connection is [`Code::Unavailable`], whatever the status is.
    pub async fn send(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<HttpAnswer, Problem> {
        let origin = url.origin().ascii_serialization();
        let away = |error| away(&origin, &error);
        let response = self
            .0
            .request(method, url)
            .headers(headers)
            .body(body)
            .send()
            .await
            .map_err(away)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut stream = response.bytes_stream();
        let mut body = BytesMut::new();
        while let Some(chunk) = stream.next().await {
            body.extend_from_slice(&chunk.map_err(away)?);
            if body.len() > ANSWER_BYTES_MAX {
                return Err(Problem::new(
                    Code::Unavailable,
                    format!("{origin} sent too large an answer."),
                ));
            }
        }
        Ok(HttpAnswer {
            status,
            headers,
            body: body.freeze(),
        })
    }

    /// Reads an answer of any length into `sink`, piece by piece; says how many bytes it had. An answer that is no
    /// success becomes the problem that it carries, and nothing is written.
    ///
    /// # Errors
    /// A lost connection is [`Code::Unavailable`], even in the middle; what the sink says becomes
    /// [`Code::Internal`] with its text.
    pub async fn download(
        &self,
        url: Url,
        headers: HeaderMap,
        sink: &mut (dyn std::io::Write + Send),
    ) -> Result<u64, Problem> {
        let (answer, length) = self.fetch(url, headers, sink, None).await?;
        answer.success()?;
        Ok(length)
    }

    /// Reads a page: a success goes into `sink` piece by piece, and its answer has no body; of any other answer the
    /// body is read. Says how many bytes were written.
    ///
    /// # Errors
    /// As for [`HttpClient::download`]; [`Code::BodyTooLarge`] when the page has more than `bytes_max` bytes: part of
    /// it may be in the sink.
    pub async fn fetch(
        &self,
        url: Url,
        headers: HeaderMap,
        sink: &mut (dyn std::io::Write + Send),
        bytes_max: Option<u64>,
    ) -> Result<(HttpAnswer, u64), Problem> {
        let origin = url.origin().ascii_serialization();
        let away = |error| away(&origin, &error);
        let silent = |_elapsed| Problem::new(Code::Unavailable, format!("{origin} has sent nothing for a minute."));
        let mut request = self.0.get(url).headers(headers);
        if bytes_max.is_none() {
            request = request.timeout(DOWNLOAD_TIMEOUT);
        }
        let sent = tokio::time::timeout(SILENCE_MAX, request.send()).await;
        let response = sent.map_err(silent)?.map_err(away)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let fits = |length: u64| match bytes_max {
            Some(most) if length > most => Err(too_large(most)),
            _ => Ok(()),
        };
        if status.is_success() {
            fits(response.content_length().unwrap_or(0))?;
        }
        let mut stream = response.bytes_stream();
        let (mut body, mut length) = (BytesMut::new(), 0_u64);
        while let Some(chunk) = tokio::time::timeout(SILENCE_MAX, stream.next()).await.map_err(silent)? {
            let chunk = chunk.map_err(away)?;
            if status.is_success() {
                length = length.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
                fits(length)?;
                sink.write_all(&chunk)
                    .map_err(|error| Problem::new(Code::Internal, format!("What came cannot be saved: {error}.")))?;
            } else if body.len().saturating_add(chunk.len()) <= ANSWER_BYTES_MAX {
                body.extend_from_slice(&chunk);
            } else {
                let detail = format!("{origin} sent too large an answer.");
                return Err(Problem::new(Code::Unavailable, detail));
            }
        }
        let body = body.freeze();
        Ok((HttpAnswer { status, headers, body }, length))
    }

    /// Sends a request that was signed with [`imajin_proof::http_sig::sign`]; the body is JSON.
    pub async fn send_signed(&self, signed: SignedRequest) -> Result<HttpAnswer, Problem> {
        let url = Url::parse(&signed.target_uri).map_err(|error| Problem::invalid(error.to_string()))?;
        let method =
            Method::from_bytes(signed.method.as_bytes()).map_err(|error| Problem::invalid(error.to_string()))?;
        let headers = signed_headers(&signed)?;
        self.send(method, url, headers, signed.body).await
    }
}

/// The header fields of a signed request whose body is JSON.
///
/// # Errors
/// [`Code::InvalidRequest`] when one of them cannot be a header field.
pub fn signed_headers(signed: &SignedRequest) -> Result<HeaderMap, Problem> {
    let impossible = |_error| Problem::invalid("The signed request cannot be sent as HTTP.");
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let pairs = [
        ("content-digest", signed.content_digest.as_deref()),
        ("idempotency-key", signed.idempotency_key.as_deref()),
        ("signature-input", Some(signed.signature_input.as_str())),
        ("signature", Some(signed.signature.as_str())),
    ];
    for (name, value) in pairs {
        if let Some(value) = value {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::try_from(value).map_err(impossible)?,
            );
        }
    }
    Ok(headers)
}

fn too_large(most: u64) -> Problem {
    let detail = format!("What came has more than {most} bytes.");
    Problem::new(Code::BodyTooLarge, detail)
}

pub(crate) fn away(origin: &str, error: &reqwest::Error) -> Problem {
    tracing::debug!(%error, "an outgoing request failed");
    if certificate_refused(error) {
        let detail = format!("The certificate of {origin} is not one that this machine trusts.");
        return Problem::new(Code::Unavailable, detail)
            .hint("If the node made it itself, compare its fingerprint and pass its tls.crt as --ca.");
    }
    let why = if error.is_timeout() {
        "did not answer in time"
    } else {
        "cannot be reached"
    };
    Problem::new(Code::Unavailable, format!("{origin} {why}.")).retry_after_seconds(5)
}

fn certificate_refused(error: &reqwest::Error) -> bool {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes
        .into_iter()
        .any(|cause| cause.to_string().contains("certificate"))
}

impl HttpAnswer {
    /// The JSON body of a success; any other status becomes the problem that it carries.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, Problem> {
        self.success()?;
        serde_json::from_slice(&self.body).map_err(|error| {
            Problem::new(
                Code::Unavailable,
                format!("The answer could not be understood: {error}."),
            )
        })
    }

    /// Refuses an answer that is no success, with the problem that it carries.
    pub fn success(&self) -> Result<(), Problem> {
        if self.status.is_success() {
            return Ok(());
        }
        Err(self.problem())
    }

    fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What the clock of the other side said, if it said anything.
    pub fn date(&self) -> Option<Timestamp> {
        Timestamp::from_http_date(self.header(&header::DATE)?).ok()
    }

    /// The problem of an answer that is no success: its own document if it has one, else what the status says.
    fn problem(&self) -> Problem {
        let document: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
        let code: Option<Code> = document
            .get("code")
            .and_then(|code| serde_json::from_value(code.clone()).ok());
        // What else an answer has says something only where it is one of our own problems.
        let is_problem = code.is_some();
        let detail = text("detail").or_else(|| text("error"));
        let detail = detail.unwrap_or_else(|| format!("The other side answered with the status {}.", self.status));
        let code = code.unwrap_or(match self.status {
            StatusCode::UNAUTHORIZED => Code::Unauthenticated,
            StatusCode::FORBIDDEN => Code::Forbidden,
            StatusCode::NOT_FOUND => Code::NotFound,
            StatusCode::CONFLICT => Code::Conflict,
            StatusCode::TOO_MANY_REQUESTS => Code::RateLimited,
            status if status.is_client_error() => Code::InvalidRequest,
            _ => Code::Unavailable,
        });
        let hint = match (code, self.date()) {
            // One of the two clocks is wrong: with both at hand a person sees which.
            (Code::StaleSignature, Some(date)) => Some(format!("The clock of the other side says {date}.")),
            _ => None,
        };
        let hints: Vec<String> = text("hint").into_iter().chain(hint).collect();
        let retry_after = self.header(&header::RETRY_AFTER);
        let extra = match document {
            Value::Object(members) if is_problem => crate::failure::extra_of(members),
            _ => Map::new(),
        };
        Problem {
            hint: (!hints.is_empty()).then(|| hints.join(" ")),
            retry_after_seconds: retry_after.and_then(|seconds| seconds.parse().ok()),
            extra,
            ..Problem::new(code, detail)
        }
    }
}
