use diesel::QueryResult;
use diesel::RunQueryDsl;
use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};

/// `UPDATE … SET … WHERE …` of rows that write every column (`treat_none_as_null`), so that its text is always the
/// same and a connection prepares it once: called by the macros.
///
/// Diesel's own `UPDATE` is never kept, because an option that is `None` may leave its column out and each combination
/// is a statement of its own. To read and plan it anew for each row took a sixth of a batch of settlements.
#[doc(hidden)]
#[derive(Debug)]
pub struct RowUpdate<S, P> {
    pub table: &'static str,
    pub set: S,
    pub place: P,
}

impl<S, P, DB> QueryFragment<DB> for RowUpdate<S, P>
where
    DB: Backend,
    S: QueryFragment<DB>,
    P: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE ");
        out.push_identifier(self.table)?;
        out.push_sql(" SET ");
        self.set.walk_ast(out.reborrow())?;
        out.push_sql(" WHERE ");
        self.place.walk_ast(out)
    }
}

// Found by its text.
impl<S, P> QueryId for RowUpdate<S, P> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<S, P, C> RunQueryDsl<C> for RowUpdate<S, P> {}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use diesel::connection::{InstrumentationEvent, SimpleConnection};
    use diesel::prelude::*;

    use super::RowUpdate;
    use crate::Conn;

    diesel::table! {
        things (id) {
            id -> Integer,
            state -> Nullable<Text>,
        }
    }

    #[derive(AsChangeset)]
    #[diesel(table_name = things, treat_none_as_null = true)]
    struct Thing {
        id: i32,
        state: Option<String>,
    }

    #[test]
    fn is_prepared_once() {
        let mut conn = Conn::Sqlite(SqliteConnection::establish(":memory:").expect("a database in memory"));
        conn.batch_execute(
            "CREATE TABLE things (id INTEGER PRIMARY KEY, state TEXT); INSERT INTO things VALUES (1, '')",
        )
        .expect("a table");
        let kept = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&kept);
        conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::CacheQuery { .. } = event {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        for state in [Some("new"), None, Some("newer")] {
            let thing = Thing {
                id: 1,
                state: state.map(str::to_owned),
            };
            let update = RowUpdate {
                table: "things",
                set: (&thing).as_changeset(),
                place: things::id.eq(thing.id),
            };
            assert_eq!(update.execute(&mut conn), Ok(1));
        }
        assert_eq!(kept.load(Ordering::Relaxed), 1);
        assert_eq!(
            things::table.select(things::state).first::<Option<String>>(&mut conn),
            Ok(Some("newer".to_owned()))
        );
    }
}
