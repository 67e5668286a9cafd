use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::Text;

/// A text that stands in the statement itself, and is not bound to it: what the condition of a partial index names.
///
/// Of a bound value a planner knows nothing when it plans. Postgres then cannot use the index, or plans the statement
/// anew each time; SQLite looks at the value, uses the index, and prepares the statement anew whenever another value is
/// bound.
#[derive(Debug, Clone, Copy)]
pub struct Literal(pub &'static str);

impl Expression for Literal {
    type SqlType = Text;
}

impl<Source> AppearsOnTable<Source> for Literal {}
impl<Source> SelectableExpression<Source> for Literal {}

impl<Group> ValidGrouping<Group> for Literal {
    type IsAggregate = is_aggregate::Never;
}

impl QueryId for Literal {
    type QueryId = ();
    // Each text is a statement of its own.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB: Backend> QueryFragment<DB> for Literal {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("'");
        out.push_sql(&self.0.replace('\'', "''"));
        out.push_sql("'");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use diesel::debug_query;
    use diesel::pg::Pg;
    use diesel::prelude::*;
    use diesel::sqlite::Sqlite;

    use super::Literal;

    diesel::table! {
        things (id) {
            id -> Integer,
            state -> Text,
        }
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
