use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use imajin_kernel::Problem;
use imajin_proof::SignedMessage;
use imajin_web::Failure;
use serde::Serialize;

/// A signed document as a file, in its canonical form (RFC 8785): the digest of the file is the digest of the document.
pub(super) fn signed_document<P: Serialize>(name: &str, message: &SignedMessage<P>) -> Result<Response, Failure> {
    let bytes = message.canonical_bytes().map_err(|error| {
        tracing::error!(%error, name, "a stored document has no canonical form");
        Problem::internal()
    })?;
    Ok(download(&format!("{name}.json"), "application/json", bytes))
}

/// A file of the reader's own: to be saved, and kept by nobody on the way. `name` holds no quotes.
pub(super) fn download(name: &str, media_type: &'static str, bytes: Vec<u8>) -> Response {
    let attachment = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            header::CONTENT_DISPOSITION,
            attachment.unwrap_or(HeaderValue::from_static("attachment")),
        ),
    ];
    (headers, bytes).into_response()
}
