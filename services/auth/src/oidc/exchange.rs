//! The token endpoint: a code or a refresh token for tokens.

use imajin_store::SealedRow;
use serde::Serialize;
use utoipa::ToSchema;

use super::clients::Client;
use super::codes::{Redeemed, code_redeem};
use super::error::OauthError;
use super::rows::OidcTokenRow;
use super::scope::{Scope, Scopes};
use super::tokens::{
    ACCESS, ACCESS_LIFETIME, LivingToken, REFRESH, family_revoke, token_like, token_living, token_lock, token_of_code,
};
use crate::AuthError;
use crate::auth::Auth;

/// What the token endpoint answers (RFC 6749, section 5.1; OpenID Connect Core, section 3.1.3.3).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct TokenAnswer {
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds that the access token lives.
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// Who logged in, signed.
    id_token: String,
    /// What was allowed: it may be less than what was asked for.
    scope: String,
}

/// Tokens that were stored, and the row that says what they are for.
struct Given {
    row: OidcTokenRow,
    access: String,
    refresh: Option<String>,
}

type Outcome = Result<Given, OauthError>;

impl Auth {
    /// A code for tokens. A second use of the code ends what its first one gave.
    pub(crate) async fn oidc_code_exchange(
        &self,
        client: &Client,
        code: &str,
        redirect_uri: &str,
        verifier: &str,
    ) -> Result<TokenAnswer, OauthError> {
        let (auth, client_moved) = (self.writing(), client.clone());
        let (code, redirect_uri, verifier) = (code.to_owned(), redirect_uri.to_owned(), verifier.to_owned());
        let outcome: Outcome = self
            .db
            .write(move |conn| {
                let code = match code_redeem(conn, &auth, &code, &client_moved, &redirect_uri, &verifier)? {
                    Redeemed::Good(code) => code,
                    Redeemed::Refused(error) => return Ok(Err(error)),
                    Redeemed::Again(family) => {
                        family_revoke(conn, &auth, &family)?;
                        return Ok(Err(OauthError::invalid_grant(
                            "The code was used before. What it gave is revoked.",
                        )));
                    }
                };
                let (access, row) = token_of_code(&auth.env, &code, ACCESS);
                if token_living(conn, &auth.sealer, row.clone(), auth.env.now())?.is_none() {
                    return Ok(Err(OauthError::invalid_grant(
                        "The person has logged out or taken it back.",
                    )));
                }
                let row = row.insert(conn, &auth.sealer)?;
                let refresh = if Scopes::parse(&row.scope).has(Scope::OfflineAccess) {
                    let (refresh, row) = token_like(&auth.env, &row, REFRESH);
                    row.insert(conn, &auth.sealer)?;
                    Some(refresh)
                } else {
                    None
                };
                Ok::<_, AuthError>(Ok(Given { row, access, refresh }))
            })
            .await?;
        self.token_answer(client, outcome?).await
    }

    /// A refresh token for new tokens; the old one is used up. A second use ends the whole family: one of the two who
    /// have it is a thief, and nobody can tell which.
    pub(crate) async fn oidc_refresh(
        &self,
        client: &Client,
        token: &str,
        scope: Option<&str>,
    ) -> Result<TokenAnswer, OauthError> {
        let (auth, client_id) = (self.writing(), client.id);
        let (token, narrower) = (token.to_owned(), scope.map(Scopes::parse));
        let outcome: Outcome = self
            .db
            .write(move |conn| {
                let refused = || {
                    Ok(Err(OauthError::invalid_grant(
                        "The refresh token is unknown or has ended.",
                    )))
                };
                let now = auth.env.now();
                let row = token_lock(conn, &auth.sealer, &token)?;
                let Some(mut row) = row.filter(|row| row.client_id == client_id && row.kind == REFRESH) else {
                    return refused();
                };
                if row.used_at.is_some() {
                    family_revoke(conn, &auth, &row.family)?;
                    return refused();
                }
                let Some(living) = token_living(conn, &auth.sealer, row.clone(), now)? else {
                    return refused();
                };
                let Some(scope) = scope_narrowed(&living, narrower.as_ref()) else {
                    return Ok(Err(OauthError::new("invalid_scope", "That is more than was allowed.")));
                };
                let (refresh, fresh) = token_like(&auth.env, &row, REFRESH);
                fresh.insert(conn, &auth.sealer)?;
                let (access, mut given) = token_like(&auth.env, &row, ACCESS);
                given.scope = scope.to_string();
                let given = given.insert(conn, &auth.sealer)?;
                row.used_at = Some(now);
                row.save(conn, &auth.sealer)?;
                Ok::<_, AuthError>(Ok(Given {
                    row: given,
                    access,
                    refresh: Some(refresh),
                }))
            })
            .await?;
        self.token_answer(client, outcome?).await
    }

    async fn token_answer(&self, client: &Client, given: Given) -> Result<TokenAnswer, OauthError> {
        let Given { row, access, refresh } = given;
        Ok(TokenAnswer {
            id_token: self.oidc_id_token(client, &row, &access).await?,
            access_token: access,
            token_type: "Bearer",
            expires_in: ACCESS_LIFETIME.as_seconds(),
            refresh_token: refresh,
            scope: row.scope,
        })
    }
}

/// RFC 6749, section 6: less than before, never more. What keeps it alive stays.
fn scope_narrowed(living: &LivingToken, wanted: Option<&Scopes>) -> Option<Scopes> {
    let allowed = living.scopes();
    match wanted {
        None => Some(allowed),
        Some(wanted) if allowed.covers(wanted) && wanted.has(Scope::OpenId) => {
            let kept = |scope: Scope| wanted.has(scope) || scope == Scope::OfflineAccess;
            let names: Vec<&str> = allowed.iter().filter(|scope| kept(*scope)).map(Scope::as_str).collect();
            Some(Scopes::parse(&names.join(" ")))
        }
        Some(_more) => None,
    }
}
