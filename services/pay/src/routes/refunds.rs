use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use imajin_kernel::id::{CheckoutId, ReceiptId, RefundId};
use imajin_money::Money;
use imajin_pay_api::{CreditNoteFetch, PayApi, Reader, RefundList};
use imajin_web::{
    Authorised, Failure, OperatorTier, PathParams, ProblemDocument, QueryParams, SessionView, SignedBody, Tier, Viewer,
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::receipts::{ReceiptQuery, wants_jwt};
use super::{PayRoutes, replayed_headers};
use crate::PayError;
use crate::context::IdempotencyKey;
use crate::domain::holds::{MoneyRequest, positive};
use crate::domain::refund_by_hand::{ByHand, ByHandNoted, refund_by_hand as by_hand_note};
use crate::domain::sale_refund::{REASON_BYTES_MAX, RefundWish, SaleRef};

/// The body of `POST /api/refund`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RefundBody {
    /// The receipt of the sale.
    #[schema(value_type = Option<String>)]
    receipt: Option<ReceiptId>,
    /// Or its checkout.
    #[schema(value_type = Option<String>)]
    checkout: Option<CheckoutId>,
    /// How much goes back: `{"amount": "5.00", "currency": "USD"}`; all that is left, if not said.
    #[schema(value_type = Option<Object>)]
    amount: Option<Money>,
    /// Why: it stands on the credit note.
    reason: Option<String>,
}

/// Send a payment back
///
/// Whole or in part, by the seller or the operator. The split is walked back in proportion: each payee gives back their
/// part, from what they have, else as a debt; so do those who had got the fees. The fee that the rail has kept is the
/// seller's to bear. Never more goes back than was paid, less what went back before.
#[utoipa::path(
    post, path = "/api/refund", tag = "refunds", request_body = RefundBody,
    params(("Idempotency-Key" = String, Header, description = "Makes the request safe to repeat")),
    responses(
        (status = 201, description = "It is booked, and on its way to the rail", body = serde_json::Value),
        (status = 400, description = "A member is wrong, or the key is missing", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "Only the seller and the operator send a payment back", body = ProblemDocument),
        (status = 404, description = "There is no such sale of yours", body = ProblemDocument),
        (
            status = 409,
            description = "More than what is left, not split yet, or disputed; or the key belongs to another request",
            body = ProblemDocument
        ),
    )
)]
pub(super) async fn refund(
    State(PayRoutes(pay)): State<PayRoutes>,
    signed: SignedBody<RefundBody>,
) -> Result<Response, Failure> {
    let SignedBody {
        verified,
        value,
        request,
    } = signed;
    let key = IdempotencyKey::demanded(&request)?;
    let sale = match (value.receipt, value.checkout) {
        (Some(receipt), None) => SaleRef::Receipt(receipt),
        (None, Some(checkout)) => SaleRef::Checkout(checkout),
        _ => return Err(PayError::invalid("receipt", "name the receipt or the checkout, one of them").into()),
    };
    let amount = value.amount.map(|amount| positive("amount", amount)).transpose()?;
    let reason = value.reason.filter(|reason| !reason.trim().is_empty());
    let is_bad = |reason: &String| reason.len() > REASON_BYTES_MAX || reason.chars().any(char::is_control);
    if reason.as_ref().is_some_and(is_bad) {
        let problem = format!("must have at most {REASON_BYTES_MAX} bytes and no control characters");
        return Err(PayError::invalid("reason", problem).into());
    }
    let request = MoneyRequest {
        verified,
        body: request.body,
        key,
    };
    let wish = RefundWish { sale, amount, reason };
    let (view, replayed) = pay.refund_request(request, wish).await?;
    Ok((StatusCode::CREATED, replayed_headers(replayed), Json(view)).into_response())
}

/// A refund made by hand
///
/// By the operator, when the rail refuses a refund that is under way, or cannot make it: the money was sent in another
/// way, `reference` proves it, and the rail is not asked again. Look at the rail first: an answer that was lost may
/// have been a refund.
#[utoipa::path(
    post, path = "/api/refund/by-hand", tag = "refunds", request_body = ByHand,
    responses(
        (status = 200, description = "It counts as sent", body = ByHandNoted),
        (status = 400, description = "A member is wrong", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "Only the operator says so", body = ProblemDocument),
        (status = 404, description = "No such refund is under way", body = ProblemDocument),
        (status = 409, description = "The rail was not asked yet", body = ProblemDocument),
    )
)]
pub(super) async fn refund_by_hand(
    State(PayRoutes(pay)): State<PayRoutes>,
    signed: SignedBody<ByHand, Authorised<OperatorTier>>,
) -> Result<Json<ByHandNoted>, Failure> {
    let noted = pay.write_signed(signed, by_hand_note).await?;
    // The seller is told next.
    pay.wake.notify_one();
    Ok(Json(noted))
}

fn reader_of(session: &SessionView) -> Reader {
    Reader {
        did: session.did.clone(),
        operator: session.tier == Tier::Operator,
    }
}

/// The refunds of a receipt
///
/// What went back, what is on its way, and what can still go back; for everybody who may see the receipt.
#[utoipa::path(
    get, path = "/api/refunds/{receipt}", tag = "refunds",
    params(("receipt" = String, Path, description = "The receipt")),
    responses(
        (status = 200, description = "The refunds, oldest first", body = serde_json::Value),
        (status = 401, description = "Not logged in", body = ProblemDocument),
        (status = 404, description = "There is no such receipt of yours", body = ProblemDocument),
    )
)]
pub(super) async fn refunds(
    State(PayRoutes(pay)): State<PayRoutes>,
    PathParams(receipt): PathParams<ReceiptId>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    let reader = reader_of(viewer.session_require()?);
    let sheet = PayApi::refund_list(&*pay, RefundList { receipt, reader }).await?;
    Ok(Json(sheet.ok_or(PayError::NotFound("receipt"))?).into_response())
}

/// A credit note
///
/// For everybody who may see its receipt, once the rail has taken the refund. `Accept: application/jwt` or
/// `?format=jwt` gives the token alone.
#[utoipa::path(
    get, path = "/api/credit-notes/{id}", tag = "refunds",
    params(("id" = String, Path, description = "The refund"), ReceiptQuery),
    responses(
        (status = 200, description = "The signed credit note", body = serde_json::Value),
        (status = 401, description = "Not logged in", body = ProblemDocument),
        (status = 404, description = "There is no such credit note of yours", body = ProblemDocument),
    )
)]
pub(super) async fn credit_note(
    State(PayRoutes(pay)): State<PayRoutes>,
    PathParams(id): PathParams<RefundId>,
    viewer: Viewer,
    QueryParams(query): QueryParams<ReceiptQuery>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let reader = reader_of(viewer.session_require()?);
    let as_jwt = wants_jwt(&query, &headers)?;
    let note = PayApi::credit_note_fetch(&*pay, CreditNoteFetch { id, reader }).await?;
    let note = note.ok_or(PayError::NotFound("credit note"))?;
    if as_jwt {
        let media_type = HeaderValue::from_static("application/jwt");
        return Ok(([(header::CONTENT_TYPE, media_type)], note.jwt).into_response());
    }
    Ok(Json(note).into_response())
}
