use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequest, OriginalUri, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use imajin_kernel::Timestamp;
use imajin_ui::{CheckMailboxPage, OnboardConfirmPage, Shell, render};
use imajin_web::{Failure, JsonBody, PeerAddress, ProblemDocument, QueryParams};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Surroundings;
use super::browser::{Caller, FormBody};
use crate::auth::Auth;
use crate::mailbox::LIFETIME;

/// A mailbox to prove.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct OnboardBody {
    /// The address.
    #[schema(example = "ada@example.org")]
    email: String,
    /// A path of this node to go to afterwards.
    #[serde(default)]
    next: Option<String>,
}

/// A link is on its way, if the mailbox exists.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct OnboardAnswer {
    /// When the link stops working.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// Whether the message waits in the development mailbox of this node instead of being sent.
    development_mailbox: bool,
}

/// The token of a link.
#[derive(Debug, Deserialize)]
pub(super) struct LinkQuery {
    /// The token.
    token: String,
}

/// The confirmation.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ConfirmForm {
    /// The token of the link.
    token: String,
}

/// Send a login link to a mailbox.
///
/// JSON gets JSON; the form of a page of this node gets a page. The answer is the same whether or not the mailbox is
/// known.
#[utoipa::path(
    post, path = "/api/onboard", tag = "mailbox",
    request_body = OnboardBody,
    responses(
        (status = 200, description = "A link is on its way, if the mailbox exists", body = OnboardAnswer),
        (status = 400, description = "Not a mailbox, or a path that leads away", body = ProblemDocument),
        (status = 429, description = "Enough links were sent for now", body = ProblemDocument),
    )
)]
pub(super) async fn onboard_send(
    State(state): State<Surroundings>,
    caller: Caller,
    request: Request,
) -> Result<Response, Failure> {
    if let Some(address) = PeerAddress::counted(request.extensions()) {
        state.auth.links_asked.count(address, state.auth.env.now())?;
    }
    if !is_form(&request) {
        let JsonBody(body) = JsonBody::<OnboardBody>::from_request(request, &state).await?;
        let sent = state.auth.mailbox_link_send(&body.email, body.next).await?;
        let answer = OnboardAnswer {
            expires_at: sent.expires_at,
            development_mailbox: sent.development_mailbox,
        };
        return Ok(Json(answer).into_response());
    }
    caller.own_page_require()?;
    let FormBody(body) = FormBody::<OnboardBody>::from_request(request, &state).await?;
    let next = body.next.filter(|next| !next.is_empty());
    let sent = state.auth.mailbox_link_send(&body.email, next).await?;
    Ok(render(&CheckMailboxPage {
        shell: page_shell(&state.auth, "Look into your mailbox", "/login"),
        email: body.email,
        minutes_valid: u32::try_from(LIFETIME.as_seconds() / 60).unwrap_or(0),
        is_dev_mailbox: sent.development_mailbox,
    }))
}

fn is_form(request: &Request) -> bool {
    let media_type = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    media_type.is_some_and(|text| {
        text.to_ascii_lowercase()
            .starts_with("application/x-www-form-urlencoded")
    })
}

pub(super) fn page_shell(auth: &Auth, title: &str, path: &str) -> Shell {
    let configured = &auth.options.node_name;
    Shell {
        title: title.to_owned(),
        path: path.to_owned(),
        test_money: auth.options.test_money,
        node_name: if configured.is_empty() {
            auth.public.0.host_str().unwrap_or("this node").to_owned()
        } else {
            configured.clone()
        },
        ..Shell::default()
    }
}

/// The page behind a login link.
///
/// It asks for a confirmation and consumes nothing, because mail scanners open links.
#[utoipa::path(
    get, path = "/onboard", tag = "mailbox",
    params(("token" = String, Query, description = "The token of the link")),
    responses(
        (status = 200, description = "A page with a button", content_type = "text/html"),
        (status = 410, description = "The link has expired or was used", body = ProblemDocument),
    )
)]
pub(super) async fn onboard_page(
    State(auth): State<Arc<Auth>>,
    OriginalUri(uri): OriginalUri,
    QueryParams(query): QueryParams<LinkQuery>,
) -> Result<Response, Failure> {
    let pending = auth.mailbox_link_peek(&query.token).await?;
    let page = OnboardConfirmPage {
        shell: page_shell(&auth, "Is this your mailbox?", "/login"),
        mailbox_hint: pending.mailbox_hint,
        token: query.token,
        next: pending.next,
        action: uri.path().to_owned(),
    };
    let mut response = render(&page);
    // The address holds the token.
    response
        .headers_mut()
        .insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

/// Confirm a login link: it is used up, and the mailbox is logged in.
#[utoipa::path(
    post, path = "/onboard", tag = "mailbox",
    request_body(content = ConfirmForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "Logged in; on to where the link was asked for"),
        (status = 403, description = "A foreign page asked", body = ProblemDocument),
        (status = 410, description = "The link has expired or was used", body = ProblemDocument),
    )
)]
pub(super) async fn onboard_confirm(
    State(auth): State<Arc<Auth>>,
    caller: Caller,
    FormBody(form): FormBody<ConfirmForm>,
) -> Result<Response, Failure> {
    caller.own_page_require()?;
    let used = auth.mailbox_link_use(&form.token, caller.client()).await?;
    Ok((caller.session_cookie(&used.opened.token), Redirect::to(&used.next)).into_response())
}
