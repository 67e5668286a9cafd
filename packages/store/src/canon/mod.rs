//! The bytes of a row that its seal covers.
//!
//! Each column is written as its name and a tagged value, both with their length, sorted by name. A column without a
//! value is left out: a column that a later migration adds, and that old rows do not have, leaves their seals as they
//! are, while filling or emptying a column changes the bytes. `row_seal` itself is left out, too.

mod row;
mod value;

use serde::ser::{self, Serialize};

use self::row::RowSerializer;

/// A row type that cannot be sealed: a fault in its declaration.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("this row cannot be sealed: {0}")]
pub(crate) struct CanonError(String);

impl ser::Error for CanonError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

fn unsupported(what: &str) -> CanonError {
    CanonError(format!(
        "a column cannot hold {what}; store text, an integer, bytes or a truth value"
    ))
}

/// Hands the canonical bytes of a row to `sink`, piece by piece.
pub(crate) fn feed<T: Serialize>(row: &T, mut sink: impl FnMut(&[u8])) -> Result<(), CanonError> {
    let mut columns = row.serialize(RowSerializer)?;
    columns.places.sort_unstable_by_key(|(name, _, _)| *name);
    for (name, start, end) in columns.places {
        let value = columns.values.get(start..end).unwrap_or_default();
        sink(&length(name.len()));
        sink(name.as_bytes());
        sink(&length(value.len()));
        sink(value);
    }
    Ok(())
}

fn length(bytes: usize) -> [u8; 8] {
    u64::try_from(bytes).unwrap_or(u64::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    #[derive(Serialize, Default)]
    #[expect(clippy::struct_field_names, reason = "the column has this name in every table")]
    struct Row {
        b: Option<i64>,
        a: String,
        c: Vec<u8>,
        row_seal: Vec<u8>,
    }

    fn bytes<T: Serialize>(row: &T) -> Vec<u8> {
        let mut bytes = Vec::new();
        feed(row, |piece| bytes.extend_from_slice(piece)).unwrap();
        bytes
    }

    #[test]
    fn the_order_of_fields_a_new_empty_column_and_the_seal_do_not_matter() {
        #[derive(Serialize)]
        struct Later {
            added: Option<String>,
            row_seal: Vec<u8>,
            c: Vec<u8>,
            a: String,
            b: Option<i64>,
        }
        let row = Row {
            a: "x".to_owned(),
            c: vec![0, 255],
            ..Row::default()
        };
        let later = Later {
            added: None,
            row_seal: vec![1],
            c: vec![0, 255],
            a: "x".to_owned(),
            b: None,
        };
        assert_eq!(bytes(&row), bytes(&later));
    }

    #[test]
    fn every_other_difference_matters() {
        let rows = [
            Row::default(),
            Row {
                b: Some(0),
                ..Row::default()
            },
            Row {
                b: Some(1),
                ..Row::default()
            },
            Row {
                a: "x".to_owned(),
                ..Row::default()
            },
            Row {
                c: b"x".to_vec(),
                ..Row::default()
            },
            Row {
                a: "x".to_owned(),
                c: b"x".to_vec(),
                ..Row::default()
            },
        ];
        let distinct: std::collections::BTreeSet<Vec<u8>> = rows.iter().map(bytes).collect();
        assert_eq!(distinct.len(), rows.len());
    }

    #[test]
    fn what_no_column_holds_is_refused() {
        #[derive(Serialize)]
        struct Bad<T> {
            a: T,
        }
        let nothing = |_: &[u8]| {};
        assert!(feed(&Bad { a: 0.5_f64 }, nothing).is_err());
        assert!(feed(&Bad { a: vec!["x"] }, nothing).is_err());
        assert!(feed(&Bad { a: vec![256_i32] }, nothing).is_err());
        assert!(feed(&Bad { a: Row::default() }, nothing).is_err());
        assert!(feed(&7, nothing).is_err());
    }
}
