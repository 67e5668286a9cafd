//! The rail's state in a database that knows documents only.

use std::sync::Arc;

use async_trait::async_trait;
use imajin_kernel::id::CheckoutId;
use imajin_kernel::{Span, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Payout, SolanaStore, Watch};
use crate::{RailError, RailMessage, SolanaRecord, SolanaRecordKind, SolanaRecords};

/// Longer than any checkout can be paid, late payments included.
const WATCHED_MAX: Span = Span::days(30);

/// Documents in place of values. A member that is added to one later is left out while it has its default: what was
/// stored before is then still the same text.
pub(crate) struct Documents(pub(crate) Arc<dyn SolanaRecords>);

fn written<T: Serialize>(value: &T) -> Result<String, RailError> {
    serde_json::to_string(value).map_err(|error| RailError::Malformed(error.to_string()))
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, RailError> {
    serde_json::from_str(text).map_err(|error| RailError::Malformed(format!("a stored document: {error}")))
}

#[async_trait]
impl SolanaStore for Documents {
    async fn watch_save(
        &self,
        before: Option<&Watch>,
        after: &Watch,
        messages: &[RailMessage],
    ) -> Result<bool, RailError> {
        let record = SolanaRecord {
            kind: SolanaRecordKind::Watch,
            key: after.payment.checkout.to_string(),
            document: written(after)?,
            next_at: (!after.is_over(after.next_at)).then_some(after.next_at),
            signed_at: None,
        };
        let before = before.map(written).transpose()?;
        self.0.record_save(before, record, messages.to_vec()).await
    }

    async fn watch_fetch(&self, checkout: CheckoutId) -> Result<Option<Watch>, RailError> {
        let found = self.0.record_fetch(SolanaRecordKind::Watch, checkout.as_str()).await?;
        found.as_deref().map(read).transpose()
    }

    async fn watches_due(&self, now: Timestamp, limit: usize) -> Result<Vec<Watch>, RailError> {
        let due = self.0.records_due(SolanaRecordKind::Watch, now, limit).await?;
        due.iter().map(|text| read(text)).collect()
    }

    async fn payout_save(&self, before: Option<&Payout>, after: &Payout) -> Result<bool, RailError> {
        let record = SolanaRecord {
            kind: SolanaRecordKind::Payout,
            key: after.key.clone(),
            document: written(after)?,
            next_at: (!after.is_over()).then_some(after.next_at),
            signed_at: after.signed_at,
        };
        let before = before.map(written).transpose()?;
        self.0.record_save(before, record, Vec::new()).await
    }

    async fn payout_fetch(&self, key: &str) -> Result<Option<Payout>, RailError> {
        let found = self.0.record_fetch(SolanaRecordKind::Payout, key).await?;
        found.as_deref().map(read).transpose()
    }

    async fn payouts_due(&self, now: Timestamp, limit: usize) -> Result<Vec<Payout>, RailError> {
        let due = self.0.records_due(SolanaRecordKind::Payout, now, limit).await?;
        due.iter().map(|text| read(text)).collect()
    }

    async fn payouts_signed(&self, since: Timestamp) -> Result<Vec<Payout>, RailError> {
        let signed = self.0.payouts_signed(since).await?;
        signed.iter().map(|text| read(text)).collect()
    }

    async fn watches_list(
        &self,
        since: Timestamp,
        after: Option<CheckoutId>,
        limit: usize,
    ) -> Result<Vec<Watch>, RailError> {
        // A checkout's identifier begins with its time, and none is watched for longer than this.
        let first = CheckoutId::generate(since.minus(WATCHED_MAX), [0; 10]);
        let after = after.map_or(first, |after| after.max(first));
        let kind = SolanaRecordKind::Watch;
        let listed = self.0.records_list(kind, None, after.to_string(), limit).await?;
        listed.iter().map(|text| read(text)).collect()
    }

    async fn payouts_list(&self, since: Timestamp, after: &str, limit: usize) -> Result<Vec<Payout>, RailError> {
        let kind = SolanaRecordKind::Payout;
        let listed = self.0.records_list(kind, Some(since), after.to_owned(), limit).await?;
        listed.iter().map(|text| read(text)).collect()
    }
}
