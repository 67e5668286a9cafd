use std::sync::Arc;

use axum::extract::{RawForm, RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use imajin_kernel::Problem;
use imajin_ui::{LogoutPage, render};
use imajin_web::{Failure, ProblemDocument, Viewer};

use super::pages::{form_action_allow, living, shell_for, to_application};
use crate::auth::Auth;
use crate::oidc::logout::Logout;
use crate::oidc::request::Params;
use crate::routes::browser::{Caller, cookies_clear};

/// Log out at the wish of an application (OpenID Connect RP-Initiated Logout 1.0).
///
/// Whoever shows an ID token of the person who is logged in ends the session at once; otherwise the person is asked.
#[utoipa::path(
    get, path = "/oidc/logout", tag = "openid",
    params(
        ("id_token_hint" = Option<String>, Query, description = "An ID token of this node, however old"),
        ("client_id" = Option<String>, Query, description = "The application"),
        ("post_logout_redirect_uri" = Option<String>, Query, description = "Where to go afterwards, as registered"),
        ("state" = Option<String>, Query, description = "Comes back as it was"),
    ),
    responses(
        (status = 200, description = "A page that asks the person", content_type = "text/html"),
        (status = 303, description = "Logged out"),
        (status = 400, description = "The address to go to is not registered", body = ProblemDocument),
    )
)]
pub(super) async fn logout(
    State(auth): State<Arc<Auth>>,
    viewer: Viewer,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    answer(&auth, &viewer, &query.unwrap_or_default(), false).await
}

/// The page's button, or an application's form.
#[utoipa::path(
    post, path = "/oidc/logout", tag = "openid",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A page that asks the person", content_type = "text/html"),
        (status = 303, description = "Logged out"),
        (status = 400, description = "The address to go to is not registered", body = ProblemDocument),
    )
)]
pub(super) async fn logout_form(
    State(auth): State<Arc<Auth>>,
    caller: Caller,
    viewer: Viewer,
    RawForm(form): RawForm,
) -> Result<Response, Failure> {
    let query = std::str::from_utf8(&form).map_err(|_error| Problem::invalid("The form cannot be read."))?;
    // Only our own page has the button; a form of an application is answered with that page.
    let is_ours = caller.own_page_require().is_ok();
    answer(&auth, &viewer, query, is_ours).await
}

async fn answer(auth: &Auth, viewer: &Viewer, query: &str, is_confirmed: bool) -> Result<Response, Failure> {
    let params = Params::parse(query)?;
    let living = living(auth, viewer).await?;
    let logout = auth.oidc_logout_read(&params, living.as_ref()).await?;
    let Some(living) = living else {
        return Ok(ended(&logout)?);
    };
    if logout.is_certain || is_confirmed {
        auth.session_end(living.id).await?;
        return Ok(ended(&logout)?);
    }
    let field = |name: &str| params.get(name).unwrap_or_default().to_owned();
    let page = LogoutPage {
        shell: shell_for(auth, "Sign out?", &living),
        client_name: logout.client_name.clone(),
        action: "/auth/oidc/logout".to_owned(),
        id_token_hint: field("id_token_hint"),
        client_id: field("client_id"),
        post_logout_redirect_uri: field("post_logout_redirect_uri"),
        state: field("state"),
    };
    let mut response = render(&page);
    if let Some(then) = &logout.then {
        form_action_allow(&mut response, then);
    }
    Ok(response)
}

fn ended(logout: &Logout) -> Result<Response, Problem> {
    let mut response = match &logout.then {
        Some(url) => to_application(url)?,
        None => Redirect::to("/").into_response(),
    };
    response.headers_mut().extend(cookies_clear());
    Ok(response)
}
