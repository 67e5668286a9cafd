use async_trait::async_trait;
use imajin_did::Did;
use imajin_gate::Replays;
use imajin_kernel::{Code, Problem, Timestamp};
use imajin_store::{StoreError, nonce};

use super::GateBooks;
use crate::PublisherError;

/// The DID of an agent: that of its domain.
pub(super) fn agent_did(agent: &str) -> Result<Did, Problem> {
    let wrong = |_error| Problem::new(Code::InvalidRequest, "The agent's domain is no name of a DID.");
    Did::from_web_authority(agent).map_err(wrong)
}

#[async_trait]
impl Replays for GateBooks {
    async fn spend(&self, agent: &str, key: &str, kept_until: Timestamp, now: Timestamp) -> Result<bool, Problem> {
        let (did, name) = (agent_did(agent)?, format!("claim:{key}"));
        let spent = self.publisher.write(move |conn, context| {
            let kept = kept_until.since(now);
            Ok(nonce::spend(conn, &context.sealer, &did, &name, now, kept)?)
        });
        match spent.await {
            Ok(()) => Ok(true),
            Err(PublisherError::Store(StoreError::Replayed)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
