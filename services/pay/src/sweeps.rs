//! What ends by itself when its time has passed. Each row ends on its own: a damaged one stays where it is and holds no
//! other up.

use imajin_kernel::Problem;

use crate::domain::{checkout, holds};
use crate::{Pay, PayError};

impl Pay {
    /// Ends checkouts and holds whose time has passed, and goes on with shares. The background calls it.
    ///
    /// # Errors
    /// When the database does not answer; what fails for one kind does not keep the others waiting.
    pub async fn sweep(&self) -> Result<(), Problem> {
        let checkouts = self.checkouts_sweep().await;
        let holds = self.holds_sweep().await;
        let shares = self.shares_sweep().await;
        Ok(checkouts.and(holds).and(shares)?)
    }

    async fn checkouts_sweep(&self) -> Result<(), PayError> {
        let mut after = None;
        loop {
            let page = self.write(move |conn, context| checkout::checkouts_expire(conn, context, after));
            let (next, damaged) = page.await?;
            for (id, error) in damaged {
                self.damaged_tell("checkouts", id.as_str(), &error);
            }
            if next.is_none() {
                return Ok(());
            }
            after = next;
        }
    }

    async fn holds_sweep(&self) -> Result<(), PayError> {
        let mut after = None;
        loop {
            let page = self.write(move |conn, context| holds::holds_expire(conn, context, after));
            let (next, damaged) = page.await?;
            for (id, error) in damaged {
                self.damaged_tell("holds", id.as_str(), &error);
            }
            if next.is_none() {
                return Ok(());
            }
            after = next;
        }
    }

    /// Says once of a row that it cannot be handled: the background meets it again each second.
    pub(crate) fn damaged_tell(&self, table: &'static str, row: &str, error: &dyn std::fmt::Display) {
        let mut told = self.damaged.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if told.insert(format!("{table}/{row}")) {
            tracing::error!(table, row, %error, "a row cannot be handled, and is passed over");
        }
    }
}
