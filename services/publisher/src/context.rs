use imajin_did::Keyring;
use imajin_kernel::Env;
use imajin_store::{Conn, Sealer, mutation, nonce};
use imajin_web::Verified;

use crate::PublisherError;

/// What every domain function may use besides its connection; cheap to clone.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) env: Env,
    pub(crate) keyring: Keyring,
    pub(crate) sealer: Sealer,
    pub(crate) writer: mutation::Writer,
}

impl Context {
    /// Spends the nonce of a request that changes nothing.
    pub(crate) fn nonce_spend(&self, conn: &mut Conn, verified: &Verified) -> Result<(), PublisherError> {
        Ok(nonce::request_spend(conn, &self.sealer, verified.proof())?)
    }
}
