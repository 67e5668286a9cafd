use diesel::prelude::*;
use imajin_kernel::Timestamp;

use super::Seq;
use super::row::LogRow;
use crate::Conn;
use crate::schema::mutation_log;

/// What the log says about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// The chain that it is in.
    pub chain: String,
    /// Its place there.
    pub seq: Seq,
    /// When.
    pub logged_at: Timestamp,
    /// Whose object.
    pub owner_did: String,
    /// What happened.
    pub action: String,
    /// To what.
    pub object: String,
    /// With what; empty when it was erased.
    pub body: Option<Vec<u8>>,
}

impl From<LogRow> for Logged {
    fn from(row: LogRow) -> Self {
        Self {
            chain: row.chain,
            seq: row.seq,
            logged_at: row.logged_at,
            owner_did: row.owner_did,
            action: row.action,
            object: row.object,
            body: row.body,
        }
    }
}

/// The last mutation of an object: what its live row should agree with.
///
/// # Errors
/// Diesel's.
pub fn last_body(conn: &mut Conn, object: &str) -> QueryResult<Option<Logged>> {
    let row: Option<LogRow> = mutation_log::table
        .filter(mutation_log::object.eq(object))
        .order_by((mutation_log::logged_at.desc(), mutation_log::seq.desc()))
        .select(LogRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(Logged::from))
}

/// Everything that was logged about an object, oldest first.
///
/// # Errors
/// Diesel's.
pub fn history(conn: &mut Conn, object: &str) -> QueryResult<Vec<Logged>> {
    let rows: Vec<LogRow> = mutation_log::table
        .filter(mutation_log::object.eq(object))
        .order_by((mutation_log::logged_at, mutation_log::seq))
        .select(LogRow::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(Logged::from).collect())
}

/// The last mutation of each object whose name begins with `prefix`, a page at a time: pass the last object of a page
/// as `after` to get the next one. An empty page is the end.
///
/// # Errors
/// Diesel's.
pub fn last_bodies(conn: &mut Conn, prefix: &str, after: Option<&str>, limit: i64) -> QueryResult<Vec<Logged>> {
    let escaped = prefix.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let objects: Vec<String> = mutation_log::table
        .filter(mutation_log::object.like(format!("{escaped}%")).escape('\\'))
        .filter(mutation_log::object.gt(after.unwrap_or_default()))
        .order_by(mutation_log::object)
        .select(mutation_log::object)
        .distinct()
        .limit(limit)
        .load(conn)?;
    let mut bodies = Vec::with_capacity(objects.len());
    for object in objects {
        bodies.extend(last_body(conn, &object)?);
    }
    Ok(bodies)
}
