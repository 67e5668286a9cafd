//! Rules about the text of files: length, white space, words that must not stay.

use crate::{Complaint, SourceFile, Tree};

const COLUMNS_MAX: usize = 120;
const LINES_MAX: usize = 400;
const TEST_LINES_MAX: usize = 500;

/// Written by people, so held to the rules. Generated files and test vectors are not.
const WRITTEN: [&str; 12] = [
    "rs", "toml", "md", "sql", "css", "js", "mjs", "html", "sh", "service", "yml", "txt",
];

/// Files of these kinds are wrapped; prose and tables of dependencies are not.
const WRAPPED: [&str; 7] = ["rs", "sql", "css", "js", "mjs", "sh", "service"];

/// Text that others wrote and that must stay as it is.
const VERBATIM: [&str; 2] = ["Cargo.lock", "LICENSE-APACHE"];

/// Words of unfinished work. In two halves, so that this file does not break its own rule.
const UNFINISHED: [(&str, &str); 4] = [("TO", "DO"), ("FIX", "ME"), ("X", "XX"), ("HA", "CK")];

/// Directories of somebody's own machine. A path that starts there means nothing to anybody else.
const MACHINE_DIRECTORIES: [&str; 6] = ["home", "Users", "root", "work", "workspace", "builds"];

/// Checks every file that people write.
pub fn check(tree: &Tree) -> Vec<Complaint> {
    tree.files()
        .iter()
        .filter(|file| is_written(file))
        .flat_map(check_file)
        .collect()
}

fn is_written(file: &SourceFile) -> bool {
    let by_name = matches!(file.name(), "x" | "run" | ".editorconfig" | ".gitignore");
    (by_name || WRITTEN.contains(&file.extension())) && !VERBATIM.contains(&file.name())
}

fn check_file(file: &SourceFile) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let wrapped = WRAPPED.contains(&file.extension());
    for (line, number) in file.text.lines().zip(1..) {
        let mut complain = |what: String| complaints.push(format!("{}:{number}: {what}", file.path));
        let columns = line.chars().count();
        // A link cannot be broken.
        if wrapped && columns > COLUMNS_MAX && !line.contains("https://") {
            complain(format!("{columns} columns: wrap the line at {COLUMNS_MAX}"));
        }
        if line.contains('\t') {
            complain("a tab: indent with spaces".to_owned());
        }
        if line.ends_with([' ', '\t', '\r']) {
            complain("white space at the end of the line: remove it".to_owned());
        }
        if let Some(word) = unfinished_word(line) {
            complain(format!("{word}: finish it, or open an issue and remove the mark"));
        }
        if line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ") {
            complain("a merge conflict: resolve it".to_owned());
        }
        if let Some(directory) = machine_path(line) {
            complain(format!(
                "a path below {directory}/ exists on one machine only: use a relative path"
            ));
        }
        if file.extension() == "rs" && has_unsafe_code(line) {
            complain("unsafe code: there is none in this repository, find a library that wraps it".to_owned());
        }
    }
    complaints.extend(check_whole(file));
    complaints
}

fn check_whole(file: &SourceFile) -> Option<Complaint> {
    // A part of a page is set into the middle of a line, so a line break at its end would show as a space.
    let part = file.extension() == "html";
    if !part && !file.text.is_empty() && (!file.text.ends_with('\n') || file.text.ends_with("\n\n")) {
        return Some(format!("{}: end the file with exactly one line break", file.path));
    }
    let lines = file.text.lines().count();
    let limit = if file.is_test() { TEST_LINES_MAX } else { LINES_MAX };
    (file.extension() == "rs" && lines > limit)
        .then(|| format!("{}: {lines} lines: split the file, {limit} is the limit", file.path))
}

fn unfinished_word(line: &str) -> Option<String> {
    words(line)
        .find(|word| UNFINISHED.iter().any(|(a, b)| word.strip_prefix(a) == Some(b)))
        .map(str::to_owned)
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
}

/// An absolute path that starts in a directory of [`MACHINE_DIRECTORIES`]: the slash stands where a path can start.
fn machine_path(line: &str) -> Option<String> {
    MACHINE_DIRECTORIES
        .iter()
        .map(|directory| format!("/{directory}"))
        .find(|start| {
            line.match_indices(&format!("{start}/")).any(|(at, _)| {
                let before = line.get(..at).and_then(|text| text.chars().next_back());
                before.is_none_or(|c| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '(' | '=' | '<' | ':'))
            })
        })
}

/// Looks for the keyword in front of something that it can introduce; the word alone also occurs in names of lints
/// and of content security policies.
fn has_unsafe_code(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let mut tokens = code.split_whitespace().peekable();
    while let Some(token) = tokens.next() {
        let keyword = token.trim_start_matches(['(', '{', '=', '|']);
        let next = tokens.peek().copied().unwrap_or_default();
        let introduces = ["{", "fn", "impl", "trait", "extern"]
            .iter()
            .any(|word| next.starts_with(word));
        if keyword == "unsafe" && introduces || keyword.starts_with("unsafe{") {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, text: &str) -> String {
        check_file(&SourceFile {
            path: path.to_owned(),
            text: text.to_owned(),
        })
        .join("\n")
    }

    #[test]
    fn tidy_text_passes() {
        assert_eq!(complaints("a/src/lib.rs", "//! Words.\npub fn f() {}\n"), "");
        assert_eq!(
            complaints("docs/a.md", &format!("{}\n", "long prose ".repeat(30).trim_end())),
            ""
        );
        assert_eq!(
            complaints("a/src/policy.rs", "const CSP: &str = \"script-src 'unsafe-inline'\";\n"),
            ""
        );
        assert_eq!(
            complaints(
                "a/src/lib.rs",
                "get(\"https://example.org/home/\"); // the path /home of a site\n"
            ),
            ""
        );
    }

    #[test]
    fn every_rule_bites() {
        let long = format!("// {}\n", "x".repeat(COLUMNS_MAX));
        let unfinished = format!("// {}{}: later\n", "TO", "DO");
        let path = format!("let p = \"/{}/ada/x\";\n", "home");
        let [block, implementation] = ["{ f() }", "impl Send for X {}"].map(|code| format!("{}safe {code}\n", "un"));
        let endless = "\n".repeat(LINES_MAX) + "x\n";
        for (text, expected) in [
            (long.as_str(), "1: 123 columns"),
            ("a\n\tb\n", "2: a tab"),
            ("a \n", "1: white space"),
            (unfinished.as_str(), "finish it"),
            ("<<<<<<< ours\n", "merge conflict"),
            (path.as_str(), "one machine only"),
            (block.as_str(), "unsafe code"),
            (implementation.as_str(), "unsafe code"),
            ("a", "exactly one line break"),
            (endless.as_str(), "401 lines"),
        ] {
            let found = complaints("a/src/lib.rs", text);
            assert!(found.contains(expected), "{expected:?} is missing in {found:?}");
        }
        assert_eq!(complaints("a/tests/t.rs", &endless), "");
    }
}
