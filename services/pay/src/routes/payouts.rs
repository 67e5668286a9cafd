use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use imajin_money::{Amount, Asset, Money};
use imajin_web::{Failure, ProblemDocument, SignedBody, Viewer};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{PayRoutes, replayed_headers};
use crate::PayError;
use crate::context::IdempotencyKey;
use crate::domain::address::AddressView;
use crate::domain::holds::{MoneyRequest, positive};
use crate::domain::payout_list::PayoutView;
use crate::payouts::PayeeView;

/// Where people come back to from the rail.
const RETURN_PATH: &str = "/earnings";

/// The body of `POST /api/connect/onboard`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct OnboardBody {
    /// Where you live: an ISO 3166 country in two capital letters. It cannot be changed later.
    country: String,
}

/// The body of `POST /api/payout`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PayoutBody {
    /// How much: `{"amount": "5.00", "currency": "USD"}`; all of it, if not said.
    #[schema(value_type = Option<Object>)]
    amount: Option<Money>,
    /// The currency, when all of it is to be paid out.
    currency: Option<String>,
}

/// Somebody's payouts, and where they go.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PayeeAnswer {
    /// The account at the rail; none, if it was never set up.
    account: Option<PayeeView>,
    /// Where shares and payouts go on Solana; none, if it was never bound.
    address: Option<AddressView>,
    /// Newest first.
    payouts: Vec<PayoutView>,
}

/// Set up where you are paid
///
/// Makes an account for the signer at the rail that sends money, once, and answers with a link where it is completed.
#[utoipa::path(
    post, path = "/api/connect/onboard", tag = "payouts", request_body = OnboardBody,
    responses(
        (status = 200, description = "The account, with a link", body = PayeeView),
        (status = 400, description = "The country is none", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 402, description = "The rail refuses", body = ProblemDocument),
        (status = 409, description = "Nothing here sends money to payees", body = ProblemDocument),
        (status = 503, description = "The rail is away: try again", body = ProblemDocument),
    )
)]
pub(super) async fn onboard(
    State(PayRoutes(pay)): State<PayRoutes>,
    signed: SignedBody<OnboardBody>,
) -> Result<Json<PayeeView>, Failure> {
    let SignedBody {
        verified,
        value,
        request,
    } = signed;
    let country = value.country;
    if country.len() != 2 || !country.bytes().all(|letter| letter.is_ascii_uppercase()) {
        return Err(PayError::invalid("country", "must be two capital letters, for example DE").into());
    }
    let did = verified.did().clone();
    let view = pay
        .payee_onboard(did, country, RETURN_PATH, (verified, request.body))
        .await?;
    Ok(Json(view))
}

/// Pay out
///
/// Sends what the signer has, or a part of it, to their account at the rail. What they owe is paid first; fiat leaves
/// in whole coins, and the rest stays.
#[utoipa::path(
    post, path = "/api/payout", tag = "payouts", request_body = PayoutBody,
    params(("Idempotency-Key" = String, Header, description = "Makes the request safe to repeat")),
    responses(
        (status = 201, description = "It is on its way", body = PayoutView),
        (status = 400, description = "The amount or the currency is wrong", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 402, description = "The balance is smaller", body = ProblemDocument),
        (status = 409, description = "No account can be paid, or nothing is left to pay out", body = ProblemDocument),
    )
)]
pub(super) async fn payout(
    State(PayRoutes(pay)): State<PayRoutes>,
    signed: SignedBody<PayoutBody>,
) -> Result<Response, Failure> {
    let SignedBody {
        verified,
        value,
        request,
    } = signed;
    let key = IdempotencyKey::demanded(&request)?;
    let (wanted, all) = match (value.amount, value.currency) {
        (Some(amount), None) => (positive("amount", amount)?, false),
        (None, Some(currency)) => {
            let asset: Asset = currency
                .parse()
                .map_err(|error: imajin_money::AssetError| PayError::invalid("currency", error.to_string()))?;
            (Money::new(Amount::ZERO, asset), true)
        }
        _ => return Err(PayError::invalid("amount", "say an amount, or the currency of which all is paid out").into()),
    };
    pay.holdings_collect(&verified.did().clone()).await?;
    let request = MoneyRequest {
        verified,
        body: request.body,
        key,
    };
    let (view, replayed) = pay.payout(request, wanted, all).await?;
    Ok((StatusCode::CREATED, replayed_headers(replayed), Json(view)).into_response())
}

/// Your payouts
#[utoipa::path(
    get, path = "/api/payouts", tag = "payouts",
    responses(
        (status = 200, description = "Where you are paid, and what was", body = PayeeAnswer),
        (status = 401, description = "Not logged in", body = ProblemDocument),
    )
)]
pub(super) async fn payouts(
    State(PayRoutes(pay)): State<PayRoutes>,
    viewer: Viewer,
) -> Result<Json<PayeeAnswer>, Failure> {
    let did = viewer.session_require()?.did.clone();
    Ok(Json(PayeeAnswer {
        account: pay.payee_view(did.clone()).await?,
        address: pay.address_view(did.clone()).await?,
        payouts: pay.payouts_of(did).await?,
    }))
}
