//! What the rail has stored for it.

use async_trait::async_trait;
use imajin_kernel::Timestamp;
use imajin_kernel::id::CheckoutId;

use super::{Payout, Watch};
use crate::{RailError, RailMessage};

/// Keeps the rail's state. Whatever it has answered for is durable.
#[async_trait]
pub trait SolanaStore: Send + Sync + 'static {
    /// Stores a watch if what is stored of its checkout is `before` still (`None`: nothing), and takes `messages` as if
    /// they had come to the rail's webhook, in one transaction: both or none of it. Says whether it was.
    async fn watch_save(
        &self,
        before: Option<&Watch>,
        after: &Watch,
        messages: &[RailMessage],
    ) -> Result<bool, RailError>;

    /// The watch of a checkout.
    async fn watch_fetch(&self, checkout: CheckoutId) -> Result<Option<Watch>, RailError>;

    /// Watches whose `next_at` has come, the longest waiting first. Those that are over may be left out for ever.
    async fn watches_due(&self, now: Timestamp, limit: usize) -> Result<Vec<Watch>, RailError>;

    /// Stores `after` if what is stored under its key is `before` still (`None`: nothing), in one transaction; says
    /// whether it was. Of two processes that sign a transaction for one payout, only one may get it stored: what is not
    /// stored is never sent.
    async fn payout_save(&self, before: Option<&Payout>, after: &Payout) -> Result<bool, RailError>;

    /// The payout of a key.
    async fn payout_fetch(&self, key: &str) -> Result<Option<Payout>, RailError>;

    /// Payouts that have not ended and whose `next_at` has come, the longest waiting first.
    async fn payouts_due(&self, now: Timestamp, limit: usize) -> Result<Vec<Payout>, RailError>;

    /// Payouts that were signed after a moment: what counts against the limit.
    async fn payouts_signed(&self, since: Timestamp) -> Result<Vec<Payout>, RailError>;

    /// Watches that expire after `since`, by checkout, from the one after `after` on: for the reconciliation. A store
    /// that does not list them cannot be reconciled.
    async fn watches_list(
        &self,
        _since: Timestamp,
        _after: Option<CheckoutId>,
        _limit: usize,
    ) -> Result<Vec<Watch>, RailError> {
        Err(RailError::Refused("its store lists nothing".to_owned()))
    }

    /// Payouts that were signed after `since`, by key, from the one after `after` on.
    async fn payouts_list(&self, _since: Timestamp, _after: &str, _limit: usize) -> Result<Vec<Payout>, RailError> {
        Err(RailError::Refused("its store lists nothing".to_owned()))
    }
}
