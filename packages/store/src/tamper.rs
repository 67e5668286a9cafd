//! Changes single columns behind the node's back, so that a test can ask whether an audit names the row.
//!
//! ```ignore
//! for table in tamper::tables(conn)? {
//!     for column in tamper::columns(conn, &table)? {
//!         for row in tamper::rows(conn, &table)? {
//!             let Some(tampered) = tamper::tamper(conn, &table, &column.name, &row)? else { continue };
//!             assert!(audit(conn).iter().any(|finding| finding.table == table), "{table}.{}", column.name);
//!             tampered.undo(conn)?;
//!         }
//!     }
//! }
//! ```
//!
//! Nothing in the node calls this; it is plain public code because the tests of every service do.

use diesel::connection::{Connection, SimpleConnection};
use diesel::result::{DatabaseErrorKind, Error, QueryResult};

use crate::Conn;
pub use crate::catalog::{Column, ColumnKind, columns, tables};
use crate::catalog::{execute, quoted, text, texts};

/// Where a row is: SQLite's `rowid` or Postgres' `ctid`. Good until the row is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowPlace(String);

/// Where the rows of a table are.
///
/// # Errors
/// Diesel's.
pub fn rows(conn: &mut Conn, table: &str) -> QueryResult<Vec<RowPlace>> {
    let place = place_column(conn);
    let query = format!(
        "SELECT CAST({place} AS TEXT) AS name FROM {} ORDER BY {place}",
        quoted(table)
    );
    Ok(texts(conn, &query)?.into_iter().map(RowPlace).collect())
}

/// A column that holds something else than before, and what it held.
#[derive(Debug, Clone)]
pub struct Tampered {
    table: String,
    column: String,
    place: RowPlace,
    before: String,
}

impl Tampered {
    /// Puts the old value back.
    ///
    /// # Errors
    /// Diesel's.
    pub fn undo(self, conn: &mut Conn) -> QueryResult<()> {
        let value = match conn {
            Conn::Sqlite(_) => self.before,
            Conn::Postgres(_) => format!("{}::{}", self.before, declared(conn, &self.table, &self.column)?),
        };
        set(conn, &self.table, &self.column, &self.place, &value).map(drop)
    }
}

/// Changes one column of one row to another value of its type; `None` when the database itself refuses every other
/// value (a check, a foreign key, a unique index), which protects the column as well.
///
/// Foreign keys are not looked at, as far as the database lets us: whoever tampers does not either. Postgres needs a
/// superuser for that.
///
/// # Errors
/// Diesel's; [`Error::NotFound`] when there is no such row or column.
pub fn tamper(conn: &mut Conn, table: &str, column: &str, place: &RowPlace) -> QueryResult<Option<Tampered>> {
    let kind = columns(conn, table)?
        .into_iter()
        .find(|known| known.name == column)
        .ok_or(Error::NotFound)?
        .kind;
    let before = literal(conn, table, column, place)?;
    let boolean = declared(conn, table, column)? == "boolean";
    for other in other_values(conn, kind, &quoted(column), boolean) {
        match set(conn, table, column, place, &other) {
            Ok(place) => {
                return Ok(Some(Tampered {
                    table: table.to_owned(),
                    column: column.to_owned(),
                    place,
                    before,
                }));
            }
            Err(Error::DatabaseError(kind, _)) if is_refusal(kind) => {}
            // A number at the end of its range has no neighbour on one side.
            Err(Error::DatabaseError(_, info)) if is_out_of_range(info.message()) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn is_out_of_range(message: &str) -> bool {
    message.contains("out of range") || message.contains("cannot store REAL value")
}

const fn is_refusal(kind: DatabaseErrorKind) -> bool {
    matches!(
        kind,
        DatabaseErrorKind::CheckViolation
            | DatabaseErrorKind::UniqueViolation
            | DatabaseErrorKind::ForeignKeyViolation
            | DatabaseErrorKind::NotNullViolation
            | DatabaseErrorKind::ExclusionViolation
    )
}

/// Expressions over the old value that differ from it; also where it was empty.
fn other_values(conn: &Conn, kind: ColumnKind, column: &str, boolean: bool) -> Vec<String> {
    let texts: &[&str] = match (kind, conn) {
        _ if boolean => &["NOT COALESCE(@, false)"],
        (ColumnKind::Integer, _) => &["COALESCE(@, 0) + 1", "COALESCE(@, 2) - 1", "1 - COALESCE(@, 0)"],
        (ColumnKind::Text | ColumnKind::Other, _) => &["COALESCE(@, '') || 'x'", "upper(@)", "substr(@, 2)"],
        (ColumnKind::Bytes, Conn::Sqlite(_)) => &["CAST(COALESCE(@, x'') || x'00' AS BLOB)", "zeroblob(length(@))"],
        (ColumnKind::Bytes, Conn::Postgres(_)) => &[
            "COALESCE(@, ''::bytea) || '\\x00'::bytea",
            "set_byte(@, 0, (get_byte(@, 0) + 1) % 256)",
        ],
    };
    texts.iter().map(|text| text.replace('@', column)).collect()
}

const fn place_column(conn: &Conn) -> &'static str {
    match conn {
        Conn::Sqlite(_) => "rowid",
        Conn::Postgres(_) => "ctid",
    }
}

fn condition(conn: &Conn, place: &RowPlace) -> String {
    let value = place.0.replace('\'', "''");
    match conn {
        Conn::Sqlite(_) => format!("rowid = CAST('{value}' AS INTEGER)"),
        Conn::Postgres(_) => format!("ctid = '{value}'::tid"),
    }
}

/// The value as SQL.
fn literal(conn: &mut Conn, table: &str, column: &str, place: &RowPlace) -> QueryResult<String> {
    let quote = match conn {
        Conn::Sqlite(_) => format!("quote({})", quoted(column)),
        Conn::Postgres(_) => format!("quote_nullable({}::text)", quoted(column)),
    };
    let query = format!(
        "SELECT {quote} AS name FROM {} WHERE {}",
        quoted(table),
        condition(conn, place)
    );
    text(conn, &query)
}

fn declared(conn: &mut Conn, table: &str, column: &str) -> QueryResult<String> {
    let value = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let query = match conn {
        Conn::Sqlite(_) => format!(
            "SELECT lower(type) AS name FROM pragma_table_info({}) WHERE name = {}",
            value(table),
            value(column)
        ),
        Conn::Postgres(_) => format!(
            "SELECT format_type(atttypid, NULL) AS name FROM pg_attribute \
             WHERE attrelid = to_regclass(quote_ident({})) AND attname = {} AND attnum > 0 AND NOT attisdropped",
            value(table),
            value(column)
        ),
    };
    let declared = text(conn, &query)?;
    // SQLite calls it so, but stores a number.
    Ok(match conn {
        Conn::Sqlite(_) if declared == "boolean" => "integer".to_owned(),
        _ => declared,
    })
}

fn set(conn: &mut Conn, table: &str, column: &str, place: &RowPlace, value: &str) -> QueryResult<RowPlace> {
    conn.transaction(|conn| {
        let condition = condition(conn, place);
        let update = format!(
            "UPDATE {} SET {} = {value} WHERE {condition}",
            quoted(table),
            quoted(column)
        );
        match conn {
            Conn::Sqlite(c) => {
                c.batch_execute("PRAGMA defer_foreign_keys = ON")?;
                if execute(conn, &update)? == 0 {
                    return Err(Error::NotFound);
                }
                Ok(place.clone())
            }
            Conn::Postgres(c) => {
                c.batch_execute("SET LOCAL session_replication_role = replica")?;
                text(conn, &format!("{update} RETURNING ctid::text AS name")).map(RowPlace)
            }
        }
    })
}
