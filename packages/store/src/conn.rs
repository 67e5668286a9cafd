//! One connection type for both databases.
#![expect(
    missing_docs,
    reason = "the derive makes public types of diesel's multi-connection without comments"
)]

use diesel::pg::PgConnection;
use diesel::sqlite::SqliteConnection;

/// A connection to either database. Queries are written once, against this type; what only one dialect can say goes
/// through [`per_backend!`](crate::per_backend) or [`for_update!`](crate::for_update).
#[derive(diesel::MultiConnection)]
pub enum Conn {
    /// A SQLite file.
    Sqlite(SqliteConnection),
    /// A schema of a Postgres database.
    Postgres(PgConnection),
}

/// Runs one expression on whichever connection it is: `per_backend!(conn, c => diesel::insert_into(..).execute(c))`.
///
/// For upserts and batch inserts, which diesel cannot write for both databases at once. The expression is compiled
/// twice, once per database, and must have the same type in both.
#[macro_export]
macro_rules! per_backend {
    ($conn:expr, $c:ident => $body:expr) => {
        match $conn {
            $crate::Conn::Sqlite($c) => $body,
            $crate::Conn::Postgres($c) => $body,
        }
    };
}

/// Loads with a row lock: `for_update!(conn, tiers::table.find(id).select(Tier::as_select()) => first)`.
///
/// Postgres gets `FOR UPDATE`. On SQLite the write transaction has locked everything already.
#[macro_export]
macro_rules! for_update {
    ($conn:expr, $query:expr => $load:ident) => {
        match $conn {
            $crate::Conn::Sqlite(c) => diesel::RunQueryDsl::$load($query, c),
            $crate::Conn::Postgres(c) => diesel::RunQueryDsl::$load(diesel::QueryDsl::for_update($query), c),
        }
    };
}
