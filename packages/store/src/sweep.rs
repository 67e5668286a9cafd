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
                    self.column(conn, (table, &column.name, *row), &mut swept)?;
                }
            }
        }
        let left = (self.audit)(conn)?;
        swept
            .unnoticed
            .extend(left.iter().map(|finding| format!("after putting it back: {finding}")));
        Ok(swept)
    }

    fn column(
        &self,
        conn: &mut Conn,
        (table, column, row): (&str, &str, usize),
        swept: &mut Swept,
    ) -> Result<(), StoreError> {
        // Places move with every change on Postgres, so they are asked for anew.
        let Some(place) = tamper::rows(conn, table)?.into_iter().nth(row) else {
            swept.unnoticed.push(format!("{table} has lost its row {row}"));
            return Ok(());
        };
        let Some(change) = tamper::tamper(conn, table, column, &place)? else {
            swept.refused.push(format!("{table}.{column} row {row}"));
            return Ok(());
        };
        let is_named = |finding: &Finding| finding.service == self.service && finding.table == table;
        if !(self.audit)(conn)?.iter().any(is_named) {
            swept.unnoticed.push(format!("{table}.{column} row {row}"));
        }
        Ok(change.undo(conn)?)
    }
}
