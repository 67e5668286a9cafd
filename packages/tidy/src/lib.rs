//! The repository's own rules, as functions that return complaints.
//!
//! Every rule that `docs/STYLE.md` states and that no lint can check is checked here: a rule that nothing enforces
//! does not hold. The tests in `tests/` run each function over this repository; a complaint names the file, the line
//! and what to do.
//!
//! With `IMAJIN_BLESS=1` the golden files are rewritten instead of compared. Look at the difference before you commit
//! it: the point of a golden file is that a person has seen the change.

pub mod decisions;
pub mod evidence;
pub mod golden;
pub mod graph;
pub mod manifest;
pub mod migrations;
pub mod ratchet;
pub mod supply;
pub mod text;
pub mod tree;

pub use tree::{SourceFile, Tree};

/// One broken rule: where, what, and what to do.
pub type Complaint = String;

/// Why a check could not be made at all.
#[derive(Debug, thiserror::Error)]
pub enum TidyError {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Relative to the root of the repository where possible.
        path: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A TOML file is malformed.
    #[error("{path}: {source}")]
    Toml {
        /// Relative to the root of the repository.
        path: String,
        /// What the parser said.
        source: toml::de::Error,
    },
    /// `cargo metadata` failed.
    #[error("cargo metadata: {0}")]
    Metadata(#[from] cargo_metadata::Error),
    /// `cargo metadata` left out what was asked for.
    #[error("cargo metadata gave no {0}")]
    MetadataLacks(&'static str),
}
