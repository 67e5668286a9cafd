use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Bool, Text};

/// A text or a number that stands in the statement itself, and is not bound to it: what the condition of a partial
/// index names.
///
/// Of a bound value a planner knows nothing when it plans. Postgres then cannot use the index, or plans the statement
/// anew each time; SQLite does not use it either (it is built with `SQLITE_ENABLE_QPSG`).
#[derive(Debug, Clone, Copy)]
pub struct Literal<T = &'static str>(pub T);

impl Expression for Literal {
    type SqlType = Text;
}

impl Expression for Literal<i64> {
    type SqlType = BigInt;
}

impl<T, Source> AppearsOnTable<Source> for Literal<T> where Self: Expression {}
impl<T, Source> SelectableExpression<Source> for Literal<T> where Self: Expression {}

impl<T, Group> ValidGrouping<Group> for Literal<T> {
    type IsAggregate = is_aggregate::Never;
}

impl<T> QueryId for Literal<T> {
    type QueryId = ();
    // Each text is a statement of its own.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB: Backend> QueryFragment<DB> for Literal {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(&quoted(self.0));
        Ok(())
    }
}

impl<DB: Backend> QueryFragment<DB> for Literal<i64> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(&self.0.to_string());
        Ok(())
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Whether a text is one of some that stand in the statement itself: see [`Literal`]. SQLite finds a partial index by
/// them when its condition names them in the same order. There is at least one.
pub const fn one_of<C>(column: C, texts: &'static [&'static str]) -> OneOf<C> {
    OneOf { column, texts }
}

/// What [`one_of`] says.
#[derive(Debug, Clone, Copy)]
pub struct OneOf<C> {
    column: C,
    texts: &'static [&'static str],
}

impl<C> Expression for OneOf<C>
where
    C: Expression<SqlType = Text>,
{
    type SqlType = Bool;
}

impl<C, Source> AppearsOnTable<Source> for OneOf<C>
where
    C: AppearsOnTable<Source>,
    Self: Expression,
{
}

impl<C, Source> SelectableExpression<Source> for OneOf<C>
where
    C: SelectableExpression<Source>,
    Self: AppearsOnTable<Source>,
{
}

impl<C, Group> ValidGrouping<Group> for OneOf<C>
where
    C: ValidGrouping<Group>,
{
    type IsAggregate = C::IsAggregate;
}

impl<C> QueryId for OneOf<C> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C, DB> QueryFragment<DB> for OneOf<C>
where
    DB: Backend,
    C: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.column.walk_ast(out.reborrow())?;
        for (index, text) in self.texts.iter().enumerate() {
            out.push_sql(if index == 0 { " IN (" } else { ", " });
            out.push_sql(&quoted(text));
        }
        out.push_sql(")");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use diesel::debug_query;
    use diesel::pg::Pg;
    use diesel::prelude::*;
    use diesel::sqlite::Sqlite;

    use super::{Literal, one_of};

    diesel::table! {
        things (id) {
            id -> Integer,
            state -> Text,
        }
    }

    #[diesel::declare_sql_function]
    extern "SQL" {
        fn sqlite_compileoption_used(option: diesel::sql_types::Text) -> diesel::sql_types::Bool;
    }

    /// Without it, `LIMIT ?` alone makes SQLite prepare a statement anew whenever it is run.
    #[test]
    fn sqlite_plans_a_statement_once() {
        let mut conn = SqliteConnection::establish(":memory:").expect("a database in memory");
        for option in ["ENABLE_QPSG", "THREADSAFE=2", "DEFAULT_MEMSTATUS=0"] {
            let used = diesel::select(sqlite_compileoption_used(option)).get_result::<bool>(&mut conn);
            assert_eq!(used, Ok(true), "{option}");
        }
    }

    #[test]
    fn one_of_some_stands_in_the_statement() {
        let query = || {
            things::table
                .filter(one_of(things::state, &["new", "old"]))
                .select(things::id)
        };
        let sqlite = debug_query::<Sqlite, _>(&query()).to_string();
        assert!(sqlite.ends_with("`state` IN ('new', 'old') -- binds: []"), "{sqlite}");
        let postgres = debug_query::<Pg, _>(&query()).to_string();
        assert!(
            postgres.ends_with("\"state\" IN ('new', 'old') -- binds: []"),
            "{postgres}"
        );
    }

    #[test]
    fn stands_in_the_statement_and_ends_where_it_should() {
        let query = || {
            things::table
                .filter(things::state.eq(Literal("it's")))
                .select(things::id)
        };
        let sqlite = debug_query::<Sqlite, _>(&query()).to_string();
        assert!(sqlite.ends_with("= 'it''s') -- binds: []"), "{sqlite}");
        let postgres = debug_query::<Pg, _>(&query()).to_string();
        assert!(postgres.ends_with("= 'it''s') -- binds: []"), "{postgres}");
    }
}
