//! `imajin fair`: who made a work and what each is due, in the work itself. Nothing here needs a node.

mod embed;
mod files;
mod new;
mod show;
mod sign;
mod verify;

use std::path::PathBuf;

use clap::Subcommand;

use super::{CommandError, Output};

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
        /// A work or a manifest.
        file: PathBuf,
    },
}

impl FairCommand {
    pub(super) fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::New(args) => args.run(output),
            Self::Sign(args) => args.run(output),
            Self::Embed(args) => args.run(output),
            Self::Extract { file, out } => embed::extract(&file, out, output),
            Self::Strip(args) => args.run(output),
            Self::Verify(args) => args.run(output),
            Self::Show { file } => show::run(&file, output),
        }
    }
}
