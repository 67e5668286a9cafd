//! Sessions: a signed token that names a row, which ends it at once.

use std::cell::Cell;

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::id::SessionId;
use imajin_kernel::{Span, Timestamp};
use imajin_proof::token::{self, Standard, Token, TokenKind};
use imajin_store::{Conn, SealedRow, Sealer, for_update};
use imajin_web::SessionView;
use serde::{Deserialize, Serialize};

use crate::AuthError;
use crate::auth::{Auth, Writing};
use crate::identities::{Identity, operator_find};
use crate::key_log;
use crate::log::{Authority, mutation_record};
use crate::rows::{IdentityRow, SessionRow};
use crate::schema::{identities, sessions};

/// How long a session lasts.
pub(crate) const LIFETIME: Span = Span::hours(24);
/// Living sessions of one identity; a further login ends the oldest.
const SESSIONS_MAX: i64 = 100;
const CLIENT_LENGTH_MAX: usize = 160;

pub(crate) const METHOD_KEY: &str = "key";
pub(crate) const METHOD_RECOVERY: &str = "recovery";
pub(crate) const METHOD_MAILBOX: &str = "mailbox";
const ACTION_REVOKE: &str = "session.revoke";
const ACTION_REVOKE_ALL: &str = "session.revoke_all";

/// The claims of a session token beside the standard ones: none. What the identity is called or may do can change
/// while the token lives, so it is looked up.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SessionClaims {}

impl TokenKind for SessionClaims {
    const TYP: &'static str = "session+jwt";
}

/// A session that was just opened.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) token: String,
    pub(crate) identity: Identity,
    pub(crate) expires_at: Timestamp,
}

/// A session that is alive.
#[derive(Debug, Clone)]
pub(crate) struct Living {
    pub(crate) id: SessionId,
    /// When it was noted last that it is in use.
    pub(crate) seen_at: Timestamp,
    pub(crate) identity: Identity,
    pub(crate) expires_at: Timestamp,
    /// The Multikey that opened it, where a key did.
    pub(crate) opened_by: Option<String>,
}

impl Living {
    pub(crate) fn into_view(self) -> SessionView {
        SessionView {
            did: self.identity.did,
            handle: self.identity.handle,
            name: self.identity.name,
            tier: self.identity.tier,
            custody: self.identity.custody,
            expires_at: self.expires_at,
        }
    }
}

impl Auth {
    /// A new row, not inserted yet.
    pub(crate) fn session_row(&self, did: &Did, method: &str, client: Option<String>) -> SessionRow {
        let now = self.env.now();
        let client = client.map(|text| {
            text.chars()
                .filter(|letter| !letter.is_control())
                .take(CLIENT_LENGTH_MAX)
                .collect()
        });
        SessionRow {
            id: self.env.new_id(),
            did: did.clone(),
            method: method.to_owned(),
            client,
            created_at: now,
            expires_at: now.plus(LIFETIME),
            revoked_at: None,
            opened_by: None,
            row_seal: Vec::new(),
            seen_at: None,
        }
    }

    /// The token of a row.
    pub(crate) fn session_token(&self, row: &SessionRow) -> Result<String, AuthError> {
        let standard = Standard {
            iss: self.issuer(),
            aud: self.audience(),
            sub: row.did.to_string(),
            jti: row.id.to_string(),
            iat: row.created_at,
            exp: row.expires_at,
        };
        let keys = self.keys.set();
        token::issue(&keys.current, &keys.kid, &standard, &SessionClaims {}).map_err(AuthError::Token)
    }

    /// A row with its token and identity.
    pub(crate) fn session_opened(&self, identity: Identity, row: &SessionRow) -> Result<Opened, AuthError> {
        Ok(Opened {
            token: self.session_token(row)?,
            identity,
            expires_at: row.expires_at,
        })
    }

    /// Opens a session for an identity that has just proven itself.
    pub(crate) async fn session_open(
        &self,
        identity: Identity,
        method: &str,
        client: Option<String>,
    ) -> Result<Opened, AuthError> {
        let row = self.session_row(&identity.did, method, client);
        let opened = self.session_opened(identity, &row)?;
        let auth = self.writing();
        self.db
            .write(move |conn| session_insert(conn, &auth, row.clone()))
            .await?;
        Ok(opened)
    }

    /// The living session behind a token: first the signature, then the row.
    ///
    /// A token of another kind, audience or issuer, an expired or revoked session, and nonsense are all `None`.
    pub(crate) async fn session_resolve(&self, text: &str) -> Result<Option<Living>, AuthError> {
        let now = self.env.now();
        let verified = match self.token_read(text) {
            // A key that another process has made a moment ago.
            Err(KeyUnknown(true)) if self.session_keys_refresh().await? => self.token_read(text),
            read => read,
        };
        let Ok(verified) = verified else { return Ok(None) };
        let Ok(id) = verified.standard.jti.parse::<SessionId>() else {
            return Ok(None);
        };
        let find = async || {
            let sealer = self.sealer.clone();
            self.db.read(move |conn| session_find(conn, &sealer, id, now)).await
        };
        let mut living = find().await?;
        if let Some(visitor) = &living
            && self
                .known_follow(Some(&visitor.identity), &visitor.identity.did)
                .await?
        {
            living = find().await?;
        }
        let living = living.filter(|living| living.identity.did.as_str() == verified.standard.sub);
        if let Some(living) = living.as_ref().filter(|living| is_seen_again(living.seen_at, now)) {
            self.session_seen(living.id, now).await;
        }
        Ok(living)
    }

    /// What a token says, if this node has signed it.
    fn token_read(&self, text: &str) -> Result<Token<SessionClaims>, KeyUnknown> {
        let (keys, unknown) = (self.keys.set(), Cell::new(false));
        let key_of = |kid: &str| {
            let key = keys.public_key(kid);
            unknown.set(key.is_none());
            key
        };
        let verified = token::verify(text, &key_of, &self.issuer(), &self.audience(), self.env.now());
        verified.map_err(|_error| KeyUnknown(unknown.get()))
    }

    /// Notes that a session is in use. Nobody waits for a busy database because of that.
    async fn session_seen(&self, id: SessionId, now: Timestamp) {
        let auth = self.writing();
        let noted: Result<(), AuthError> = self
            .db
            .write(move |conn| {
                let row = for_update!(conn, sessions::table.find(id).select(SessionRow::as_select()) => first);
                let row: Option<SessionRow> = row.optional()?;
                let Some(row) = row else { return Ok(()) };
                let mut row = row.intact(&auth.sealer)?;
                row.seen_at = Some(coarse(now));
                row.save(conn, &auth.sealer)?;
                Ok(())
            })
            .await;
        if let Err(error) = noted {
            tracing::debug!(%error, "the use of a session was not noted");
        }
    }

    /// The living sessions of an identity, newest first.
    pub(crate) async fn sessions_list(&self, did: &Did) -> Result<Vec<SessionRow>, AuthError> {
        let (did, now) = (did.clone(), self.env.now());
        self.db
            .read(move |conn| {
                let rows = living_rows(did, now)
                    .order((sessions::created_at.desc(), sessions::id.desc()))
                    .limit(SESSIONS_MAX)
                    .select(SessionRow::as_select())
                    .load(conn)?;
                Ok(rows)
            })
            .await
    }

    /// Ends a session: whoever holds its token may.
    pub(crate) async fn session_end(&self, id: SessionId) -> Result<(), AuthError> {
        let auth = self.writing();
        self.db.write(move |conn| session_revoke(conn, &auth, id, None)).await
    }

    /// Ends one of the caller's sessions by a signed request.
    pub(crate) async fn session_end_signed(
        &self,
        id: SessionId,
        verified: &imajin_web::Verified,
        raw: Vec<u8>,
    ) -> Result<(), AuthError> {
        let (did, authority) = (verified.did().clone(), Authority::Signed(verified.proof().clone()));
        let auth = self.writing();
        self.db
            .write(move |conn| {
                mutation_record(
                    conn,
                    &auth,
                    &did,
                    ACTION_REVOKE,
                    &id.to_string(),
                    raw.clone(),
                    &authority,
                )?;
                session_revoke(conn, &auth, id, Some(&did))
            })
            .await
    }
}

impl Auth {
    /// Ends all of the caller's sessions but one, by a signed request; says how many.
    pub(crate) async fn sessions_end_signed(
        &self,
        keep: Option<SessionId>,
        verified: &imajin_web::Verified,
        raw: Vec<u8>,
    ) -> Result<usize, AuthError> {
        let (did, authority) = (verified.did().clone(), Authority::Signed(verified.proof().clone()));
        let auth = self.writing();
        self.db
            .write(move |conn| {
                let (now, object) = (auth.env.now(), format!("sessions/{did}"));
                mutation_record(conn, &auth, &did, ACTION_REVOKE_ALL, &object, raw.clone(), &authority)?;
                let rows: Vec<SessionRow> = living_rows(did.clone(), now)
                    .select(SessionRow::as_select())
                    .load(conn)?;
                if keep.is_some_and(|keep| !rows.iter().any(|row| row.id == keep)) {
                    return Err(AuthError::SessionUnknown);
                }
                let others: Vec<SessionRow> = rows.into_iter().filter(|row| Some(row.id) != keep).collect();
                let ended = others.len();
                for row in others {
                    let mut row = row.intact(&auth.sealer)?;
                    row.revoked_at = Some(now);
                    row.save(conn, &auth.sealer)?;
                }
                Ok(ended)
            })
            .await
    }
}

/// A token does not count; whether because its key is not known here.
struct KeyUnknown(bool);

/// Uses of a session are told apart by so much.
const SEEN_EVERY: Span = Span::minutes(15);

fn is_seen_again(seen_at: Timestamp, now: Timestamp) -> bool {
    now.since(seen_at) >= SEEN_EVERY
}

/// The quarter of an hour that a moment is in.
fn coarse(at: Timestamp) -> Timestamp {
    let seconds = at.as_micros().div_euclid(1_000_000);
    Timestamp::from_seconds(seconds.saturating_sub(seconds.rem_euclid(SEEN_EVERY.as_seconds().max(1))))
}

#[diesel::dsl::auto_type]
fn living_rows(did: Did, now: Timestamp) -> _ {
    sessions::table.filter(
        sessions::did
            .eq(did)
            .and(sessions::revoked_at.is_null())
            .and(sessions::expires_at.gt(now)),
    )
}

/// Inserts a session, and ends the oldest of an identity that has too many.
pub(crate) fn session_insert(conn: &mut Conn, auth: &Writing, row: SessionRow) -> Result<(), AuthError> {
    let surplus: Vec<SessionRow> = living_rows(row.did.clone(), row.created_at)
        .order((sessions::created_at.desc(), sessions::id.desc()))
        .offset(SESSIONS_MAX.saturating_sub(1))
        .limit(SESSIONS_MAX)
        .select(SessionRow::as_select())
        .load(conn)?;
    for mut old in surplus {
        old.revoked_at = Some(row.created_at);
        old.save(conn, &auth.sealer)?;
    }
    row.insert(conn, &auth.sealer)?;
    Ok(())
}

fn session_find(conn: &mut Conn, sealer: &Sealer, id: SessionId, now: Timestamp) -> Result<Option<Living>, AuthError> {
    let found: Option<(SessionRow, IdentityRow)> = sessions::table
        .inner_join(identities::table.on(identities::did.eq(sessions::did)))
        .filter(sessions::id.eq(id))
        .select((SessionRow::as_select(), IdentityRow::as_select()))
        .first(conn)
        .optional()?;
    let Some((session, identity)) = found else {
        return Ok(None);
    };
    let (session, identity) = (session.intact(sealer)?, identity.intact(sealer)?);
    let operator = operator_find(conn, sealer)?;
    let identity = Identity::from_row(identity, operator.as_ref())?;
    let opener_counts = key_log::opener_counts(&session, &identity);
    if session.revoked_at.is_some() || session.expires_at <= now || identity.deactivated || !opener_counts {
        return Ok(None);
    }
    Ok(Some(Living {
        id: session.id,
        seen_at: session.seen_at.unwrap_or(session.created_at),
        identity,
        expires_at: session.expires_at,
        opened_by: session.opened_by,
    }))
}

fn session_revoke(conn: &mut Conn, auth: &Writing, id: SessionId, owner: Option<&Did>) -> Result<(), AuthError> {
    let row: Option<SessionRow> = sessions::table
        .find(id)
        .select(SessionRow::as_select())
        .first(conn)
        .optional()?;
    let mut row = row.ok_or(AuthError::SessionUnknown)?.intact(&auth.sealer)?;
    if owner.is_some_and(|owner| *owner != row.did) {
        return Err(AuthError::SessionUnknown);
    }
    if row.revoked_at.is_none() {
        row.revoked_at = Some(auth.env.now());
        row.save(conn, &auth.sealer)?;
    }
    Ok(())
}
