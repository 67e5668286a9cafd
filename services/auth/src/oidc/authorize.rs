//! What becomes of an authorization request: log in first, ask the person, or answer the application.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use imajin_did::Sealed;
use imajin_kernel::{Problem, Span, Timestamp};
use imajin_proof::digest::sha256_hex;
use serde::{Deserialize, Serialize};

use super::clients::Client;
use super::error::OauthError;
use super::grants::Standing;
use super::request::{Asked, AuthorizationRequest, Params, answer_to, pending_seal};
use super::scope::{Scope, Scopes};
use crate::AuthError;
use crate::auth::Auth;
use crate::sessions::Living;

/// Where applications send people to.
pub(crate) const PATH: &str = "/auth/oidc/authorize";
const REAUTH: &str = "reauth";
const REAUTH_LABEL: &str = "auth/oidc-reauth/1";
/// How long somebody may take to log in again.
const REAUTH_MAX: Span = Span::minutes(30);

/// What happens next.
#[derive(Debug)]
pub(crate) enum Step {
    /// Back to the application, with a code or an error.
    Answer(String),
    /// The person must log in; then this path goes on.
    Login(String),
    /// The person must be asked.
    Ask(Box<Question>),
}

/// What a person is asked.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) client: Client,
    pub(crate) asked: Asked,
    /// What can be given at all.
    pub(crate) available: Scopes,
    /// The request, sealed: it comes back with the decision.
    pub(crate) pending: String,
}

/// Marks a request whose person was sent to log in again, and when.
#[derive(Serialize, Deserialize)]
struct Reauth {
    since: Timestamp,
    request: String,
}

impl Auth {
    /// Decides about a request; `viewer` is who looks.
    ///
    /// # Errors
    /// What must not be sent to the application: an unknown client, a foreign redirect URI.
    pub(crate) async fn oidc_authorize(&self, query: &str, viewer: Option<Living>) -> Result<Step, AuthError> {
        let params = Params::parse(query)?;
        let client = match params.get("client_id") {
            Some(id) => self.oidc_client_find(id).await?,
            None => return Err(Problem::invalid("The parameter client_id is missing.").into()),
        };
        let client = client.ok_or_else(|| {
            Problem::invalid("This application is not registered at this node.")
                .hint("The operator registers it: `imajin oidc client add`.")
        })?;
        let answer_to = answer_to(&params, &client)?;
        let refuse = |error: &OauthError| Step::Answer(answer_to.error_url(&self.issuer(), error));
        let request = match AuthorizationRequest::parse(&params, &client, answer_to.clone()) {
            Ok(request) => request,
            Err(error) => return Ok(refuse(&error)),
        };
        match self.oidc_decide(&params, &client, &request, viewer).await {
            Ok(Ok(step)) => Ok(step),
            Ok(Err(error)) => Ok(refuse(&error)),
            // The application learns that something is wrong here, the log what.
            Err(error) => Ok(refuse(&OauthError::from(error))),
        }
    }

    async fn oidc_decide(
        &self,
        params: &Params,
        client: &Client,
        request: &AuthorizationRequest,
        viewer: Option<Living>,
    ) -> Result<Result<Step, OauthError>, AuthError> {
        let prompt = request.prompt;
        let Some(living) = viewer else {
            return Ok(self.login_step(params, request));
        };
        let standing = self.oidc_standing(&living, client).await?;
        if let Some(step) = self.login_again(params, request, &standing) {
            return Ok(step);
        }
        if let Some(hint) = params.get("id_token_hint") {
            let named = self.oidc_hint_read(hint).await?;
            if named.is_none_or(|token| token.sub != standing.did.as_str()) {
                return Ok(if prompt.none {
                    Err(OauthError::new("login_required", "Somebody else is logged in."))
                } else {
                    self.login_step(params, request)
                });
            }
        }
        let asked = &request.asked;
        let settled = standing
            .grant
            .as_ref()
            .filter(|grant| !prompt.consent && Scopes::parse(&grant.asked).covers(&asked.scopes()));
        if let Some(grant) = settled {
            let scope = asked.scopes().within(&Scopes::parse(&grant.scope));
            let code = self.oidc_code_issue(&standing, grant.id, asked, &scope).await?;
            let url = asked.answer_to.url(&self.issuer(), &[("code", &code)]);
            return Ok(Ok(Step::Answer(url)));
        }
        if prompt.none {
            return Ok(Err(OauthError::new("consent_required", "The person has to be asked.")));
        }
        let available = if standing.mailbox.is_some() {
            asked.scopes()
        } else {
            asked.scopes().without(Scope::Email)
        };
        let pending = pending_seal(&self.keyring, &self.env, asked, &standing.did)?;
        Ok(Ok(Step::Ask(Box::new(Question {
            client: client.clone(),
            asked: asked.clone(),
            available,
            pending,
        }))))
    }

    /// `prompt=login` and `max_age`: whether the login of this session is too old for the request.
    fn login_again(
        &self,
        params: &Params,
        request: &AuthorizationRequest,
        standing: &Standing,
    ) -> Option<Result<Step, OauthError>> {
        let now = self.env.now();
        let wants_new = request.prompt.login || request.max_age == Some(Span::ZERO);
        let is_new = || {
            let since = params.get(REAUTH).and_then(|text| self.reauth_read(text, request));
            since.is_some_and(|since| standing.auth_time >= since)
        };
        let is_too_old = request
            .max_age
            .is_some_and(|age| age > Span::ZERO && standing.auth_time.plus(age) < now);
        ((wants_new && !is_new()) || is_too_old).then(|| self.login_step(params, request))
    }

    fn login_step(&self, params: &Params, request: &AuthorizationRequest) -> Result<Step, OauthError> {
        if request.prompt.none {
            return Err(OauthError::new(
                "login_required",
                "Nobody is logged in, or not recently enough.",
            ));
        }
        let mark = self.reauth_mark(request);
        let query = params.query_with(&[REAUTH], Some((REAUTH, &mark)));
        Ok(Step::Login(format!("{PATH}?{query}")))
    }

    fn reauth_mark(&self, request: &AuthorizationRequest) -> String {
        let reauth = Reauth {
            since: self.env.now(),
            request: request_digest(request),
        };
        let bytes = serde_json::to_vec(&reauth).unwrap_or_default();
        URL_SAFE_NO_PAD.encode(self.keyring.seal(REAUTH_LABEL, &bytes, &self.env).as_bytes())
    }

    /// Since when a login counts for this request. A client that makes a mark up has none.
    fn reauth_read(&self, text: &str, request: &AuthorizationRequest) -> Option<Timestamp> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let opened = self.keyring.open(REAUTH_LABEL, &Sealed::from_bytes(bytes)).ok()?;
        let reauth: Reauth = serde_json::from_slice(&opened).ok()?;
        let is_recent = reauth.since.plus(REAUTH_MAX) > self.env.now();
        (is_recent && reauth.request == request_digest(request)).then_some(reauth.since)
    }
}

fn request_digest(request: &AuthorizationRequest) -> String {
    sha256_hex(&serde_json::to_vec(&request.asked).unwrap_or_default())
}
