use std::path::PathBuf;

use clap::Args;
use imajin_did::Did;
use imajin_kernel::Env;
use serde::Serialize;

use super::files::{manifest_read, manifest_write, refusal};
use crate::cli::key_file::signer_read;
use crate::cli::{CommandError, KeyArg, Output};

/// Which manifest, and whose word it is.
#[derive(Debug, Args)]
pub(in crate::cli) struct SignArgs {
    /// The manifest, from `imajin fair new`.
    manifest: PathBuf,
    #[command(flatten)]
    key: KeyArg,
    /// Whose key it is, when it is not the identity of the key file.
    #[arg(long, value_name = "DID")]
    did: Option<Did>,
    /// Where to write the signed manifest; in place of the unsigned one when not given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
struct Signed {
    manifest: PathBuf,
    id: String,
    signer: String,
}

impl SignArgs {
    pub(super) fn run(self, output: Output) -> Result<(), CommandError> {
        let manifest = manifest_read(&self.manifest)?;
        let (key, own) = signer_read(&self.key.key)?;
        let did = self.did.unwrap_or(own);
        let signed = manifest
            .sign(&key, did.clone(), Env::system().now())
            .map_err(|error| refusal(&self.manifest, &error))?;
        let out = self.out.unwrap_or(self.manifest);
        manifest_write(&out, &signed)?;
        let shown = Signed {
            id: signed.id.to_string(),
            signer: did.to_string(),
            manifest: out,
        };
        output.result(&shown, |shown| {
            format!("{} signed {} in {}.", shown.signer, shown.id, shown.manifest.display())
        });
        Ok(())
    }
}
