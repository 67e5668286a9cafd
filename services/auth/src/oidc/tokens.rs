//! Access and refresh tokens: 256 random bits that name a row, so that revoking one is seen at once.

use diesel::prelude::*;
use imajin_kernel::{Env, Span, Timestamp};
use imajin_store::{Conn, SealedRow, Sealer, for_update};

use super::clients::{Client, client_find};
use super::rows::{OidcCodeRow, OidcGrantRow, OidcTokenRow};
use super::scope::{Scope, Scopes};
use super::{secret_hash, secret_new};
use crate::AuthError;
use crate::auth::{Auth, Writing};
use crate::identities::{Identity, identity_find};
use crate::names::Name;
use crate::rows::SessionRow;
use crate::schema::{oidc_grants, oidc_tokens, sessions};

pub(crate) const ACCESS: &str = "access";
pub(crate) const REFRESH: &str = "refresh";
/// How long an access token lives.
pub(crate) const ACCESS_LIFETIME: Span = Span::hours(1);
/// How long a refresh token waits to be used; each use gives a new one.
const REFRESH_LIFETIME: Span = Span::days(30);

/// A token that is alive, and whose it is.
#[derive(Debug)]
pub(crate) struct LivingToken {
    pub(crate) row: OidcTokenRow,
    pub(crate) identity: Identity,
}

impl LivingToken {
    pub(crate) fn scopes(&self) -> Scopes {
        Scopes::parse(&self.row.scope)
    }
}

/// The first token of a family.
pub(crate) fn token_of_code(env: &Env, code: &OidcCodeRow, kind: &str) -> (String, OidcTokenRow) {
    let row = OidcTokenRow {
        token_hash: String::new(),
        kind: kind.to_owned(),
        family: code.code_hash.clone(),
        grant_id: code.grant_id,
        did: code.did.clone(),
        client_id: code.client_id,
        session_id: code.session_id,
        nonce: code.nonce.clone(),
        scope: code.scope.clone(),
        auth_time: code.auth_time,
        created_at: env.now(),
        expires_at: env.now(),
        used_at: None,
        revoked_at: None,
        row_seal: Vec::new(),
    };
    token_like(env, &row, kind)
}

/// A further token of the same family.
pub(crate) fn token_like(env: &Env, row: &OidcTokenRow, kind: &str) -> (String, OidcTokenRow) {
    let (prefix, lifetime) = match kind {
        REFRESH => ("imr_", REFRESH_LIFETIME),
        _ => ("ima_", ACCESS_LIFETIME),
    };
    let (token, now) = (secret_new(env, prefix), env.now());
    let row = OidcTokenRow {
        token_hash: secret_hash(&token),
        kind: kind.to_owned(),
        created_at: now,
        expires_at: now.plus(lifetime),
        used_at: None,
        revoked_at: None,
        row_seal: Vec::new(),
        ..row.clone()
    };
    (token, row)
}

/// A row for writing, whatever its state.
pub(crate) fn token_lock(conn: &mut Conn, sealer: &Sealer, token: &str) -> Result<Option<OidcTokenRow>, AuthError> {
    let row: Option<OidcTokenRow> = for_update!(
        conn,
        oidc_tokens::table.find(secret_hash(token)).select(OidcTokenRow::as_select()) => first
    )
    .optional()?;
    Ok(row.map(|row| row.intact(sealer)).transpose()?)
}

/// Ends every token that comes from one code.
pub(crate) fn family_revoke(conn: &mut Conn, auth: &Writing, family: &str) -> Result<(), AuthError> {
    let rows: Vec<OidcTokenRow> = oidc_tokens::table
        .filter(oidc_tokens::family.eq(family).and(oidc_tokens::revoked_at.is_null()))
        .select(OidcTokenRow::as_select())
        .load(conn)?;
    for row in rows {
        token_revoke(conn, auth, row.intact(&auth.sealer)?)?;
    }
    Ok(())
}

fn token_revoke(conn: &mut Conn, auth: &Writing, mut row: OidcTokenRow) -> Result<(), AuthError> {
    if row.revoked_at.is_none() {
        row.revoked_at = Some(auth.env.now());
        row.save(conn, &auth.sealer)?;
    }
    Ok(())
}

/// Whether a token may be used: itself, the consent, the application, the identity and, unless it is for later, the
/// session that it comes from.
pub(crate) fn token_living(
    conn: &mut Conn,
    sealer: &Sealer,
    row: OidcTokenRow,
    now: Timestamp,
) -> Result<Option<LivingToken>, AuthError> {
    if row.revoked_at.is_some() || row.used_at.is_some() || row.expires_at <= now {
        return Ok(None);
    }
    let grant: Option<OidcGrantRow> = oidc_grants::table
        .find(row.grant_id)
        .select(OidcGrantRow::as_select())
        .first(conn)
        .optional()?;
    let grant = grant.map(|grant| grant.intact(sealer)).transpose()?;
    let is_granted = grant.is_some_and(|grant| grant.deleted_at.is_none());
    let client = client_find(conn, sealer, &row.client_id.to_string())?;
    let identity = identity_find(conn, sealer, &Name::of_did(&row.did))?;
    let identity = identity.filter(|identity| !identity.deactivated);
    let stays = Scopes::parse(&row.scope).has(Scope::OfflineAccess) || session_lives(conn, sealer, &row, now)?;
    Ok(match identity {
        Some(identity) if is_granted && client.is_some() && stays => Some(LivingToken { row, identity }),
        _ => None,
    })
}

fn session_lives(conn: &mut Conn, sealer: &Sealer, row: &OidcTokenRow, now: Timestamp) -> Result<bool, AuthError> {
    let session: Option<SessionRow> = sessions::table
        .find(row.session_id)
        .select(SessionRow::as_select())
        .first(conn)
        .optional()?;
    let session = session.map(|session| session.intact(sealer)).transpose()?;
    Ok(session.is_some_and(|session| session.revoked_at.is_none() && session.expires_at > now))
}

impl Auth {
    /// The living token behind a text.
    pub(crate) async fn oidc_token_find(&self, token: &str) -> Result<Option<LivingToken>, AuthError> {
        let (hash, sealer, now) = (secret_hash(token), self.sealer.clone(), self.env.now());
        self.db
            .read(move |conn| {
                let row: Option<OidcTokenRow> = oidc_tokens::table
                    .find(&hash)
                    .select(OidcTokenRow::as_select())
                    .first(conn)
                    .optional()?;
                match row {
                    Some(row) => token_living(conn, &sealer, row.intact(&sealer)?, now),
                    None => Ok(None),
                }
            })
            .await
    }

    /// RFC 7009: a refresh token ends with its whole family, an access token alone. Another client's token and an
    /// unknown one are left alone, and nobody is told.
    pub(crate) async fn oidc_token_revoke(&self, token: &str, client: &Client) -> Result<(), AuthError> {
        let (token, client_id, auth) = (token.to_owned(), client.id, self.writing());
        self.db
            .write(move |conn| match token_lock(conn, &auth.sealer, &token)? {
                Some(row) if row.client_id == client_id && row.kind == REFRESH => {
                    family_revoke(conn, &auth, &row.family)
                }
                Some(row) if row.client_id == client_id => token_revoke(conn, &auth, row),
                _ => Ok(()),
            })
            .await
    }
}
