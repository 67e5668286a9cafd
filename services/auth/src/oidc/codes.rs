//! Authorization codes: good once, for a minute, for one client, one redirect URI and one verifier.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::prelude::*;
use imajin_kernel::id::OidcGrantId;
use imajin_kernel::{Code, Env, Problem, Span};
use imajin_proof::digest::sha256;
use imajin_store::{Conn, SealedRow, for_update};

use super::clients::Client;
use super::error::OauthError;
use super::grants::Standing;
use super::request::Asked;
use super::rows::OidcCodeRow;
use super::scope::Scopes;
use super::{secret_hash, secret_new};
use crate::AuthError;
use crate::auth::{Auth, Writing};
use crate::schema::oidc_codes;

/// RFC 6749 recommends at most ten minutes; a browser needs a moment.
pub(crate) const LIFETIME: Span = Span::seconds(60);
/// Codes of one session that were not thrown away yet.
const CODES_MAX: i64 = 200;

/// A code and its row.
pub(crate) fn code_row(
    env: &Env,
    standing: &Standing,
    grant_id: OidcGrantId,
    asked: &Asked,
    scope: &Scopes,
) -> Result<(String, OidcCodeRow), AuthError> {
    let (code, now) = (secret_new(env, "imc_"), env.now());
    let client_id = asked
        .client_id
        .parse()
        .map_err(|_error| AuthError::Row("oidc_codes client".to_owned()))?;
    let row = OidcCodeRow {
        code_hash: secret_hash(&code),
        grant_id,
        did: standing.did.clone(),
        client_id,
        session_id: standing.session_id,
        redirect_uri: asked.answer_to.redirect_uri.clone(),
        code_challenge: asked.code_challenge.clone(),
        nonce: asked.nonce.clone(),
        scope: scope.to_string(),
        auth_time: standing.auth_time,
        created_at: now,
        expires_at: now.plus(LIFETIME),
        used_at: None,
        row_seal: Vec::new(),
    };
    Ok((code, row))
}

pub(crate) fn code_insert(conn: &mut Conn, auth: &Writing, row: OidcCodeRow) -> Result<(), AuthError> {
    let recent: i64 = oidc_codes::table
        .filter(oidc_codes::session_id.eq(row.session_id))
        .count()
        .get_result(conn)?;
    if recent >= CODES_MAX {
        let problem = Problem::new(Code::RateLimited, "Too many sign-ins at applications for now.");
        return Err(problem.retry_after_seconds(600).into());
    }
    row.insert(conn, &auth.sealer)?;
    Ok(())
}

impl Auth {
    /// A code under a consent that was given before.
    pub(crate) async fn oidc_code_issue(
        &self,
        standing: &Standing,
        grant_id: OidcGrantId,
        asked: &Asked,
        scope: &Scopes,
    ) -> Result<String, AuthError> {
        let (code, row) = code_row(&self.env, standing, grant_id, asked, scope)?;
        let auth = self.writing();
        self.db.write(move |conn| code_insert(conn, &auth, row.clone())).await?;
        Ok(code)
    }
}

/// What the use of a code came to.
pub(crate) enum Redeemed {
    /// The code was good, and is used up.
    Good(Box<OidcCodeRow>),
    /// It was used before: whatever came from it must end. Holds the family.
    Again(String),
    /// It is refused, and unchanged.
    Refused(OauthError),
}

/// Uses a code up.
pub(crate) fn code_redeem(
    conn: &mut Conn,
    auth: &Writing,
    code: &str,
    client: &Client,
    redirect_uri: &str,
    verifier: &str,
) -> Result<Redeemed, AuthError> {
    let hash = secret_hash(code);
    let row: Option<OidcCodeRow> = for_update!(
        conn,
        oidc_codes::table.find(&hash).select(OidcCodeRow::as_select()) => first
    )
    .optional()?;
    let refused = |text: &str| Ok(Redeemed::Refused(OauthError::invalid_grant(text)));
    let Some(row) = row else {
        return refused("The code is unknown or has expired.");
    };
    let mut row = row.intact(&auth.sealer)?;
    if row.client_id != client.id {
        return refused("The code is unknown or has expired.");
    }
    if row.used_at.is_some() {
        return Ok(Redeemed::Again(row.code_hash));
    }
    let now = auth.env.now();
    if row.expires_at <= now {
        return refused("The code is unknown or has expired.");
    }
    if row.redirect_uri != redirect_uri {
        return refused("The redirect_uri is not the one of the request.");
    }
    if !verifier_fits(verifier, &row.code_challenge) {
        return refused("The code_verifier does not fit the code_challenge.");
    }
    row.used_at = Some(now);
    Ok(Redeemed::Good(Box::new(row.save(conn, &auth.sealer)?)))
}

/// RFC 7636, sections 4.1 and 4.6.
fn verifier_fits(verifier: &str, challenge: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (43..=128).contains(&verifier.len())
        && verifier.bytes().all(plain)
        && URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes())) == challenge
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verifier_of_the_standard_fits_and_no_other() {
        // RFC 7636, appendix B.
        let (verifier, challenge) = (
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        );
        assert!(verifier_fits(verifier, challenge));
        for bad in ["", "dBjftJeZ4CVP", &"a".repeat(43), &"a".repeat(129), challenge] {
            assert!(!verifier_fits(bad, challenge), "{bad}");
        }
    }
}
