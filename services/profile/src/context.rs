use imajin_kernel::Env;
use imajin_proof::http_sig::SignedRequest;
use imajin_store::idempotency::{self, Key, Outcome};
use imajin_store::{Conn, Sealer, mutation, nonce};
use imajin_web::{Authorised, SoftTier};

use crate::ProfileError;

/// What every domain function may use besides its connection; cheap to clone.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) env: Env,
    pub(crate) sealer: Sealer,
    pub(crate) writer: mutation::Writer,
}

/// A signed request that changes something, checked and parsed as far as its signature goes.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) verified: Authorised<SoftTier>,
    /// The body as it was signed.
    pub(crate) body: Vec<u8>,
    idempotency: Option<Key>,
}

/// Whether a change was made now, or by an earlier request with the same idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    Now,
    Before,
}

impl Change {
    pub(crate) fn of(verified: Authorised<SoftTier>, request: &SignedRequest) -> Result<Self, ProfileError> {
        let idempotency =
            Key::of(request).map_err(|invalid| ProfileError::invalid("Idempotency-Key", invalid.to_string()))?;
        Ok(Self {
            verified,
            body: request.body.clone(),
            idempotency,
        })
    }

    /// Runs `work` unless the same request was answered before; then only its nonce is spent.
    pub(crate) fn once(
        &self,
        conn: &mut Conn,
        context: &Context,
        work: impl FnOnce(&mut Conn) -> Result<(), ProfileError>,
    ) -> Result<Made, ProfileError> {
        let Some(key) = &self.idempotency else {
            work(conn)?;
            return Ok(Made::Now);
        };
        let (now, request) = (context.env.now(), key.request(self.verified.did()));
        match idempotency::check(conn, &context.sealer, &request, now)? {
            Outcome::Mismatch => Err(ProfileError::IdempotencyMismatch),
            Outcome::Replay { .. } => {
                nonce::request_spend(conn, &context.sealer, self.verified.proof())?;
                Ok(Made::Before)
            }
            Outcome::Fresh | Outcome::InFlight => {
                work(conn)?;
                idempotency::store(conn, &context.sealer, &request, 200, b"", now)?;
                Ok(Made::Now)
            }
        }
    }
}
