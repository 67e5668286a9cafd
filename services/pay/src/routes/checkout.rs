use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use imajin_did::Did;
use imajin_kernel::Code;
use imajin_kernel::id::CheckoutId;
use imajin_pay_api::{CheckoutState, CheckoutView, GoodsRef};
use imajin_rails::SANDBOX;
use imajin_web::{Failure, PathParams, ProblemDocument, SignedBody, Viewer};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{PayRoutes, replayed_headers};
use crate::PayError;
use crate::context::IdempotencyKey;
use crate::domain::checkout::BuyerRequest;
use crate::opening::{Means, OpeningWish};

/// Members with which a caller would name a price.
const PRICE_MEMBERS: [&str; 10] = [
    "price",
    "amount",
    "currency",
    "total",
    "gross",
    "fee",
    "fees",
    "discount",
    "unitPrice",
    "asset",
];

/// The body of `POST /api/checkout`. It names no price.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CheckoutBody {
    /// What is bought: `{"type": "order", "id": "ord_…"}`.
    #[schema(value_type = Object)]
    goods: GoodsRef,
    /// The signer, if it is named at all.
    #[schema(value_type = Option<String>)]
    buyer: Option<Did>,
    /// Where the buyer goes after paying: an address on this node.
    success_url: String,
    /// Where the buyer goes instead.
    cancel_url: String,
    #[serde(flatten)]
    #[schema(ignore)]
    other: Map<String, Value>,
}

/// A checkout as its buyer sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CheckoutDocument {
    #[serde(flatten)]
    #[schema(value_type = Object)]
    view: CheckoutView,
    /// What the sandbox's page posts with its buttons, while this can be paid with test money.
    #[serde(skip_serializing_if = "Option::is_none")]
    form_token: Option<String>,
}

impl CheckoutDocument {
    /// A checkout that was opened just now.
    pub(super) const fn opened(view: CheckoutView) -> Self {
        Self { view, form_token: None }
    }
}

/// Open a checkout
///
/// Price, currency and manifest come from the seller: a body that names a price is refused. The same goods and buyer
/// get the same checkout for as long as it is open.
#[utoipa::path(
    post, path = "/api/checkout", tag = "checkout", request_body = CheckoutBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat for a day")),
    responses(
        (status = 201, description = "The checkout", body = CheckoutDocument),
        (status = 400, description = "A member is wrong, or a price was named", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The goods are reserved for somebody else", body = ProblemDocument),
        (status = 404, description = "There are no such goods", body = ProblemDocument),
        (status = 409, description = "The goods cannot be paid for, or the key belongs to another request",
            body = ProblemDocument),
        (status = 410, description = "The reservation of the goods has expired", body = ProblemDocument),
        (status = 503, description = "The seller is away: repeat with the same key", body = ProblemDocument),
    )
)]
pub(super) async fn checkout_create(
    State(PayRoutes(pay)): State<PayRoutes>,
    signed: SignedBody<CheckoutBody>,
) -> Result<Response, Failure> {
    let SignedBody {
        verified,
        value,
        request,
    } = signed;
    members_check(&value.other)?;
    let buyer = verified.did().clone();
    if value.buyer.is_some_and(|named| named.canonical() != buyer) {
        return Err(PayError::Forbidden("Only the signer of the request can be the buyer.").into());
    }
    let key = IdempotencyKey::of(&request)?;
    let wish = OpeningWish {
        goods: value.goods,
        buyer,
        success_url: value.success_url,
        cancel_url: value.cancel_url,
        request: Some(BuyerRequest {
            verified,
            body: request.body,
            key,
        }),
        means: Means::Rail,
        amount: None,
    };
    let opening = pay.checkout_begin(wish).await?;
    let document = CheckoutDocument::opened(opening.view);
    Ok((StatusCode::CREATED, replayed_headers(opening.replayed), Json(document)).into_response())
}

fn members_check(other: &Map<String, Value>) -> Result<(), PayError> {
    for member in other.keys() {
        if PRICE_MEMBERS.iter().any(|price| price.eq_ignore_ascii_case(member)) {
            return Err(PayError::PriceNamed { member: member.clone() });
        }
        // The quantity is part of the goods.
        if member != "quantity" {
            return Err(PayError::invalid(member.clone(), "is not a member of this request"));
        }
    }
    Ok(())
}

/// Look at a checkout
///
/// For its buyer only.
#[utoipa::path(
    get, path = "/api/checkout/{id}", tag = "checkout",
    params(("id" = String, Path, description = "The checkout")),
    responses(
        (status = 200, description = "The checkout", body = CheckoutDocument),
        (status = 401, description = "Not logged in", body = ProblemDocument),
        (status = 404, description = "There is no such checkout of yours", body = ProblemDocument),
    )
)]
pub(super) async fn checkout_fetch(
    State(PayRoutes(pay)): State<PayRoutes>,
    PathParams(id): PathParams<CheckoutId>,
    viewer: Viewer,
) -> Result<Json<CheckoutDocument>, Failure> {
    let session = viewer.session_require()?;
    let row = pay.checkout_row(id).await?;
    let dids = pay.site.identities.holdings(&session.did).await?;
    if !dids.iter().any(|did| row.owner_did == did.canonical().as_str()) {
        return Err(imajin_kernel::Problem::new(Code::NotFound, "There is no such checkout.").into());
    }
    let view = row.view(pay.context.now())?;
    let payable = view.state == CheckoutState::Open && row.rail == SANDBOX;
    Ok(Json(CheckoutDocument {
        view,
        form_token: payable.then_some(row.form_token),
    }))
}
