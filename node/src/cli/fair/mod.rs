//! `imajin fair`: who made a work and what each is due, in the work itself. Only what is named by an id, and
//! publishing, needs a node.

mod claims;
mod embed;
pub(super) mod files;
mod from_git;
mod import;
mod library;
mod new;
mod plan;
mod show;
mod sign;
mod verify;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use imajin_fair::{Manifest, ManifestRecord};

use super::{CommandError, NodeArg, Output};

pub(super) use plan::{distribution_json, part_text};

/// Manifests of works.
#[derive(Debug, Subcommand)]
pub(super) enum FairCommand {
    /// Make an unsigned manifest of a file: its digest, its authors, its terms.
    New(new::NewArgs),
    /// Sign a manifest with the author's key.
    Sign(sign::SignArgs),
    /// Put a signed manifest into the file that it is about, or beside it where the format has no place for it.
    Embed(embed::EmbedArgs),
    /// Print the manifest that a file carries, or write it to a file.
    Extract {
        /// The file.
        file: PathBuf,
        /// Where to write it.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Take the manifest out of a file: what is left is byte for byte what it was before.
    Strip(embed::StripArgs),
    /// Check that a file is, byte for byte, what its author signed.
    ///
    /// Ends with 0 when it is, with 1 when something was changed, with 2 when nobody signed it, and with 3 when it
    /// cannot be checked here.
    Verify(verify::VerifyArgs),
    /// Show who made a work, what each is due and what may be done with it. Verifies nothing.
    Show {
        /// A work or a manifest; or the id of one at a node, or its address there.
        #[arg(value_name = "FILE|ID|URL")]
        file: PathBuf,
        #[command(flatten)]
        node: NodeArg,
    },
    /// Show how a price is split along a manifest: every part with its way through the manifests.
    Plan(Box<plan::PlanArgs>),
    /// Publish a manifest in a node's library: from then on others can be made from the work.
    Publish(library::PublishArgs),
    /// Get a manifest from a node, check it, and print it or write it to a file.
    Fetch(library::FetchArgs),
    /// Sign that a split is right in which you have a share. Until then your share is held.
    Accept(library::AcceptArgs),
    /// Have the node endorse a manifest of its library: for its operator.
    Endorse(library::EndorseArgs),
    /// List what somebody has published at a node.
    List(library::ListArgs),
    /// Convert a manifest of MJN RFC-0001, Imajin 1.0 or Imajin 1.1, and check its own signatures.
    Import(import::ImportArgs),
    /// Make a manifest from the history of a git repository.
    FromGit(Box<from_git::FromGitArgs>),
    /// Sign whose the e-mail addresses in a history are, for `from-git`.
    Claims(claims::ClaimsArgs),
}

impl FairCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::New(args) => args.run(output),
            Self::Sign(args) => args.run(output),
            Self::Embed(args) => args.run(output),
            Self::Extract { file, out } => embed::extract(&file, out, output),
            Self::Strip(args) => args.run(output),
            Self::Verify(args) => args.run(output).await,
            Self::Show { file, node } => show::run(&file, &node, output).await,
            Self::Plan(args) => args.run(output).await,
            Self::Publish(args) => args.run(output).await,
            Self::Fetch(args) => args.run(output).await,
            Self::Accept(args) => args.run(output).await,
            Self::Endorse(args) => args.run(output).await,
            Self::List(args) => args.run(output).await,
            Self::Import(args) => args.run(output),
            Self::FromGit(args) => args.run(output),
            Self::Claims(args) => args.run(output),
        }
    }
}

pub(super) fn local(error: impl std::fmt::Display) -> CommandError {
    CommandError::Local(error.to_string())
}

/// Reads a file, at most as long as anything that is expected here.
pub(super) fn file_read(path: &Path) -> Result<Vec<u8>, CommandError> {
    const BYTES_MAX: u64 = 16 * 1024 * 1024;
    let wrong = |what: &dyn std::fmt::Display| CommandError::Local(format!("{}: {what}", path.display()));
    let metadata = std::fs::metadata(path).map_err(|error| wrong(&error))?;
    if metadata.len() > BYTES_MAX {
        return Err(wrong(&format!("it has more than {BYTES_MAX} bytes")));
    }
    std::fs::read(path).map_err(|error| wrong(&error))
}

/// Reads a manifest, alone or with the signatures beside it.
fn record_read(path: &Path) -> Result<ManifestRecord, CommandError> {
    let bytes = file_read(path)?;
    let wrong = |what: &dyn std::fmt::Display| CommandError::Local(format!("{}: {what}", path.display()));
    match serde_json::from_slice::<ManifestRecord>(&bytes) {
        Ok(record) => Ok(record),
        Err(record_error) => match Manifest::parse(&bytes) {
            Ok(manifest) => Ok(ManifestRecord::new(manifest)),
            // A document with a manifest in it is a record, and what is wrong with the record is what helps.
            Err(_)
                if serde_json::from_slice::<serde_json::Value>(&bytes)
                    .is_ok_and(|value| value.get("manifest").is_some()) =>
            {
                Err(wrong(&record_error))
            }
            Err(error) => Err(wrong(&error)),
        },
    }
}

/// Writes a document to a file that must not exist yet.
pub(super) fn file_write_new(path: &Path, text: &str) -> Result<(), CommandError> {
    use std::io::Write;

    let wrong = |error: std::io::Error| CommandError::Local(format!("{}: {error}", path.display()));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(wrong)?;
    file.write_all(text.as_bytes()).map_err(wrong)
}
