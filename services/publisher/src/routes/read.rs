use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse, Redirect, Response};
use imajin_did::Did;
use imajin_kernel::id::ContentId;
use imajin_kernel::{Code, Problem};
use imajin_publisher_api::ReaderAccess;
use imajin_web::{Asker, Failure, PathParams, ProblemDocument, Ranged, Tier, fair, ranged};
use serde_json::json;

use super::PublisherState;
use crate::Publisher;
use crate::content::downloads::Reader;
use crate::content::token::read_token_reader;
use crate::domain::state::fair_url;
use crate::domain::work_find::splits_of;
use crate::rows::VersionRow;
use crate::works::{CONTENT_GOODS, Reading};

/// What somebody else's bytes may do on this node's origin: nothing. A document is shown without scripts, forms and
/// an origin of its own.
const FOREIGN_POLICY: &str = "default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'unsafe-inline'; \
                              form-action 'none'; base-uri 'none'; frame-ancestors 'self'; sandbox";

/// Media types that a browser shows by itself and that hold no script.
const SHOWN: [&str; 6] = [
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/gif",
    "text/plain",
    "text/markdown",
];

/// Read a work
///
/// The bytes, whole or one range of them, for whoever may read: the author, who has paid, and everybody if it is free.
/// The reader is known by a session, by a signature over the request, or by a token of `POST /api/content/{id}/token`.
/// Everybody else gets 402 with what it costs, how that is split, and where to pay; a browser is sent to the page.
#[utoipa::path(
    get, path = "/content/{id}", tag = "content",
    params(
        ("id" = String, Path, description = "The work, `cnt_…`"),
        ("Range" = Option<String>, Header, description = "One range of bytes"),
    ),
    responses(
        (status = 200, description = "The bytes", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 206, description = "A part of them"),
        (status = 303, description = "The page about it, for browsers that may not read"),
        (status = 304, description = "They are as the caller knows them"),
        (status = 402, description = "It has to be paid first: `price`, `splits` and `settlement` say how",
            body = ProblemDocument),
        (status = 404, description = "There is no such work", body = ProblemDocument),
        (status = 410, description = "It was withdrawn", body = ProblemDocument),
        (status = 412, description = "It is not as the caller knew it", body = ProblemDocument),
        (status = 416, description = "There are no such bytes"),
        (status = 503, description = "Too many works are being read at once", body = ProblemDocument),
    )
)]
pub(super) async fn content_read(
    State(PublisherState(publisher)): State<PublisherState>,
    PathParams(id): PathParams<ContentId>,
    method: Method,
    headers: HeaderMap,
    asker: Asker,
) -> Result<Response, Failure> {
    let reader = reader_of(&publisher, id, asker).await?;
    let reading = publisher.reading(id, reader.as_ref()).await?;
    if !reading.shown.access.may_read() {
        if reading.shown.access == ReaderAccess::Unpaid && fair::wants_page(&headers) {
            let vary = [(header::VARY, "accept, cookie, authorization")];
            return Ok((vary, Redirect::to(&format!("/read/{id}"))).into_response());
        }
        return refusal(&publisher, &reading);
    }
    bytes_answer(&publisher, &reading, &method, &headers, reader.as_ref()).await
}

/// Who reads. A signature is good once, as everywhere.
async fn reader_of(publisher: &Publisher, id: ContentId, asker: Asker) -> Result<Option<Did>, Problem> {
    if let Some(verified) = asker.verified {
        let did = verified.did().clone();
        publisher
            .write(move |conn, context| context.nonce_spend(conn, &verified))
            .await?;
        return Ok(Some(did));
    }
    if let Some(session) = asker.viewer.session {
        return Ok(Some(session.did));
    }
    let Some(token) = asker.token else { return Ok(None) };
    let context = &publisher.context;
    let reader = read_token_reader(&context.keyring, context.env.now(), id, &token);
    let reader = reader.ok_or_else(|| {
        Problem::new(
            Code::Unauthenticated,
            "This token is none for this work, or its time is over.",
        )
        .hint("Get a new one: POST /publisher/api/content/{id}/token.")
    })?;
    Ok(Some(reader))
}

/// 402 with everything that is needed to pay, or 410.
pub(super) fn refusal(publisher: &Publisher, reading: &Reading) -> Result<Response, Failure> {
    let version = &reading.shown.version;
    let (ReaderAccess::Unpaid, Some(price)) = (reading.shown.access, version.price()?) else {
        return Err(Problem::new(Code::Gone, "This work was withdrawn: nobody new can have it.").into());
    };
    let public = &publisher.site.public;
    let manifest = version.manifest_id()?;
    let url = fair_url(public, &manifest);
    let id = version.content_id.to_string();
    let json = |value: serde_json::Result<serde_json::Value>| value.unwrap_or_default();
    let problem = Problem::new(Code::PaymentRequired, format!("Reading this work costs {price}."))
        .hint("Ask for a quote and settle it from your balance, or pay by checkout.")
        .with("assetId", manifest.to_string())
        .with("contentId", id.clone())
        .with("action", "read")
        .with("title", version.title.clone())
        .with("price", json(serde_json::to_value(price)))
        .with(
            "splits",
            json(serde_json::to_value(splits_of(&reading.record.manifest))),
        )
        .with("fair", url.clone())
        .with(
            "settlement",
            json!({
                "endpoint": public.absolute("/pay/api"),
                "schemes": ["imajin-balance", "imajin-checkout"],
                "goods": {"type": CONTENT_GOODS, "id": id},
                "quote": public.absolute("/pay/api/quote"),
                "settle": public.absolute("/pay/api/settle"),
                "checkout": public.absolute("/pay/api/checkout"),
                "page": public.absolute(&format!("/read/{id}")),
            }),
        );
    let about = fair::headers(&url, &version.manifest_digest)?;
    let vary = [(header::VARY, "accept, cookie, authorization")];
    Ok((vary, about, Failure(problem)).into_response())
}

/// Whose place it is while they read.
async fn place_of(publisher: &Publisher, reading: &Reading, reader: Option<&Did>) -> Reader {
    let Some(did) = reader.map(Did::canonical) else {
        return Reader::Stranger;
    };
    if reading.shown.access == ReaderAccess::Paid {
        return Reader::Payer(did.to_string());
    }
    match publisher.site.identities.caller_keys(&did).await {
        Ok(caller) if caller.tier > Tier::Visitor => Reader::Known(did.to_string()),
        // Whoever cannot be asked about is nobody in particular either.
        Ok(_) | Err(_) => Reader::Stranger,
    }
}

async fn bytes_answer(
    publisher: &Publisher,
    reading: &Reading,
    method: &Method,
    request: &HeaderMap,
    reader: Option<&Did>,
) -> Result<Response, Failure> {
    let version = &reading.shown.version;
    let (length, etag) = (version.size()?, format!("\"{}\"", version.sha256));
    let is_get = *method == Method::GET;
    let wanted = ranged(request, is_get, &etag, length);
    if wanted == Ranged::Changed {
        return Err(Problem::new(Code::PreconditionFailed, "This work has another version now.").into());
    }
    let (first, count) = wanted.span(length);
    let body = if is_get && count > 0 {
        let place = publisher.downloads.place(place_of(publisher, reading, reader).await)?;
        let file = publisher.bytes_open(version).await?;
        publisher.downloads.body(file, first, count, place)
    } else {
        Body::empty()
    };
    let mut response = (wanted.status(), body).into_response();
    let headers = response.headers_mut();
    let text = |text: &str| HeaderValue::from_str(text).map_err(|_error| Problem::internal());
    headers.insert(header::ETAG, text(&etag)?);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("accept, cookie, authorization"));
    for (name, value) in fair::headers(
        &fair_url(&publisher.site.public, &version.manifest_id()?),
        &version.manifest_digest,
    )? {
        headers.insert(name, value);
    }
    if let Some(range) = wanted.content_range(length) {
        headers.insert(header::CONTENT_RANGE, range);
    }
    if matches!(wanted, Ranged::Known | Ranged::Unsatisfiable) {
        return Ok(response);
    }
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(count));
    headers.insert(header::CONTENT_TYPE, text(&media_type(version))?);
    headers.insert(header::CONTENT_DISPOSITION, text(&disposition(version))?);
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(FOREIGN_POLICY),
    );
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

fn media_type(version: &VersionRow) -> String {
    if version.media_type.starts_with("text/") {
        format!("{}; charset=utf-8", version.media_type)
    } else {
        version.media_type.clone()
    }
}

fn is_shown(media_type: &str) -> bool {
    SHOWN.contains(&media_type) || media_type.starts_with("audio/") || media_type.starts_with("video/")
}

/// What holds no script is shown; everything else is saved, also when the policy would keep it from running. The name
/// is in both forms of RFC 6266.
fn disposition(version: &VersionRow) -> String {
    let kind = if is_shown(&version.media_type) {
        "inline"
    } else {
        "attachment"
    };
    let plain: String = version
        .file_name
        .chars()
        .map(|letter| {
            if letter.is_ascii_graphic() || letter == ' ' {
                letter
            } else {
                '_'
            }
        })
        .filter(|letter| !matches!(letter, '"' | '\\'))
        .collect();
    let encoded: String = version
        .file_name
        .bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect();
    format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}
