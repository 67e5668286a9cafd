//! What a database consists of, asked from the database itself. The only raw SQL beside the connection settings.
#![expect(
    clippy::disallowed_methods,
    reason = "the catalogue has no diesel schema, and this crate may write raw SQL"
)]

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::{Conn, per_backend};

/// Diesel's own record of what it has run; not a table of a service.
const MIGRATIONS_TABLE: &str = "__diesel_schema_migrations";

/// A column as the database describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The table.
    pub table: String,
    /// The column.
    pub name: String,
    /// Whether it may be empty.
    pub nullable: bool,
    /// What it holds.
    pub kind: ColumnKind,
}

/// What a column holds, coarse enough to be the same on both databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ColumnKind {
    /// Whole numbers and, because a strict SQLite table has no other type for them, truth values.
    Integer,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// Anything else, which no table should have.
    Other,
}

impl ColumnKind {
    fn from_declared(declared: &str) -> Self {
        match declared.to_ascii_lowercase().as_str() {
            "integer" | "int" | "bigint" | "smallint" | "boolean" => Self::Integer,
            "text" | "character varying" => Self::Text,
            "blob" | "bytea" => Self::Bytes,
            _ => Self::Other,
        }
    }
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Described {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    declared: String,
    #[diesel(sql_type = BigInt)]
    nullable: i64,
}

/// The names of all tables of the service, sorted.
///
/// # Errors
/// Diesel's.
pub fn tables(conn: &mut Conn) -> QueryResult<Vec<String>> {
    let query = match conn {
        Conn::Sqlite(_) => {
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' \
             AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        }
        Conn::Postgres(_) => {
            "SELECT relname::text AS name FROM pg_class WHERE relnamespace = current_schema()::regnamespace \
             AND relkind = 'r'"
        }
    };
    let mut names = texts(conn, query)?;
    names.retain(|name| name != MIGRATIONS_TABLE);
    names.sort();
    Ok(names)
}

/// The columns of one table that hold something of their own, in the order of the table: what the database
/// computes from other columns cannot be changed by itself.
///
/// # Errors
/// Diesel's.
pub fn columns(conn: &mut Conn, table: &str) -> QueryResult<Vec<Column>> {
    let query = match conn {
        Conn::Sqlite(_) => {
            "SELECT name, type AS declared, CASE WHEN \"notnull\" = 0 THEN 1 ELSE 0 END AS nullable \
             FROM pragma_table_info(?) ORDER BY cid"
        }
        Conn::Postgres(_) => {
            "SELECT attname::text AS name, format_type(atttypid, NULL) AS declared, \
             CASE WHEN attnotnull THEN 0::bigint ELSE 1::bigint END AS nullable \
             FROM pg_attribute WHERE attrelid = to_regclass(quote_ident($1)) AND attnum > 0 AND NOT attisdropped \
             AND attgenerated = '' ORDER BY attnum"
        }
    };
    let described: Vec<Described> = per_backend!(conn, c => diesel::sql_query(query).bind::<Text, _>(table).load(c))?;
    Ok(described
        .into_iter()
        .map(|column| Column {
            table: table.to_owned(),
            kind: ColumnKind::from_declared(&column.declared),
            name: column.name,
            nullable: column.nullable != 0,
        })
        .collect())
}

/// An identifier for SQL text.
pub(crate) fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// The key, as text, of the row at a place in the order of the key.
pub(crate) fn row_name_at(conn: &mut Conn, table: &str, keys: &[&str], index: i64) -> QueryResult<String> {
    let parts: Vec<String> = keys
        .iter()
        .map(|key| format!("CAST({} AS TEXT)", quoted(key)))
        .collect();
    let order: Vec<String> = keys.iter().map(|key| quoted(key)).collect();
    let query = format!(
        "SELECT {} AS name FROM {} ORDER BY {} LIMIT 1 OFFSET {index}",
        parts.join(" || '/' || "),
        quoted(table),
        order.join(", "),
    );
    text(conn, &query)
}

/// The one text that a query gives as `name`.
pub(crate) fn text(conn: &mut Conn, query: &str) -> QueryResult<String> {
    texts(conn, query)?.pop().ok_or(diesel::result::Error::NotFound)
}

/// The texts that a query gives as `name`.
pub(crate) fn texts(conn: &mut Conn, query: &str) -> QueryResult<Vec<String>> {
    let rows: Vec<Name> = per_backend!(conn, c => diesel::sql_query(query).load(c))?;
    Ok(rows.into_iter().map(|row| row.name).collect())
}

/// Runs SQL text; returns how many rows it changed.
pub(crate) fn execute(conn: &mut Conn, query: &str) -> QueryResult<usize> {
    per_backend!(conn, c => diesel::sql_query(query).execute(c))
}
