//! Numbers that may only become smaller.
//!
//! Some things are tolerated, not wanted: code that differs per database, SQL as text, two versions of one library.
//! Their number is recorded. Whoever lowers one records the new number; whoever raises one has to edit the record by
//! hand, where a reviewer sees it.

use std::collections::BTreeMap;
use std::fs;

use toml::{Table, Value};

use crate::{Complaint, TidyError, Tree};

/// The record.
pub const FILE: &str = "packages/tidy/ratchet.toml";

const HEADING: &str = "\
# Numbers that may only become smaller; packages/tidy/src/ratchet.rs says what is counted and why.
# Lower them with IMAJIN_BLESS=1 cargo nextest run -p imajin-tidy. To raise one, edit it and give the reason here.
";

/// Where SQL as text may stand.
const SQL_HOME: &str = "packages/store/";

/// Calls that take SQL as text. Each is split, so that this file does not count itself.
const SQL_CALLS: [(&str, &str); 4] = [
    ("sql_", "query("),
    ("batch_", "execute("),
    ("dsl::", "sql("),
    ("dsl::sql", "::<"),
];

/// Counts what the source text shows: `per-backend` (places with one arm per database) and `raw-sql` (calls with SQL
/// as text, in the store). Tests do not count: they break rows on purpose.
pub fn counts(tree: &Tree) -> BTreeMap<String, usize> {
    let mut per_backend = 0;
    let mut raw_sql = 0;
    for file in tree.rust_files().filter(|file| !file.is_test()) {
        for line in code_lines(&file.text) {
            per_backend += line.matches(&format!("per_{}!", "backend")).count();
            raw_sql += sql_calls(line);
        }
    }
    BTreeMap::from([("per-backend".to_owned(), per_backend), ("raw-sql".to_owned(), raw_sql)])
}

/// SQL as text outside the store: a query there could reach another service's tables.
pub fn check_sql_home(tree: &Tree) -> Vec<Complaint> {
    tree.rust_files()
        .filter(|file| !file.is_test() && !file.path.starts_with(SQL_HOME))
        .flat_map(|file| {
            let lines = (1..)
                .zip(code_lines_all(&file.text))
                .filter(|(_number, line)| sql_calls(line) > 0);
            lines.map(|(number, _line)| {
                format!(
                    "{}:{number}: SQL as text: use the query builder, or move it into {SQL_HOME}",
                    file.path
                )
            })
        })
        .collect()
}

/// Compares with the record. A smaller number is a complaint too, until it is recorded; with `bless` it is recorded.
///
/// # Errors
/// When the record cannot be read, parsed or written.
pub fn check(tree: &Tree, actual: &BTreeMap<String, usize>, bless: bool) -> Result<Vec<Complaint>, TidyError> {
    let path = tree.root().join(FILE);
    let failed = |source| TidyError::File {
        path: FILE.to_owned(),
        source,
    };
    let text = if path.exists() {
        fs::read_to_string(&path).map_err(failed)?
    } else {
        String::new()
    };
    let recorded: Table = text.parse().map_err(|source| TidyError::Toml {
        path: FILE.to_owned(),
        source,
    })?;
    let mut complaints = Vec::new();
    let mut lowered = false;
    for (name, count) in actual {
        let limit = recorded
            .get(name)
            .and_then(Value::as_integer)
            .and_then(|value| usize::try_from(value).ok());
        match limit {
            Some(limit) if *count == limit => {}
            Some(limit) if *count > limit => complaints.push(format!(
                "{name}: {count}, and {limit} is recorded: find another way, or raise the number in {FILE} by hand \
                 and say there why"
            )),
            Some(_) | None if bless => lowered = true,
            Some(limit) => complaints.push(format!(
                "{name}: {count}, and {limit} is recorded. Good! Record it: IMAJIN_BLESS=1 cargo nextest run -p \
                 imajin-tidy"
            )),
            None => complaints.push(format!("{name}: {count}, and nothing is recorded in {FILE}")),
        }
    }
    if lowered && complaints.is_empty() {
        fs::write(&path, record(&text, actual)).map_err(failed)?;
    }
    Ok(complaints)
}

/// The record's new text: its comments stay, because they hold the reasons.
fn record(old: &str, actual: &BTreeMap<String, usize>) -> String {
    let mut lines: Vec<String> = old
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    if lines.is_empty() {
        lines.extend(HEADING.lines().map(str::to_owned));
    }
    lines.extend(actual.iter().map(|(name, count)| format!("{name} = {count}")));
    lines.join("\n") + "\n"
}

/// The lines up to the module of unit tests, without comments.
fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    code_lines_all(text).take_while(|line| !line.starts_with("mod tests"))
}

fn code_lines_all(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(|line| line.split("//").next().unwrap_or_default())
}

fn sql_calls(line: &str) -> usize {
    SQL_CALLS
        .iter()
        .map(|(a, b)| line.matches(&format!("{a}{b}")).count())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_can_be_lowered_by_blessing_but_not_raised() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("packages/tidy")).unwrap();
        let tree = Tree::read(root.path()).unwrap();
        let count = |n: usize| BTreeMap::from([("raw-sql".to_owned(), n)]);
        assert!(
            check(&tree, &count(3), false)
                .unwrap()
                .join("")
                .contains("nothing is recorded")
        );
        assert!(check(&tree, &count(3), true).unwrap().is_empty());
        assert!(check(&tree, &count(3), false).unwrap().is_empty());
        assert!(
            check(&tree, &count(4), true)
                .unwrap()
                .join("")
                .contains("find another way")
        );
        assert!(check(&tree, &count(2), false).unwrap().join("").contains("Record it"));
        assert!(check(&tree, &count(2), true).unwrap().is_empty());
        assert!(
            check(&tree, &count(3), true)
                .unwrap()
                .join("")
                .contains("2 is recorded")
        );
    }
}
