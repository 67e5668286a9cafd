//! Row seals: what was changed outside the node shows.

use aws_lc_rs::hmac;
use diesel::QueryResult;
use diesel::connection::SimpleConnection;
use diesel::result::Error;
use imajin_did::Keyring;
use serde::Serialize;

use crate::{Conn, Finding, canon};

/// Seals the rows of one service: HMAC-SHA256 over the table's name and every column, under a key that only this
/// service of this node can derive. Whoever can write to the database, but has not the master key, cannot seal.
#[derive(Clone)]
pub struct Sealer {
    service: &'static str,
    key: hmac::Key,
}

impl Sealer {
    /// The sealer of a service at this node.
    pub fn for_service(keyring: &Keyring, service: &'static str) -> Self {
        Self::new(service, &keyring.derive(&format!("row-seal/{service}")))
    }

    /// A sealer with a key of your choice; [`Sealer::for_service`] is the usual way to get one.
    pub fn new(service: &'static str, key: &[u8; 32]) -> Self {
        Self {
            service,
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
        }
    }

    /// Whose rows it seals.
    pub const fn service(&self) -> &'static str {
        self.service
    }

    fn seal<R: SealedRow>(&self, row: &R) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::with_capacity(1024);
        bytes.extend_from_slice(R::TABLE.as_bytes());
        bytes.push(0);
        canon::feed(row, |piece| bytes.extend_from_slice(piece))
            .map_err(|error| Error::SerializationError(Box::new(error)))?;
        Ok(hmac::sign(&self.key, &bytes).as_ref().to_vec())
    }

    fn fits<R: SealedRow>(&self, row: &R) -> bool {
        // Both tags have the same length or differ; the comparison takes the same time for every content.
        self.seal(row)
            .is_ok_and(|seal| aws_lc_rs::constant_time::verify_slices_are_equal(&seal, row.row_seal()).is_ok())
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealer(of {})", self.service)
    }
}

/// A row that carries a seal over all its columns. [`sealed_row!`](crate::sealed_row) implements it.
pub trait SealedRow: Serialize + Sized {
    /// The table's name.
    const TABLE: &'static str;

    /// The row's key as text, several columns joined with `/`; for findings.
    fn row_key(&self) -> String;

    /// The stored seal.
    fn row_seal(&self) -> &[u8];

    /// Replaces the seal.
    fn set_row_seal(&mut self, seal: Vec<u8>);

    /// Seals the row and inserts it.
    ///
    /// # Errors
    /// Diesel's, for example a unique violation.
    fn insert(self, conn: &mut Conn, sealer: &Sealer) -> QueryResult<Self>;

    /// Seals the rows and inserts them with few statements.
    ///
    /// # Errors
    /// Diesel's. Some of the rows may be in: let the transaction fail.
    fn insert_all(rows: Vec<Self>, conn: &mut Conn, sealer: &Sealer) -> QueryResult<Vec<Self>>;

    /// Seals the row and writes every column to the row with the same key.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such row; otherwise diesel's.
    fn save(self, conn: &mut Conn, sealer: &Sealer) -> QueryResult<Self>;

    /// Deletes the row with the same key, if there is one.
    ///
    /// # Errors
    /// Diesel's.
    fn delete(&self, conn: &mut Conn) -> QueryResult<()>;

    /// Adds a finding for each row of the table whose seal does not fit. Streams: the memory does not grow with the
    /// table. Run it in a transaction of a reader to look at one moment.
    ///
    /// # Errors
    /// Diesel's, for what stopped the audit; a row that cannot be read is a finding.
    fn audit(conn: &mut Conn, sealer: &Sealer, findings: &mut Vec<Finding>) -> QueryResult<()>;

    /// The row with its seal set.
    ///
    /// # Errors
    /// [`Error::SerializationError`] for a row type with a field that is no column (a map, a float).
    fn sealed(mut self, sealer: &Sealer) -> QueryResult<Self> {
        let seal = sealer.seal(&self)?;
        self.set_row_seal(seal);
        Ok(self)
    }

    /// Whether the seal fits every column.
    fn is_intact(&self, sealer: &Sealer) -> bool {
        sealer.fits(self)
    }

    /// Refuses to go on with a row that was changed outside the node. For rows that decide about money.
    ///
    /// # Errors
    /// [`StoreError::Damaged`](crate::StoreError::Damaged), naming the row.
    fn intact(self, sealer: &Sealer) -> Result<Self, crate::StoreError> {
        if self.is_intact(sealer) {
            return Ok(self);
        }
        Err(crate::StoreError::Damaged(Finding::changed(
            sealer.service,
            Self::TABLE,
            self.row_key(),
        )))
    }
}

/// Seals rows that are about to be written.
///
/// # Errors
/// As [`SealedRow::sealed`].
pub fn sealed_all<R: SealedRow>(rows: Vec<R>, sealer: &Sealer) -> QueryResult<Vec<R>> {
    rows.into_iter().map(|row| row.sealed(sealer)).collect()
}

/// Refuses to go on with rows of which one was changed outside the node.
///
/// # Errors
/// As [`SealedRow::intact`], for the first such row.
pub fn intact_all<R: SealedRow>(
    rows: impl IntoIterator<Item = R>,
    sealer: &Sealer,
) -> Result<Vec<R>, crate::StoreError> {
    rows.into_iter().map(|row| row.intact(sealer)).collect()
}

/// An audit may read for longer than a statement of a request may run. Holds until the end of the transaction; without
/// one, the usual limit stays.
#[doc(hidden)]
pub fn audit_begin(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(_) => Ok(()),
        Conn::Postgres(conn) => conn.batch_execute("SET LOCAL statement_timeout = 0"),
    }
}

/// The checks of an audit, apart from the queries: called by the macro.
#[doc(hidden)]
pub fn audit_rows<R: SealedRow>(
    rows: impl Iterator<Item = QueryResult<R>>,
    sealer: &Sealer,
    findings: &mut Vec<Finding>,
) -> QueryResult<Vec<i64>> {
    let mut unreadable = Vec::new();
    for (index, row) in rows.enumerate() {
        match row {
            Ok(row) if row.is_intact(sealer) => {}
            Ok(row) => findings.push(Finding::changed(sealer.service, R::TABLE, row.row_key())),
            Err(Error::DeserializationError(_)) => unreadable.push(i64::try_from(index).unwrap_or(i64::MAX)),
            Err(error) => return Err(error),
        }
    }
    Ok(unreadable)
}

/// Names the rows that could not even be read: called by the macro.
#[doc(hidden)]
pub fn name_unreadable<R: SealedRow>(
    conn: &mut Conn,
    keys: &[&str],
    unreadable: &[i64],
    sealer: &Sealer,
    findings: &mut Vec<Finding>,
) -> QueryResult<()> {
    for &index in unreadable {
        let row = crate::catalog::row_name_at(conn, R::TABLE, keys, index)?;
        findings.push(Finding::changed(sealer.service, R::TABLE, row));
    }
    Ok(())
}

/// Makes a diesel struct a [`SealedRow`].
///
/// `sealed_row!(TierRow, tiers, "tiers", key = (id));`: the struct, its `table!` module (in scope under this one
/// name), the table's name in the database, and the columns of its primary key. The struct derives `Serialize`,
/// `Queryable`, `Selectable`, `Insertable`, `AsChangeset` and has a field `row_seal: Vec<u8>`; see the crate's
/// documentation for a worked example.
#[macro_export]
macro_rules! sealed_row {
    ($Row:ty, $table:ident, $name:literal, key = ($($key:ident),+ $(,)?)) => {
        impl $crate::SealedRow for $Row {
            const TABLE: &'static str = $name;

            fn row_key(&self) -> String {
                [$(self.$key.to_string()),+].join("/")
            }

            fn row_seal(&self) -> &[u8] {
                &self.row_seal
            }

            fn set_row_seal(&mut self, seal: Vec<u8>) {
                self.row_seal = seal;
            }

            fn insert(self, conn: &mut $crate::Conn, sealer: &$crate::Sealer) -> diesel::QueryResult<Self> {
                let row = $crate::SealedRow::sealed(self, sealer)?;
                diesel::RunQueryDsl::execute(diesel::insert_into($table::table).values(&row), conn)?;
                Ok(row)
            }

            fn insert_all(
                rows: Vec<Self>,
                conn: &mut $crate::Conn,
                sealer: &$crate::Sealer,
            ) -> diesel::QueryResult<Vec<Self>> {
                let rows = $crate::sealed_all(rows, sealer)?;
                $crate::rows_insert!(conn, $table, &rows)?;
                Ok(rows)
            }

            fn save(self, conn: &mut $crate::Conn, sealer: &$crate::Sealer) -> diesel::QueryResult<Self> {
                let row = $crate::SealedRow::sealed(self, sealer)?;
                let update = $crate::RowUpdate {
                    table: $name,
                    set: diesel::AsChangeset::as_changeset(&row),
                    place: $crate::sealed_row!(@place row, $table, $($key),+),
                };
                match diesel::RunQueryDsl::execute(update, conn)? {
                    0 => Err(diesel::result::Error::NotFound),
                    _ => Ok(row),
                }
            }

            fn delete(&self, conn: &mut $crate::Conn) -> diesel::QueryResult<()> {
                let place = $crate::sealed_row!(@place self, $table, $($key),+);
                let target = diesel::QueryDsl::filter($table::table, place);
                diesel::RunQueryDsl::execute(diesel::delete(target), conn).map(drop)
            }

            fn audit(
                conn: &mut $crate::Conn,
                sealer: &$crate::Sealer,
                findings: &mut Vec<$crate::Finding>,
            ) -> diesel::QueryResult<()> {
                use diesel::{QueryDsl as _, RunQueryDsl as _, SelectableHelper as _};
                $crate::audit_begin(conn)?;
                let rows = || $table::table.order_by(($($table::$key,)+));
                let unreadable = match &mut *conn {
                    $crate::Conn::Sqlite(c) => {
                        let rows = rows().select(Self::as_select());
                        let rows = rows.load_iter::<Self, diesel::connection::DefaultLoadingMode>(c)?;
                        $crate::audit_rows(rows, sealer, findings)?
                    }
                    // The default would hold the whole table in memory.
                    $crate::Conn::Postgres(c) => {
                        let rows = rows().select(Self::as_select());
                        let rows = rows.load_iter::<Self, diesel::pg::PgRowByRowLoadingMode>(c)?;
                        $crate::audit_rows(rows, sealer, findings)?
                    }
                };
                $crate::name_unreadable::<Self>(conn, &[$(stringify!($key)),+], &unreadable, sealer, findings)
            }
        }
    };
    (@place $row:ident, $table:ident, $key:ident) => {
        diesel::ExpressionMethods::eq($table::$key, &$row.$key)
    };
    (@place $row:ident, $table:ident, $key:ident, $($more:ident),+) => {
        diesel::BoolExpressionMethods::and(
            diesel::ExpressionMethods::eq($table::$key, &$row.$key),
            $crate::sealed_row!(@place $row, $table, $($more),+),
        )
    };
}
