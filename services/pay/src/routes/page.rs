//! The payment page: the sandbox's own, and what leads wallets to Solana. Other rails have theirs on their own hosts.

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{OriginalUri, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use imajin_kernel::id::CheckoutId;
use imajin_kernel::{Code, Problem};
use imajin_money::Money;
use imajin_pay_api::CheckoutState;
use imajin_proof::digest::sha256;
use imajin_rails::{RailOutcome, SANDBOX, SOLANA};
use imajin_ui::{MoneyText, PayState, SandboxPayPage, Shell, did_short, moment, render};
use imajin_web::{Custody, Failure, PathParams, QueryParams, Tier, Viewer, same_origin_require};
use serde::Deserialize;

use super::{PayRoutes, solana};
use crate::rows::CheckoutRow;
use crate::{Pay, PayError};

/// What the page's form posts.
#[derive(Debug, Deserialize)]
pub(crate) struct PayForm {
    token: String,
    outcome: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PageQuery {
    /// The payment has just failed.
    #[serde(default)]
    failed: bool,
}

/// The page. Whoever has its address may pay: a gift is no theft.
pub(super) async fn page(
    State(PayRoutes(pay)): State<PayRoutes>,
    PathParams(id): PathParams<CheckoutId>,
    OriginalUri(uri): OriginalUri,
    viewer: Viewer,
    QueryParams(query): QueryParams<PageQuery>,
) -> Result<Response, Failure> {
    let row = pay.checkout_row(id).await?;
    if row.rail == SOLANA {
        return Ok(solana::page(&pay, &row, uri.path(), &viewer).await?);
    }
    let row = sandbox_row(&pay, id).await?;
    let page = page_of(&pay, &row, uri.path(), &viewer, query.failed)?;
    Ok(render(&page))
}

/// The form with its button's name in the body.
pub(super) async fn form_post(
    State(PayRoutes(pay)): State<PayRoutes>,
    PathParams(id): PathParams<CheckoutId>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    form: Result<Form<PayForm>, FormRejection>,
) -> Result<Response, Failure> {
    let form = form_read(form)?;
    let outcome = form.outcome.clone().unwrap_or_default();
    press(&pay, id, &outcome, uri.path(), &headers, &form).await
}

/// The form with its button's name in the address.
pub(super) async fn button_post(
    State(PayRoutes(pay)): State<PayRoutes>,
    PathParams((id, outcome)): PathParams<(CheckoutId, String)>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    form: Result<Form<PayForm>, FormRejection>,
) -> Result<Response, Failure> {
    let form = form_read(form)?;
    let path = uri
        .path()
        .strip_suffix(&format!("/{outcome}"))
        .unwrap_or(uri.path())
        .to_owned();
    press(&pay, id, &outcome, &path, &headers, &form).await
}

fn form_read(form: Result<Form<PayForm>, FormRejection>) -> Result<PayForm, PayError> {
    match form {
        Ok(Form(form)) => Ok(form),
        Err(_unreadable) => Err(PayError::invalid(
            "token",
            "the form must be sent from the payment page",
        )),
    }
}

async fn press(
    pay: &Pay,
    id: CheckoutId,
    outcome: &str,
    path: &str,
    headers: &HeaderMap,
    form: &PayForm,
) -> Result<Response, Failure> {
    same_origin_require(headers, &pay.site.public)?;
    let outcome = match outcome {
        "pay" => RailOutcome::Paid,
        "fail" => RailOutcome::Failed,
        "leave" => RailOutcome::Cancelled,
        _ => return Err(PayError::invalid("outcome", "must be pay, fail or leave").into()),
    };
    let row = sandbox_row(pay, id).await?;
    // Digests, so that the time of the comparison tells nothing about the token.
    if sha256(form.token.as_bytes()) != sha256(row.form_token.as_bytes()) {
        let problem = Problem::new(Code::CrossSite, "This form is not the one of this payment page.");
        return Err(problem.hint("Open the payment page again and use its button.").into());
    }
    if row.state_at(pay.context.now())? != CheckoutState::Open {
        return Ok(Redirect::to(path).into_response());
    }
    pay.sandbox_press(&row, outcome).await?;
    let public = &pay.site.public;
    let target = match outcome {
        RailOutcome::Failed => format!("{path}?failed=true"),
        RailOutcome::Cancelled => public.absolute(&row.cancel_url),
        _ => match pay.ended_wait(id).await?.state()? {
            CheckoutState::Refunded => path.to_owned(),
            _ => public.absolute(&row.success_url),
        },
    };
    Ok(Redirect::to(&target).into_response())
}

async fn sandbox_row(pay: &Pay, id: CheckoutId) -> Result<CheckoutRow, PayError> {
    let row = pay.checkout_row(id).await?;
    if row.rail != SANDBOX || !pay.context.rails.is_open(SANDBOX) {
        return Err(PayError::NotFound("payment page"));
    }
    Ok(row)
}

fn page_of(
    pay: &Pay,
    row: &CheckoutRow,
    path: &str,
    viewer: &Viewer,
    failed: bool,
) -> Result<SandboxPayPage, PayError> {
    let state = match row.state_at(pay.context.now())? {
        CheckoutState::Open if failed => PayState::Failed,
        CheckoutState::Open => PayState::Open,
        CheckoutState::Paid | CheckoutState::Settled => PayState::Paid,
        CheckoutState::Refunded => PayState::Refunded,
        CheckoutState::Cancelled | CheckoutState::Expired => PayState::Expired,
    };
    let return_url = match state {
        // Once more from the beginning.
        PayState::Failed => path,
        PayState::Open | PayState::Expired => &row.cancel_url,
        PayState::Paid | PayState::Refunded => &row.success_url,
    };
    let price: Money = row.price()?;
    Ok(SandboxPayPage {
        shell: shell_of(pay, path, viewer, true),
        checkout_id: row.id.to_string(),
        title: row.title.clone(),
        description: row.reason.clone().unwrap_or_default(),
        seller_name: did_short(&row.seller_did),
        amount: MoneyText::new(price.decimal(), price.asset.to_string()),
        expires: moment(row.expires_at),
        action: path.to_owned(),
        token: row.form_token.clone(),
        state,
        return_url: return_url.to_owned(),
    })
}

pub(crate) fn shell_of(pay: &Pay, path: &str, viewer: &Viewer, test_money: bool) -> Shell {
    let configured = &pay.context.config.node_name;
    let host = pay.site.public.0.host_str().unwrap_or("this node");
    let viewer = viewer.session.as_ref().map(|session| imajin_ui::Viewer {
        is_operator: session.tier >= Tier::Operator,
        custody_node: session.custody == Custody::Node,
        ..imajin_ui::Viewer::new(session.did.as_str(), session.name.as_deref(), session.handle.as_deref())
    });
    Shell {
        title: "Pay".to_owned(),
        viewer,
        path: path.to_owned(),
        test_money,
        node_name: if configured.is_empty() {
            host.to_owned()
        } else {
            configured.clone()
        },
    }
}
