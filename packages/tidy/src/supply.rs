//! Licences, bans and sources of the libraries that we build on, by the lists in `deny.toml`.
//!
//! `cargo deny check` does the same and more; it takes minutes to install, and these three checks must run
//! everywhere. Both read one file, so they cannot disagree about what is allowed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use cargo_metadata::{Metadata, MetadataCommand, Package, PackageId};
use spdx::{Expression, ParseMode};
use toml::{Table, Value};

use crate::{Complaint, TidyError};

const FILE: &str = "deny.toml";

/// The libraries of this platform's build, tests included.
#[derive(Debug)]
pub struct Supply {
    packages: Vec<Package>,
}

impl Supply {
    /// Reads the lock file through `cargo metadata`. Libraries for other platforms are left out, because they need not
    /// be on this machine.
    ///
    /// # Errors
    /// When `cargo metadata` fails.
    pub fn read(root: &Path) -> Result<Self, TidyError> {
        let mut command = MetadataCommand::new();
        let mut options = vec!["--offline".to_owned()];
        if let Some(platform) = host_platform() {
            options.extend(["--filter-platform".to_owned(), platform]);
        }
        command.manifest_path(root.join("Cargo.toml")).other_options(options);
        let Metadata { packages, resolve, .. } = command.exec()?;
        let resolve = resolve.ok_or(TidyError::MetadataLacks("dependency graph"))?;
        let used: BTreeSet<PackageId> = resolve.nodes.into_iter().map(|node| node.id).collect();
        Ok(Self {
            packages: packages
                .into_iter()
                .filter(|package| used.contains(&package.id))
                .collect(),
        })
    }

    /// Names that occur in more than one version.
    pub fn duplicates(&self) -> BTreeMap<String, Vec<String>> {
        let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for package in &self.packages {
            versions
                .entry(package.name.to_string())
                .or_default()
                .push(package.version.to_string());
        }
        versions.retain(|_name, versions| versions.len() > 1);
        versions
    }

    /// Checks every library against the lists.
    ///
    /// # Errors
    /// When `deny.toml` cannot be read or parsed.
    pub fn check(&self, root: &Path) -> Result<Vec<Complaint>, TidyError> {
        let policy = Policy::read(root)?;
        let facts = self.packages.iter().map(|package| Facts {
            name: package.name.to_string(),
            license: package.license.clone(),
            source: package.source.as_ref().map(ToString::to_string),
        });
        Ok(facts.flat_map(|facts| policy.check(&facts)).collect())
    }
}

/// The target triple of the compiler; `None` when it does not say.
fn host_platform() -> Option<String> {
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(compiler).arg("-vV").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
}

#[derive(Debug)]
struct Facts {
    name: String,
    license: Option<String>,
    /// `None` for our own crates.
    source: Option<String>,
}

#[derive(Debug, Default)]
struct Policy {
    licenses: Vec<String>,
    /// Licences that only one crate may have.
    exceptions: BTreeMap<String, Vec<String>>,
    banned: BTreeMap<String, String>,
    sources: Vec<String>,
}

impl Policy {
    fn read(root: &Path) -> Result<Self, TidyError> {
        let failed = |source| TidyError::File {
            path: FILE.to_owned(),
            source,
        };
        let text = fs::read_to_string(root.join(FILE)).map_err(failed)?;
        let table: Table = text.parse().map_err(|source| TidyError::Toml {
            path: FILE.to_owned(),
            source,
        })?;
        Ok(Self::from_table(&table))
    }

    fn from_table(table: &Table) -> Self {
        let list = |section: &str, name: &str| -> Vec<Value> {
            let values = table
                .get(section)
                .and_then(|section| section.get(name))
                .and_then(Value::as_array);
            values.cloned().unwrap_or_default()
        };
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let exception = |value: &Value| {
            let allowed = value
                .get("allow")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default();
            (text(value, "crate"), strings(&allowed))
        };
        Self {
            licenses: strings(&list("licenses", "allow")),
            exceptions: list("licenses", "exceptions").iter().map(exception).collect(),
            banned: list("bans", "deny")
                .iter()
                .map(|ban| (text(ban, "crate"), text(ban, "reason")))
                .collect(),
            sources: strings(&list("sources", "allow-registry")),
        }
    }

    fn check(&self, facts: &Facts) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        if let Some(reason) = self.banned.get(&facts.name) {
            complaints.push(format!("{} is banned: {reason}", facts.name));
        }
        // Our own crates have no source; their licence is the workspace's.
        let Some(source) = &facts.source else { return complaints };
        if !self
            .sources
            .iter()
            .any(|allowed| source.strip_prefix("registry+") == Some(allowed))
        {
            complaints.push(format!(
                "{} comes from {source}, which {FILE} does not allow",
                facts.name
            ));
        }
        complaints.extend(self.check_license(facts));
        complaints
    }

    fn check_license(&self, facts: &Facts) -> Option<Complaint> {
        let Some(text) = &facts.license else {
            return Some(format!("{} states no licence: look into it, then decide", facts.name));
        };
        let Ok(expression) = Expression::parse_mode(text, ParseMode::LAX) else {
            return Some(format!(
                "{} states the licence {text:?}, which is not an SPDX expression",
                facts.name
            ));
        };
        let exceptions = self.exceptions.get(&facts.name).map(Vec::as_slice).unwrap_or_default();
        let allowed = |requirement: &spdx::LicenseReq| {
            let name = requirement.to_string();
            self.licenses.contains(&name) || exceptions.contains(&name)
        };
        (!expression.evaluate(allowed))
            .then(|| format!("{} has the licence {text:?}, which {FILE} does not allow", facts.name))
    }
}

fn strings(values: &[Value]) -> Vec<String> {
    values.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "
        [licenses]
        allow = [\"MIT\", \"Apache-2.0\"]
        exceptions = [{ crate = \"special\", allow = [\"MPL-2.0\"] }]
        [bans]
        deny = [{ crate = \"openssl\", reason = \"rustls is used\" }]
        [sources]
        allow-registry = [\"https://registry.example\"]
    ";

    fn check(name: &str, license: Option<&str>, source: &str) -> String {
        let policy = Policy::from_table(&POLICY.parse().unwrap());
        let license = license.map(str::to_owned);
        policy
            .check(&Facts {
                name: name.to_owned(),
                license,
                source: Some(source.to_owned()),
            })
            .join("\n")
    }

    #[test]
    fn each_list_is_obeyed() {
        let good = "registry+https://registry.example";
        for license in [
            "MIT",
            "MIT OR GPL-3.0",
            "MIT/Apache-2.0",
            "(GPL-2.0 OR MIT) AND Apache-2.0",
        ] {
            assert_eq!(check("serde", Some(license), good), "");
        }
        assert!(check("serde", Some("MIT AND GPL-3.0"), good).contains("does not allow"));
        assert!(check("serde", Some("Apache-2.0 WITH LLVM-exception"), good).contains("does not allow"));
        assert!(check("serde", None, good).contains("states no licence"));
        assert!(check("serde", Some("my own"), good).contains("not an SPDX expression"));
        assert!(check("serde", Some("MPL-2.0"), good).contains("does not allow"));
        assert_eq!(check("special", Some("MPL-2.0"), good), "");
        assert_eq!(check("openssl", Some("MIT"), good), "openssl is banned: rustls is used");
        assert!(check("serde", Some("MIT"), "git+https://registry.example").contains("comes from git+"));
    }
}
