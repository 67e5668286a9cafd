//! The output of `git log`.

use std::collections::{BTreeMap, BTreeSet};

/// What to ask git for, after `git log` and before the range. All fields end with NUL, which no commit can contain.
pub const GIT_LOG_ARGUMENTS: [&str; 5] = [
    "-z",
    "--topo-order",
    "--numstat",
    "--no-renames",
    "--format=%H%x00%P%x00%an%x00%ae%x00%cI%x00%s%x00%(trailers:key=Co-authored-by,valueonly,unfold)%x00",
];

const FIELDS: usize = 7;
const COMMITS_MAX: usize = 1_000_000;
const COAUTHORS_MAX: usize = 32;

/// Who a commit says that made it. Everybody can write anything there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Person {
    /// The name.
    pub name: String,
    /// The e-mail address in lower case: what claims are found by.
    pub email: String,
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its hash.
    pub hash: String,
    /// The hashes of its parents; the first one is the line that it was made on.
    pub parents: Vec<String>,
    /// The author, then the co-authors, each once.
    pub authors: Vec<Person>,
    /// When it was committed, RFC 3339.
    pub committed: String,
    /// The first line of its message.
    pub subject: String,
    /// Lines added.
    pub added: u64,
    /// Lines removed.
    pub removed: u64,
}

/// Why the output cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// It is not what git writes for [`GIT_LOG_ARGUMENTS`].
    #[error("this is not what git log writes, at commit {0}")]
    Malformed(usize),
    /// More than anybody can weigh.
    #[error("the range has more than {COMMITS_MAX} commits")]
    TooMany,
}

/// Reads the commits, in the order of the output. Text that is no UTF-8 is read with replacement characters.
pub fn commits_read(output: &[u8]) -> Result<Vec<Commit>, LogError> {
    let mut fields = output.split(|byte| *byte == 0).map(String::from_utf8_lossy).peekable();
    let mut commits = Vec::new();
    loop {
        while fields.next_if(|field| field.is_empty()).is_some() {}
        if fields.peek().is_none() {
            return Ok(commits);
        }
        if commits.len() >= COMMITS_MAX {
            return Err(LogError::TooMany);
        }
        let malformed = || LogError::Malformed(commits.len());
        let header: Vec<String> = fields.by_ref().take(FIELDS).map(std::borrow::Cow::into_owned).collect();
        let mut commit = commit_of(&header).ok_or_else(malformed)?;
        // Git ends the format with a NUL of its own.
        let _terminator = fields.next_if(|field| field.is_empty());
        while let Some(entry) = fields.next_if(|field| numstat(field).is_some()) {
            let (added, removed) = numstat(&entry).ok_or_else(malformed)?;
            commit.added = commit.added.saturating_add(added);
            commit.removed = commit.removed.saturating_add(removed);
        }
        commits.push(commit);
    }
}

fn commit_of(header: &[String]) -> Option<Commit> {
    let [hash, parents, name, email, committed, subject, trailers] = header else {
        return None;
    };
    let is_hash = |text: &str| matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parents: Vec<String> = parents.split_whitespace().map(str::to_owned).collect();
    if !is_hash(hash.trim()) || !parents.iter().all(|parent| is_hash(parent)) {
        return None;
    }
    let author = Person {
        name: name.clone(),
        email: email.trim().to_lowercase(),
    };
    let mut authors = vec![author];
    for person in trailers.lines().take(COAUTHORS_MAX).filter_map(person_of) {
        if !authors.iter().any(|author| author.email == person.email) {
            authors.push(person);
        }
    }
    Some(Commit {
        hash: hash.trim().to_owned(),
        parents,
        authors,
        committed: committed.clone(),
        subject: subject.clone(),
        added: 0,
        removed: 0,
    })
}

/// `Name <address>`
fn person_of(text: &str) -> Option<Person> {
    let (name, rest) = text.split_once('<')?;
    let (email, _) = rest.split_once('>')?;
    Some(Person {
        name: name.trim().to_owned(),
        email: email.trim().to_lowercase(),
    })
}

/// `added TAB removed TAB path`, with hyphens for a binary file.
fn numstat(field: &str) -> Option<(u64, u64)> {
    // The first entry stands on a line of its own.
    let field = field.strip_prefix('\n').unwrap_or(field);
    let mut columns = field.splitn(3, '\t');
    let mut count = || match columns.next()? {
        "-" => Some(0),
        digits => digits.parse().ok(),
    };
    let counts = (count()?, count()?);
    columns.next().map(|_path| counts)
}

/// The main line of the range, oldest first, and for each of its commits all that came in with it: itself, and what can
/// be reached from it and not from an earlier one.
pub fn first_parents(commits: &[Commit]) -> Vec<Vec<&Commit>> {
    let by_hash: BTreeMap<&str, &Commit> = commits.iter().map(|commit| (commit.hash.as_str(), commit)).collect();
    let mut line = Vec::new();
    // In topological order the first one is the tip.
    let mut at = commits.first();
    while let Some(commit) = at {
        line.push(commit);
        at = commit
            .parents
            .first()
            .and_then(|parent| by_hash.get(parent.as_str()).copied());
    }
    line.reverse();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut changes = Vec::with_capacity(line.len());
    for tip in line {
        let mut change = Vec::new();
        let mut stack = vec![tip];
        while let Some(commit) = stack.pop() {
            if !seen.insert(commit.hash.as_str()) {
                continue;
            }
            change.push(commit);
            stack.extend(
                commit
                    .parents
                    .iter()
                    .filter_map(|parent| by_hash.get(parent.as_str()).copied()),
            );
        }
        changes.push(change);
    }
    changes
}
