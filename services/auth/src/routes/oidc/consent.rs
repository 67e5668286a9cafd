use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use imajin_auth_api::CustodialSign;
use imajin_kernel::Problem;
use imajin_ui::{MessagePage, render_status};
use imajin_web::{Custody, Failure, ProblemDocument, SignedBody, Viewer};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::pages::{form_action_allow, living_require, shell_for, to_application};
use crate::auth::Auth;
use crate::oidc::error::OauthError;
use crate::oidc::grants::ConsentBody;
use crate::oidc::request::pending_open;
use crate::oidc::scope::{Scope, Scopes};
use crate::routes::Surroundings;
use crate::routes::browser::Caller;
use crate::sessions::Living;

const SIGNED_PATH: &str = "/auth/api/oidc/consent";

/// Where the browser goes next.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConsentAnswer {
    /// Back to the application, with its code.
    redirect_to: String,
}

/// Allow an application what it asks for. Signed (RFC 9421) by whoever is logged in.
#[utoipa::path(
    post, path = "/api/oidc/consent", tag = "openid",
    request_body = ConsentBody,
    responses(
        (status = 200, description = "Noted; where to go next", body = ConsentAnswer),
        (status = 401, description = "Not signed, not well, or nobody is logged in", body = ProblemDocument),
        (status = 410, description = "The request has expired", body = ProblemDocument),
    )
)]
pub(super) async fn consent(
    State(state): State<Surroundings>,
    viewer: Viewer,
    signed: SignedBody<ConsentBody>,
) -> Result<Json<ConsentAnswer>, Failure> {
    let living = living_require(&state.auth, &viewer).await?;
    let redirect_to = state
        .auth
        .oidc_consent(&living, &signed.verified, &signed.value, signed.request.body)
        .await?;
    Ok(Json(ConsentAnswer { redirect_to }))
}

/// The form of the page.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ConsentForm {
    request: String,
    /// `allow` or `deny`.
    decision: String,
    /// One field for each scope that is ticked.
    #[serde(default)]
    scope: Vec<String>,
}

/// The page's form, which needs no JavaScript: anybody may say no with it, and whose key the node keeps may say yes.
#[utoipa::path(
    post, path = "/oidc/consent", tag = "openid",
    request_body(content = ConsentForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 303, description = "Back to the application"),
        (status = 403, description = "A foreign page asked, or the person must sign", body = ProblemDocument),
        (status = 410, description = "The request has expired", body = ProblemDocument),
    )
)]
pub(super) async fn consent_form(
    State(state): State<Surroundings>,
    caller: Caller,
    viewer: Viewer,
    axum::extract::RawForm(form): axum::extract::RawForm,
) -> Result<Response, Failure> {
    caller.own_page_require()?;
    let form = form_read(&form);
    let auth = &state.auth;
    let living = living_require(auth, &viewer).await?;
    let asked = pending_open(&auth.keyring, auth.env.now(), &form.request, &living.identity.did)?;
    if form.decision != "allow" {
        let error = OauthError::new("access_denied", "The person has said no.");
        return Ok(to_application(&asked.answer_to.error_url(&auth.issuer(), &error))?);
    }
    if living.identity.custody == Custody::Own {
        let mut page = key_needed(auth, &living);
        form_action_allow(&mut page, &asked.answer_to.redirect_uri);
        return Ok(page);
    }
    let ticked = Scopes::parse(&format!("{} {}", Scope::OpenId.as_str(), form.scope.join(" ")));
    let body = ConsentBody {
        request: form.request,
        client_id: asked.client_id.clone(),
        redirect_uri: asked.answer_to.redirect_uri.clone(),
        scope: ticked.within(&asked.scopes()).to_string(),
        asked: asked.scope,
    };
    let url = consent_for_soft(&state, &viewer, &living, &body).await?;
    Ok(to_application(&url)?)
}

/// Several fields have one name, which the usual reading of forms does not take.
fn form_read(form: &[u8]) -> ConsentForm {
    let mut read = ConsentForm {
        request: String::new(),
        decision: String::new(),
        scope: Vec::new(),
    };
    for (name, value) in url::form_urlencoded::parse(form) {
        match &*name {
            "request" => read.request = value.into_owned(),
            "decision" => read.decision = value.into_owned(),
            "scope" => read.scope.push(value.into_owned()),
            _ => {}
        }
    }
    read
}

/// The node signs with the key that it keeps for the person, and checks the signature as any other.
async fn consent_for_soft(
    state: &Surroundings,
    viewer: &Viewer,
    living: &Living,
    body: &ConsentBody,
) -> Result<String, Failure> {
    let auth = &state.auth;
    let to_sign = CustodialSign {
        token: viewer.token.clone().unwrap_or_default(),
        method: "POST".to_owned(),
        target_uri: auth.public.absolute(SIGNED_PATH),
        idempotency_key: None,
        body: serde_json::to_string(body).map_err(|_error| Problem::internal())?,
    };
    let signed = auth.request_sign(&to_sign).await?;
    let verified = state.site.verify(&signed, "POST", &to_sign.target_uri).await?;
    Ok(auth.oidc_consent(living, &verified, body, signed.body).await?)
}

fn key_needed(auth: &Auth, living: &Living) -> Response {
    let page = MessagePage {
        shell: shell_for(auth, "Your key must sign this", living),
        heading: "Your key must sign this".to_owned(),
        paragraphs: vec![
            "You hold your own key, so nobody can say yes in your name: not even this node. Your browser signs your \
             answer with it, and it needs JavaScript for that. Nothing was allowed."
                .to_owned(),
            "Allow JavaScript for this page, go back, and try again.".to_owned(),
        ],
        link: None,
    };
    render_status(StatusCode::FORBIDDEN, &page)
}
