//! Many rows at a time, and rows that may be there already: what diesel cannot write for both databases at once.
//!
//! On SQLite a call is cheap and reading a statement is not: one statement of fixed text runs once per row. On
//! Postgres a round trip is dear: one statement of fixed text takes each column as an array, so that the server reads
//! and plans it once and not once per batch.

use diesel::pg::{Pg, PgConnection};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::{QueryResult, RunQueryDsl};

/// Rows of many columns per statement: the parameters of Postgres are counted with 16 bits.
const ROWS_PER_STATEMENT: usize = 1_000;

/// Runs a statement for as many rows at a time as it may name: called by the macros.
#[doc(hidden)]
pub fn in_chunks<R>(rows: &[R], mut statement: impl FnMut(&[R]) -> QueryResult<usize>) -> QueryResult<()> {
    rows.chunks(ROWS_PER_STATEMENT)
        .try_for_each(|chunk| statement(chunk).map(drop))
}

/// Refuses to go on when a row that was to be changed is not there: called by the macros.
#[doc(hidden)]
pub fn all_there(changed: usize, wanted: usize) -> QueryResult<()> {
    if changed == wanted {
        return Ok(());
    }
    Err(diesel::result::Error::NotFound)
}

fn names(out: &mut AstPass<'_, '_, Pg>, columns: &[&str]) -> QueryResult<()> {
    for (index, column) in columns.iter().enumerate() {
        if index > 0 {
            out.push_sql(", ");
        }
        out.push_identifier(column)?;
    }
    Ok(())
}

/// `INSERT … SELECT * FROM unnest(…)`, an array for each column: made by [`rows_insert!`](crate::rows_insert).
#[doc(hidden)]
#[derive(Debug)]
pub struct ArrayInsert<A> {
    pub table: &'static str,
    pub columns: &'static [&'static str],
    pub arrays: A,
}

/// `UPDATE … FROM unnest(…)`, an array for each column, the key's first: made by [`rows_update!`](crate::rows_update).
#[doc(hidden)]
#[derive(Debug)]
pub struct ArrayUpdate<A> {
    pub table: &'static str,
    pub key: &'static str,
    pub columns: &'static [&'static str],
    pub arrays: A,
}

impl<A: QueryFragment<Pg>> QueryFragment<Pg> for ArrayInsert<A> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("INSERT INTO ");
        out.push_identifier(self.table)?;
        out.push_sql(" (");
        names(&mut out, self.columns)?;
        out.push_sql(") SELECT * FROM unnest(");
        self.arrays.walk_ast(out.reborrow())?;
        out.push_sql(")");
        Ok(())
    }
}

impl<A: QueryFragment<Pg>> QueryFragment<Pg> for ArrayUpdate<A> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("UPDATE ");
        out.push_identifier(self.table)?;
        out.push_sql(" AS old SET ");
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                out.push_sql(", ");
            }
            out.push_identifier(column)?;
            out.push_sql(" = new.");
            out.push_identifier(column)?;
        }
        out.push_sql(" FROM unnest(");
        self.arrays.walk_ast(out.reborrow())?;
        out.push_sql(") AS new (");
        out.push_identifier(self.key)?;
        out.push_sql(", ");
        names(&mut out, self.columns)?;
        out.push_sql(") WHERE old.");
        out.push_identifier(self.key)?;
        out.push_sql(" = new.");
        out.push_identifier(self.key)?;
        Ok(())
    }
}

// The text is always the same for a table and its columns: prepared once per connection, and found by its text.
impl<A> QueryId for ArrayInsert<A> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<A> QueryId for ArrayUpdate<A> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<A> RunQueryDsl<PgConnection> for ArrayInsert<A> {}
impl<A> RunQueryDsl<PgConnection> for ArrayUpdate<A> {}

/// The values of one column of many rows: called by the macros.
#[doc(hidden)]
#[macro_export]
macro_rules! column_array {
    ($table:ident, $column:ident, $rows:expr) => {
        diesel::IntoSql::into_sql::<diesel::sql_types::Array<diesel::dsl::SqlTypeOf<$table::$column>>>(
            $rows.iter().map(|row| &row.$column).collect::<Vec<_>>(),
        )
    };
}

/// Inserts rows: `rows_insert!(conn, tickets, &rows)`, with the table's `table!` module. An empty slice does nothing.
///
/// `rows_insert!(conn, tickets, columns = (id, owner, row_seal), &rows)` names all columns, which are the fields of the
/// row: on Postgres it is several times quicker.
#[macro_export]
macro_rules! rows_insert {
    ($conn:expr, $table:ident, columns = ($($column:ident),+ $(,)?), $rows:expr) => {{
        let rows = $rows;
        match &mut *$conn {
            _ if rows.is_empty() => Ok(()),
            $crate::Conn::Sqlite(c) => $crate::rows_insert!(@each c, $table, rows),
            $crate::Conn::Postgres(c) => {
                let statement = $crate::ArrayInsert {
                    table: stringify!($table),
                    columns: &[$(stringify!($column)),+],
                    arrays: ($($crate::column_array!($table, $column, rows),)+),
                };
                diesel::RunQueryDsl::execute(statement, c).map(drop)
            }
        }
    }};
    ($conn:expr, $table:ident, $rows:expr) => {{
        let rows = $rows;
        match &mut *$conn {
            $crate::Conn::Sqlite(c) => $crate::rows_insert!(@each c, $table, rows),
            $crate::Conn::Postgres(c) => $crate::in_chunks(rows, |chunk| {
                diesel::RunQueryDsl::execute(diesel::insert_into($table::table).values(chunk), c)
            }),
        }
    }};
    (@each $c:ident, $table:ident, $rows:ident) => {
        $rows.iter().try_for_each(|row| {
            diesel::RunQueryDsl::execute(diesel::insert_into($table::table).values(row), $c).map(drop)
        })
    };
}

/// Changes columns of rows that are there:
/// `rows_update!(conn, tiers, key = id, set = (held, sold, row_seal), &rows)`, each column a field of the row.
/// [`NotFound`](diesel::result::Error::NotFound) when one of them is not there; then let the transaction fail.
#[macro_export]
macro_rules! rows_update {
    ($conn:expr, $table:ident, key = $key:ident, set = ($($column:ident),+ $(,)?), $rows:expr) => {{
        let rows = $rows;
        match &mut *$conn {
            _ if rows.is_empty() => Ok(()),
            $crate::Conn::Sqlite(c) => rows.iter().try_for_each(|row| {
                let update = $crate::RowUpdate {
                    table: stringify!($table),
                    set: diesel::AsChangeset::as_changeset((
                        $(diesel::ExpressionMethods::eq($table::$column, &row.$column),)+
                    )),
                    place: diesel::ExpressionMethods::eq($table::$key, &row.$key),
                };
                let changed = diesel::RunQueryDsl::execute(update, c)?;
                $crate::all_there(changed, 1)
            }),
            $crate::Conn::Postgres(c) => {
                let statement = $crate::ArrayUpdate {
                    table: stringify!($table),
                    key: stringify!($key),
                    columns: &[$(stringify!($column)),+],
                    arrays: (
                        $crate::column_array!($table, $key, rows),
                        $($crate::column_array!($table, $column, rows),)+
                    ),
                };
                let changed = diesel::RunQueryDsl::execute(statement, c)?;
                $crate::all_there(changed, rows.len())
            }
        }
    }};
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
