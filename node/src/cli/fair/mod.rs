//! Manifests on this machine: nothing here asks a node.

mod claims;
mod contract;
mod from_git;
mod import;
mod plan;

use std::path::Path;

use clap::Subcommand;
use imajin_fair::{Manifest, ManifestRecord};

use super::{CommandError, Output};

/// `.fair` manifests: who made a work, what each is due, and what may be done with it.
#[derive(Debug, Subcommand)]
pub(super) enum FairCommand {
    /// Show how a price is split along a manifest: every part with its way through the manifests.
    Plan(Box<plan::PlanArgs>),
    /// Convert a manifest of MJN RFC-0001, Imajin 1.0 or Imajin 1.1, and check its own signatures.
    Import(import::ImportArgs),
    /// Make a manifest from the history of a git repository.
    FromGit(Box<from_git::FromGitArgs>),
    /// Sign whose the e-mail addresses in a history are, for `from-git`.
    Claims(claims::ClaimsArgs),
    /// Write your distribution contract: what becomes of what comes in. Shows its effect before it is signed.
    Contract(Box<contract::ContractArgs>),
}

impl FairCommand {
    pub(super) fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::Plan(args) => args.run(output),
            Self::Import(args) => args.run(output),
            Self::FromGit(args) => args.run(output),
            Self::Claims(args) => args.run(output),
            Self::Contract(args) => args.run(output),
        }
    }
}

fn local(error: impl std::fmt::Display) -> CommandError {
    CommandError::Local(error.to_string())
}

/// Reads a file, at most as long as anything that is expected here.
fn file_read(path: &Path) -> Result<Vec<u8>, CommandError> {
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
fn file_write_new(path: &Path, text: &str) -> Result<(), CommandError> {
    use std::io::Write;

    let wrong = |error: std::io::Error| CommandError::Local(format!("{}: {error}", path.display()));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(wrong)?;
    file.write_all(text.as_bytes()).map_err(wrong)
}
