use std::path::PathBuf;

use clap::Subcommand;
use imajin_did::SecretKey;
use imajin_kernel::Env;
use serde::Serialize;

use super::client::key_read;
use super::{CommandError, Output};
use crate::data_dir::write_private;

/// Key files.
#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Make a new Ed25519 key and write it to a file that only you can read.
    New {
        /// The file; it must not exist yet.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Show the DID and the public key of a key file. The private key is never shown.
    Show {
        /// The file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    did: String,
    public_key_hex: String,
    also_known_as: Vec<String>,
    file: PathBuf,
}

impl KeyCommand {
    pub(super) fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::New { out } => {
                if out.exists() {
                    let text = format!("{} exists already: a key is never overwritten", out.display());
                    return Err(CommandError::Local(text));
                }
                let key = SecretKey::generate(&Env::system());
                write_private(&out, key.to_pkcs8_pem().as_bytes())?;
                let text = format!(
                    "Wrote a new key to {}. Keep a copy: nobody can give it back to you.",
                    out.display()
                );
                output.note(&text);
                show(&key, out, output);
            }
            Self::Show { file } => show(&key_read(&file)?, file, output),
        }
        Ok(())
    }
}

fn show(key: &SecretKey, file: PathBuf, output: Output) {
    let did = key.did();
    let shown = Shown {
        public_key_hex: key.public().to_hex(),
        also_known_as: did.also_known_as().iter().map(ToString::to_string).collect(),
        did: did.to_string(),
        file,
    };
    output.result(&shown, |shown| {
        format!("{}\npublic key {}", shown.did, shown.public_key_hex)
    });
}
