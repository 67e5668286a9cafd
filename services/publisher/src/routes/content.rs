use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use imajin_did::Did;
use imajin_kernel::id::ContentId;
use imajin_kernel::{Problem, Timestamp};
use imajin_publisher_api::{
    ContentAsk, ContentList, ContentPage, ContentSales, ContentSalesList, ContentUpload, ContentView, LibraryEntry,
    LibraryList, PublisherApi,
};
use imajin_web::{
    Asker, Authorised, Failure, PathParams, ProblemDocument, QueryParams, SignedBody, SignedBytes, SoftTier, Viewer,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::PublisherState;
use super::content_body::ContentBody;
use crate::PublisherError;
use crate::content::token::read_token_issue;
use crate::domain::work_change::WorkChange;
use crate::uploads::NewPart;

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
