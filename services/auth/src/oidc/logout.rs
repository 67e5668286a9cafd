//! Logging out at the wish of an application (OpenID Connect RP-Initiated Logout 1.0).

use imajin_kernel::Problem;
use url::form_urlencoded;

use super::request::Params;
use crate::AuthError;
use crate::auth::Auth;
use crate::sessions::Living;

/// A request to log out, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Logout {
    /// Which application asks, if it says so.
    pub(crate) client_name: Option<String>,
    /// Where to go afterwards: registered by that application.
    pub(crate) then: Option<String>,
    /// Whether the ID token shows that the application knows who is logged in, so nobody has to be asked.
    pub(crate) is_certain: bool,
}

impl Auth {
    /// Reads a request to log out; nothing is ended yet.
    pub(crate) async fn oidc_logout_read(&self, params: &Params, viewer: Option<&Living>) -> Result<Logout, AuthError> {
        let hint = match params.get("id_token_hint") {
            Some(text) => self.oidc_hint_read(text).await?,
            None => None,
        };
        let (audience, sub) = hint.map(|token| (token.aud, token.sub)).unzip();
        let named = params.get("client_id").map(str::to_owned);
        if let (Some(named), Some(audience)) = (&named, &audience)
            && named != audience
        {
            return Err(Problem::invalid("The ID token was made for another client.").into());
        }
        let client = match audience.clone().or(named) {
            Some(id) => self.oidc_client_find(&id).await?,
            None => None,
        };
        let wanted = params.get("post_logout_redirect_uri");
        if let Some(uri) = wanted {
            let known = client
                .as_ref()
                .is_some_and(|client| client.logout_uris.iter().any(|known| known == uri));
            if !known {
                let problem = Problem::invalid("This post_logout_redirect_uri is not registered for the client.");
                return Err(problem.hint("Name the client by client_id or id_token_hint.").into());
            }
        }
        let is_same = viewer.is_some_and(|living| Some(living.identity.did.as_str()) == sub.as_deref());
        Ok(Logout {
            then: wanted.map(|uri| with_state(uri, params.get("state"))),
            is_certain: client.is_some() && is_same,
            client_name: client.map(|client| client.name),
        })
    }
}

fn with_state(uri: &str, state: Option<&str>) -> String {
    let Some(state) = state else { return uri.to_owned() };
    let joint = if uri.contains('?') { '&' } else { '?' };
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("state", state);
    format!("{uri}{joint}{}", query.finish())
}
