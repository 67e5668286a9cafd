//! What the pages that lead to somebody else have in common.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use imajin_kernel::Problem;
use imajin_web::{Custody, Failure, Tier, Viewer};
use url::Url;

use crate::AuthError;
use crate::auth::Auth;
use crate::routes::onboard::page_shell;
use crate::sessions::Living;

/// The living session of whoever looks.
pub(in crate::routes) async fn living(auth: &Auth, viewer: &Viewer) -> Result<Option<Living>, AuthError> {
    match viewer.token.as_deref() {
        Some(token) => auth.session_resolve(token).await,
        None => Ok(None),
    }
}

/// The same, or a refusal that says how to get one.
pub(in crate::routes) async fn living_require(auth: &Auth, viewer: &Viewer) -> Result<Living, Failure> {
    viewer.session_require()?;
    Ok(living(auth, viewer).await?.ok_or(AuthError::SessionEnded)?)
}

/// A redirect with a code in it: nobody may keep it, and the next page must not learn where it came from.
pub(in crate::routes) fn to_application(url: &str) -> Result<Response, Problem> {
    let location = HeaderValue::from_str(url).map_err(|_error| {
        tracing::error!("an answer to an application is no address");
        Problem::internal()
    })?;
    let mut response = no_store((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response());
    response
        .headers_mut()
        .insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

pub(in crate::routes) fn no_store(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The frame of a page, with who looks at it.
pub(in crate::routes) fn shell_for(auth: &Auth, title: &str, living: &Living) -> imajin_ui::Shell {
    let identity = &living.identity;
    let viewer = imajin_ui::Viewer::new(
        identity.did.as_str(),
        identity.name.as_deref(),
        identity.handle.as_deref(),
    );
    imajin_ui::Shell {
        viewer: Some(imajin_ui::Viewer {
            is_operator: identity.tier == Tier::Operator,
            custody_node: identity.custody == Custody::Node,
            ..viewer
        }),
        ..page_shell(auth, title, "/login")
    }
}

/// A form's answer is a redirect to the application, and browsers hold that against `form-action`, too.
pub(in crate::routes) fn form_action_allow(response: &mut Response, uri: &str) {
    let Ok(url) = Url::parse(uri) else { return };
    let source = match url.origin() {
        url::Origin::Opaque(_) => format!("{}:", url.scheme()),
        origin @ url::Origin::Tuple(..) => origin.ascii_serialization(),
    };
    let policy =
        imajin_ui::CONTENT_SECURITY_POLICY.replace("form-action 'self'", &format!("form-action 'self' {source}"));
    if let Ok(value) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, value);
    }
}
