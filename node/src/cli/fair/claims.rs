use std::path::PathBuf;

use clap::Args;
use imajin_fair::commits::{Claim, Claims};
use imajin_kernel::Env;

use super::local;
use crate::cli::key_file::signer_read;
use crate::cli::{CommandError, KeyArg, Output};

/// Sign whose the e-mail addresses in a history are.
#[derive(Debug, Args)]
pub(in crate::cli) struct ClaimsArgs {
    #[command(flatten)]
    key: KeyArg,
    /// An address and whose it is: EMAIL=DID. Repeat it for more.
    #[arg(long = "claim", value_name = "EMAIL=DID", required = true)]
    claims: Vec<String>,
    /// Write them to this file instead of printing them; it must not exist yet.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl ClaimsArgs {
    pub(super) fn run(self, output: Output) -> Result<(), CommandError> {
        let (key, did) = signer_read(&self.key.key)?;
        let claims = self
            .claims
            .iter()
            .map(|text| claim(text))
            .collect::<Result<Vec<_>, _>>()?;
        let claims = Claims::sign(&key, did, claims, Env::system().now()).map_err(local)?;
        let text = serde_json::to_string_pretty(&claims).map_err(local)?;
        if let Some(path) = &self.out {
            super::file_write_new(path, &(text.clone() + "\n"))?;
            output.note(&format!("Wrote the claims to {}.", path.display()));
        }
        output.result(&claims, |_claims| text);
        Ok(())
    }
}

fn claim(text: &str) -> Result<Claim, CommandError> {
    let (email, did) = text
        .rsplit_once('=')
        .ok_or_else(|| local(format!("{text}: write EMAIL=DID")))?;
    let did = did.parse().map_err(|error| local(format!("{text}: {error}")))?;
    let email = email.to_owned();
    Ok(Claim { email, did })
}
