use std::io::Write;

use serde::Serialize;

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
        let line = if self.json {
            serde_json::to_string_pretty(value).unwrap_or_default()
        } else {
            text(value)
        };
        let _closed_pipe = writeln!(std::io::stdout(), "{line}");
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
            (true, CommandError::Problem(problem)) => {
                serde_json::json!({"error": problem.code, "detail": problem.detail, "hint": problem.hint}).to_string()
            }
            (true, other) => serde_json::json!({"error": "local", "detail": other.to_string()}).to_string(),
            (false, other) => format!("imajin: {other}"),
        };
        let _closed_pipe = writeln!(std::io::stderr(), "{line}");
    }
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
