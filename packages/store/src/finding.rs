use std::fmt;

/// Something that an audit found: a row that is not as the node left it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Finding {
    /// Whose database it is, for example `events`.
    pub service: String,
    /// The table's name.
    pub table: String,
    /// The row's key as text; several columns are joined with `/`.
    pub row: String,
    /// What is wrong with it, to follow a colon.
    pub problem: String,
}

impl Finding {
    /// One finding.
    pub fn new(service: &str, table: &str, row: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            service: service.to_owned(),
            table: table.to_owned(),
            row: row.into(),
            problem: problem.into(),
        }
    }

    /// A row whose seal does not fit its columns.
    pub fn changed(service: &str, table: &str, row: impl Into<String>) -> Self {
        Self::new(service, table, row, "the row was changed outside imajin")
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} {}: {}", self.service, self.table, self.row, self.problem)
    }
}
