//! Which of our crates uses which: a golden file, and the rules that the file must obey.

use std::collections::BTreeMap;
use std::path::Path;

use cargo_metadata::{Dependency, DependencyKind, MetadataCommand, Package};

use crate::{Complaint, TidyError};

/// The golden file.
pub const FILE: &str = "docs/dependency-graph.txt";

const HEADING: &str = "\
# Which of our crates uses which. Each line is a decision: a new word here is a new coupling, so look twice.
# The tests compare this file with the manifests. To accept a change:
#     IMAJIN_BLESS=1 cargo nextest run -p imajin-tidy graph
";

/// Crates that other crates use in their tests only.
const TESTS_ONLY: [&str; 2] = ["imajin-testkit", "imajin-tidy"];

/// Crates that compute and do nothing else: the same input gives the same output.
const PURE: [&str; 8] = [
    "imajin-kernel",
    "imajin-did",
    "imajin-proof",
    "imajin-money",
    "imajin-fair",
    "imajin-key-log",
    "imajin-consent",
    "imajin-imagxp",
];

/// Libraries that reach the world outside the process.
const IMPURE_LIBRARIES: [&str; 8] = [
    "axum",
    "diesel",
    "hyper",
    "imajin-store",
    "imajin-web",
    "reqwest",
    "tokio",
    "tracing-subscriber",
];

/// What a crate is, by where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `packages/*`: knows no service.
    Library,
    /// `services/*/api`, `registry/api`: what one service promises to the others.
    Api,
    /// `services/*`, `registry`.
    Service,
    /// `node`: composes the services.
    Node,
}

/// A crate of ours and the crates of ours that it names.
#[derive(Clone, Debug)]
pub struct Crate {
    /// The package's name.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// Crates of ours that the crate itself needs, sorted.
    pub uses: Vec<String>,
    /// Crates of ours that only its tests need, sorted.
    pub tests_use: Vec<String>,
    /// Other libraries that it always needs.
    pub libraries: Vec<String>,
}

/// Reads the manifests.
///
/// # Errors
/// When `cargo metadata` fails.
pub fn read(root: &Path) -> Result<Vec<Crate>, TidyError> {
    let mut command = MetadataCommand::new();
    command
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_owned()]);
    let metadata = command.exec()?;
    let home = metadata.workspace_root.as_std_path();
    let mut crates: Vec<Crate> = metadata
        .packages
        .iter()
        .map(|package| describe(home, package))
        .collect();
    crates.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(crates)
}

fn describe(root: &Path, package: &Package) -> Crate {
    let names = |choose: &dyn Fn(&Dependency) -> bool| {
        let chosen = package.dependencies.iter().filter(|dependency| choose(dependency));
        let mut names: Vec<String> = chosen.map(|dependency| dependency.name.clone()).collect();
        names.sort();
        names.dedup();
        names
    };
    let ours = |dependency: &Dependency| dependency.path.is_some();
    let for_tests = |dependency: &Dependency| dependency.kind == DependencyKind::Development;
    let uses = names(&|dependency| ours(dependency) && !for_tests(dependency));
    let mut tests_use = names(&|dependency| ours(dependency) && for_tests(dependency));
    tests_use.retain(|name| !uses.contains(name));
    Crate {
        name: package.name.to_string(),
        role: role(root, package.manifest_path.as_std_path()),
        libraries: names(&|dependency| !for_tests(dependency) && !dependency.optional),
        uses,
        tests_use,
    }
}

fn role(root: &Path, manifest: &Path) -> Role {
    let path = manifest.strip_prefix(root).unwrap_or(manifest);
    let parts: Vec<String> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["services", _, "api", _] | ["registry", "api", _] => Role::Api,
        ["services", _, _] | ["registry", _] => Role::Service,
        ["node", _] => Role::Node,
        _ => Role::Library,
    }
}

/// The golden file's text.
pub fn render(crates: &[Crate]) -> String {
    let mut text = HEADING.to_owned();
    for member in crates {
        text.push_str(&line(&member.name, &member.uses));
        if !member.tests_use.is_empty() {
            text.push_str(&line(&format!("{} (tests)", member.name), &member.tests_use));
        }
    }
    text
}

fn line(name: &str, uses: &[String]) -> String {
    format!("{}\n", format!("{name}: {}", uses.join(" ")).trim_end())
}

/// Checks the rules of `docs/ARCHITECTURE.md` about who may use whom.
pub fn check(crates: &[Crate]) -> Vec<Complaint> {
    let roles: BTreeMap<&str, Role> = crates
        .iter()
        .map(|member| (member.name.as_str(), member.role))
        .collect();
    let mut complaints = Vec::new();
    for member in crates {
        for used in member.uses.iter().chain(&member.tests_use) {
            let Some(role) = roles.get(used.as_str()) else { continue };
            if let Some(rule) = forbidden(member.role, *role) {
                complaints.push(format!("{} uses {used}: {rule}", member.name));
            }
        }
        for used in member.uses.iter().filter(|used| TESTS_ONLY.contains(&used.as_str())) {
            complaints.push(format!(
                "{} uses {used} outside its tests: make it a dev-dependency",
                member.name
            ));
        }
        if PURE.contains(&member.name.as_str()) {
            for library in member
                .libraries
                .iter()
                .filter(|name| IMPURE_LIBRARIES.contains(&name.as_str()))
            {
                complaints.push(format!(
                    "{} uses {library}: this crate is pure, take what it needs as an argument",
                    member.name
                ));
            }
        }
    }
    complaints
}

fn forbidden(from: Role, to: Role) -> Option<&'static str> {
    match (from, to) {
        (Role::Node, _) | (_, Role::Library) | (Role::Api | Role::Service, Role::Api) => None,
        (Role::Library, _) => Some("a library knows no service; move the shared part into a library"),
        (_, Role::Service) => Some("services talk through their api crates only"),
        (_, Role::Node) => Some("nothing depends on the composition root"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, role: Role, uses: &[&str]) -> Crate {
        let uses: Vec<String> = uses.iter().map(|name| (*name).to_owned()).collect();
        Crate {
            name: name.to_owned(),
            role,
            libraries: uses.clone(),
            uses,
            tests_use: Vec::new(),
        }
    }

    #[test]
    fn the_rules_bite_and_the_intended_graph_passes() {
        let mut crates = vec![
            member("imajin-money", Role::Library, &[]),
            member("imajin-pay-api", Role::Api, &["imajin-money"]),
            member("imajin-pay", Role::Service, &["imajin-money", "imajin-pay-api"]),
            member("imajin-events", Role::Service, &["imajin-pay-api"]),
            member("imajin-node", Role::Node, &["imajin-events", "imajin-pay"]),
        ];
        assert_eq!(check(&crates), Vec::<Complaint>::new());
        assert!(render(&crates).ends_with(
            "imajin-pay-api: imajin-money\nimajin-pay: imajin-money imajin-pay-api\n\
            imajin-events: imajin-pay-api\nimajin-node: imajin-events imajin-pay\n"
        ));
        crates.push(member("imajin-www", Role::Service, &["imajin-pay"]));
        crates.push(member(
            "imajin-ui",
            Role::Library,
            &["imajin-pay-api", "imajin-testkit"],
        ));
        crates.push(member("imajin-fair", Role::Library, &["tokio"]));
        let complaints = check(&crates).join("\n");
        for expected in [
            "imajin-www uses imajin-pay: services talk",
            "imajin-ui uses imajin-pay-api: a library",
            "imajin-testkit outside its tests",
            "imajin-fair uses tokio: this crate is pure",
        ] {
            assert!(complaints.contains(expected), "{expected:?} is missing in {complaints}");
        }
    }
}
