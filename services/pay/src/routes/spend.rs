use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use imajin_fair::distribution::Distribution;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{CheckoutId, ReceiptId};
use imajin_money::Money;
use imajin_pay_api::{CheckoutState, GoodsRef, ReceiptFee, ReceiptLeg};
use imajin_web::{Failure, ProblemDocument, SignedBody};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::checkout::CheckoutDocument;
use super::holds::money_request;
use super::{PayRoutes, replayed_headers};
use crate::PayError;
use crate::context::IdempotencyKey;
use crate::domain::balance::balance_pay;
use crate::domain::checkout::BuyerRequest;
use crate::domain::payer::Payer;
use crate::domain::receipt::{fees_of, legs_of};
use crate::opening::{Means, OpeningWish};
use crate::own_goods::TOPUP;

/// The body of `POST /api/quote`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct QuoteBody {
    /// What is bought: `{"type": "content", "id": "cnt_…"}`; `{"type": "tip", "id": "did:…"}` is a gift.
    #[schema(value_type = Object)]
    goods: GoodsRef,
    /// How much is given; of a tip only.
    #[schema(value_type = Option<Object>)]
    amount: Option<Money>,
}

/// What something costs, and whom the money would go to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QuoteDocument {
    /// What `POST /api/settle` takes.
    #[schema(value_type = String)]
    id: CheckoutId,
    /// What is bought.
    #[schema(value_type = Object)]
    goods: GoodsRef,
    /// One line about it.
    title: String,
    /// What it costs.
    #[schema(value_type = Object)]
    price: Money,
    /// What would be taken before the split.
    #[schema(value_type = Vec<Object>)]
    fees: Vec<ReceiptFee>,
    /// Whom the rest would go to.
    #[schema(value_type = Vec<Object>)]
    legs: Vec<ReceiptLeg>,
    /// Until when it stands.
    #[schema(value_type = String)]
    expires_at: Timestamp,
}

/// The body of `POST /api/settle`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SettleBody {
    /// The quote.
    #[schema(value_type = String)]
    quote_id: CheckoutId,
    /// What pays: `balance`, or `{"visa": "…"}`.
    #[schema(value_type = Object)]
    means: SettleMeans,
}

/// What a quote is paid with.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SettleMeans {
    /// The signer's balance here.
    Balance,
    /// The promise of a broker, made to the signer for this node: a JWT of the type `pay+jwt`.
    Visa(String),
}

/// A quote that was paid.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SettledDocument {
    /// The quote, which is the checkout of the receipt.
    #[schema(value_type = String)]
    id: CheckoutId,
    /// What was bought.
    #[schema(value_type = Object)]
    goods: GoodsRef,
    /// What it cost.
    #[schema(value_type = Object)]
    price: Money,
    /// `settled`; `paid` while the goods are on their way; `refunded` when they cannot be had.
    #[schema(value_type = String)]
    state: CheckoutState,
    /// The receipt, once it is settled.
    #[schema(value_type = Option<String>)]
    receipt: Option<ReceiptId>,
    /// Why the money is back, if it is.
    reason: Option<String>,
}

/// The body of `POST /api/topup`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TopupBody {
    /// How much, and in which currency.
    #[schema(value_type = Object)]
    amount: Money,
    /// Where the payer goes after paying: an address on this node.
    success_url: Option<String>,
    /// Where the payer goes instead.
    cancel_url: Option<String>,
}

/// Ask what something costs
///
/// Price and split come from the seller; only a tip names its amount. The quote is the signer's, stands for some
/// minutes, and is paid once. Asking again gives the same quote while nothing has changed.
#[utoipa::path(
    post, path = "/api/quote", tag = "balance", request_body = QuoteBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to repeat for a day")),
    responses(
        (status = 201, description = "The quote", body = QuoteDocument),
        (status = 400, description = "A member is wrong, or a price was named", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The goods are reserved for somebody else", body = ProblemDocument),
        (status = 404, description = "There are no such goods", body = ProblemDocument),
        (status = 409, description = "The goods cannot be paid for, or the key belongs to another request",
            body = ProblemDocument),
        (status = 410, description = "The goods are gone", body = ProblemDocument),
    )
)]
pub(super) async fn quote(
    State(PayRoutes(pay)): State<PayRoutes>,
    signed: SignedBody<QuoteBody>,
) -> Result<Response, Failure> {
    let SignedBody {
        verified,
        value,
        request,
    } = signed;
    if value.goods.kind == TOPUP {
        return Err(PayError::invalid("goods.type", "a balance is not topped up from itself").into());
    }
    let key = IdempotencyKey::of(&request)?;
    let payer = verified.did().clone();
    let wish = OpeningWish {
        goods: value.goods,
        buyer: payer.clone(),
        success_url: "/".to_owned(),
        cancel_url: "/".to_owned(),
        request: Some(BuyerRequest {
            verified,
            body: request.body,
            key,
        }),
        means: Means::Balance,
        amount: value.amount,
    };
    let opening = pay.checkout_begin(wish).await?;
    let document = QuoteDocument {
        id: opening.view.id,
        goods: opening.view.goods,
        title: opening.title,
        price: opening.view.price,
        fees: fees_of(&opening.plan, &pay.context.recipients(&payer)),
        legs: legs_of(&opening.plan, &Distribution::direct(&opening.plan), &[]),
        expires_at: opening.view.expires_at,
    };
    Ok((StatusCode::CREATED, replayed_headers(opening.replayed), Json(document)).into_response())
}

/// Pay a quote from the balance, or with a visa
///
/// The money is set aside, the goods are handed over, and then it is split along the manifest with a receipt. If the
/// goods cannot be had, it goes back to the balance. A visa is the promise of a broker that this node trusts; it is
/// spent up to its amount, and the shares wait until the broker has accepted it.
#[utoipa::path(
    post, path = "/api/settle", tag = "balance", request_body = SettleBody,
    params(("Idempotency-Key" = String, Header, description = "Makes the request safe to repeat")),
    responses(
        (status = 200, description = "It is paid", body = SettledDocument),
        (status = 400, description = "A member is wrong, or the key is missing", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 402, description = "The balance is too small (`missing` says by how much), or the visa is refused",
            body = ProblemDocument),
        (status = 404, description = "There is no such quote of yours", body = ProblemDocument),
        (status = 409, description = "The quote was used, or the key belongs to another request",
            body = ProblemDocument),
        (status = 410, description = "The quote has expired", body = ProblemDocument),
    )
)]
pub(super) async fn settle(
    State(PayRoutes(pay)): State<PayRoutes>,
    signed: SignedBody<SettleBody>,
) -> Result<Response, Failure> {
    let (request, body) = money_request(signed)?;
    let payer = Payer::Signed(request);
    let SettleBody { quote_id, means } = body;
    let spent = match means {
        SettleMeans::Balance => {
            pay.holdings_collect(payer.did()).await?;
            pay.write(move |conn, context| balance_pay(conn, context, &payer, quote_id))
                .await?
        }
        SettleMeans::Visa(token) => pay.visa_settle(payer, quote_id, &token).await?,
    };
    if let Some(item) = spent.item {
        pay.item_handle(item).await;
    }
    let row = pay.checkout_row(spent.row.id).await?;
    let view = row.view(pay.context.now())?;
    let document = SettledDocument {
        id: view.id,
        goods: view.goods,
        price: view.price,
        state: view.state,
        receipt: view.receipt,
        reason: view.reason,
    };
    Ok((replayed_headers(spent.replayed), Json(document)).into_response())
}

/// Top the balance up
///
/// Opens a checkout at the rail that takes the currency. What is paid there becomes the signer's own balance, whole,
/// with a receipt.
#[utoipa::path(
    post, path = "/api/topup", tag = "balance", request_body = TopupBody,
    params(("Idempotency-Key" = String, Header, description = "Makes the request safe to repeat")),
    responses(
        (status = 201, description = "The checkout", body = CheckoutDocument),
        (status = 400, description = "A member is wrong, or the key is missing", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 409, description = "Nothing here takes this currency, or the key belongs to another request",
            body = ProblemDocument),
    )
)]
pub(super) async fn topup(
    State(PayRoutes(pay)): State<PayRoutes>,
    signed: SignedBody<TopupBody>,
) -> Result<Response, Failure> {
    let SignedBody {
        verified,
        value,
        request,
    } = signed;
    let key = IdempotencyKey::demanded(&request)?;
    let wish = OpeningWish {
        goods: GoodsRef {
            kind: TOPUP.to_owned(),
            id: String::new(),
        },
        buyer: verified.did().clone(),
        success_url: value.success_url.unwrap_or_else(|| "/me".to_owned()),
        cancel_url: value.cancel_url.unwrap_or_else(|| "/me".to_owned()),
        request: Some(BuyerRequest {
            verified,
            body: request.body,
            key: Some(key),
        }),
        means: Means::Rail,
        amount: Some(value.amount),
    };
    let opening = pay.checkout_begin(wish).await?;
    let document = CheckoutDocument::opened(opening.view);
    Ok((StatusCode::CREATED, replayed_headers(opening.replayed), Json(document)).into_response())
}
