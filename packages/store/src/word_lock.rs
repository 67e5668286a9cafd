use diesel::{QueryResult, RunQueryDsl};

use crate::Conn;

#[diesel::declare_sql_function]
extern "SQL" {
    /// The database knows locks by number. Two words of one number only wait for each other.
    fn hashtextextended(word: diesel::sql_types::Text, seed: diesel::sql_types::BigInt) -> diesel::sql_types::BigInt;

    /// Answers nothing at all, which no type says; what it answers is never read.
    fn pg_advisory_xact_lock(number: diesel::sql_types::BigInt) -> diesel::sql_types::Bool;
}

/// Waits until no other transaction that has named the same word runs; from then on others wait for this one to end.
///
/// For what must not happen twice and no unique index can say, such as two names that look alike. The word is one of
/// the whole database, so it begins with whose it is: `registry.looks.alice`. On SQLite, where one writes at a time,
/// there is nothing to wait for.
///
/// # Errors
/// Diesel's, also when two transactions wait for each other.
pub fn word_lock(conn: &mut Conn, word: &str) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(_) => Ok(()),
        Conn::Postgres(conn) => diesel::select(pg_advisory_xact_lock(hashtextextended(word, 0_i64)))
            .execute(conn)
            .map(drop),
    }
}
