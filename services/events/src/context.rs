use imajin_did::{Did, Keyring};
use imajin_kernel::{Env, Timestamp};
use imajin_proof::digest::sha256;
use imajin_proof::http_sig::{NONCE_KEPT_FOR, SignedRequest};
use imajin_store::idempotency::{self, Outcome};
use imajin_store::{Conn, Sealer, mutation, nonce};
use imajin_web::Verified;

use crate::{EventsConfig, EventsError};

/// The most characters of an `Idempotency-Key`.
const IDEMPOTENCY_KEY_LENGTH_MAX: usize = 200;

/// What every domain function may use besides its connection; cheap to clone.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) env: Env,
    pub(crate) keyring: Keyring,
    pub(crate) sealer: Sealer,
    pub(crate) writer: mutation::Writer,
    pub(crate) config: EventsConfig,
}

/// An idempotency key with the digest of the request that it belongs to.
#[derive(Debug, Clone)]
pub(crate) struct IdempotencyKey {
    key: String,
    digest: [u8; 32],
}

impl IdempotencyKey {
    /// The key of a request, if it has one. The digest covers method, address and body.
    pub(crate) fn of(request: &SignedRequest) -> Result<Option<Self>, EventsError> {
        let Some(key) = &request.idempotency_key else {
            return Ok(None);
        };
        if key.is_empty() || key.len() > IDEMPOTENCY_KEY_LENGTH_MAX {
            let problem = format!("must have 1 to {IDEMPOTENCY_KEY_LENGTH_MAX} characters");
            return Err(EventsError::invalid("Idempotency-Key", problem));
        }
        let head = format!("{} {}\n", request.method, request.target_uri);
        let digest = sha256(&[head.as_bytes(), &request.body].concat());
        Ok(Some(Self {
            key: key.clone(),
            digest,
        }))
    }

    fn request<'a>(&'a self, owner: &'a Did) -> idempotency::Request<'a> {
        idempotency::Request {
            owner,
            key: &self.key,
            digest: &self.digest,
        }
    }
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
        let proof = verified.proof();
        nonce::spend(
            conn,
            &self.sealer,
            &proof.did,
            &proof.nonce,
            proof.created,
            NONCE_KEPT_FOR,
        )?;
        Ok(())
    }
}
