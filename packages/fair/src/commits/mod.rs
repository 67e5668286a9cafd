//! A manifest from the history of a repository: who has made what was merged, and what of it is whose.
//!
//! # The weight of a change
//! A **change** is one step of the main line: a commit on it, or a merge with all commits that came in through it. It
//! weighs [`Weight::per_change`] points, and [`Weight::per_line`] for each line added or removed, of which at most
//! [`Weight::lines_max`] count: a generated file is not a thousand times the work of a bug fix. Merge commits, binary
//! files and renames add no lines.
//!
//! A change's points are divided among the authors of its commits: each commit counts its lines and one more, so that
//! who only removed a file or changed a picture is there too, and the authors of one commit (the author and those of
//! its `Co-authored-by` trailers) share it equally. A contributor's share of the manifest is its points of all points,
//! to the millionth, by largest remainder; nobody who made something gets less than a millionth.
//!
//! Who an author is, is not taken from the history, where everybody can write any name: [`Claims`], signed by the
//! manifest's author, say which DID an e-mail address belongs to.
//!
//! Everything here is pure: the output of `git log` is handed in.

mod claims;
mod log;
mod weigh;

pub use claims::{Claim, Claims, ClaimsError, ClaimsPayload};
pub use log::{Commit, GIT_LOG_ARGUMENTS, LogError, Person, commits_read, first_parents};
pub use weigh::{Attributed, Attribution, Change, HistoryManifest, WeighError, Weight, changes_of, manifest_of};
