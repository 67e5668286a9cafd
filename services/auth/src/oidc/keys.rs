//! The keys that sign ID tokens: RSA by default, because that is what unmodified clients expect; P-256 or Ed25519 where
//! a client is registered so.
//!
//! The first key of an algorithm is made when the first client of that algorithm is registered, so a node without
//! applications has none. A key is published before it signs and for as long as its tokens live, so a client that
//! keeps a copy of the key set for a while never meets an unknown key.

use diesel::prelude::*;
use imajin_did::{Keyring, Sealed};
use imajin_kernel::{Env, Span, Timestamp};
use imajin_proof::jose::{Algorithm, Jwks, SigningKey, recognise};
use imajin_proof::token::Standard;
use imajin_store::{Conn, SealedRow, Sealer, intact_all};
use serde_json::{Value, json};

use super::claims::IdToken;
use super::rows::OidcKeyRow;
use crate::AuthError;
use crate::auth::Auth;
use crate::log::{Authority, mutation_record};
use crate::schema::oidc_keys;

/// A new key is published this long before it signs: longer than anybody keeps a copy of the key set.
const PUBLISHED_AHEAD: Span = Span::minutes(10);
/// A key stays published this long after its successor has taken over: longer than an ID token lives.
const PUBLISHED_AFTER: Span = Span::hours(25);
const ACTION_ROTATE: &str = "oidc.keys.rotate";
/// A key that signs for longer is replaced.
const ROTATED_AFTER: Span = Span::days(90);

fn broken(what: &str) -> AuthError {
    AuthError::Row(format!("oidc_keys {what}"))
}

/// Binds a sealed key to its row.
pub(crate) fn seal_label(kid: &str) -> String {
    format!("auth/oidc-key/{kid}")
}

/// A row for a key that is not stored yet.
pub(crate) fn key_row(
    keyring: &Keyring,
    env: &Env,
    algorithm: Algorithm,
    generation: i64,
    active_at: Timestamp,
) -> Result<OidcKeyRow, AuthError> {
    let key = SigningKey::generate(algorithm, env).map_err(|_error| broken("cannot be made"))?;
    let private = key.to_pkcs8().map_err(|_error| broken("cannot be written"))?;
    Ok(OidcKeyRow {
        public_jwk: serde_json::to_string(key.jwk()).map_err(|_error| broken("cannot be published"))?,
        sealed_key: keyring.seal(&seal_label(key.kid()), &private, env).into_bytes(),
        kid: key.kid().to_owned(),
        algorithm: algorithm.to_string(),
        generation,
        created_at: env.now(),
        active_at,
        retires_at: None,
        row_seal: Vec::new(),
    })
}

/// Whether the sealed private key opens and belongs to the published one.
pub(crate) fn key_fits(keyring: &Keyring, row: &OidcKeyRow) -> bool {
    key_open(keyring, row).is_ok_and(|key| {
        key.kid() == row.kid && serde_json::to_string(key.jwk()).is_ok_and(|text| text == row.public_jwk)
    })
}

fn key_open(keyring: &Keyring, row: &OidcKeyRow) -> Result<SigningKey, AuthError> {
    let algorithm: Algorithm = row.algorithm.parse().map_err(|_error| broken(&row.kid))?;
    let bytes = keyring.open(&seal_label(&row.kid), &Sealed::from_bytes(row.sealed_key.clone()))?;
    SigningKey::from_pkcs8(algorithm, &bytes).map_err(|_error| broken(&row.kid))
}

fn rows_of(conn: &mut Conn, sealer: &Sealer, algorithm: Option<Algorithm>) -> Result<Vec<OidcKeyRow>, AuthError> {
    let rows: Vec<OidcKeyRow> = oidc_keys::table
        .order((oidc_keys::algorithm, oidc_keys::generation.desc()))
        .select(OidcKeyRow::as_select())
        .load(conn)?;
    let wanted = rows
        .into_iter()
        .filter(|row| algorithm.is_none_or(|algorithm| row.algorithm == algorithm.name()));
    Ok(intact_all(wanted, sealer)?)
}

fn is_published(row: &OidcKeyRow, now: Timestamp) -> bool {
    row.retires_at.is_none_or(|at| at > now)
}

impl Auth {
    /// The key that signs now; the first one of an algorithm is made.
    pub(crate) async fn oidc_signing_key(&self, algorithm: Algorithm) -> Result<SigningKey, AuthError> {
        let now = self.env.now();
        let current = |rows: Vec<OidcKeyRow>| rows.into_iter().find(|row| row.active_at <= now);
        if let Some(row) = current(self.oidc_key_rows(Some(algorithm)).await?) {
            return key_open(&self.keyring, &row);
        }
        self.oidc_key_ensure(algorithm).await?;
        let row = current(self.oidc_key_rows(Some(algorithm)).await?).ok_or_else(|| broken(algorithm.name()))?;
        key_open(&self.keyring, &row)
    }

    /// Makes the first key of an algorithm, unless there is one.
    pub(crate) async fn oidc_key_ensure(&self, algorithm: Algorithm) -> Result<(), AuthError> {
        if !self.oidc_key_rows(Some(algorithm)).await?.is_empty() {
            return Ok(());
        }
        self.oidc_key_add(algorithm, 1, self.env.now()).await
    }

    async fn oidc_key_rows(&self, algorithm: Option<Algorithm>) -> Result<Vec<OidcKeyRow>, AuthError> {
        let sealer = self.sealer.clone();
        self.db.read(move |conn| rows_of(conn, &sealer, algorithm)).await
    }

    /// Another process on the same database may be first: then its key is the one.
    async fn oidc_key_add(&self, algorithm: Algorithm, generation: i64, active_at: Timestamp) -> Result<(), AuthError> {
        let (keyring, env) = (self.keyring.clone(), self.env.clone());
        let made = tokio::task::spawn_blocking(move || key_row(&keyring, &env, algorithm, generation, active_at)).await;
        let row = made.map_err(|_panicked| broken("cannot be made"))??;
        let sealer = self.sealer.clone();
        let stored = self
            .db
            .write(move |conn| {
                let retires_at = row.active_at.plus(PUBLISHED_AFTER);
                for mut old in rows_of(conn, &sealer, Some(algorithm))? {
                    if old.retires_at.is_none() {
                        old.retires_at = Some(retires_at);
                        old.save(conn, &sealer)?;
                    }
                }
                row.clone().insert(conn, &sealer)?;
                Ok::<_, AuthError>(())
            })
            .await;
        match stored {
            Err(AuthError::Store(error)) if error.is_unique_violation() => Ok(()),
            stored => stored,
        }
    }

    /// Replaces the keys that have signed for long enough, or all of them; returns how many.
    ///
    /// # Errors
    /// What the database says.
    pub async fn oidc_keys_rotate(&self, all: bool) -> Result<usize, AuthError> {
        let (now, mut rotated) = (self.env.now(), 0_usize);
        let rows = self.oidc_key_rows(None).await?;
        for algorithm in Algorithm::ALL {
            let Some(newest) = rows.iter().find(|row| row.algorithm == algorithm.name()) else {
                continue;
            };
            // One that waits to become active is new enough in any case.
            let due = newest.active_at <= now && (all || newest.active_at.plus(ROTATED_AFTER) <= now);
            if due {
                let generation = newest.generation.saturating_add(1);
                self.oidc_key_add(algorithm, generation, now.plus(PUBLISHED_AHEAD))
                    .await?;
                rotated = rotated.saturating_add(1);
            }
        }
        Ok(rotated)
    }

    /// The published keys.
    pub(crate) async fn oidc_public_keys(&self) -> Result<Jwks, AuthError> {
        let now = self.env.now();
        let rows = self.oidc_key_rows(None).await?;
        key_set(rows.iter().filter(|row| is_published(row, now)))
    }

    /// The union for the root of the node: session keys, the node's own, these, and those of the service that has more.
    pub(crate) async fn key_set_union(&self) -> Result<Value, AuthError> {
        let mut set = self.key_set();
        let own = self.oidc_public_keys().await?;
        if let Some(keys) = set.get_mut("keys").and_then(Value::as_array_mut) {
            keys.extend(own.keys().iter().map(|key| json!(key)));
            if let Some(more) = self.more_keys.get() {
                keys.extend(more.more_keys().await?.keys().iter().map(|key| json!(key)));
            }
        }
        Ok(set)
    }

    /// Notes that the operator wants other keys.
    pub(crate) async fn oidc_rotation_note(
        &self,
        verified: &imajin_web::Verified,
        raw: Vec<u8>,
    ) -> Result<(), AuthError> {
        let (did, authority) = (verified.did().clone(), Authority::Signed(verified.proof().clone()));
        let auth = self.writing();
        self.db
            .write(move |conn| {
                mutation_record(conn, &auth, &did, ACTION_ROTATE, "oidc_keys", raw.clone(), &authority)?;
                Ok::<_, AuthError>(())
            })
            .await
    }

    /// An ID token of this node, however old: for `id_token_hint`, which only ever names somebody.
    pub(crate) async fn oidc_hint_read(&self, text: &str) -> Result<Option<Standard>, AuthError> {
        let keys = key_set(self.oidc_key_rows(None).await?.iter())?;
        let token = recognise::<IdToken>(text, &keys, &self.issuer());
        Ok(token.ok().map(|token| token.standard))
    }
}

fn key_set<'a>(rows: impl Iterator<Item = &'a OidcKeyRow>) -> Result<Jwks, AuthError> {
    let keys = rows.map(|row| serde_json::from_str(&row.public_jwk).map_err(|_error| broken(&row.kid)));
    Jwks::new(keys.collect::<Result<_, _>>()?).map_err(|_error| broken("have one name twice"))
}
