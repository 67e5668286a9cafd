//! Limits of accounts: each is what the operator signed last, and none is missing.

use imajin_ledger::{LedgerError, limits_fetch};
use imajin_store::{Conn, StoreError, mutation};

use super::{Auditor, PAGE, from_ledger};
use crate::domain::limits::{LIMITS_SET, LimitsWish, limits_object};

impl Auditor {
    pub(super) fn limits_check(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let mut after: Option<String> = None;
        loop {
            let page = match mutation::last_bodies(conn, "limits/", after.as_deref(), PAGE) {
                Ok(page) => page,
                // A row of the log that cannot be read is a finding of the log's own audit.
                Err(diesel::result::Error::DeserializationError(_)) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let Some(last) = page.last() else { break };
            after = Some(last.object.clone());
            for logged in page.into_iter().filter(|logged| logged.action == LIMITS_SET) {
                let Some(wish) = logged.body.and_then(|body| serde_json::from_slice(&body).ok()) else {
                    continue;
                };
                self.limits_fit(conn, &wish)?;
            }
        }
        self.limits_logged(conn)
    }

    fn limits_fit(&mut self, conn: &mut Conn, wish: &LimitsWish) -> Result<(), StoreError> {
        let Ok(key) = wish.account() else { return Ok(()) };
        let Ok(limits) = wish.limits(key.asset) else {
            return Ok(());
        };
        let found = limits_fetch(conn, &self.sealer, imajin_kernel::Timestamp::EPOCH, &key);
        let found = from_ledger(found)?
            .map(|limited| limited.account.limits)
            .unwrap_or_default();
        if found != limits {
            let problem = "its limits are not those that the operator signed";
            self.find("ledger_accounts", key.id().to_string(), problem);
        }
        Ok(())
    }

    /// Every account with limits is in the log.
    fn limits_logged(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let mut after = String::new();
        loop {
            let page = imajin_ledger::limited_page(conn, &self.sealer, imajin_kernel::Timestamp::EPOCH, &after, PAGE);
            let page = match page {
                Ok(page) => page,
                Err(LedgerError::Store(error)) if !matches!(error, StoreError::Damaged(_)) => return Err(error),
                // A damaged account is a finding of the ledger's own audit.
                Err(_damaged) => return Ok(()),
            };
            let Some(last) = page.last() else { return Ok(()) };
            after = last.account.key.id().to_string();
            for limited in page {
                let id = limited.account.key.id().to_string();
                if mutation::last_body(conn, &limits_object(&id))?.is_none() {
                    self.find("ledger_accounts", id, "the log does not know of its limits");
                }
            }
        }
    }
}
