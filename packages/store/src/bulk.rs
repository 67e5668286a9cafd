//! Many rows in one statement, and rows that may be there already: what diesel cannot write for both databases at once.

use diesel::QueryResult;

/// Rows per statement. At 32 columns, the most that a table can have here, this is just below SQLite's limit of 32 766
/// parameters; the limit of Postgres is twice that.
const ROWS_PER_STATEMENT: usize = 1_000;

/// Runs a statement for as many rows at a time as it may name: called by the macros.
#[doc(hidden)]
pub fn in_chunks<R>(rows: &[R], mut statement: impl FnMut(&[R]) -> QueryResult<usize>) -> QueryResult<()> {
    rows.chunks(ROWS_PER_STATEMENT)
        .try_for_each(|chunk| statement(chunk).map(drop))
}

/// Inserts rows: `rows_insert!(conn, tickets, &rows)`, with the table's `table!` module. An empty slice does nothing.
#[macro_export]
macro_rules! rows_insert {
    ($conn:expr, $table:ident, $rows:expr) => {
        $crate::in_chunks($rows, |chunk| {
            $crate::per_backend!(&mut *$conn, c => {
                diesel::RunQueryDsl::execute(diesel::insert_into($table::table).values(chunk), c)
            })
        })
    };
}

/// Writes rows that are there already, many per statement, where an `UPDATE` could write one:
/// `rows_upsert!(conn, tiers, key = id, set = (held, sold, row_seal), &rows)`. A row that is not there is inserted.
#[macro_export]
macro_rules! rows_upsert {
    ($conn:expr, $table:ident, key = $key:ident, set = ($($column:ident),+ $(,)?), $rows:expr) => {
        $crate::in_chunks($rows, |chunk| {
            $crate::per_backend!(&mut *$conn, c => {
                let changed = ($(
                    diesel::ExpressionMethods::eq($table::$column, diesel::upsert::excluded($table::$column)),
                )+);
                let statement = diesel::insert_into($table::table).values(chunk);
                diesel::RunQueryDsl::execute(statement.on_conflict($table::$key).do_update().set(changed), c)
            })
        })
    };
}

/// Inserts a row unless it is there already, made by another process for example:
/// `row_insert_missing!(conn, heads, &row)`. Gives whether it was inserted.
#[macro_export]
macro_rules! row_insert_missing {
    ($conn:expr, $table:ident, $row:expr) => {
        $crate::per_backend!(&mut *$conn, c => {
            let statement = diesel::insert_into($table::table).values($row).on_conflict_do_nothing();
            diesel::RunQueryDsl::execute(statement, c)
        })
        .map(|inserted| inserted > 0)
    };
}
