use std::io::Write;

use imajin_kernel::Problem;
use serde::Serialize;
use serde_json::{Value, json};

use super::CommandError;

/// Where results and refusals go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    json: bool,
}

impl Output {
    /// Text for people, or JSON for programs.
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints the result: as JSON, or the text that `text` makes of it. A closed pipe ends the command quietly.
    pub(super) fn result<T: Serialize>(self, value: &T, text: impl FnOnce(&T) -> String) {
        let _closed_pipe = writeln!(std::io::stdout(), "{}", self.line(value, text));
    }

    /// The same on the error stream, where something else is the result.
    pub(super) fn report<T: Serialize>(self, value: &T, text: impl FnOnce(&T) -> String) {
        let _closed_pipe = writeln!(std::io::stderr(), "{}", self.line(value, text));
    }

    fn line<T: Serialize>(self, value: &T, text: impl FnOnce(&T) -> String) -> String {
        if self.json {
            serde_json::to_string_pretty(value).unwrap_or_default()
        } else {
            text(value)
        }
    }

    /// Whether a program reads it.
    pub(super) const fn is_json(self) -> bool {
        self.json
    }

    /// Tells what is going on, on the error stream, where it does not mix with the result.
    pub(super) fn note(self, text: &str) {
        if !self.json {
            let _closed_pipe = writeln!(std::io::stderr(), "{text}");
        }
    }

    /// Prints a refusal: one line, or a problem as JSON.
    pub(super) fn error(self, error: &CommandError) {
        let line = match (self.json, error) {
            (true, CommandError::Problem(problem)) => problem_json(problem).to_string(),
            (true, other) => json!({"error": "local", "detail": other.to_string()}).to_string(),
            (false, other) => format!("imajin: {other}"),
        };
        let _closed_pipe = writeln!(std::io::stderr(), "{line}");
    }
}

/// A problem for a program: what every refusal has, and beside it the members of this one, for example `term`.
fn problem_json(problem: &Problem) -> Value {
    let mut members = problem.extra.clone();
    let always = [
        ("error", json!(problem.code)),
        ("detail", json!(problem.detail)),
        ("hint", json!(problem.hint)),
    ];
    members.extend(always.map(|(name, value)| (name.to_owned(), value)));
    Value::Object(members)
}

/// Pads a table's cells to columns.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use imajin_kernel::Code;

    use super::*;

    #[test]
    fn a_refusal_keeps_its_own_members() {
        let problem = Problem::new(Code::Forbidden, "No.")
            .with("term", "maxHops")
            .with("price", 7);
        let wanted = json!({"error": "forbidden", "detail": "No.", "hint": null, "term": "maxHops", "price": 7});
        assert_eq!(problem_json(&problem), wanted);
    }

    #[test]
    fn a_member_of_a_refusal_hides_nothing_that_every_refusal_has() {
        let problem = Problem::invalid("Wrong.")
            .with("error", "none")
            .with("detail", "All is well.");
        let wanted = json!({"error": "invalid_request", "detail": "Wrong.", "hint": null});
        assert_eq!(problem_json(&problem), wanted);
    }
}
