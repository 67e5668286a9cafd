//! The list of decisions in `docs/adr/README.md` is complete.

use crate::{Complaint, Tree};

const DIRECTORY: &str = "docs/adr/";
const INDEX: &str = "docs/adr/README.md";
const TEMPLATE: &str = "template.md";

/// The parts that every decision has.
const SECTIONS: [&str; 4] = ["## Context", "## Decision", "## Consequences", "## Evidence"];

/// Every record is in the index, and no two have one number. A number may be missing: it belongs to a decision that
/// is still being made.
pub fn check(tree: &Tree) -> Vec<Complaint> {
    let Some(index) = tree.file(INDEX) else {
        return vec![format!("{INDEX} is missing")];
    };
    let mut complaints = Vec::new();
    let mut numbers: Vec<&str> = Vec::new();
    for file in tree
        .files()
        .iter()
        .filter(|file| file.path.starts_with(DIRECTORY) && file.path != INDEX)
    {
        let name = file.name();
        if name != TEMPLATE && !is_numbered(name) {
            complaints.push(format!("{}: name it 0001-some-words.md", file.path));
        }
        if !index.text.contains(&format!("({name})")) {
            complaints.push(format!("{INDEX}: list {name}"));
        }
        for section in SECTIONS
            .iter()
            .filter(|section| !file.text.lines().any(|line| line == **section))
        {
            complaints.push(format!("{}: the section {section:?} is missing", file.path));
        }
        if let Some(number) = name.get(..4) {
            if numbers.contains(&number) {
                complaints.push(format!("{}: the number {number} is taken", file.path));
            }
            numbers.push(number);
        }
    }
    complaints
}

/// Four digits, a hyphen, words.
fn is_numbered(name: &str) -> bool {
    name.strip_suffix(".md")
        .and_then(|stem| stem.split_once('-'))
        .is_some_and(|(number, words)| {
            number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit()) && !words.is_empty()
        })
}
