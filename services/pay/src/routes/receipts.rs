use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use imajin_kernel::id::ReceiptId;
use imajin_pay_api::{PayApi, Reader, ReceiptFetch, ReceiptView};
use imajin_web::{Failure, PathParams, ProblemDocument, QueryParams, Tier, Viewer};
use serde::Deserialize;

use super::PayRoutes;
use crate::PayError;

/// In which form.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReceiptQuery {
    /// `jwt` for the token, `json` for the document with the token.
    format: Option<String>,
}

/// A receipt
///
/// For its payer, its payees and the operator of the node. `Accept: application/jwt` or `?format=jwt` gives the token
/// alone.
#[utoipa::path(
    get, path = "/api/receipts/{id}", tag = "receipts",
    params(("id" = String, Path, description = "The receipt"), ReceiptQuery),
    responses(
        (status = 200, description = "The signed receipt", body = serde_json::Value),
        (status = 401, description = "Not logged in", body = ProblemDocument),
        (status = 404, description = "There is no such receipt of yours", body = ProblemDocument),
    )
)]
pub(super) async fn receipt_fetch(
    State(PayRoutes(pay)): State<PayRoutes>,
    PathParams(id): PathParams<ReceiptId>,
    viewer: Viewer,
    QueryParams(query): QueryParams<ReceiptQuery>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let session = viewer.session_require()?;
    let as_jwt = wants_jwt(&query, &headers)?;
    let reader = Reader {
        did: session.did.clone(),
        operator: session.tier == Tier::Operator,
    };
    let found: Option<ReceiptView> = PayApi::receipt_fetch(&*pay, ReceiptFetch { id, reader }).await?;
    let receipt = found.ok_or(PayError::NotFound("receipt"))?;
    if as_jwt {
        let media_type = HeaderValue::from_static("application/jwt");
        return Ok(([(header::CONTENT_TYPE, media_type)], receipt.jwt).into_response());
    }
    Ok(Json(receipt).into_response())
}

/// Whether the token alone is asked for.
pub(super) fn wants_jwt(query: &ReceiptQuery, headers: &HeaderMap) -> Result<bool, PayError> {
    match query.format.as_deref() {
        Some("jwt") => Ok(true),
        Some("json") => Ok(false),
        None => Ok(accepts_jwt(headers)),
        Some(_) => Err(PayError::invalid("format", "must be json or jwt")),
    }
}

fn accepts_jwt(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    accept.split(',').any(|part| {
        part.split(';')
            .next()
            .is_some_and(|kind| kind.trim() == "application/jwt")
    })
}
