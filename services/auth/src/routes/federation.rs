//! Signing in at a node with an identity of another one: the pages of both sides.

use std::sync::Arc;

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use imajin_auth_api::CustodialSign;
use imajin_kernel::{Code, Problem};
use imajin_proof::SignedMessage;
use imajin_ui::{MessagePage, VisitConsentPage, VisitStartPage, render, render_status};
use imajin_web::{Custody, Failure, ProblemDocument, QueryParams, SignedBody, Viewer};
use serde::{Deserialize, Serialize};
use url::{Url, form_urlencoded};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Surroundings;
use super::browser::{Caller, FormBody};
use super::oidc::pages::{form_action_allow, living, living_require, no_store, shell_for, to_application};
use super::onboard::page_shell;
use crate::auth::Auth;
use crate::federation::home::{Asking, VisitBody};
use crate::federation::{MESSAGE_TYPE, REQUEST_LIFETIME};
use crate::mailbox::local_path_or_home;
use crate::sessions::Living;

const LOGIN_PATH: &str = "/auth/federation/login";
const SIGNED_PATH: &str = "/auth/api/federation/allow";
const COOKIE: &str = "__Host-imajin_visit";

pub(super) fn routes() -> OpenApiRouter<Surroundings> {
    OpenApiRouter::new()
        .routes(routes!(start_page, start))
        .routes(routes!(callback))
        .routes(routes!(asked))
        .routes(routes!(answered))
        .routes(routes!(allow))
}

/// Where to go afterwards.
#[derive(Debug, Deserialize)]
struct StartQuery {
    #[serde(default)]
    next: Option<String>,
    #[serde(default)]
    home: Option<String>,
}

/// Where is your home?
#[utoipa::path(
    get, path = "/federation/login", tag = "federation",
    params(("next" = Option<String>, Query, description = "A path of this node to go to afterwards")),
    responses((status = 200, description = "A page with a form", content_type = "text/html"))
)]
async fn start_page(State(auth): State<Arc<Auth>>, QueryParams(query): QueryParams<StartQuery>) -> Response {
    render(&VisitStartPage {
        shell: page_shell(&auth, "Sign in with your own node", "/login"),
        action: LOGIN_PATH.to_owned(),
        next: local_path_or_home(query.next),
        home: query.home.unwrap_or_default(),
    })
}

/// The form of the page.
#[derive(Debug, Deserialize, ToSchema)]
struct StartForm {
    /// `handle@host`, a did:web or a URL.
    home: String,
    /// A path of this node to go to afterwards.
    #[serde(default)]
    next: Option<String>,
}

/// Send somebody home, with a request that this node has signed.
#[utoipa::path(
    post, path = "/federation/login", tag = "federation",
    request_body(content = StartForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "To the other node"),
        (status = 400, description = "Not the address of a node", body = ProblemDocument),
        (status = 403, description = "A foreign page asked", body = ProblemDocument),
        (status = 503, description = "The other node does not answer", body = ProblemDocument),
    )
)]
async fn start(
    State(auth): State<Arc<Auth>>,
    caller: Caller,
    FormBody(form): FormBody<StartForm>,
) -> Result<Response, Failure> {
    caller.own_page_require()?;
    let departure = auth.visit_start(&form.home, local_path_or_home(form.next)).await?;
    let seconds = REQUEST_LIFETIME.as_seconds();
    let cookie = format!(
        "{COOKIE}={}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax",
        departure.kept
    );
    let cookie = HeaderValue::from_str(&cookie).map_err(|_error| Problem::internal())?;
    let mut response = leave_page(&auth, &departure.url)?;
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

/// A page that goes on by itself: a redirect to wherever would need a page without `form-action` in its policy.
fn leave_page(auth: &Auth, url: &str) -> Result<Response, Problem> {
    let host = host_of(url);
    let page = MessagePage {
        shell: page_shell(auth, "To your own node", "/login"),
        heading: format!("On to {host}"),
        paragraphs: vec!["Your own node asks you there whether you want to sign in here.".to_owned()],
        link: Some(imajin_ui::Link {
            href: url.to_owned(),
            text: "Continue".to_owned(),
        }),
    };
    let mut response = render(&page);
    let refresh = HeaderValue::from_str(&format!("0; url={url}")).map_err(|_error| Problem::internal())?;
    response.headers_mut().insert(header::REFRESH, refresh);
    Ok(response)
}

/// The answer of somebody's home.
#[derive(Debug, Deserialize)]
struct CallbackQuery {
    #[serde(default)]
    statement: Option<String>,
    #[serde(default)]
    error: Option<String>,
}

fn cookie_of(headers: &HeaderMap) -> Option<&str> {
    let lines = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut pairs = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _value)| *name == COOKIE).map(|(_name, value)| value)
}

/// Back from home: the statement is checked and spent, and a session opened.
#[utoipa::path(
    get, path = "/federation/callback", tag = "federation",
    params(("statement" = Option<String>, Query, description = "What the home says")),
    responses(
        (status = 303, description = "Signed in; on to where the person wanted to go"),
        (status = 401, description = "The statement does not count here", body = ProblemDocument),
        (status = 403, description = "Registered here, or from another node", body = ProblemDocument),
    )
)]
async fn callback(
    State(auth): State<Arc<Auth>>,
    caller: Caller,
    headers: HeaderMap,
    QueryParams(query): QueryParams<CallbackQuery>,
) -> Result<Response, Failure> {
    let visit = cookie_of(&headers).and_then(|kept| auth.visit_open(kept));
    let visit = visit.ok_or_else(|| {
        Problem::new(
            Code::Unauthenticated,
            "This browser has not asked to sign in with another node, or too long ago.",
        )
        .hint("Sign in once more.")
    })?;
    let Some(statement) = query.statement.filter(|_statement| query.error.is_none()) else {
        return Ok(said_no(&auth));
    };
    let opened = auth.visit_finish(&visit, &statement, caller.client()).await?;
    let mut response = no_store(Redirect::to(&visit.next).into_response());
    response.headers_mut().extend(caller.session_cookie(&opened.token));
    response.headers_mut().append(
        header::SET_COOKIE,
        HeaderValue::from_static("__Host-imajin_visit=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"),
    );
    Ok(response)
}

fn said_no(auth: &Auth) -> Response {
    render(&MessagePage {
        shell: page_shell(auth, "You are not signed in", "/login"),
        heading: "You are not signed in".to_owned(),
        paragraphs: vec!["You said no at your own node. Nothing has happened.".to_owned()],
        link: Some(imajin_ui::Link {
            href: "/login".to_owned(),
            text: "Sign in in another way".to_owned(),
        }),
    })
}

/// The request of another node.
#[derive(Debug, Deserialize)]
struct AskedQuery {
    request: String,
}

/// At home: do you want to sign in over there?
#[utoipa::path(
    get, path = "/federation/authorize", tag = "federation",
    params(("request" = String, Query, description = "What the other node asks, signed by it")),
    responses(
        (status = 200, description = "A page that asks the person", content_type = "text/html"),
        (status = 303, description = "To the login page first"),
        (status = 401, description = "The request is not signed by the node that it names", body = ProblemDocument),
    )
)]
async fn asked(
    State(auth): State<Arc<Auth>>,
    OriginalUri(uri): OriginalUri,
    viewer: Viewer,
    QueryParams(query): QueryParams<AskedQuery>,
) -> Result<Response, Failure> {
    // First the person, then the other node: a stranger makes this node fetch nothing.
    let Some(living) = living(&auth, &viewer).await? else {
        let back = uri.path_and_query().map_or("/", axum::http::uri::PathAndQuery::as_str);
        let next: String = form_urlencoded::byte_serialize(back.as_bytes()).collect();
        return Ok(Redirect::to(&format!("/login?next={next}")).into_response());
    };
    let asking = auth.asking_read(&query.request).await?;
    let page = VisitConsentPage {
        shell: shell_for(&auth, "Sign in at another node", &living),
        visited_host: host_of(&asking.peer.origin),
        visited_did: asking.peer.did.to_string(),
        home_did: auth.node_web_did().to_string(),
        nonce: asking.request.nonce.clone(),
        request: query.request,
        now_millis: auth.env.now().as_millis(),
        action: "/auth/federation/consent".to_owned(),
    };
    let mut response = render(&page);
    form_action_allow(&mut response, &asking.request.return_to);
    Ok(response)
}

fn host_of(origin: &str) -> String {
    let url: Option<Url> = origin.parse().ok();
    url.and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_else(|| origin.to_owned())
}

/// The form of that page.
#[derive(Debug, Deserialize, ToSchema)]
struct AnswerForm {
    /// As it came.
    request: String,
    /// `allow` or `deny`.
    decision: String,
}

/// The page's form: anybody may say no with it, and whose key the node keeps may say yes.
#[utoipa::path(
    post, path = "/federation/consent", tag = "federation",
    request_body(content = AnswerForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "Back to the other node"),
        (status = 403, description = "A foreign page asked, or the person must sign", body = ProblemDocument),
    )
)]
async fn answered(
    State(state): State<Surroundings>,
    caller: Caller,
    viewer: Viewer,
    FormBody(form): FormBody<AnswerForm>,
) -> Result<Response, Failure> {
    caller.own_page_require()?;
    let auth = &state.auth;
    let living = living_require(auth, &viewer).await?;
    let asking = auth.asking_read(&form.request).await?;
    if form.decision != "allow" {
        return Ok(to_application(&asking.answer_url("error", "access_denied"))?);
    }
    if living.identity.custody == Custody::Own {
        return Ok(key_needed(auth, &living));
    }
    let url = allow_for_soft(&state, &viewer, &living, &asking, form.request).await?;
    Ok(to_application(&url)?)
}

/// The node signs both with the key that it keeps for the person.
async fn allow_for_soft(
    state: &Surroundings,
    viewer: &Viewer,
    living: &Living,
    asking: &Asking,
    request: String,
) -> Result<String, Failure> {
    let auth = &state.auth;
    let did = living.identity.did.clone();
    let key = auth.custodial_key(&did).await?;
    let payload = serde_json::to_value(auth.login_payload(asking)).map_err(|_error| Problem::internal())?;
    let to = Some(asking.peer.did.clone());
    let message = SignedMessage::sign(&key, did, MESSAGE_TYPE, to, auth.env.now(), payload);
    let body = VisitBody {
        request,
        message: message.map_err(crate::AuthError::from)?,
    };
    let to_sign = CustodialSign {
        token: viewer.token.clone().unwrap_or_default(),
        method: "POST".to_owned(),
        target_uri: auth.public.absolute(SIGNED_PATH),
        idempotency_key: None,
        body: serde_json::to_string(&body).map_err(|_error| Problem::internal())?,
    };
    let signed = auth.request_sign(&to_sign).await?;
    let verified = state.site.verify(&signed, "POST", &to_sign.target_uri).await?;
    Ok(auth.visit_allow(living, &verified, &body, signed.body).await?)
}

fn key_needed(auth: &Auth, living: &Living) -> Response {
    let page = MessagePage {
        shell: shell_for(auth, "Your key must sign this", living),
        heading: "Your key must sign this".to_owned(),
        paragraphs: vec![
            "You hold your own key, so nobody can sign in elsewhere in your name: not even this node. Your browser \
             signs your answer with it, and it needs JavaScript for that. Nothing has happened."
                .to_owned(),
        ],
        link: None,
    };
    render_status(StatusCode::FORBIDDEN, &page)
}

/// Where the browser goes next.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AllowAnswer {
    /// Back to the other node, with the statement.
    redirect_to: String,
}

/// At home: yes, sign me in over there. Signed (RFC 9421) by whoever is logged in.
#[utoipa::path(
    post, path = "/api/federation/allow", tag = "federation",
    request_body = VisitBody,
    responses(
        (status = 200, description = "Noted; where to go next", body = AllowAnswer),
        (status = 401, description = "Not signed, not well, or nobody is logged in", body = ProblemDocument),
    )
)]
async fn allow(
    State(state): State<Surroundings>,
    viewer: Viewer,
    signed: SignedBody<VisitBody>,
) -> Result<Json<AllowAnswer>, Failure> {
    let living = living_require(&state.auth, &viewer).await?;
    let redirect_to = state
        .auth
        .visit_allow(&living, &signed.verified, &signed.value, signed.request.body)
        .await?;
    Ok(Json(AllowAnswer { redirect_to }))
}
