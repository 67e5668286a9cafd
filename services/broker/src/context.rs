use std::sync::Arc;

use imajin_did::Keyring;
use imajin_kernel::{Env, Timestamp};
use imajin_proof::http_sig::SignedRequest;
use imajin_store::idempotency::Key;
use imajin_store::{Conn, Sealer, mutation, nonce};

use crate::caller::Caller;
use crate::{BrokerConfig, BrokerError};

/// What every domain function may use besides its connection; cheap to clone.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) env: Env,
    pub(crate) keyring: Keyring,
    pub(crate) sealer: Sealer,
    pub(crate) writer: mutation::Writer,
    pub(crate) config: Arc<BrokerConfig>,
    /// The broker's address, as its visas name it.
    pub(crate) issuer: Arc<str>,
}

impl Context {
    pub(crate) fn now(&self) -> Timestamp {
        self.env.now()
    }
}

/// A signed request that changes something.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) caller: Caller,
    /// The body as it was signed.
    pub(crate) body: Vec<u8>,
    /// The idempotency key, if there is one.
    pub(crate) key: Option<Key>,
}

impl Change {
    pub(crate) fn of(caller: Caller, request: &SignedRequest) -> Result<Self, BrokerError> {
        let key = Key::of(request).map_err(|invalid| BrokerError::invalid("Idempotency-Key", invalid.to_string()))?;
        Ok(Self {
            caller,
            body: request.body.clone(),
            key,
        })
    }

    /// Spends the nonce of a request that changes nothing because it was answered before.
    pub(crate) fn nonce_spend(&self, conn: &mut Conn, context: &Context) -> Result<(), BrokerError> {
        Ok(nonce::request_spend(conn, &context.sealer, self.caller.proof())?)
    }
}
