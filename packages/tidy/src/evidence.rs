//! What the documentation says is tested, is tested.
//!
//! `docs/SECURITY.md` says of each threat which test shows that it is held. A test that was renamed or removed would
//! leave a sentence that is no longer true and that nobody notices.

use crate::{Complaint, SourceFile, Tree};

/// The page whose tables name tests.
const PAGE: &str = "docs/SECURITY.md";

/// Each test and each file that the page names in its tables is there: a name that follows a file, in that file.
pub fn check(tree: &Tree) -> Vec<Complaint> {
    let Some(page) = tree.file(PAGE) else {
        return vec![format!("{PAGE} is missing")];
    };
    let mut complaints = Vec::new();
    for (number, line) in page.text.lines().enumerate().filter(|(_, line)| line.starts_with('|')) {
        let mut place = Place::Anywhere;
        for word in quoted(line) {
            let said = match read(word) {
                Said::File => {
                    place = Place::File(word.to_owned());
                    (!is_there(tree, word)).then(|| format!("there is no file {word}"))
                }
                Said::Test => (!is_tested(tree, &place, word)).then(|| match &place {
                    Place::Anywhere => format!("there is no test {word}"),
                    Place::File(file) => format!("there is no test {word} in {file}"),
                }),
                Said::Other => None,
            };
            complaints.extend(said.map(|said| format!("{PAGE}:{}: {said}", number + 1)));
        }
    }
    complaints
}

/// How many tests the page names: a page that names none would pass every check.
pub fn count(tree: &Tree) -> usize {
    let Some(page) = tree.file(PAGE) else { return 0 };
    let rows = page.text.lines().filter(|line| line.starts_with('|'));
    rows.flat_map(quoted)
        .filter(|word| matches!(read(word), Said::Test))
        .count()
}

/// Where a test is said to be.
enum Place {
    Anywhere,
    File(String),
}

/// What a quoted word of a table is.
enum Said {
    File,
    Test,
    Other,
}

fn read(word: &str) -> Said {
    let is_name = word
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let extension = word.rsplit_once('.').map_or("", |(_stem, extension)| extension);
    let is_path = ["rs", "mjs"].contains(&extension) || word.starts_with("node/") || word.contains("/tests/");
    if is_path {
        Said::File
    } else if is_name && word.matches('_').count() >= 2 {
        Said::Test
    } else {
        Said::Other
    }
}

/// What stands between backquotes.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn is_there(tree: &Tree, path: &str) -> bool {
    tree.files().iter().any(|file| is_at(file, path))
}

/// A file by its whole path or the end of it; or a directory that it is in.
fn is_at(file: &SourceFile, path: &str) -> bool {
    file.path == path || file.path.ends_with(&format!("/{path}")) || file.path.starts_with(&format!("{path}/"))
}

fn is_tested(tree: &Tree, place: &Place, name: &str) -> bool {
    tree.files()
        .iter()
        .filter(|file| file.extension() == "rs")
        .filter(|file| match place {
            Place::Anywhere => true,
            Place::File(path) => is_at(file, path),
        })
        .any(|file| has_test(&file.text, name))
}

/// Macros that stamp tests: over both databases, also with a DNS server, and attacks over one program and two.
const STAMPS: [&str; 3] = ["on_both!", "on_both_served!", "attacks!"];

/// A function of that name with the attribute of a test before it, or stamped.
fn has_test(text: &str, name: &str) -> bool {
    let definition = format!("fn {name}(");
    let lines: Vec<&str> = text.lines().collect();
    let is_attributed = |place: usize| {
        lines
            .iter()
            .take(place)
            .rev()
            .take_while(|line| line.trim_start().starts_with("#[") || line.trim_start().starts_with("///"))
            .any(|line| line.contains("test"))
    };
    let stamp = format!("{name},");
    let is_stamped = STAMPS.iter().any(|macro_name| text.contains(macro_name));
    let is_stamped = is_stamped && lines.iter().any(|line| line.trim() == stamp);
    let stamps = |line: &str| STAMPS.iter().any(|macro_name| line.contains(&format!("{macro_name}(")));
    let is_listed = lines.iter().any(|line| stamps(line) && line.contains(name));
    lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.contains(&definition))
        .any(|(place, _)| is_attributed(place) || is_stamped || is_listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_told_from_a_helper_and_from_nothing() {
        let text = "#[tokio::test]\nasync fn a_sent_request() {}\nfn a_helper_of_it() {}\n\
                    async fn on_each_one(b: B) {}\non_both! {\n    on_each_one,\n}\n";
        assert!(has_test(text, "a_sent_request") && has_test(text, "on_each_one"));
        assert!(!has_test(text, "a_helper_of_it") && !has_test(text, "a_sent_reques") && !has_test(text, "on_none"));
    }

    #[test]
    fn paths_names_and_other_words_are_told_apart() {
        assert!(matches!(read("services/auth/tests/suite/origins.rs"), Said::File));
        assert!(matches!(read("a_link_expires_and_a_wrong_one_is_the_same"), Said::Test));
        for other in [
            "public_url",
            "Sec-Fetch-Site: same-origin",
            "IMAJIN_LOG=trace",
            "typ",
            "Authorised<KeyTier>",
        ] {
            assert!(matches!(read(other), Said::Other), "{other}");
        }
    }
}
