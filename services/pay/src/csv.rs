//! Comma-separated values (RFC 4180), as spreadsheets read them.

use serde::Serialize;
use serde_json::Value;

use crate::PayError;

/// Rows with a line of column names in front; `columns` are the members of the rows, in the order of the columns.
pub(crate) fn csv<T: Serialize>(columns: &[&str], rows: &[T]) -> Result<String, PayError> {
    let mut text = columns.join(",") + "\r\n";
    for row in rows {
        let row = serde_json::to_value(row).map_err(|error| PayError::Fault(error.to_string()))?;
        let cells: Vec<String> = columns.iter().map(|column| cell(row.get(column))).collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    Ok(text)
}

fn cell(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => return String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    // A spreadsheet would run a text that begins like a formula, and somebody else has written some of these texts. A
    // number may begin with a minus, and has nothing else in it that computes.
    let is_digits = |rest: &str| !rest.is_empty() && rest.chars().all(|each| each.is_ascii_digit() || each == '.');
    let is_number = text.strip_prefix('-').is_some_and(is_digits);
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number;
    let text = if is_formula { format!("'{text}") } else { text };
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_are_quoted_and_no_text_becomes_a_formula() {
        let rows = [
            json!({"a": "x, \"y\"", "b": 1, "c": true}),
            json!({"a": "=1+1", "b": "-5.00", "c": null}),
            json!({"a": "two\nlines", "b": "-cmd"}),
            json!({"a": "-2+3+cmd|' /C calc'!A0", "b": "-", "c": "-7"}),
        ];
        assert_eq!(
            csv(&["a", "b", "c"], &rows).unwrap(),
            "a,b,c\r\n\"x, \"\"y\"\"\",1,true\r\n'=1+1,-5.00,\r\n\"two\nlines\",'-cmd,\r\n\
             '-2+3+cmd|' /C calc'!A0,'-,-7\r\n"
        );
    }
}
