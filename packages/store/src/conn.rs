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

/// A sum of integers that is an integer, which it has to be told by a cast: Postgres would answer with a `NUMERIC`.
#[doc(hidden)]
#[diesel::declare_sql_function]
extern "SQL" {
    /// Only ever asked for within a cast.
    #[aggregate]
    #[sql_name = "SUM"]
    fn sum_to_cast<ST: diesel::sql_types::SingleValue>(
        units: ST,
    ) -> diesel::sql_types::Nullable<diesel::sql_types::Double>;
}

/// The sum of an integer column over the rows of a query, made by the database: `units_sum!(conn, query, column)`. Zero
/// without rows; an error when it does not fit.
#[macro_export]
macro_rules! units_sum {
    ($conn:expr, $query:expr, $column:expr) => {
        $crate::per_backend!($conn, c => {
            use diesel::{ExpressionMethods as _, QueryDsl as _, RunQueryDsl as _};
            type Units = diesel::sql_types::Nullable<diesel::sql_types::BigInt>;
            let sum = $query.select($crate::sum_to_cast($column).cast::<Units>()).first::<Option<i64>>(c);
            sum.map(Option::unwrap_or_default)
        })
    };
}
