use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use imajin_did::Did;
use imajin_engine::{Document, MediaType};
use imajin_kernel::id::DocumentId;
use imajin_proof::digest::sha256_hex;
use imajin_query_api::{DOCUMENTS_PAGE, DocumentBody, DocumentCard, DocumentView};
use imajin_web::{Authorised, Failure, KeyTier, PathParams, ProblemDocument, QueryParams, SignedBody};
use serde::Deserialize;
use serde_json::Value;

use super::QueryRoutes;
use crate::context::Change;
use crate::domain::documents::{NewDocument, document_add as add, document_page as page, document_remove as remove};
use crate::{Query, QueryError};

/// The longest title, in characters.
const TITLE_LENGTH_MAX: usize = 200;

/// Whose documents.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DocumentsQuery {
    owner: Did,
    after: Option<DocumentId>,
}

impl Query {
    /// Checks a document and its manifest; gives the SHA-256 of its text.
    async fn document_check(&self, body: &DocumentBody, owner: &Did) -> Result<String, QueryError> {
        let title = body.title.trim();
        if title.is_empty() || title.chars().count() > TITLE_LENGTH_MAX || title.chars().any(char::is_control) {
            let problem = format!("must have 1 to {TITLE_LENGTH_MAX} characters and no control characters");
            return Err(QueryError::invalid("title", problem));
        }
        let kind: MediaType = body.media_type.parse()?;
        Document::new(kind, body.text.as_bytes())?;
        if body.text.trim().is_empty() {
            return Err(QueryError::invalid("text", "is empty"));
        }
        let sha256 = sha256_hex(body.text.as_bytes());
        let manifest = &body.manifest;
        let is_of_text = manifest
            .content
            .as_ref()
            .is_some_and(|content| content.sha256 == sha256);
        if !is_of_text || !manifest.id.names_a_digest() || !manifest.is_pinned() {
            let problem = "must be of this text: `content.sha256` is its SHA-256, and the id that of the manifest";
            return Err(QueryError::invalid("manifest", problem));
        }
        if !manifest.signer().is_some_and(|signer| signer.is_equivalent(owner)) {
            return Err(QueryError::OtherSigner);
        }
        let at = manifest.signed_at().map(|at| at.min(self.context.now()));
        let keys = self.keys_at(owner, at).await?;
        keys.check::<_, QueryError>(|key| manifest.verify_signature(key))?;
        Ok(sha256)
    }
}

/// List somebody's documents
///
/// What questions are answered from: titles, digests and manifests, 50 at once. What the documents say is in the
/// answers.
#[utoipa::path(
    get, path = "/api/documents", tag = "documents",
    params(
        ("owner" = String, Query, description = "A DID"),
        ("after" = Option<String>, Query, description = "The last document of the page before"),
    ),
    responses(
        (status = 200, description = "The documents, the oldest first", body = Vec<DocumentCard>),
        (status = 400, description = "A parameter is wrong", body = ProblemDocument),
    )
)]
pub(super) async fn document_list(
    State(QueryRoutes(query)): State<QueryRoutes>,
    QueryParams(asked): QueryParams<DocumentsQuery>,
) -> Result<Json<Vec<DocumentCard>>, Failure> {
    let owner = asked.owner.canonical();
    let limit = i64::try_from(DOCUMENTS_PAGE).unwrap_or(i64::MAX);
    let cards = query.read(move |conn, _context| page(conn, &owner, asked.after, limit));
    Ok(Json(cards.await?))
}

/// Add a document
///
/// From now on the caller's questions are answered from it too. It comes with its manifest, which the caller has signed
/// and which names the SHA-256 of its text.
#[utoipa::path(
    post, path = "/api/documents", tag = "documents", request_body = DocumentBody,
    responses(
        (status = 201, description = "The document", body = DocumentView),
        (status = 400, description = "A member is wrong, or the manifest is of another text", body = ProblemDocument),
        (status = 401, description = "A signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller has no key of their own here, or somebody else signed the manifest",
            body = ProblemDocument),
        (status = 409, description = "It is there already", body = ProblemDocument),
        (status = 413, description = "It is too large", body = ProblemDocument),
        (status = 415, description = "Documents of this kind are not read", body = ProblemDocument),
        (status = 429, description = "Too many documents", body = ProblemDocument),
    )
)]
pub(super) async fn document_add(
    State(QueryRoutes(query)): State<QueryRoutes>,
    signed: SignedBody<DocumentBody, Authorised<KeyTier>>,
) -> Result<(StatusCode, Json<DocumentView>), Failure> {
    let sha256 = query.document_check(&signed.value, signed.verified.did()).await?;
    let new = NewDocument {
        change: Change::of((*signed.verified).clone(), signed.request),
        body: signed.value,
        sha256,
        documents_max: query.config.documents_max,
        documents_bytes_max: query.config.documents_bytes_max,
        removed_times: query.config.removed_times,
    };
    let row = query.write(move |conn, context| add(conn, context, &new)).await?;
    Ok((StatusCode::CREATED, Json(row.view()?)))
}

/// Remove a document
///
/// Nothing is answered from it any more. Answers that have quoted it stay.
#[utoipa::path(
    delete, path = "/api/documents/{id}", tag = "documents", request_body = Option<Object>,
    params(("id" = String, Path, description = "`doc_…`")),
    responses(
        (status = 204, description = "It is removed"),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller has no key of their own here", body = ProblemDocument),
        (status = 404, description = "The caller has no such document", body = ProblemDocument),
    )
)]
pub(super) async fn document_remove(
    State(QueryRoutes(query)): State<QueryRoutes>,
    PathParams(id): PathParams<DocumentId>,
    signed: SignedBody<Option<Value>, Authorised<KeyTier>>,
) -> Result<StatusCode, Failure> {
    let change = Change::of((*signed.verified).clone(), signed.request);
    query
        .write(move |conn, context| remove(conn, context, &change, id))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
