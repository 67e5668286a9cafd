use std::sync::Arc;

use axum::extract::{RawForm, RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use imajin_kernel::Problem;
use imajin_ui::{ConsentPage, ConsentScope, render};
use imajin_web::{Failure, ProblemDocument, Viewer};
use url::{Url, form_urlencoded};

use super::pages::{form_action_allow, living, no_store, shell_for, to_application};
use crate::auth::Auth;
use crate::oidc::authorize::{PATH, Question, Step};
use crate::sessions::Living;

/// Sign in at an application: the start of the code flow (OpenID Connect Core, section 3.1.2).
#[utoipa::path(
    get, path = "/oidc/authorize", tag = "openid",
    params(
        ("client_id" = String, Query, description = "The application"),
        ("redirect_uri" = String, Query, description = "Where the answer goes, as it is registered"),
        ("response_type" = String, Query, description = "code"),
        ("scope" = String, Query, description = "openid, and what else is asked for"),
        ("code_challenge" = String, Query, description = "PKCE, by S256"),
        ("code_challenge_method" = String, Query, description = "S256"),
        ("state" = Option<String>, Query, description = "Comes back as it was"),
        ("nonce" = Option<String>, Query, description = "Stands in the ID token"),
        ("prompt" = Option<String>, Query, description = "none, login, consent"),
        ("max_age" = Option<String>, Query, description = "Seconds since the login, at most"),
    ),
    responses(
        (status = 200, description = "A page that asks the person", content_type = "text/html"),
        (status = 303, description = "To the login page, or back to the application with a code or an error"),
        (status = 400, description = "The application or its redirect URI is unknown", body = ProblemDocument),
    )
)]
pub(super) async fn authorize(
    State(auth): State<Arc<Auth>>,
    viewer: Viewer,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let living = living(&auth, &viewer).await?;
    let step = auth.oidc_authorize(&query.unwrap_or_default(), living.clone()).await?;
    Ok(match (step, living) {
        (Step::Ask(question), Some(living)) => consent_page(&auth, &question, &living),
        (Step::Answer(url), _) => to_application(&url)?,
        (Step::Login(back), _) => to_login(&back),
        (Step::Ask(_), None) => return Err(Problem::internal().into()),
    })
}

/// The same as a posted form. It goes on as a GET: a browser sends no cookie with a form of another site.
#[utoipa::path(
    post, path = "/oidc/authorize", tag = "openid",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 303, description = "The same request as a GET"))
)]
pub(super) async fn authorize_form(RawForm(form): RawForm) -> Result<Response, Failure> {
    let query = std::str::from_utf8(&form).map_err(|_error| Problem::invalid("The form cannot be read."))?;
    // Written anew, so that nothing but a query can come of it.
    let pairs = form_urlencoded::parse(query.as_bytes());
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    Ok(Redirect::to(&format!("{PATH}?{query}")).into_response())
}

fn to_login(back: &str) -> Response {
    let next: String = form_urlencoded::byte_serialize(back.as_bytes()).collect();
    no_store(Redirect::to(&format!("/login?next={next}")).into_response())
}

fn consent_page(auth: &Auth, question: &Question, living: &Living) -> Response {
    let asked = &question.asked;
    let scopes = question.available.iter().map(|scope| ConsentScope {
        name: scope.as_str().to_owned(),
        text: scope.sentence().to_owned(),
        is_optional: scope.is_optional(),
        // A mailbox is told only to whom its owner chooses: nothing is ticked beforehand.
        is_ticked: scope != crate::oidc::scope::Scope::Email,
    });
    let page = ConsentPage {
        shell: shell_for(auth, "Sign in at an application", living),
        client_name: question.client.name.clone(),
        client_id: asked.client_id.clone(),
        goes_to: place_of(&asked.answer_to.redirect_uri),
        redirect_uri: asked.answer_to.redirect_uri.clone(),
        asked: asked.scope.clone(),
        scopes: scopes.collect(),
        request: question.pending.clone(),
        action: "/auth/oidc/consent".to_owned(),
    };
    let mut response = render(&page);
    form_action_allow(&mut response, &asked.answer_to.redirect_uri);
    response
}

/// Where an answer goes, for a person: the host, or the scheme of an application on this device.
fn place_of(uri: &str) -> String {
    let url = Url::parse(uri).ok();
    url.map_or_else(
        || uri.to_owned(),
        |url| url.host_str().map_or_else(|| url.scheme().to_owned(), str::to_owned),
    )
}
