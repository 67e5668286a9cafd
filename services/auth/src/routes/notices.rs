//! Mail about what has happened: whether somebody wants it, and for the operator what was not sent; a page for both.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use imajin_kernel::id::NoticeId;
use imajin_kernel::{Problem, Timestamp};
use imajin_ui::{NoticeItem, NoticesPage, did_short, moment, render};
use imajin_web::{
    Authorised, Failure, OperatorTier, PathParams, ProblemDocument, QueryParams, SignedBody, SoftTier, Tier, Viewer,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Surroundings;
use super::access::soft_require;
use super::browser::{Caller, FormBody};
use super::oidc::pages::{living, shell_for};
use super::passkeys::soft_sign;
use crate::auth::Auth;
use crate::notices::{FAILED, PAGE, SettingBody};
use crate::rows::NoticeRow;

const SETTING: &str = "/auth/api/notices/setting";

pub(super) fn routes() -> OpenApiRouter<Surroundings> {
    OpenApiRouter::new()
        .routes(routes!(setting, setting_set))
        .routes(routes!(unsent))
        .routes(routes!(retry))
        .routes(routes!(page, setting_set_for_soft))
}

/// What somebody is told by mail.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NoticeSetting {
    /// Whether they want to be told by mail of receipts, refunds, payouts and debts.
    mail: bool,
    /// To how many mailboxes it goes.
    mailboxes: usize,
}

/// A notice that was not sent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UnsentNotice {
    /// Its identifier.
    #[schema(value_type = String)]
    id: NoticeId,
    /// Its subject.
    subject: String,
    /// `waiting`: it is tried again; `failed`: it was given up.
    state: String,
    /// Why it was not sent the last time.
    problem: Option<String>,
    /// How often it was tried.
    attempts: i32,
    /// When it was told.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it is tried again; none when it was given up.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_at: Option<Timestamp>,
}

impl From<NoticeRow> for UnsentNotice {
    fn from(row: NoticeRow) -> Self {
        Self {
            next_at: (row.state != FAILED).then_some(row.due_at),
            id: row.id,
            subject: row.subject,
            state: row.state,
            problem: row.problem,
            attempts: row.attempts,
            created_at: row.created_at,
        }
    }
}

/// What was not sent.
#[derive(Debug, Serialize, ToSchema)]
struct UnsentNotices {
    /// What was given up first, then what is tried again; at most 200.
    notices: Vec<UnsentNotice>,
}

/// Whether one is told by mail.
#[utoipa::path(
    get, path = "/api/notices/setting", tag = "notices",
    responses(
        (status = 200, description = "What the caller wants, and their mailboxes", body = NoticeSetting),
        (status = 401, description = "Not logged in", body = ProblemDocument),
    )
)]
async fn setting(State(auth): State<Arc<Auth>>, viewer: Viewer) -> Result<Json<NoticeSetting>, Failure> {
    let (mail, mailboxes) = auth.notice_setting(&viewer.session_require()?.did).await?;
    Ok(Json(NoticeSetting { mail, mailboxes }))
}

/// Want mail, or no more. Signed (RFC 9421). Links to sign in are sent in any case: they are asked for.
#[utoipa::path(
    post, path = "/api/notices/setting", tag = "notices", request_body = SettingBody,
    responses(
        (status = 200, description = "As it is now", body = NoticeSetting),
        (status = 401, description = "Not signed, or not well", body = ProblemDocument),
        (status = 403, description = "Nobody who is registered here", body = ProblemDocument),
    )
)]
async fn setting_set(
    State(auth): State<Arc<Auth>>,
    signed: SignedBody<SettingBody, Authorised<SoftTier>>,
) -> Result<Json<NoticeSetting>, Failure> {
    auth.notice_setting_set(&signed.verified, signed.value, signed.request.body)
        .await?;
    let (mail, mailboxes) = auth.notice_setting(signed.verified.did()).await?;
    Ok(Json(NoticeSetting { mail, mailboxes }))
}

/// Notices that were not sent, and why. For the operator.
#[utoipa::path(
    get, path = "/api/notices", tag = "notices",
    responses(
        (status = 200, description = "What was given up, and what is tried again", body = UnsentNotices),
        (status = 401, description = "Not logged in", body = ProblemDocument),
        (status = 403, description = "Not the operator", body = ProblemDocument),
    )
)]
async fn unsent(State(auth): State<Arc<Auth>>, viewer: Viewer) -> Result<Json<UnsentNotices>, Failure> {
    viewer.operator_require()?;
    let rows = auth.notices_unsent().await?;
    Ok(Json(UnsentNotices {
        notices: rows.into_iter().map(UnsentNotice::from).collect(),
    }))
}

/// Try a notice again at once. Signed (RFC 9421) by the operator.
#[utoipa::path(
    post, path = "/api/notices/{id}/retry", tag = "notices",
    params(("id" = String, Path, description = "The notice")),
    request_body(content = Object, description = "An empty object"),
    responses(
        (status = 200, description = "It will be sent", body = UnsentNotice),
        (status = 401, description = "Not signed, or not well", body = ProblemDocument),
        (status = 403, description = "Not the operator", body = ProblemDocument),
        (status = 404, description = "There is no such notice, or it was sent", body = ProblemDocument),
    )
)]
async fn retry(
    State(auth): State<Arc<Auth>>,
    PathParams(id): PathParams<NoticeId>,
    signed: SignedBody<serde_json::Value, Authorised<OperatorTier>>,
) -> Result<Json<UnsentNotice>, Failure> {
    let row = auth.notice_retry(&signed.verified, id, signed.request.body).await?;
    Ok(Json(row.into()))
}

/// Whether the page comes after the form.
#[derive(Debug, Default, Deserialize)]
struct AfterQuery {
    saved: Option<String>,
}

/// What one is told by mail.
#[utoipa::path(
    get, path = "/notices", tag = "notices",
    responses(
        (status = 200, description = "A page; the operator sees what was not sent", content_type = "text/html"),
        (status = 303, description = "To the login page first"),
    )
)]
async fn page(
    State(auth): State<Arc<Auth>>,
    viewer: Viewer,
    QueryParams(after): QueryParams<AfterQuery>,
) -> Result<Response, Failure> {
    let Some(living) = living(&auth, &viewer).await? else {
        return Ok(Redirect::to("/login?next=%2Fauth%2Fnotices").into_response());
    };
    let (mail, mailboxes) = auth.notice_setting(&living.identity.did).await?;
    let unsent = match living.identity.tier {
        Tier::Operator => Some(auth.notices_unsent().await?.iter().map(item).collect()),
        _ => None,
    };
    let mut shell = shell_for(&auth, "Mail to you", &living);
    PAGE.clone_into(&mut shell.path);
    Ok(render(&NoticesPage {
        shell,
        mail,
        mailboxes,
        is_saved: after.saved.is_some(),
        unsent,
    }))
}

fn item(row: &NoticeRow) -> NoticeItem {
    NoticeItem {
        id: row.id.to_string(),
        subject: row.subject.clone(),
        short_did: did_short(row.did.as_str()),
        problem: row.problem.clone().unwrap_or_default(),
        attempts: row.attempts,
        next: (row.state != FAILED).then(|| moment(row.due_at)),
        created: moment(row.created_at),
    }
}

/// The form of the page.
#[derive(Debug, Deserialize, ToSchema)]
struct SettingForm {
    /// `on` or `off`.
    mail: String,
}

/// Want mail, or no more, for whoever's key the node keeps.
#[utoipa::path(
    post, path = "/notices", tag = "notices",
    request_body(content = SettingForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "Kept; back to the page"),
        (status = 400, description = "Neither on nor off", body = ProblemDocument),
        (status = 401, description = "Nobody is logged in", body = ProblemDocument),
        (status = 403, description = "A foreign page asked, or the person must sign", body = ProblemDocument),
    )
)]
async fn setting_set_for_soft(
    State(state): State<Surroundings>,
    caller: Caller,
    viewer: Viewer,
    FormBody(form): FormBody<SettingForm>,
) -> Result<Redirect, Failure> {
    soft_require(&state.auth, &caller, &viewer).await?;
    let mail = match form.mail.as_str() {
        "on" => true,
        "off" => false,
        _ => return Err(Problem::invalid("mail: on or off.").into()),
    };
    let text = json!({"mail": mail}).to_string();
    let (verified, raw) = soft_sign(&state, &viewer, "POST", SETTING, text).await?;
    state
        .auth
        .notice_setting_set(&verified, SettingBody { mail }, raw)
        .await?;
    Ok(Redirect::to("/auth/notices?saved=1"))
}
