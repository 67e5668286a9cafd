//! Whether both databases have the same columns: a test compares what [`columns`] gives on each.
//!
//! ```ignore
//! assert_eq!(parity::columns_of(&sqlite).await?, parity::columns_of(&postgres).await?);
//! ```

use diesel::QueryResult;

pub use crate::catalog::{Column, ColumnKind};
use crate::{Conn, Db, StoreError, catalog};

/// Every column of every table, sorted by table and name.
///
/// # Errors
/// Diesel's.
pub fn columns(conn: &mut Conn) -> QueryResult<Vec<Column>> {
    let mut all = Vec::new();
    for table in catalog::tables(conn)? {
        let mut columns = catalog::columns(conn, &table)?;
        columns.sort_by(|a, b| a.name.cmp(&b.name));
        all.append(&mut columns);
    }
    Ok(all)
}

/// The same, of a database that is open.
///
/// # Errors
/// What the database says.
pub async fn columns_of(db: &Db) -> Result<Vec<Column>, StoreError> {
    db.read(|conn| Ok(columns(conn)?)).await
}
