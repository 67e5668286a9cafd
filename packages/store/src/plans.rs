//! How the database would run the statements that a test has caused: whether each finds its rows by an index.
//!
//! ```ignore
//! plans::record()?;                       // before the database is opened
//! // … what is to be looked at …
//! for statement in plans::recorded() {
//!     let plan = plans::plan_of(conn, &statement)?;
//!     assert!(!plan.contains("Seq Scan on nodes"), "{statement}\n{plan}");
//! }
//! ```
#![expect(
    clippy::disallowed_methods,
    reason = "a plan is asked for in SQL, about statements that were built elsewhere"
)]

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use diesel::connection::{InstrumentationEvent, set_default_instrumentation};
use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::Conn;

static STATEMENTS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// From now on each connection that this process opens notes the statements that it runs.
///
/// # Errors
/// Diesel's.
pub fn record() -> QueryResult<()> {
    set_default_instrumentation(|| Some(Box::new(|event: InstrumentationEvent<'_>| note(&event))))
}

fn note(event: &InstrumentationEvent<'_>) {
    if let InstrumentationEvent::StartQuery { query, .. } = event {
        let text = query.to_string();
        let statement = text.split(" -- binds").next().unwrap_or_default().trim();
        let mut statements = STATEMENTS.lock().unwrap_or_else(PoisonError::into_inner);
        statements.insert(statement.to_owned());
    }
}

/// The statements that look for rows, each once, since this was asked last.
pub fn recorded() -> Vec<String> {
    let mut statements = STATEMENTS.lock().unwrap_or_else(PoisonError::into_inner);
    let looks = |statement: &String| {
        ["SELECT", "UPDATE", "DELETE"]
            .iter()
            .any(|verb| statement.starts_with(verb))
    };
    std::mem::take(&mut *statements).into_iter().filter(looks).collect()
}

/// Parameters that a statement has at most.
const PARAMETERS_MAX: usize = 64;

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    text: String,
}

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// How the database would run a statement on a table that is too large to be read or sorted whole, whatever its
/// parameters are.
///
/// # Errors
/// Diesel's.
pub fn plan_of(conn: &mut Conn, statement: &str) -> QueryResult<String> {
    let conn = match conn {
        Conn::Postgres(conn) => conn,
        Conn::Sqlite(conn) => {
            let steps: Vec<Step> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {statement}")).load(conn)?;
            let steps = steps.into_iter().map(|step| step.detail);
            return Ok(steps.collect::<Vec<_>>().join("\n"));
        }
    };
    let parameters = (1..=PARAMETERS_MAX)
        .take_while(|number| statement.contains(&format!("${number}")))
        .count();
    let nulls = vec!["NULL"; parameters].join(", ");
    let arguments = if nulls.is_empty() {
        String::new()
    } else {
        format!("({nulls})")
    };
    conn.transaction(|conn| {
        for setting in [
            "plan_cache_mode = force_generic_plan",
            "enable_seqscan = off",
            "enable_sort = off",
        ] {
            diesel::sql_query(format!("SET LOCAL {setting}")).execute(conn)?;
        }
        diesel::sql_query(format!("PREPARE probe AS {statement}")).execute(conn)?;
        let lines: Vec<Line> = diesel::sql_query(format!("EXPLAIN EXECUTE probe{arguments}")).load(conn)?;
        diesel::sql_query("DEALLOCATE probe").execute(conn)?;
        Ok(lines.into_iter().map(|line| line.text).collect::<Vec<_>>().join("\n"))
    })
}
