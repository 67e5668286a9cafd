use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Method, StatusCode};
use imajin_kernel::Problem;
use url::Url;

use crate::trust::tls_config;

/// Passes whole requests on to a configured process, body and answer streamed.
#[derive(Clone)]
pub struct Forwarder(reqwest::Client);

impl Forwarder {
    /// Prepares a client; no connection is made yet.
    ///
    /// # Errors
    /// When the TLS set-up of the machine is broken.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is a client for configured peers, with its own limits"
    )]
    pub fn new() -> Result<Self, Problem> {
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(2))
            .read_timeout(Duration::from_secs(30))
            .redirect(reqwest::redirect::Policy::none())
            .tls_backend_preconfigured(tls_config()?)
            .no_proxy()
            .build();
        client.map(Self).map_err(|error| {
            tracing::error!(%error, "no HTTP client could be made");
            Problem::internal()
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
        let body = reqwest::Body::wrap_stream(body.into_data_stream());
        let response = self
            .0
            .request(method, url)
            .headers(headers)
            .body(body)
            .send()
            .await
            .map_err(|error| {
                tracing::warn!(%error, "a request could not be passed on");
                Problem::unavailable("The process that runs this service")
            })?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok((status, headers, Body::from_stream(response.bytes_stream())))
    }
}
