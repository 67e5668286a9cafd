//! The keys that sign session tokens grow old, and are replaced by age or by command. A retired key goes on verifying
//! until its last token has expired, so nobody is logged out.

use imajin_did::{Did, Keyring};
use imajin_kernel::{Env, Problem, Span, Timestamp};
use imajin_store::mutation::Writer;
use imajin_store::{Conn, Db, SealedRow, Sealer};
use serde_json::json;

use crate::auth::{Auth, Writing};
use crate::log::{Authority, mutation_record};
use crate::rows::SessionKeyRow;
use crate::session_keys::{PUBLISHED_MAX, current_row, fresh_row, published_keys};
use crate::{AuthError, SERVICE};

const ACTION: &str = "session_key.rotate";
/// A key is replaced when it is so old.
const AGE_MAX: Span = Span::days(30);
/// Tokens with unknown keys make nobody read the database more often than this.
const REFRESH_EVERY: Span = Span::seconds(1);

/// What a rotation is decided with.
struct Rotation {
    node: Did,
    fresh: SessionKeyRow,
    /// Only a key that is older; `None` for any.
    older_than: Option<Timestamp>,
}

impl Auth {
    /// Replaces the key that signs session tokens if it is old, and learns what other processes have done. The
    /// background task calls it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn session_keys_turn(&self) -> Result<(), AuthError> {
        let oldest = self.env.now().minus(AGE_MAX);
        if self.keys.set().since <= oldest {
            rotate(&self.db, &self.keyring, &self.writing(), Some(oldest)).await?;
        }
        self.keys
            .refresh(&self.db, &self.keyring, &self.sealer, &self.env)
            .await
    }

    /// Reads the keys again, unless that was done a moment ago; says whether it did.
    pub(crate) async fn session_keys_refresh(&self) -> Result<bool, AuthError> {
        if self.env.now().since(self.keys.set().read_at) < REFRESH_EVERY {
            return Ok(false);
        }
        self.keys
            .refresh(&self.db, &self.keyring, &self.sealer, &self.env)
            .await?;
        Ok(true)
    }
}

/// Replaces the key that signs session tokens, at an operator's command. A running node learns of it within a minute,
/// or with the first token that the new key has signed. Returns the new key's `kid`.
///
/// # Errors
/// When it was done too often within a day, or the database refuses.
pub async fn session_keys_rotate(db: &Db, keyring: &Keyring, env: &Env) -> Result<String, Problem> {
    let sealer = Sealer::for_service(keyring, SERVICE);
    let writer = Writer::new(SERVICE, keyring.clone(), sealer.clone(), env.clone());
    let writing = Writing {
        env: env.clone(),
        sealer,
        writer: writer.into(),
    };
    Ok(rotate(db, keyring, &writing, None).await?)
}

async fn rotate(
    db: &Db,
    keyring: &Keyring,
    auth: &Writing,
    older_than: Option<Timestamp>,
) -> Result<String, AuthError> {
    let rotation = Rotation {
        node: keyring.node_did().clone(),
        fresh: fresh_row(keyring, &auth.env),
        older_than,
    };
    let auth = auth.clone();
    db.write(move |conn| rotation.run(conn, &auth)).await
}

impl Rotation {
    fn run(&self, conn: &mut Conn, auth: &Writing) -> Result<String, AuthError> {
        let now = auth.env.now();
        let current = current_row(conn, &auth.sealer)?;
        if let (Some(row), Some(oldest)) = (&current, self.older_than)
            && row.created_at > oldest
        {
            // Another process was quicker.
            return Ok(row.kid.clone());
        }
        let published = published_keys(conn, &auth.sealer, now)?.len();
        if i64::try_from(published).unwrap_or(i64::MAX) >= PUBLISHED_MAX {
            return Err(AuthError::RotationTooOften);
        }
        let retired = current.as_ref().map(|row| row.kid.clone());
        let body = json!({"kid": self.fresh.kid, "retired": retired})
            .to_string()
            .into_bytes();
        let object = format!("session_key/{}", self.fresh.kid);
        mutation_record(conn, auth, &self.node, ACTION, &object, body, &Authority::Node)?;
        if let Some(mut row) = current {
            row.retired_at = Some(now);
            row.save(conn, &auth.sealer)?;
        }
        let row = self.fresh.clone().insert(conn, &auth.sealer)?;
        Ok(row.kid)
    }
}
