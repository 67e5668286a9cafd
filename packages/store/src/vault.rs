//! Which columns hold secrets under the node's seal, and how each gets a new seal.
//!
//! A service lists its columns, so that changing the master key forgets none. A column that holds sealed bytes is
//! called `sealed_…`; a test compares the names with the lists.

use diesel::QueryResult;
#[doc(hidden)]
pub use imajin_did::{Keyring, Sealed};
use imajin_did::{SealError, Zeroizing};
use imajin_kernel::Env;

use crate::{Conn, Finding, SealedRow, Sealer, StoreError};

/// So many rows get a new seal in one transaction.
pub const RESEAL_PAGE: i64 = 256;

/// A column of sealed secrets. [`sealed_column!`](crate::sealed_column) makes one.
#[derive(Debug, Clone, Copy)]
pub struct SealedColumn {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// What is in it, for a person.
    pub holds: &'static str,
    /// Gives one page of rows, from an offset in the order of the key, the seal of today.
    pub reseal: fn(&mut Conn, &Resealer, i64) -> Result<Resealed, StoreError>,
    /// Opens one page of rows, for audits and tests. A page that is not full is the last.
    pub open: fn(&mut Conn, &Keyring, i64) -> QueryResult<Vec<OpenedSecret>>,
}

/// A secret, or why it does not open.
pub struct OpenedSecret {
    /// The row's key.
    pub row: String,
    /// What is in it.
    pub secret: Result<Zeroizing<Vec<u8>>, SealError>,
}

impl SealedColumn {
    /// Adds a finding for each row whose secret does not open.
    ///
    /// # Errors
    /// Diesel's.
    pub fn audit(
        &self,
        conn: &mut Conn,
        keyring: &Keyring,
        service: &str,
        findings: &mut Vec<Finding>,
    ) -> QueryResult<()> {
        let mut offset = 0;
        loop {
            let page = (self.open)(conn, keyring, offset)?;
            let seen = i64::try_from(page.len()).unwrap_or(i64::MAX);
            for opened in page {
                if let Err(error) = opened.secret {
                    findings.push(Finding::new(service, self.table, opened.row, error.to_string()));
                }
            }
            if seen < RESEAL_PAGE {
                return Ok(());
            }
            offset += seen;
        }
    }
}

/// What giving a new seal needs.
#[derive(Clone)]
pub struct Resealer {
    /// Opens with the former key, and seals with the current one.
    pub keyring: Keyring,
    /// Seals the rows.
    pub sealer: Sealer,
    /// Randomness.
    pub env: Env,
}

/// One page of a column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Rows that were looked at; fewer than [`RESEAL_PAGE`] is the end.
    pub seen: i64,
    /// Rows that got a new seal.
    pub changed: i64,
}

impl Resealer {
    /// The sealed bytes under the key of today, if they are not already.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], naming the row, when no key of the vault opens them.
    pub fn reseal<R: SealedRow>(&self, row: &R, label: &str, sealed: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let resealed = self.keyring.reseal(label, &Sealed::from_bytes(sealed), &self.env);
        let resealed = resealed.map_err(|error| {
            StoreError::Damaged(Finding::new(
                self.sealer.service(),
                R::TABLE,
                row.row_key(),
                error.to_string(),
            ))
        })?;
        Ok(resealed.map(Sealed::into_bytes))
    }
}

/// Describes a column of sealed secrets.
///
/// `sealed_column!(KeyRow, keys, "keys", sealed_key, order = kid, holds = "…", label = |row| format!(…))`: a row type
/// with a [`sealed_row!`](crate::sealed_row), its `table!` module, the names of table and column, the primary key, and
/// the label under which a row's secret is sealed.
#[macro_export]
macro_rules! sealed_column {
    ($Row:ty, $table:ident, $name:literal, $column:ident, order = $order:ident, holds = $holds:literal,
     label = |$row:ident| $label:expr $(,)?) => {{
        fn reseal(
            conn: &mut $crate::Conn,
            resealer: &$crate::vault::Resealer,
            offset: i64,
        ) -> Result<$crate::vault::Resealed, $crate::StoreError> {
            use diesel::{QueryDsl as _, RunQueryDsl as _, SelectableHelper as _};
            let rows: Vec<$Row> = $table::table
                .order($table::$order)
                .offset(offset)
                .limit($crate::vault::RESEAL_PAGE)
                .select(<$Row>::as_select())
                .load(conn)?;
            let mut page = $crate::vault::Resealed::default();
            for row in rows {
                // A row that was tampered with must not get a good seal.
                let mut row = $crate::SealedRow::intact(row, &resealer.sealer)?;
                page.seen += 1;
                let label: String = {
                    let $row = &row;
                    $label
                };
                if let Some(sealed) = resealer.reseal(&row, &label, &row.$column)? {
                    row.$column = sealed;
                    $crate::SealedRow::save(row, conn, &resealer.sealer)?;
                    page.changed += 1;
                }
            }
            Ok(page)
        }
        fn open(
            conn: &mut $crate::Conn,
            keyring: &$crate::vault::Keyring,
            offset: i64,
        ) -> diesel::QueryResult<Vec<$crate::vault::OpenedSecret>> {
            use diesel::{QueryDsl as _, RunQueryDsl as _, SelectableHelper as _};
            let rows: Vec<$Row> = $table::table
                .order($table::$order)
                .offset(offset)
                .limit($crate::vault::RESEAL_PAGE)
                .select(<$Row>::as_select())
                .load(conn)?;
            let opened = rows.into_iter().map(|row| {
                let label: String = {
                    let $row = &row;
                    $label
                };
                $crate::vault::OpenedSecret {
                    row: $crate::SealedRow::row_key(&row),
                    secret: keyring.open(&label, &$crate::vault::Sealed::from_bytes(row.$column)),
                }
            });
            Ok(opened.collect())
        }
        $crate::vault::SealedColumn {
            table: $name,
            column: stringify!($column),
            holds: $holds,
            reseal,
            open,
        }
    }};
}
