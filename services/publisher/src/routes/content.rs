use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use imajin_did::Did;
use imajin_fair::ManifestId;
use imajin_fair_embed::media_type;
use imajin_kernel::id::ContentId;
use imajin_kernel::{Problem, Timestamp};
use imajin_money::Money;
use imajin_publisher_api::{
    ContentAsk, ContentFormat, ContentList, ContentPage, ContentSales, ContentSalesList, ContentUpload, ContentView,
    LibraryEntry, LibraryList, PublisherApi,
};
use imajin_web::{
    Asker, Authorised, Failure, PathParams, ProblemDocument, QueryParams, SignedBody, SignedBytes, SoftTier, Viewer,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::PublisherState;
use crate::PublisherError;
use crate::content::token::read_token_issue;
use crate::domain::work::NewVersion;
use crate::domain::work_change::WorkChange;
use crate::works::NewPart;

const TITLE_CHARS_MAX: usize = 200;
const SUMMARY_CHARS_MAX: usize = 1_000;
const PREVIEW_CHARS_MAX: usize = 20_000;
const NAME_CHARS_MAX: usize = 200;

/// What an author says about a work.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ContentBody {
    /// Its manifest, which is in the library, signed by the author, and says which bytes it is about.
    #[schema(value_type = String)]
    manifest: ManifestId,
    /// What it is called; as in the manifest, if not said.
    title: Option<String>,
    /// What it is about, in some sentences.
    #[serde(default)]
    summary: String,
    /// What everybody may read, as Markdown.
    #[serde(default)]
    preview: String,
    /// `markdown`, `html` or `file`.
    format: ContentFormat,
    /// The media type of a file; found by its name, if not said.
    media_type: Option<String>,
    /// What it is called when somebody saves it.
    file_name: Option<String>,
    /// SHA-256 of the bytes that will be sent, in hex.
    sha256: String,
    /// How many there are.
    size: i64,
    /// What it costs to read, where the manifest's terms do not say it.
    #[schema(value_type = Option<Object>)]
    price: Option<Money>,
}

/// Where a part of the bytes begins.
#[derive(Debug, Deserialize)]
pub(crate) struct PartQuery {
    #[serde(default)]
    offset: u64,
}

/// A token for reading one work.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReadToken {
    /// Goes into `Authorization: Bearer …`.
    token: String,
    /// Until when it is good.
    #[schema(value_type = String)]
    expires_at: Timestamp,
}

impl ContentBody {
    fn parse(self) -> Result<NewVersion, PublisherError> {
        if let Some(title) = &self.title {
            text_check("title", title, 1, TITLE_CHARS_MAX)?;
        }
        prose_check("summary", &self.summary, SUMMARY_CHARS_MAX)?;
        prose_check("preview", &self.preview, PREVIEW_CHARS_MAX)?;
        let is_digest = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if self.sha256.len() != 64 || !self.sha256.bytes().all(is_digest) {
            return Err(PublisherError::invalid("sha256", "must be 64 lower-case hex digits"));
        }
        let named = self.file_name.unwrap_or_else(|| {
            match self.format {
                ContentFormat::Markdown => "article.md",
                ContentFormat::Html => "article.html",
                ContentFormat::File => "work",
            }
            .to_owned()
        });
        let file_name = file_name_check(named)?;
        let media_type = match (self.format, self.media_type) {
            (ContentFormat::Markdown, _) => "text/markdown".to_owned(),
            (ContentFormat::Html, _) => "text/html".to_owned(),
            (ContentFormat::File, Some(named)) => media_type_check(named)?,
            (ContentFormat::File, None) => media_type(None, &file_name).to_owned(),
        };
        Ok(NewVersion {
            manifest: self.manifest,
            title: self.title,
            summary: self.summary,
            preview: self.preview,
            format: self.format,
            media_type,
            file_name,
            sha256: self.sha256,
            size: self.size,
            price: self.price,
        })
    }
}

fn text_check(member: &str, text: &str, least: usize, most: usize) -> Result<(), PublisherError> {
    if !(least..=most).contains(&text.trim().chars().count()) || text.chars().any(char::is_control) {
        let problem = format!("must have {least} to {most} characters and no control characters");
        return Err(PublisherError::invalid(member, problem));
    }
    Ok(())
}

fn prose_check(member: &str, text: &str, most: usize) -> Result<(), PublisherError> {
    if text.chars().count() > most || text.contains('\0') {
        return Err(PublisherError::invalid(member, format!("must have at most {most} characters")));
    }
    Ok(())
}

/// A name that means one file in every folder, and nothing to a shell or a header.
fn file_name_check(name: String) -> Result<String, PublisherError> {
    text_check("fileName", &name, 1, NAME_CHARS_MAX)?;
    let is_path = name.contains(['/', '\\', '"', ':']) || name.starts_with('.') || name.contains("..");
    if is_path {
        let problem = "must be the name of a file, without a folder";
        return Err(PublisherError::invalid("fileName", problem));
    }
    Ok(name)
}

fn media_type_check(text: String) -> Result<String, PublisherError> {
    let is_token = |part: &str| {
        (1..=127).contains(&part.len())
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    match text.split_once('/') {
        Some((kind, subtype)) if is_token(kind) && is_token(subtype) => Ok(text.to_ascii_lowercase()),
        _ => Err(PublisherError::invalid("mediaType", "is none, for example image/png")),
    }
}

type Signed<T> = SignedBody<T, Authorised<SoftTier>>;

fn change_of<T>(signed: Signed<T>) -> Result<(WorkChange, T), PublisherError> {
    let SignedBody {
        verified,
        value,
        request,
    } = signed;
    Ok((WorkChange::new(verified, request)?, value))
}

/// Make a work
///
/// A draft, whose bytes follow by `PUT /api/content/{id}/bytes`. What it costs to read is in the manifest's terms; only
/// where they are silent does the author say it here.
#[utoipa::path(
    post, path = "/api/content", tag = "content", request_body = ContentBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat for a day")),
    responses(
        (status = 201, description = "The draft", body = ContentView),
        (status = 400, description = "A member is wrong, or the manifest is not the author's", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller is not registered here", body = ProblemDocument),
        (status = 409, description = "The manifest is not in the library, or there is no room", body = ProblemDocument),
        (status = 413, description = "It is too large", body = ProblemDocument),
    )
)]
pub(super) async fn content_create(
    State(PublisherState(publisher)): State<PublisherState>,
    signed: Signed<ContentBody>,
) -> Result<Response, Failure> {
    let (change, body) = change_of(signed)?;
    let new = body.parse()?;
    publisher.size_check(&new)?;
    let view = publisher.work_create(change, new).await?;
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

/// Add a version to a work
///
/// Readers get it once it is published; whoever has paid for the work has paid for it too.
#[utoipa::path(
    post, path = "/api/content/{id}/versions", tag = "content", request_body = ContentBody,
    params(("id" = String, Path, description = "The work, `cnt_…`")),
    responses(
        (status = 201, description = "The work with its newest version", body = ContentView),
        (status = 400, description = "A member is wrong, or the manifest is not the author's", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 404, description = "There is no such work of yours", body = ProblemDocument),
        (status = 409, description = "It was withdrawn, or there is no room", body = ProblemDocument),
    )
)]
pub(super) async fn version_create(
    State(PublisherState(publisher)): State<PublisherState>,
    PathParams(id): PathParams<ContentId>,
    signed: Signed<ContentBody>,
) -> Result<Response, Failure> {
    let (change, body) = change_of(signed)?;
    let new = body.parse()?;
    publisher.size_check(&new)?;
    let view = publisher.version_add(id, change, new).await?;
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

/// Send a part of a work's bytes
///
/// Parts of at most 4 MiB, one after the other, each signed over its own digest; `offset` is where the part begins. A
/// part that was cut off is sent again from `received`. After the last one the bytes must have the announced SHA-256,
/// and be the ones that the manifest is about: else they are thrown away.
#[utoipa::path(
    put, path = "/api/content/{id}/bytes", tag = "content",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    params(
        ("id" = String, Path, description = "The work, `cnt_…`"),
        ("offset" = Option<u64>, Query, description = "Where the part begins; 0 if not said"),
    ),
    responses(
        (status = 200, description = "How far the bytes are", body = ContentUpload),
        (status = 400, description = "They are not the announced bytes", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 404, description = "There is no such work of yours", body = ProblemDocument),
        (status = 409, description = "The part begins elsewhere; `received` says where to go on",
            body = ProblemDocument),
        (status = 413, description = "More than was announced, or more than a part may have", body = ProblemDocument),
    )
)]
pub(super) async fn bytes_put(
    State(PublisherState(publisher)): State<PublisherState>,
    PathParams(id): PathParams<ContentId>,
    QueryParams(query): QueryParams<PartQuery>,
    signed: SignedBytes<Authorised<SoftTier>>,
) -> Result<Json<ContentUpload>, Failure> {
    let part = NewPart {
        id,
        offset: query.offset,
        signer: signed.verified,
        bytes: signed.request.body,
    };
    Ok(Json(publisher.part_add(part).await?))
}

/// Publish a work, or its newest version
#[utoipa::path(
    post, path = "/api/content/{id}/publish", tag = "content", request_body = Option<Object>,
    params(("id" = String, Path, description = "The work, `cnt_…`")),
    responses(
        (status = 200, description = "The work", body = ContentView),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 404, description = "There is no such work of yours", body = ProblemDocument),
        (status = 409, description = "Its bytes are not all here, or it was withdrawn", body = ProblemDocument),
    )
)]
pub(super) async fn content_publish(
    State(PublisherState(publisher)): State<PublisherState>,
    PathParams(id): PathParams<ContentId>,
    signed: Signed<Option<Value>>,
) -> Result<Json<ContentView>, Failure> {
    let (change, _none) = change_of(signed)?;
    Ok(Json(publisher.work_publish(id, change).await?))
}

/// Withdraw a work
///
/// Nobody new can have it, for good. Whoever has paid goes on reading it.
#[utoipa::path(
    post, path = "/api/content/{id}/withdraw", tag = "content", request_body = Option<Object>,
    params(("id" = String, Path, description = "The work, `cnt_…`")),
    responses(
        (status = 200, description = "The work", body = ContentView),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 404, description = "There is no such work of yours", body = ProblemDocument),
        (status = 409, description = "It was withdrawn already", body = ProblemDocument),
    )
)]
pub(super) async fn content_withdraw(
    State(PublisherState(publisher)): State<PublisherState>,
    PathParams(id): PathParams<ContentId>,
    signed: Signed<Option<Value>>,
) -> Result<Json<ContentView>, Failure> {
    let (change, _none) = change_of(signed)?;
    Ok(Json(publisher.work_withdraw(id, change).await?))
}

/// Get a token for reading a work
///
/// For machines that read with many requests: five minutes, one work, the signer's own access.
#[utoipa::path(
    post, path = "/api/content/{id}/token", tag = "content", request_body = Option<Object>,
    params(("id" = String, Path, description = "The work, `cnt_…`")),
    responses(
        (status = 200, description = "The token", body = ReadToken),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 402, description = "The signer has to pay first", body = ProblemDocument),
        (status = 404, description = "There is no such work", body = ProblemDocument),
    )
)]
pub(super) async fn token_create(
    State(PublisherState(publisher)): State<PublisherState>,
    PathParams(id): PathParams<ContentId>,
    signed: SignedBody<Option<Value>>,
) -> Result<Response, Failure> {
    let reader: Did = signed.verified.did().clone();
    publisher
        .write(move |conn, context| context.nonce_spend(conn, &signed.verified))
        .await?;
    let reading = publisher.reading(id, Some(&reader)).await?;
    if !reading.shown.access.may_read() {
        return super::read::refusal(&publisher, &reading);
    }
    let context = &publisher.context;
    let (token, expires_at) = read_token_issue(&context.keyring, &context.env, id, &reader)?;
    Ok(Json(ReadToken { token, expires_at }).into_response())
}

/// Look at a work
///
/// What it is, what it costs, how that is split, and whether the reader has it. A draft is its author's alone.
#[utoipa::path(
    get, path = "/api/content/{id}", tag = "content",
    params(("id" = String, Path, description = "The work, `cnt_…`")),
    responses(
        (status = 200, description = "The work", body = ContentView),
        (status = 404, description = "There is no such work", body = ProblemDocument),
    )
)]
pub(super) async fn content_fetch(
    State(PublisherState(publisher)): State<PublisherState>,
    PathParams(id): PathParams<ContentId>,
    asker: Asker,
) -> Result<Json<ContentView>, Failure> {
    let reader = asker.did().cloned();
    let view = publisher.content_view(ContentAsk { id, reader }).await?;
    Ok(Json(view.ok_or_else(|| Problem::not_found("work"))?))
}

/// List published works, the newest first
#[utoipa::path(
    get, path = "/api/content", tag = "content",
    params(
        ("author" = Option<String>, Query, description = "Only of this DID"),
        ("limit" = Option<u32>, Query, description = "1 to 100; 50 if not said"),
        ("cursor" = Option<String>, Query, description = "Where the last page ended"),
    ),
    responses(
        (status = 200, description = "A page of works", body = ContentPage),
        (status = 400, description = "A parameter is wrong", body = ProblemDocument),
    )
)]
pub(super) async fn content_list(
    State(PublisherState(publisher)): State<PublisherState>,
    QueryParams(list): QueryParams<ContentList>,
) -> Result<Json<ContentPage>, Failure> {
    Ok(Json(publisher.content_list(list).await?))
}

/// List one's own works with what they have sold
#[utoipa::path(
    get, path = "/api/sales", tag = "content",
    responses(
        (status = 200, description = "The works", body = Vec<ContentSales>),
        (status = 401, description = "Not logged in", body = ProblemDocument),
    )
)]
pub(super) async fn sales_list(
    State(PublisherState(publisher)): State<PublisherState>,
    viewer: Viewer,
) -> Result<Json<Vec<ContentSales>>, Failure> {
    let owner = viewer.session_require()?.did.clone();
    Ok(Json(publisher.content_sales(ContentSalesList { owner }).await?))
}

/// List the works that one has paid for
#[utoipa::path(
    get, path = "/api/library", tag = "content",
    responses(
        (status = 200, description = "The works", body = Vec<LibraryEntry>),
        (status = 401, description = "Not logged in", body = ProblemDocument),
    )
)]
pub(super) async fn library_list(
    State(PublisherState(publisher)): State<PublisherState>,
    viewer: Viewer,
) -> Result<Json<Vec<LibraryEntry>>, Failure> {
    let reader = viewer.session_require()?.did.clone();
    Ok(Json(publisher.library_list(LibraryList { reader }).await?))
}
