//! Answers that are read piece by piece, while they are made.

use std::time::Duration;

use axum::http::{HeaderMap, Method, StatusCode};
use bytes::Bytes;
use imajin_kernel::{Code, Problem};
use tokio::sync::OwnedSemaphorePermit;
use url::Url;

use crate::client::away;
use crate::guard::away as guarded_away;
use crate::{GuardError, GuardedClient, HttpClient};

/// An answer that is not read yet. Dropping it ends the connection.
#[derive(Debug)]
pub struct StreamedResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    response: reqwest::Response,
    origin: String,
    bytes_left: usize,
    /// Held as long as the answer is read: strangers decide how many are wanted.
    _permit: Option<OwnedSemaphorePermit>,
}

impl StreamedResponse {
    fn new(
        response: reqwest::Response,
        origin: String,
        bytes_max: usize,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self {
            status: response.status(),
            headers: response.headers().clone(),
            response,
            origin,
            bytes_left: bytes_max,
            _permit: permit,
        }
    }

    /// The next piece as it comes; `None` at the end.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the connection is lost, or the answer is larger than the caller reads.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Problem> {
        let origin = &self.origin;
        let chunk = self.response.chunk().await.map_err(|error| away(origin, &error))?;
        if let Some(bytes) = &chunk {
            let left = self.bytes_left.checked_sub(bytes.len());
            self.bytes_left =
                left.ok_or_else(|| Problem::new(Code::Unavailable, format!("{origin} sent too large an answer.")))?;
        }
        Ok(chunk)
    }
}

impl HttpClient {
    /// Sends a request and reads the head of its answer; of the body at most `bytes_max` bytes will be read. The whole
    /// may take as long as `within` says, whatever the client's own limit is.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when there is no connection.
    pub async fn stream(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: Vec<u8>,
        (bytes_max, within): (usize, Duration),
    ) -> Result<StreamedResponse, Problem> {
        let origin = url.origin().ascii_serialization();
        let request = self.0.request(method, url).headers(headers).body(body);
        let response = request
            .timeout(within)
            .send()
            .await
            .map_err(|error| away(&origin, &error))?;
        Ok(StreamedResponse::new(response, origin, bytes_max, None))
    }
}

impl GuardedClient {
    /// The same, to an address that a stranger named.
    ///
    /// # Errors
    /// [`GuardError`].
    pub async fn stream(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: Vec<u8>,
        bytes_max: usize,
    ) -> Result<StreamedResponse, GuardError> {
        self.url_check(&url)?;
        let permit = self.permits.clone().try_acquire_owned().or(Err(GuardError::Away))?;
        let origin = url.origin().ascii_serialization();
        let sent = self.http.request(method, url).headers(headers).body(body).send().await;
        let response = sent.map_err(|error| guarded_away(&error))?;
        Ok(StreamedResponse::new(response, origin, bytes_max, Some(permit)))
    }
}
