//! Migrations exist for both databases, under the same names.

use std::fs;

use crate::{Complaint, TidyError, Tree};

const BACKENDS: [&str; 2] = ["sqlite", "postgres"];

/// Compares `migrations/<service>/sqlite` with `migrations/<service>/postgres`. That both yield the same columns is
/// tested where the databases are, in each service.
///
/// # Errors
/// When a directory cannot be listed.
pub fn check(tree: &Tree) -> Result<Vec<Complaint>, TidyError> {
    let mut complaints = Vec::new();
    for service in tree.directories_in("migrations")? {
        let home = format!("migrations/{service}");
        let unknown = tree
            .directories_in(&home)?
            .into_iter()
            .filter(|name| !BACKENDS.contains(&name.as_str()));
        complaints.extend(unknown.map(|name| format!("{home}/{name}: only sqlite/ and postgres/ belong here")));
        let [sqlite, postgres] = BACKENDS.map(|backend| tree.directories_in(&format!("{home}/{backend}")));
        let (sqlite, postgres) = (sqlite?, postgres?);
        complaints.extend(only_in(&home, "postgres", &sqlite, &postgres));
        complaints.extend(only_in(&home, "sqlite", &postgres, &sqlite));
        complaints.extend(check_names(&home, &sqlite));
        for (backend, names) in [("sqlite", &sqlite), ("postgres", &postgres)] {
            for name in names {
                complaints.extend(check_files(tree, &format!("{home}/{backend}/{name}")));
            }
        }
    }
    Ok(complaints)
}

fn only_in(home: &str, backend: &str, have: &[String], lack: &[String]) -> Vec<Complaint> {
    have.iter()
        .filter(|name| !lack.contains(name))
        .map(|name| format!("{home}/{backend}/{name} is missing"))
        .collect()
}

/// `0001_some_words`, counted without a gap, so that the order is plain and two branches cannot both add a number.
fn check_names(home: &str, names: &[String]) -> Vec<Complaint> {
    let expected = |number: usize, name: &str| {
        name.split_once('_').is_some_and(|(digits, words)| {
            digits == format!("{number:04}")
                && !words.is_empty()
                && words
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        })
    };
    (1..)
        .zip(names)
        .filter(|(number, name)| !expected(*number, name))
        .map(|(number, name)| format!("{home}: {name} should be named {number:04}_some_words"))
        .collect()
}

fn check_files(tree: &Tree, directory: &str) -> Vec<Complaint> {
    ["up.sql", "down.sql"]
        .iter()
        .filter(|name| {
            fs::read_to_string(tree.root().join(directory).join(name))
                .unwrap_or_default()
                .trim()
                .is_empty()
        })
        .map(|name| format!("{directory}/{name} is missing or empty"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_twin_a_gap_and_a_missing_file_are_named() {
        let root = tempfile::tempdir().unwrap();
        let add = |path: &str| {
            let path = root.path().join("migrations/pay").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "SELECT 1;\n").unwrap();
        };
        for path in [
            "sqlite/0001_init/up.sql",
            "sqlite/0001_init/down.sql",
            "postgres/0001_init/up.sql",
        ] {
            add(path);
        }
        let complaints = || check(&Tree::read(root.path()).unwrap()).unwrap().join("\n");
        assert_eq!(
            complaints(),
            "migrations/pay/postgres/0001_init/down.sql is missing or empty"
        );
        add("postgres/0001_init/down.sql");
        assert_eq!(complaints(), "");
        add("sqlite/0003_more/up.sql");
        add("sqlite/0003_more/down.sql");
        let found = complaints();
        assert!(
            found.contains("migrations/pay/postgres/0003_more is missing"),
            "{found}"
        );
        assert!(found.contains("0003_more should be named 0002_some_words"), "{found}");
        add("mysql/0001_init/up.sql");
        assert!(complaints().contains("only sqlite/ and postgres/"));
    }
}
