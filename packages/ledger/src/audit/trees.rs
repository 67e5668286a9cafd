//! The signed roots are those of the entries, and leave none out.

use std::collections::BTreeMap;

use diesel::prelude::*;
use imajin_store::{Conn, SealedRow, Sealer, StoreError};

use super::Auditor;
use crate::LedgerError;
use crate::rows::TreeRow;
use crate::schema::ledger_trees;
use crate::tree::hashes_of;

impl Auditor<'_> {
    pub(super) fn trees_check(&mut self, conn: &mut Conn, sealer: &Sealer) -> Result<(), StoreError> {
        let keys: Vec<(String, i64)> = ledger_trees::table
            .order_by((ledger_trees::chain, ledger_trees::last_seq))
            .select((ledger_trees::chain, ledger_trees::last_seq))
            .load(conn)?;
        let mut ends: BTreeMap<String, i64> = BTreeMap::new();
        for key in keys {
            let row: TreeRow = match ledger_trees::table.find(key).select(TreeRow::as_select()).first(conn) {
                Ok(row) => row,
                // A row that cannot be read is a finding already.
                Err(diesel::result::Error::DeserializationError(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            let end = ends.entry(row.chain.clone()).or_insert(0);
            if row.first_seq != end.saturating_add(1) {
                self.find(
                    TreeRow::TABLE,
                    row.row_key(),
                    "the entries before its first one are in no tree",
                );
            }
            *end = row.last_seq;
            let fits = match hashes_of(conn, sealer, &row.chain, row.first_seq, row.last_seq) {
                Ok(hashes) => row.fits(&hashes).is_ok(),
                Err(LedgerError::Damaged(_)) => false,
                Err(LedgerError::Store(error)) => return Err(error),
            };
            if !fits {
                self.find(
                    TreeRow::TABLE,
                    row.row_key(),
                    "the root is not that of the entries, or not signed",
                );
            }
        }
        Ok(())
    }
}
