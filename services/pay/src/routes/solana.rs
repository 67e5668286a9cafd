//! What wallets of Solana ask, and the page that sends them here.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use imajin_kernel::Problem;
use imajin_kernel::id::CheckoutId;
use imajin_pay_api::CheckoutState;
use imajin_rails::{SOLANA, SolanaDesk, SolanaPage};
use imajin_ui::{MoneyText, SolanaPayPage, SolanaPayState, StrayPayment, did_short, moment, render};
use imajin_web::{Failure, JsonBody, PathParams, ProblemDocument, Viewer};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::PayRoutes;
use super::page::shell_of;
use crate::rows::CheckoutRow;
use crate::{Pay, PayError};

/// Wallets run in browsers and in apps, and call from wherever they are. No cookie takes part.
const CORS: [(HeaderName, HeaderValue); 2] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    ),
];

/// What a browser asks before it sends the request itself.
const PREFLIGHT: [(HeaderName, HeaderValue); 3] = [
    (
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("accept, accept-encoding, content-type"),
    ),
    (
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST"),
    ),
    (header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600")),
];

/// What a wallet sends.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct WalletBody {
    /// The address that will pay and sign.
    account: String,
}

/// What a wallet is told about the node.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WalletInfo {
    /// What the node is called.
    label: String,
    /// Its picture: an absolute address.
    icon: String,
}

/// A transaction for a wallet to sign and to send.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WalletTransaction {
    /// In Base64, unsigned.
    transaction: String,
    /// What is bought.
    message: String,
}

/// How far a payment is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PaymentState {
    /// `open`, `settling`: on the chain and not final; `paid`, `expired`, `refunded`.
    state: String,
    /// How many payments arrived that did not pay.
    strays: usize,
}

/// Adds what lets other origins read an answer, refusals included.
pub(super) async fn open_to_all(mut answer: Response) -> Response {
    for (name, value) in CORS {
        answer.headers_mut().insert(name, value);
    }
    answer
}

fn desk(pay: &Pay) -> Result<&dyn SolanaDesk, PayError> {
    pay.solana.as_deref().ok_or(PayError::NotFound("payment page"))
}

async fn row_of(pay: &Pay, id: CheckoutId) -> Result<CheckoutRow, PayError> {
    let row = pay.checkout_row(id).await?;
    if row.rail == SOLANA && pay.solana.is_some() {
        Ok(row)
    } else {
        Err(PayError::NotFound("payment page"))
    }
}

/// Who is paid
///
/// The first question of a wallet that has scanned the code of a checkout (a transaction request of Solana Pay).
#[utoipa::path(
    get, path = "/solana/{checkout}", tag = "rails",
    params(("checkout" = String, Path, description = "The checkout")),
    responses(
        (status = 200, description = "What the wallet shows", body = WalletInfo),
        (status = 404, description = "No checkout is paid so", body = ProblemDocument),
    )
)]
pub(super) async fn wallet_info(
    State(PayRoutes(pay)): State<PayRoutes>,
    PathParams(id): PathParams<CheckoutId>,
) -> Result<Json<WalletInfo>, Failure> {
    row_of(&pay, id).await?;
    let info = desk(&pay)?.info();
    Ok(Json(WalletInfo {
        label: info.label,
        icon: info.icon,
    }))
}

/// The transaction to sign
///
/// The second question of the wallet: what it is to sign and to send, for its own address. What it costs and who is
/// paid was decided when the checkout was opened.
#[utoipa::path(
    post, path = "/solana/{checkout}", tag = "rails", request_body = WalletBody,
    params(("checkout" = String, Path, description = "The checkout")),
    responses(
        (status = 200, description = "The transaction", body = WalletTransaction),
        (status = 400, description = "The account is none that could sign", body = ProblemDocument),
        (status = 402, description = "It is being paid already, or its time has passed", body = ProblemDocument),
        (status = 404, description = "No checkout is paid so", body = ProblemDocument),
        (status = 429, description = "This checkout was asked for too often", body = ProblemDocument),
        (status = 503, description = "The server of the chain is away: try again", body = ProblemDocument),
    )
)]
pub(super) async fn wallet_transaction(
    State(PayRoutes(pay)): State<PayRoutes>,
    PathParams(id): PathParams<CheckoutId>,
    JsonBody(body): JsonBody<WalletBody>,
) -> Result<Json<WalletTransaction>, Failure> {
    let row = row_of(&pay, id).await?;
    pay.wallets.check(id, pay.context.now())?;
    if row.state_at(pay.context.now())? != CheckoutState::Open {
        let problem = Problem::new(
            imajin_kernel::Code::PaymentFailed,
            "This checkout is not open any more.",
        );
        return Err(problem.hint("Start again at the seller.").into());
    }
    let answer = desk(&pay)?.transaction(id, &body.account, &row.title).await;
    let answer = answer.map_err(PayError::from)?;
    Ok(Json(WalletTransaction {
        transaction: answer.transaction,
        message: answer.message,
    }))
}

/// May other origins ask?
#[utoipa::path(
    options, path = "/solana/{checkout}", tag = "rails",
    params(("checkout" = String, Path, description = "The checkout")),
    responses((status = 204, description = "Any origin may"))
)]
pub(super) async fn wallet_preflight() -> Response {
    (StatusCode::NO_CONTENT, PREFLIGHT).into_response()
}

/// How far a payment is
///
/// What the payment page asks, every other second. Whoever has the address of the page may.
#[utoipa::path(
    get, path = "/solana/{checkout}/state", tag = "rails",
    params(("checkout" = String, Path, description = "The checkout")),
    responses(
        (status = 200, description = "How far it is", body = PaymentState),
        (status = 404, description = "No checkout is paid so", body = ProblemDocument),
    )
)]
pub(super) async fn payment_state(
    State(PayRoutes(pay)): State<PayRoutes>,
    PathParams(id): PathParams<CheckoutId>,
) -> Result<Json<PaymentState>, Failure> {
    let row = row_of(&pay, id).await?;
    let page = desk(&pay)?.page(id, &row.title).await.map_err(PayError::from)?;
    Ok(Json(PaymentState {
        state: state_of(&pay, &row, &page)?.name().to_owned(),
        strays: page.strays.len(),
    }))
}

fn state_of(pay: &Pay, row: &CheckoutRow, page: &SolanaPage) -> Result<SolanaPayState, PayError> {
    Ok(match row.state_at(pay.context.now())? {
        CheckoutState::Paid | CheckoutState::Settled => SolanaPayState::Paid,
        CheckoutState::Refunded => SolanaPayState::Refunded,
        CheckoutState::Open | CheckoutState::Cancelled | CheckoutState::Expired if page.is_settling => {
            SolanaPayState::Settling
        }
        CheckoutState::Open => SolanaPayState::Open,
        CheckoutState::Cancelled | CheckoutState::Expired => SolanaPayState::Expired,
    })
}

/// The payment page of a checkout on Solana.
pub(super) async fn page(pay: &Pay, row: &CheckoutRow, path: &str, viewer: &Viewer) -> Result<Response, PayError> {
    let row = row_of(pay, row.id).await?;
    let desk = desk(pay)?;
    let page = desk.page(row.id, &row.title).await?;
    let state = state_of(pay, &row, &page)?;
    let price = row.price()?;
    let strays = page.strays.into_iter().map(|stray| StrayPayment {
        problem: stray.problem,
        signature: stray.signature,
        when: moment(stray.time),
    });
    Ok(render(&SolanaPayPage {
        shell: shell_of(pay, path, viewer, desk.is_test()),
        checkout_id: row.id.to_string(),
        title: row.title.clone(),
        seller_name: did_short(&row.seller_did),
        amount: MoneyText::new(price.decimal(), price.asset.to_string()),
        expires: moment(row.expires_at),
        transaction_url: page.transaction_url,
        transfer_url: page.transfer_url,
        form: page.form,
        strays: strays.collect(),
        return_url: match state {
            SolanaPayState::Open | SolanaPayState::Expired => row.cancel_url,
            SolanaPayState::Settling | SolanaPayState::Paid | SolanaPayState::Refunded => row.success_url,
        },
        reason: row.reason.unwrap_or_default(),
        state,
    }))
}
