//! The keys that sign session tokens: made once, sealed, and kept, so that a restart logs nobody out.

use std::sync::{Arc, PoisonError, RwLock};

use diesel::prelude::*;
use imajin_did::{Keyring, PublicKey, Sealed, SecretKey};
use imajin_kernel::{Env, Span, Timestamp};
use imajin_proof::token::key_id;
use imajin_store::{Conn, Db, SealedRow, Sealer};

use crate::AuthError;
use crate::rows::SessionKeyRow;
use crate::schema::session_keys;
use crate::sessions::LIFETIME;

/// What these keys are for; other kinds of token will have keys of their own.
const PURPOSE: &str = "session";

/// So many keys are published at once.
pub(crate) const PUBLISHED_MAX: i64 = 16;
/// Another process may go on signing with a key that was just retired, until it looks again.
const SLACK: Span = Span::hours(1);

/// The keys in use; another process on the same database can change them at any time.
pub(crate) struct SessionKeys(RwLock<Arc<KeySet>>);

/// The keys at one moment.
pub(crate) struct KeySet {
    /// Since when the current key is in use.
    pub(crate) since: Timestamp,
    /// When they were read.
    pub(crate) read_at: Timestamp,
    /// Names the current key in the published key set.
    pub(crate) kid: String,
    /// Signs new tokens.
    pub(crate) current: SecretKey,
    /// Every key whose tokens may still be alive, the current one included.
    published: Vec<(String, PublicKey)>,
}

impl SessionKeys {
    /// Opens the stored keys; makes the first one.
    pub(crate) async fn open(db: &Db, keyring: &Keyring, sealer: &Sealer, env: &Env) -> Result<Self, AuthError> {
        let fresh = fresh_row(keyring, env);
        let writer_sealer = sealer.clone();
        // Two processes on one database may start at once; in the writer's transaction one of them is first.
        let made = db
            .write(move |conn| current_or_insert(conn, &writer_sealer, fresh.clone()))
            .await;
        let row = match made {
            Err(AuthError::Store(error)) if error.is_unique_violation() => {
                let sealer = sealer.clone();
                db.read(move |conn| current_row(conn, &sealer))
                    .await?
                    .ok_or_else(|| row_error(PURPOSE))?
            }
            made => made?,
        };
        Ok(Self(RwLock::new(Arc::new(
            key_set(db, keyring, sealer, env, row).await?,
        ))))
    }

    /// The keys as they were read last.
    pub(crate) fn set(&self) -> Arc<KeySet> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the keys again.
    pub(crate) async fn refresh(
        &self,
        db: &Db,
        keyring: &Keyring,
        sealer: &Sealer,
        env: &Env,
    ) -> Result<(), AuthError> {
        let reader_sealer = sealer.clone();
        let row = db.read(move |conn| current_row(conn, &reader_sealer)).await?;
        let row = row.ok_or_else(|| row_error(PURPOSE))?;
        let fresh = Arc::new(key_set(db, keyring, sealer, env, row).await?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }
}

async fn key_set(
    db: &Db,
    keyring: &Keyring,
    sealer: &Sealer,
    env: &Env,
    row: SessionKeyRow,
) -> Result<KeySet, AuthError> {
    let current = keyring.open_key(&seal_label(&row.kid), &Sealed::from_bytes(row.sealed_key.clone()))?;
    let (sealer, now) = (sealer.clone(), env.now());
    let published = db.read(move |conn| published_keys(conn, &sealer, now)).await?;
    Ok(KeySet {
        since: row.created_at,
        read_at: now,
        kid: row.kid,
        current,
        published,
    })
}

impl KeySet {
    /// The public key behind a `kid`.
    pub(crate) fn public_key(&self, kid: &str) -> Option<PublicKey> {
        self.published
            .iter()
            .find(|(known, _key)| known == kid)
            .map(|(_kid, key)| *key)
    }

    /// Every key with its `kid`.
    pub(crate) fn published(&self) -> &[(String, PublicKey)] {
        &self.published
    }
}

fn row_error(kid: &str) -> AuthError {
    AuthError::Row(format!("session_keys {kid}"))
}

/// Binds a sealed key to its row.
pub(crate) fn seal_label(kid: &str) -> String {
    format!("auth/session-key/{kid}")
}

pub(crate) fn fresh_row(keyring: &Keyring, env: &Env) -> SessionKeyRow {
    let key = SecretKey::generate(env);
    let kid = key_id(&key.public());
    SessionKeyRow {
        sealed_key: keyring.seal_key(&seal_label(&kid), &key, env).into_bytes(),
        kid,
        purpose: PURPOSE.to_owned(),
        public_key: key.public().to_bytes().to_vec(),
        created_at: env.now(),
        retired_at: None,
        row_seal: Vec::new(),
    }
}

fn current_or_insert(conn: &mut Conn, sealer: &Sealer, fresh: SessionKeyRow) -> Result<SessionKeyRow, AuthError> {
    match current_row(conn, sealer)? {
        Some(row) => Ok(row),
        None => Ok(fresh.insert(conn, sealer)?),
    }
}

pub(crate) fn current_row(conn: &mut Conn, sealer: &Sealer) -> Result<Option<SessionKeyRow>, AuthError> {
    let row: Option<SessionKeyRow> = session_keys::table
        .filter(
            session_keys::purpose
                .eq(PURPOSE)
                .and(session_keys::retired_at.is_null()),
        )
        .select(SessionKeyRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(sealer)).transpose()?)
}

/// The current key, and the retired ones whose tokens may still live.
pub(crate) fn published_keys(
    conn: &mut Conn,
    sealer: &Sealer,
    now: Timestamp,
) -> Result<Vec<(String, PublicKey)>, AuthError> {
    let is_alive = session_keys::retired_at
        .is_null()
        .or(session_keys::retired_at.gt(now.minus(LIFETIME).minus(SLACK)));
    let rows: Vec<SessionKeyRow> = session_keys::table
        .filter(session_keys::purpose.eq(PURPOSE).and(is_alive))
        .order((session_keys::created_at.desc(), session_keys::kid))
        .limit(PUBLISHED_MAX)
        .select(SessionKeyRow::as_select())
        .load(conn)?;
    rows.into_iter()
        .map(|row| {
            let row = row.intact(sealer)?;
            let key = public_key_of(&row.public_key).ok_or_else(|| row_error(&row.kid))?;
            Ok((row.kid, key))
        })
        .collect()
}

/// A stored public key.
pub(crate) fn public_key_of(bytes: &[u8]) -> Option<PublicKey> {
    PublicKey::from_bytes(bytes.try_into().ok()?).ok()
}
