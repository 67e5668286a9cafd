use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, Method, StatusCode};
use imajin_kernel::Problem;
use tokio::io::{AsyncRead, AsyncWrite};
use url::Url;

use crate::trust::tls_config;

/// How long an answer may pause.
const PAUSE: Duration = Duration::from_secs(30);

/// Passes whole requests on to a configured process, body and answer streamed.
#[derive(Clone)]
pub struct Forwarder {
    http: reqwest::Client,
    /// Only this version of HTTP can change to another protocol.
    http1: reqwest::Client,
}

/// A connection that speaks another protocol than HTTP from here on.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// What comes after the headers of an answer.
pub enum Forwarded {
    /// Its body.
    Body(Body),
    /// Another protocol: the other side has agreed to change to it.
    Upgraded(Box<dyn Duplex>),
}

impl Forwarder {
    /// Prepares a client; no connection is made yet.
    ///
    /// # Errors
    /// When the TLS set-up of the machine is broken.
    pub fn new() -> Result<Self, Problem> {
        Self::patient(PAUSE)
    }

    /// The same for answers that may pause for so long.
    ///
    /// # Errors
    /// When the TLS set-up of the machine is broken.
    pub fn patient(pause: Duration) -> Result<Self, Problem> {
        Ok(Self {
            http: client(pause, false)?,
            http1: client(pause, true)?,
        })
    }

    /// Sends a request and gives back the answer's status, headers and body.
    pub async fn send(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: Body,
    ) -> Result<(StatusCode, HeaderMap, Body), Problem> {
        let request = self.http.request(method, url).headers(headers);
        // A stream would be announced as a body even where there is none.
        let request = if body.is_end_stream() {
            request
        } else {
            request.body(reqwest::Body::wrap_stream(body.into_data_stream()))
        };
        let response = request.send().await.map_err(|error| away(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok((status, headers, Body::from_stream(response.bytes_stream())))
    }

    /// What the other side answers to a request without a body, by its status; `Host` may name another host than the
    /// URL does: over HTTP/1.1, since HTTP/2 has no place for a second one.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn ask(&self, method: Method, url: Url, headers: HeaderMap) -> Result<StatusCode, Problem> {
        let response = self.http1.request(method, url).headers(headers).send().await;
        Ok(response.map_err(|error| away(&error))?.status())
    }

    /// Sends a request that asks to change to another protocol (RFC 9110, section 7.8), and gives back what the other
    /// side says to that.
    pub async fn send_upgrade(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
    ) -> Result<(StatusCode, HeaderMap, Forwarded), Problem> {
        let response = self.http1.request(method, url).headers(headers).send().await;
        let response = response.map_err(|error| away(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        if status != StatusCode::SWITCHING_PROTOCOLS {
            return Ok((
                status,
                headers,
                Forwarded::Body(Body::from_stream(response.bytes_stream())),
            ));
        }
        let upgraded = response.upgrade().await.map_err(|error| away(&error))?;
        Ok((status, headers, Forwarded::Upgraded(Box::new(upgraded))))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is a client for configured peers, with its own limits"
)]
fn client(pause: Duration, is_http1: bool) -> Result<reqwest::Client, Problem> {
    let mut tls = tls_config()?;
    if is_http1 {
        // Else the other side would choose the newer version, whatever is sent after that.
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    }
    let builder = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(2))
        .read_timeout(pause)
        .redirect(reqwest::redirect::Policy::none())
        .tls_backend_preconfigured(tls)
        .no_proxy();
    let builder = if is_http1 { builder.http1_only() } else { builder };
    builder.build().map_err(|error| {
        tracing::error!(%error, "no HTTP client could be made");
        Problem::internal()
    })
}

fn away(error: &reqwest::Error) -> Problem {
    tracing::warn!(%error, "a request could not be passed on");
    Problem::unavailable("The process that runs this service")
}
