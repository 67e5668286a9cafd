//! A service's routes, asked in this process.

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::ServiceExt as _;

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Sends a request through the routes.
    ///
    /// # Panics
    /// When the body breaks off.
    pub async fn of(router: &Router, request: Request<Body>) -> Self {
        let response = match router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes().to_vec());
        Self {
            status: parts.status,
            headers: parts.headers,
            body: body.unwrap_or_else(|error| panic!("the body of the answer broke off: {error}")),
        }
    }

    /// The body as text, for a message.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body as the type that it must be.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn parse<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The answer itself, after checking its status.
    ///
    /// # Panics
    /// When the status is another one.
    #[track_caller]
    pub fn expect(&self, status: StatusCode) -> &Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// A header; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }

    /// The refusal's code, after checking that it is a problem document.
    ///
    /// # Panics
    /// When it is no problem document (RFC 9457).
    #[track_caller]
    pub fn code(&self) -> String {
        let kind = self.header("content-type");
        assert_eq!(kind, "application/problem+json", "{}", self.text());
        self.member("code")
    }

    /// The refusal's detail; empty when there is none.
    pub fn detail(&self) -> String {
        self.member("detail")
    }

    fn member(&self, name: &str) -> String {
        let json = self.json();
        let text = json.get(name).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    }
}
