//! Copies of other nodes' manifests, kept as fresh as their homes have them.

use imajin_fair::ManifestId;
use imajin_kernel::Problem;
use imajin_store::SealedRow;

use crate::domain::find::{CopyDue, copies_due};
use crate::domain::store;
use crate::rows::ManifestRow;
use crate::{Publisher, PublisherError};

/// How many are looked at in one sweep.
const COPIES_PER_SWEEP: i64 = 8;

impl Publisher {
    /// Asks the homes of the copies that were not looked at for long, for what others have signed since. The background
    /// task calls it.
    ///
    /// # Errors
    /// When the database does not answer; a home that is away is asked again later.
    pub async fn copies_refresh(&self) -> Result<(), Problem> {
        let before = self.context.env.now().minus(self.config.copy_fresh_for);
        let mut after: Option<CopyDue> = None;
        loop {
            let from = after.take();
            let due = self
                .read(move |conn, _context| copies_due(conn, before, from.as_ref(), COPIES_PER_SWEEP))
                .await?;
            after = due.last().cloned();
            let mut looked_at = 0_usize;
            for (id, _checked_at, url) in due {
                match self.copy_refresh(&id, url).await {
                    Ok(()) => looked_at = looked_at.saturating_add(1),
                    Err(problem) => tracing::error!(manifest = id, %problem, "a copy could not be looked at"),
                }
            }
            // Those that fail stay the oldest: they must not be all that is ever looked at.
            if looked_at > 0 || after.is_none() {
                return Ok(());
            }
        }
    }

    async fn copy_refresh(&self, id: &str, url: Option<String>) -> Result<(), Problem> {
        let damaged = |problem: &str| PublisherError::damaged(ManifestRow::TABLE, &id, problem);
        let url = url.ok_or_else(|| damaged("it is a copy from nowhere"))?;
        let id: ManifestId = id.parse().map_err(|_error| damaged("its id is none"))?;
        let fetched = self.fetcher.refresh(&id, &url).await;
        let written = self.write(move |conn, context| match &fetched {
            Ok(fetched) => store::copy_keep(conn, context, &fetched.checked, &fetched.url),
            Err(reason) => {
                tracing::debug!(%id, %reason, "the home of a copy does not answer");
                store::copy_checked(conn, context, &id)
            }
        });
        Ok(written.await?)
    }
}
