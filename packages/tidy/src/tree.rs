//! The files of the repository.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::TidyError;

/// Directories that hold nothing written by a person.
const SKIPPED: [&str; 3] = [".git", "node_modules", "target"];

/// The repository: its root and its text files.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    files: Vec<SourceFile>,
}

/// A text file of the repository.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Relative to the root, with `/` between the parts.
    pub path: String,
    /// The whole file.
    pub text: String,
}

impl SourceFile {
    /// The part of the name after the last dot; empty when there is none.
    pub fn extension(&self) -> &str {
        self.name().rsplit_once('.').map_or("", |(_stem, extension)| extension)
    }

    /// The name without its directory.
    pub fn name(&self) -> &str {
        self.path
            .rsplit_once('/')
            .map_or(self.path.as_str(), |(_directory, name)| name)
    }

    /// Whether this file is compiled for tests, benches or examples only.
    pub fn is_test(&self) -> bool {
        let name = self.name();
        ["tests", "benches", "examples"]
            .iter()
            .any(|directory| self.path.split('/').any(|part| part == *directory))
            || name == "tests.rs"
            || name.ends_with("_tests.rs")
    }
}

impl Tree {
    /// Reads this repository.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn of_this_repository() -> Result<Self, TidyError> {
        Self::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
    }

    /// Reads every text file below `root`. Files that are not UTF-8 are pictures and the like: no rule applies.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn read(root: impl Into<PathBuf>) -> Result<Self, TidyError> {
        let root = root.into();
        let mut files = Vec::new();
        let mut pending = vec![root.clone()];
        while let Some(directory) = pending.pop() {
            for (path, is_directory) in entries(&directory)? {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if is_directory {
                    if !SKIPPED.contains(&name.as_str()) {
                        pending.push(path);
                    }
                } else if let Some(text) = read_text(&path)? {
                    files.push(SourceFile {
                        path: relative(&root, &path),
                        text,
                    });
                }
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { root, files })
    }

    /// The root of the repository.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Every text file, by path.
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// The Rust files.
    pub fn rust_files(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(|file| file.extension() == "rs")
    }

    /// One file by its path.
    pub fn file(&self, path: &str) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The names of the directories in a directory, sorted; none when it does not exist.
    ///
    /// # Errors
    /// When it exists and cannot be read.
    pub fn directories_in(&self, path: &str) -> Result<Vec<String>, TidyError> {
        let mut names: Vec<String> = entries(&self.root.join(path))?
            .into_iter()
            .filter(|(_path, is_directory)| *is_directory)
            .filter_map(|(path, _)| Some(path.file_name()?.to_str()?.to_owned()))
            .filter(|name| !SKIPPED.contains(&name.as_str()))
            .collect();
        names.sort();
        Ok(names)
    }
}

/// The entries of a directory, without symbolic links. A directory that is not there has none: another program may
/// be changing the tree.
fn entries(directory: &Path) -> Result<Vec<(PathBuf, bool)>, TidyError> {
    let failed = |source| TidyError::File {
        path: directory.display().to_string(),
        source,
    };
    let listing = match fs::read_dir(directory) {
        Ok(listing) => listing,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut found = Vec::new();
    for entry in listing {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() || kind.is_file() {
            found.push((entry.path(), kind.is_dir()));
        }
    }
    Ok(found)
}

fn read_text(path: &Path) -> Result<Option<String>, TidyError> {
    match fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8(bytes).ok()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(TidyError::File {
            path: path.display().to_string(),
            source,
        }),
    }
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}
