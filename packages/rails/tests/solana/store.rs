//! What the node's database does for the rail.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use imajin_kernel::Timestamp;
use imajin_kernel::id::CheckoutId;
use imajin_rails::RailError;
use imajin_rails::RailMessage;
use imajin_rails::solana::{Payout, SolanaStore, Watch};

#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) watches: Mutex<BTreeMap<CheckoutId, Watch>>,
    pub(crate) payouts: Mutex<BTreeMap<String, Payout>>,
    pub(crate) messages: Mutex<Vec<RailMessage>>,
    /// So many writes are still made before the power is cut once.
    writes_left: Mutex<Option<usize>>,
}

impl Memory {
    pub(crate) fn cut_after(&self, writes: usize) {
        *self.writes_left.lock().unwrap() = Some(writes);
    }

    pub(crate) fn cut_never(&self) {
        *self.writes_left.lock().unwrap() = None;
    }

    fn power(&self) -> Result<(), RailError> {
        let mut left = self.writes_left.lock().unwrap();
        match *left {
            Some(0) => {
                *left = None;
                Err(RailError::Unavailable("the power was cut".to_owned()))
            }
            Some(writes) => {
                *left = Some(writes - 1);
                Ok(())
            }
            None => Ok(()),
        }
    }

    pub(crate) fn messages_take(&self) -> Vec<RailMessage> {
        std::mem::take(&mut self.messages.lock().unwrap())
    }
}

#[async_trait]
impl SolanaStore for Memory {
    async fn watch_save(
        &self,
        before: Option<&Watch>,
        after: &Watch,
        messages: &[RailMessage],
    ) -> Result<bool, RailError> {
        self.power()?;
        let mut watches = self.watches.lock().unwrap();
        if watches.get(&after.payment.checkout) != before {
            return Ok(false);
        }
        watches.insert(after.payment.checkout, after.clone());
        self.messages.lock().unwrap().extend_from_slice(messages);
        Ok(true)
    }

    async fn watch_fetch(&self, checkout: CheckoutId) -> Result<Option<Watch>, RailError> {
        Ok(self.watches.lock().unwrap().get(&checkout).cloned())
    }

    async fn watches_due(&self, now: Timestamp, limit: usize) -> Result<Vec<Watch>, RailError> {
        let watches = self.watches.lock().unwrap();
        let due = watches
            .values()
            .filter(|watch| watch.next_at <= now && !watch.is_over(now));
        Ok(due.take(limit).cloned().collect())
    }

    async fn payout_save(&self, before: Option<&Payout>, after: &Payout) -> Result<bool, RailError> {
        self.power()?;
        let mut payouts = self.payouts.lock().unwrap();
        if payouts.get(&after.key) != before {
            return Ok(false);
        }
        payouts.insert(after.key.clone(), after.clone());
        Ok(true)
    }

    async fn payout_fetch(&self, key: &str) -> Result<Option<Payout>, RailError> {
        Ok(self.payouts.lock().unwrap().get(key).cloned())
    }

    async fn payouts_due(&self, now: Timestamp, limit: usize) -> Result<Vec<Payout>, RailError> {
        let payouts = self.payouts.lock().unwrap();
        let due = payouts
            .values()
            .filter(|payout| !payout.is_over() && payout.next_at <= now);
        Ok(due.take(limit).cloned().collect())
    }

    async fn payouts_signed(&self, since: Timestamp) -> Result<Vec<Payout>, RailError> {
        let payouts = self.payouts.lock().unwrap();
        let signed = payouts
            .values()
            .filter(|payout| payout.signed_at.is_some_and(|at| at > since));
        Ok(signed.cloned().collect())
    }

    async fn watches_list(
        &self,
        since: Timestamp,
        after: Option<CheckoutId>,
        limit: usize,
    ) -> Result<Vec<Watch>, RailError> {
        let watches = self.watches.lock().unwrap();
        let listed = watches
            .iter()
            .filter(|(id, watch)| after.is_none_or(|after| **id > after) && watch.expires_at > since);
        Ok(listed.take(limit).map(|(_, watch)| watch.clone()).collect())
    }

    async fn payouts_list(&self, since: Timestamp, after: &str, limit: usize) -> Result<Vec<Payout>, RailError> {
        let payouts = self.payouts.lock().unwrap();
        let listed = payouts
            .iter()
            .filter(|(key, payout)| key.as_str() > after && payout.signed_at.is_some_and(|at| at > since));
        Ok(listed.take(limit).map(|(_, payout)| payout.clone()).collect())
    }
}
