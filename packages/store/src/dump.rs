//! Everything that a database holds, as text: for tests that look for what must not be in it.
//!
//! Nothing in the node calls this; it is plain public code because the tests of the node do.

use diesel::QueryResult;

use crate::Conn;
use crate::catalog::{columns, quoted, tables, texts};

/// Every row of every table as text; bytes as hexadecimal digits.
///
/// # Errors
/// Diesel's.
pub fn rows(conn: &mut Conn) -> QueryResult<Vec<String>> {
    let mut all = Vec::new();
    for table in tables(conn)? {
        let parts: Vec<String> = columns(conn, &table)?
            .iter()
            .map(|column| match conn {
                Conn::Sqlite(_) => format!("quote({})", quoted(&column.name)),
                Conn::Postgres(_) => format!("COALESCE(CAST({} AS TEXT), '')", quoted(&column.name)),
            })
            .collect();
        let query = format!("SELECT {} AS name FROM {}", parts.join(" || ' ' || "), quoted(&table));
        all.extend(texts(conn, &query)?);
    }
    Ok(all)
}
