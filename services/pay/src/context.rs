use std::sync::Arc;

use diesel::Connection;
use imajin_did::{Did, Keyring};
use imajin_kernel::{Env, Timestamp};
use imajin_ledger::{Ledger, Recipients};
use imajin_money::Asset;
use imajin_proof::digest::sha256;
use imajin_proof::http_sig::SignedRequest;
use imajin_rails::Rail;
use imajin_store::idempotency::{self, InvalidKey, Key, Outcome};
use imajin_store::mutation::{self, Mutation, Proof};
use imajin_store::{Conn, Sealer, StoreError, nonce};
use imajin_web::Verified;

use crate::domain::plan::SplitCache;
use crate::rails::Rails;
use crate::{PayConfig, PayError};

/// What every domain function may use besides its connection; cheap to clone.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) env: Env,
    pub(crate) keyring: Keyring,
    pub(crate) sealer: Sealer,
    pub(crate) writer: mutation::Writer,
    pub(crate) ledger: Ledger,
    pub(crate) rails: Rails,
    pub(crate) splits: Arc<SplitCache>,
    pub(crate) config: Arc<PayConfig>,
}

impl Context {
    pub(crate) fn now(&self) -> Timestamp {
        self.env.now()
    }

    pub(crate) fn rail(&self, name: &str) -> Result<&Arc<dyn Rail>, PayError> {
        self.rails.get(name).ok_or(PayError::NotFound("payment rail"))
    }

    /// A rail that takes new payments.
    pub(crate) fn rail_open(&self, name: &str) -> Result<&Arc<dyn Rail>, PayError> {
        let rail = self.rail(name)?;
        Some(rail)
            .filter(|_| self.rails.is_open(name))
            .ok_or(PayError::NotFound("payment rail"))
    }

    /// The rail that takes an asset: test money never meets real money.
    pub(crate) fn rail_for(&self, asset: Asset) -> Result<&Arc<dyn Rail>, PayError> {
        self.rails.taking(asset).ok_or_else(|| PayError::NoRail {
            asset: asset.to_string(),
        })
    }

    /// Who gets the fees of what `payer` pays.
    pub(crate) fn recipients(&self, payer: &Did) -> Recipients {
        let node = self.keyring.node_did().clone();
        let protocol = self.config.protocol.clone().unwrap_or_else(|| node.clone());
        Recipients {
            protocol,
            node,
            payer: payer.clone(),
        }
    }

    /// Logs a change by the caller's own signature, and spends its nonce.
    pub(crate) fn signed_append(
        &self,
        conn: &mut Conn,
        verified: &Verified,
        action: &str,
        object: &str,
        body: &[u8],
    ) -> Result<(), PayError> {
        let mutation = Mutation {
            owner: verified.did().clone(),
            action,
            object: object.to_owned(),
            body: body.to_vec(),
            proof: Proof::Http(verified.proof().clone()),
        };
        mutation::append(conn, &self.writer, &mutation)?;
        Ok(())
    }

    /// Logs a change that the node makes on its own account.
    pub(crate) fn node_append(
        &self,
        conn: &mut Conn,
        owner: &Did,
        action: &str,
        object: &str,
        body: Vec<u8>,
    ) -> Result<(), PayError> {
        let mutation = Mutation {
            owner: owner.clone(),
            action,
            object: object.to_owned(),
            body,
            proof: Proof::Node,
        };
        mutation::append(conn, &self.writer, &mutation)?;
        Ok(())
    }

    /// Spends the nonce of a request that changes nothing because it was answered before.
    pub(crate) fn nonce_spend(&self, conn: &mut Conn, verified: &Verified) -> Result<(), PayError> {
        nonce::request_spend(conn, &self.sealer, verified.proof())?;
        Ok(())
    }
}

/// The idempotency key of a request.
#[derive(Debug, Clone)]
pub(crate) struct IdempotencyKey(Key);

impl IdempotencyKey {
    /// The key of a request, if it has one.
    pub(crate) fn of(request: &SignedRequest) -> Result<Option<Self>, PayError> {
        let invalid = |error: InvalidKey| PayError::invalid("Idempotency-Key", error.to_string());
        Ok(Key::of(request).map_err(invalid)?.map(Self))
    }

    /// A key that another service names; `content` is everything in its request that decides about the answer.
    pub(crate) fn named(member: &str, key: &str, content: &[u8]) -> Result<Self, PayError> {
        let invalid = |error: InvalidKey| PayError::invalid(member, error.to_string());
        Ok(Self(Key::named(key, content).map_err(invalid)?))
    }

    /// The key of a request that moves money and therefore must have one.
    pub(crate) fn demanded(request: &SignedRequest) -> Result<Self, PayError> {
        Self::of(request)?.ok_or(PayError::IdempotencyKeyMissing)
    }

    /// The ledger's key for what this request of `owner` books: short, and nobody else's.
    pub(crate) fn ledger_key(&self, owner: &Did) -> String {
        let text = format!("{}\n{}", owner.canonical(), self.0.as_str());
        format!("request/{}", hex::encode(sha256(text.as_bytes())))
    }

    /// The earlier answer to this request, if there is one.
    pub(crate) fn replayed(
        &self,
        conn: &mut Conn,
        context: &Context,
        owner: &Did,
    ) -> Result<Option<Vec<u8>>, PayError> {
        match idempotency::check(conn, &context.sealer, &self.0.request(owner), context.now())? {
            Outcome::Fresh => Ok(None),
            Outcome::Replay { body, .. } => Ok(Some(body)),
            Outcome::InFlight => Err(PayError::IdempotencyInFlight),
            Outcome::Mismatch => Err(PayError::IdempotencyMismatch),
        }
    }

    /// Marks the request as running, until the transaction ends. `false` when another process has just answered it: who
    /// comes second waits for that here.
    pub(crate) fn reserve(&self, conn: &mut Conn, context: &Context, owner: &Did) -> Result<bool, PayError> {
        let (request, now) = (self.0.request(owner), context.now());
        let reserved: Result<(), StoreError> =
            conn.transaction(|conn| idempotency::reserve(conn, &context.sealer, &request, now));
        match reserved {
            Ok(()) => Ok(true),
            Err(error) if error.is_unique_violation() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps the answer.
    pub(crate) fn store(
        &self,
        conn: &mut Conn,
        context: &Context,
        owner: &Did,
        status: u16,
        body: &[u8],
    ) -> Result<(), PayError> {
        idempotency::store(
            conn,
            &context.sealer,
            &self.0.request(owner),
            status,
            body,
            context.now(),
        )?;
        Ok(())
    }
}
