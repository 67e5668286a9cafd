//! The keys that sign visas and tokens: P-256, sealed in the database.
//!
//! A key is published before it signs and for as long as what it has signed lives, so whoever keeps a copy of the key
//! set for a while never meets an unknown key.

use diesel::prelude::*;
use imajin_did::{Keyring, Sealed};
use imajin_kernel::{Env, Problem, Span, Timestamp};
use imajin_proof::jose::{Algorithm, Jwks, SigningKey};
use imajin_store::{Conn, SealedRow, Sealer, intact_all};

use crate::context::{Change, Context};
use crate::rows::KeyRow;
use crate::schema::signing_keys;
use crate::{Broker, BrokerError, log};

/// A new key is published this long before it signs: longer than anybody keeps a copy of the key set.
const PUBLISHED_AHEAD: Span = Span::hours(1);
/// A key stays published this long after its successor has taken over: longer than a visa lives.
const PUBLISHED_AFTER: Span = Span::hours(2);
/// A key that signs for longer is replaced.
const ROTATED_AFTER: Span = Span::days(90);

fn broken(kid: &str, problem: &str) -> BrokerError {
    BrokerError::damaged(KeyRow::TABLE, &kid, problem)
}

fn key_make(keyring: &Keyring, env: &Env, generation: i64, active_at: Timestamp) -> Result<KeyRow, BrokerError> {
    let fault = |what: &str| BrokerError::Fault(format!("a key for visas {what}"));
    let key = SigningKey::generate(Algorithm::ES256, env).map_err(|_error| fault("cannot be made"))?;
    let private = key.to_pkcs8().map_err(|_error| fault("cannot be written"))?;
    let label = crate::rows::seal_label(key.kid());
    Ok(KeyRow {
        public_jwk: serde_json::to_string(key.jwk()).map_err(|_error| fault("cannot be published"))?,
        sealed_key: keyring.seal(&label, &private, env).into_bytes(),
        kid: key.kid().to_owned(),
        generation,
        created_at: env.now(),
        active_at,
        retires_at: None,
        row_seal: Vec::new(),
    })
}

fn key_open(keyring: &Keyring, row: &KeyRow) -> Result<SigningKey, BrokerError> {
    let label = crate::rows::seal_label(&row.kid);
    let bytes = keyring.open(&label, &Sealed::from_bytes(row.sealed_key.clone()));
    let bytes = bytes.map_err(|_error| broken(&row.kid, "the key does not open"))?;
    SigningKey::from_pkcs8(Algorithm::ES256, &bytes).map_err(|_error| broken(&row.kid, "the key is none"))
}

/// Whether the sealed private key belongs to the published one.
pub(crate) fn key_fits(keyring: &Keyring, row: &KeyRow) -> bool {
    key_open(keyring, row).is_ok_and(|key| {
        key.kid() == row.kid && serde_json::to_string(key.jwk()).is_ok_and(|text| text == row.public_jwk)
    })
}

/// All keys, the newest first.
pub(crate) fn rows_of(conn: &mut Conn, sealer: &Sealer) -> Result<Vec<KeyRow>, BrokerError> {
    let rows: Vec<KeyRow> = signing_keys::table
        .order(signing_keys::generation.desc())
        .select(KeyRow::as_select())
        .load(conn)?;
    Ok(intact_all(rows, sealer)?)
}

/// Adds a key after the newest, and sets the end of the older ones. Another process on the same database may be first:
/// then its key is the one.
fn key_add(conn: &mut Conn, context: &Context, row: &KeyRow) -> Result<(), BrokerError> {
    let rows = rows_of(conn, &context.sealer)?;
    if rows.iter().any(|known| known.generation >= row.generation) {
        return Ok(());
    }
    for mut old in rows {
        if old.retires_at.is_none() {
            old.retires_at = Some(row.active_at.plus(PUBLISHED_AFTER));
            old.save(conn, &context.sealer)?;
        }
    }
    row.clone().insert(conn, &context.sealer)?;
    Ok(())
}

/// Of all keys, the newest first, the one that signs at a moment. Somebody else may have made the very first key a
/// moment later, or by another clock: nobody has a copy of a key set without it, so it signs at once.
fn signs_at(rows: Vec<KeyRow>, now: Timestamp) -> Option<KeyRow> {
    let first = rows.last().cloned();
    rows.into_iter().find(|row| row.active_at <= now).or(first)
}

impl Broker {
    async fn key_rows(&self) -> Result<Vec<KeyRow>, BrokerError> {
        self.read(|conn, context| rows_of(conn, &context.sealer)).await
    }

    /// The key that signs now; the first one is made.
    pub(crate) async fn signing_key(&self) -> Result<SigningKey, BrokerError> {
        let now = self.context.now();
        let mut row = signs_at(self.key_rows().await?, now);
        if row.is_none() {
            self.key_store(1, now).await?;
            row = signs_at(self.key_rows().await?, now);
        }
        let row = row.ok_or_else(|| BrokerError::Fault("there is no key for visas".to_owned()))?;
        key_open(&self.context.keyring, &row)
    }

    async fn key_store(&self, generation: i64, active_at: Timestamp) -> Result<(), BrokerError> {
        let row = key_make(&self.context.keyring, &self.context.env, generation, active_at)?;
        let stored = self.write(move |conn, context| key_add(conn, context, &row)).await;
        match stored {
            Err(BrokerError::Store(error)) if error.is_unique_violation() => Ok(()),
            stored => stored,
        }
    }

    /// The keys that sign visas, as they are published.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn published_keys(&self) -> Result<Jwks, Problem> {
        Ok(self.key_set().await?)
    }

    /// The published keys.
    pub(crate) async fn key_set(&self) -> Result<Jwks, BrokerError> {
        // A verifier that looks before the first visa finds the key that will sign it.
        self.signing_key().await?;
        let now = self.context.now();
        let rows = self.key_rows().await?;
        let published = rows.iter().filter(|row| row.retires_at.is_none_or(|at| at > now));
        let keys = published.map(|row| {
            serde_json::from_str(&row.public_jwk).map_err(|_error| broken(&row.kid, "the public key is none"))
        });
        let keys = keys.collect::<Result<_, _>>()?;
        Jwks::new(keys).map_err(|error| BrokerError::Fault(error.to_string()))
    }

    /// Has another key follow, when the newest has signed for long enough, or at once when the operator says so;
    /// answers whether there is a new one.
    pub(crate) async fn keys_rotate(&self, order: Option<Change>) -> Result<bool, BrokerError> {
        let ordered = order.is_some();
        if let Some(change) = order {
            self.write(move |conn, context| log::append(conn, context, &change, log::KEYS_ROTATE, "keys"))
                .await?;
        }
        let now = self.context.now();
        let Some(newest) = self.key_rows().await?.into_iter().next() else {
            return Ok(false);
        };
        // One that waits to become active is new enough in any case.
        let due = newest.active_at <= now && (ordered || newest.active_at.plus(ROTATED_AFTER) <= now);
        if due {
            self.key_store(newest.generation.saturating_add(1), now.plus(PUBLISHED_AHEAD))
                .await?;
        }
        Ok(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_key_signs_at_once_and_a_later_one_when_its_time_has_come() {
        let at = Timestamp::from_seconds;
        let row = |generation: i64, active_at: Timestamp| {
            let env = Env::system();
            key_make(&Keyring::generate(&env), &env, generation, active_at).unwrap()
        };
        let signs = |rows: &[KeyRow], now: Timestamp| signs_at(rows.to_vec(), now).map(|row| row.generation);
        let (first, second) = (row(1, at(100)), row(2, at(200)));
        assert_eq!(signs(&[], at(100)), None);
        // Made by somebody whose clock was ahead.
        assert_eq!(signs(std::slice::from_ref(&first), at(99)), Some(1));
        let both = [second, first];
        assert_eq!(signs(&both, at(199)), Some(1));
        assert_eq!(signs(&both, at(200)), Some(2));
    }
}
