use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;

use axum::body::Bytes;
use http::Request;
use http_body_util::BodyExt;
use imajin_web::HttpClient;
use instant_acme::{BodyWrapper, BytesResponse, Error};
use url::Url;

/// Requests to the authority, with the limits and the trust of all requests to configured addresses.
pub(crate) struct Transport(pub(crate) HttpClient);

fn other(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
    Error::Other(error.into())
}

impl instant_acme::HttpClient for Transport {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let http = self.0.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = match body.collect().await {
                Ok(body) => body.to_bytes().to_vec(),
                Err(never) => match never {},
            };
            let url = Url::parse(&parts.uri.to_string()).map_err(other)?;
            let answer = http.send(parts.method, url, parts.headers, body).await.map_err(other)?;
            let mut response = http::Response::new(());
            *response.status_mut() = answer.status;
            *response.headers_mut() = answer.headers;
            let (parts, ()) = response.into_parts();
            Ok(BytesResponse {
                parts,
                body: Box::new(answer.body),
            })
        })
    }
}
