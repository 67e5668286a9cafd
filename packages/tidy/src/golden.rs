//! Files that record a state which a person has agreed to.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::{Complaint, TidyError};

/// Set to `1`, golden files are rewritten instead of compared.
pub const BLESS_VARIABLE: &str = "IMAJIN_BLESS";

/// Whether the person who runs the tests has agreed to the new state.
pub fn is_blessing() -> bool {
    std::env::var(BLESS_VARIABLE).is_ok_and(|value| value == "1")
}

/// Compares `actual` with the file, line by line; with `bless` it writes the file instead.
///
/// # Errors
/// When the file cannot be read or written.
pub fn compare(root: &Path, path: &str, actual: &str, bless: bool) -> Result<Option<Complaint>, TidyError> {
    let file = root.join(path);
    let failed = |source| TidyError::File {
        path: path.to_owned(),
        source,
    };
    let expected = if file.exists() {
        fs::read_to_string(&file).map_err(failed)?
    } else {
        String::new()
    };
    if expected == actual {
        return Ok(None);
    }
    if bless {
        fs::write(&file, actual).map_err(failed)?;
        return Ok(None);
    }
    let old: BTreeSet<&str> = expected.lines().collect();
    let new: BTreeSet<&str> = actual.lines().collect();
    let removed = old.difference(&new).map(|line| format!("- {line}"));
    let added = new.difference(&old).map(|line| format!("+ {line}"));
    let difference: Vec<String> = removed.chain(added).collect();
    Ok(Some(format!(
        "{path} is not up to date. If you mean this change, run the test again with {BLESS_VARIABLE}=1 and commit \
         the file.\n{}",
        difference.join("\n")
    )))
}
