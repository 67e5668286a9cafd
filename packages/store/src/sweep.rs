use diesel::Connection;

use crate::{Conn, Db, Finding, StoreError, tamper};

/// Which rows of a table are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweptRows {
    /// The first one.
    First,
    /// The first and the last one.
    FirstAndLast,
}

/// Changes every column behind the node's back, one after the other, and asks each time whether an audit names the
/// table. For the tests of every service, as all of [`tamper`] is.
pub struct Sweep<'a> {
    /// Whose tables they are; findings about others do not count.
    pub service: &'a str,
    /// Which tables are looked at.
    pub tables: &'a dyn Fn(&str) -> bool,
    /// Which rows of each.
    pub rows: SweptRows,
    /// The audit.
    pub audit: &'a dyn Fn(&mut Conn) -> Result<Vec<Finding>, StoreError>,
}

/// What a sweep found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Columns whose change nobody noticed, tables without a row to change, and what was still found when everything
    /// had been put back. Empty when all is well.
    pub unnoticed: Vec<String>,
    /// Columns that the database itself lets nobody change.
    pub refused: Vec<String>,
}

impl Sweep<'static> {
    /// A sweep over the first row of every table of a database, which belongs to `service` alone: what nobody noticed.
    ///
    /// # Errors
    /// The database's and the audit's.
    pub async fn whole<A>(db: &Db, service: &'static str, audit: A) -> Result<Vec<String>, StoreError>
    where
        A: Fn(&mut Conn) -> Result<Vec<Finding>, StoreError> + Send + 'static,
    {
        db.write(move |conn| {
            let sweep = Sweep {
                service,
                tables: &|_table| true,
                rows: SweptRows::First,
                audit: &audit,
            };
            sweep.run(conn).map(|swept| swept.unnoticed)
        })
        .await
    }
}

impl Sweep<'_> {
    /// Goes through all of it and puts everything back.
    ///
    /// # Errors
    /// The database's and the audit's.
    pub fn run(&self, conn: &mut Conn) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        for table in tamper::tables(conn)?.iter().filter(|table| (self.tables)(table)) {
            let Some(last) = tamper::rows(conn, table)?.len().checked_sub(1) else {
                swept.unnoticed.push(format!("{table} has no row to tamper with"));
                continue;
            };
            let rows = match self.rows {
                SweptRows::First => vec![0],
                SweptRows::FirstAndLast => vec![0, last],
            };
            for column in tamper::columns(conn, table)? {
                for row in &rows {
                    let place = (table.as_str(), column.name.as_str(), *row);
                    // Each change in a savepoint of its own, which takes it back.
                    let looked = conn.transaction(|conn| match self.column(conn, place) {
                        Ok(seen) => Err(Undone::Seen(seen)),
                        Err(error) => Err::<(), _>(Undone::Failed(error)),
                    });
                    match looked {
                        Err(Undone::Seen(Seen::Noticed)) | Ok(()) => {}
                        Err(Undone::Seen(Seen::Unnoticed)) => {
                            swept.unnoticed.push(format!("{table}.{} row {row}", column.name));
                        }
                        Err(Undone::Seen(Seen::Refused)) => {
                            swept.refused.push(format!("{table}.{} row {row}", column.name));
                        }
                        Err(Undone::Failed(error)) => return Err(error),
                    }
                }
            }
        }
        let left = (self.audit)(conn)?;
        swept
            .unnoticed
            .extend(left.iter().map(|finding| format!("after putting it back: {finding}")));
        Ok(swept)
    }

    fn column(&self, conn: &mut Conn, (table, column, row): (&str, &str, usize)) -> Result<Seen, StoreError> {
        let places = tamper::rows(conn, table)?;
        let Some(place) = places.get(row) else {
            return Ok(Seen::Unnoticed);
        };
        if tamper::tamper(conn, table, column, place)?.is_none() {
            return Ok(Seen::Refused);
        }
        let is_named = |finding: &Finding| finding.service == self.service && finding.table == table;
        let is_seen = (self.audit)(conn)?.iter().any(is_named);
        Ok(if is_seen { Seen::Noticed } else { Seen::Unnoticed })
    }
}

/// What became of a change.
enum Seen {
    Noticed,
    Unnoticed,
    /// The database did not take it.
    Refused,
}

/// Takes back what a savepoint has, whatever came of it.
enum Undone {
    Seen(Seen),
    Failed(StoreError),
}

impl From<diesel::result::Error> for Undone {
    fn from(error: diesel::result::Error) -> Self {
        Self::Failed(error.into())
    }
}
