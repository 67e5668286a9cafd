use imajin_did::{Did, Keyring};
use imajin_kernel::{Env, Timestamp};
use imajin_proof::http_sig::SignedRequest;
pub(crate) use imajin_store::idempotency::Key as IdempotencyKey;
use imajin_store::idempotency::{self, Outcome};
use imajin_store::{Conn, Sealer, mutation, nonce};
use imajin_web::Verified;

use crate::{EventsConfig, EventsError};

/// What every domain function may use besides its connection; cheap to clone.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) env: Env,
    pub(crate) keyring: Keyring,
    pub(crate) sealer: Sealer,
    pub(crate) writer: mutation::Writer,
    pub(crate) config: EventsConfig,
}

/// The idempotency key of a request, if it has one.
pub(crate) fn idempotency_key(request: &SignedRequest) -> Result<Option<IdempotencyKey>, EventsError> {
    IdempotencyKey::of(request).map_err(|invalid| EventsError::invalid("Idempotency-Key", invalid.to_string()))
}

/// The status that an idempotency row keeps: both requests with a key create something.
const CREATED: u16 = 201;

impl Context {
    /// Looks for an earlier answer; refuses a key that was used for something else.
    pub(crate) fn idempotency_check(
        &self,
        conn: &mut Conn,
        owner: &Did,
        key: &IdempotencyKey,
        now: Timestamp,
    ) -> Result<Outcome, EventsError> {
        match idempotency::check(conn, &self.sealer, &key.request(owner), now)? {
            Outcome::Mismatch => Err(EventsError::IdempotencyMismatch),
            outcome => Ok(outcome),
        }
    }

    /// Remembers which thing a request made.
    pub(crate) fn idempotency_store(
        &self,
        conn: &mut Conn,
        owner: &Did,
        key: &IdempotencyKey,
        id: &str,
        now: Timestamp,
    ) -> Result<(), EventsError> {
        idempotency::store(conn, &self.sealer, &key.request(owner), CREATED, id.as_bytes(), now)?;
        Ok(())
    }

    /// Reads what [`Context::idempotency_store`] wrote.
    pub(crate) fn replayed_id<K: imajin_kernel::id::Kind>(
        body: &[u8],
    ) -> Result<imajin_kernel::id::Id<K>, EventsError> {
        let text = std::str::from_utf8(body).ok();
        text.and_then(|text| text.parse().ok())
            .ok_or_else(|| EventsError::Fault("an idempotency row names nothing of ours".to_owned()))
    }

    /// Spends the nonce of a request that changes nothing because it was answered before.
    pub(crate) fn nonce_spend(&self, conn: &mut Conn, verified: &Verified) -> Result<(), EventsError> {
        nonce::request_spend(conn, &self.sealer, verified.proof())?;
        Ok(())
    }
}
