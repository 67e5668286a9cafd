//! Rules about the manifests of our crates.

use toml::{Table, Value};

use crate::{Complaint, TidyError, Tree};

/// Fields that every crate takes from the workspace.
const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];

/// Every directory below `packages/` and `services/` is a crate, and every crate says what it is for and takes the
/// shared lints, version and dependencies; a package outside the workspace (`fuzz/`) does not.
///
/// # Errors
/// When a directory cannot be listed or a manifest is malformed.
pub fn check(tree: &Tree) -> Result<Vec<Complaint>, TidyError> {
    let mut complaints = Vec::new();
    for parent in ["packages", "services"] {
        for name in tree.directories_in(parent)? {
            if tree.file(&format!("{parent}/{name}/Cargo.toml")).is_none() {
                complaints.push(format!(
                    "{parent}/{name}: no Cargo.toml: every directory here is a crate"
                ));
            }
        }
    }
    for file in tree
        .files()
        .iter()
        .filter(|file| file.name() == "Cargo.toml" && file.path != "Cargo.toml")
    {
        let table = parse(&file.path, &file.text)?;
        // A package that is a workspace of its own has nothing to take from ours: it is outside on purpose.
        if table.contains_key("workspace") {
            continue;
        }
        complaints.extend(
            check_manifest(&table)
                .into_iter()
                .map(|what| format!("{}: {what}", file.path)),
        );
    }
    Ok(complaints)
}

fn parse(path: &str, text: &str) -> Result<Table, TidyError> {
    text.parse().map_err(|source| TidyError::Toml {
        path: path.to_owned(),
        source,
    })
}

fn check_manifest(manifest: &Table) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let package = manifest
        .get("package")
        .and_then(Value::as_table)
        .cloned()
        .unwrap_or_default();
    if package
        .get("description")
        .and_then(Value::as_str)
        .is_none_or(|text| text.trim().len() < 10)
    {
        complaints.push("no description: say in one line what the crate is for".to_owned());
    }
    let from_workspace = |value: Option<&Value>| {
        value
            .and_then(|value| value.get("workspace"))
            .and_then(Value::as_bool)
            .unwrap_or(false)
    };
    for field in INHERITED.iter().filter(|field| !from_workspace(package.get(**field))) {
        complaints.push(format!(
            "write `{field}.workspace = true`: it is set once, for all crates"
        ));
    }
    if !from_workspace(manifest.get("lints")) {
        complaints.push("write `[lints] workspace = true`: there is one lint table".to_owned());
    }
    for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
        let dependencies = manifest
            .get(section)
            .and_then(Value::as_table)
            .cloned()
            .unwrap_or_default();
        for (name, _value) in dependencies
            .iter()
            .filter(|(_name, value)| !from_workspace(Some(value)))
        {
            complaints.push(format!(
                "{section}: take {name} from the workspace: there is one dependency table"
            ));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "
        [package]
        name = \"imajin-example\"
        description = \"An example of a good manifest\"
        version.workspace = true
        edition.workspace = true
        rust-version.workspace = true
        license.workspace = true
        publish.workspace = true
        [lints]
        workspace = true
        [dependencies]
        serde.workspace = true
    ";

    #[test]
    fn a_good_manifest_passes_and_each_fault_is_named() {
        let complaints = |text: &str| check_manifest(&parse("Cargo.toml", text).unwrap()).join("\n");
        assert_eq!(complaints(GOOD), "");
        assert!(complaints(&GOOD.replace("An example of a good manifest", "")).contains("no description"));
        assert!(complaints(&GOOD.replace("serde.workspace = true", "serde = \"1\"")).contains("take serde from"));
        assert!(complaints(&GOOD.replace("edition.workspace", "edition.other")).contains("`edition.workspace = true`"));
        assert!(complaints(&GOOD.replace("[lints]", "[other]")).contains("one lint table"));
    }
}
