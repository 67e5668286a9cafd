use std::path::PathBuf;

use clap::{Args, Subcommand};
use imajin_did::SecretKey;
use imajin_kernel::Env;
use imajin_key_log::KeyHash;
use serde::Serialize;

use super::caller::key_read;
use super::key_change::{DeactivateArgs, RecoverArgs, RotateArgs};
use super::key_devices::DevicesCommand;
use super::key_file::{Facts, Paper, absent, key_write, next_path};
use super::key_log::{LogArgs, VerifyArgs};
use super::key_mirror::MirrorArgs;
use super::{CommandError, Output};

/// Keys: files, rotation, recovery, devices.
#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Make a new Ed25519 key with a second one kept back, in files that only you can read, and a recovery key as 24
    /// words, which are shown once.
    New(NewArgs),
    /// Show the DID and the public key of a key file. The private key is never shown.
    Show {
        /// The file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Replace the key by the one that was kept back. Sessions of the old key end.
    Rotate(RotateArgs),
    /// Take an identity back with the 24 words of its recovery key. All sessions end.
    Recover(RecoverArgs),
    /// List the keys of an identity; let new devices in, or ask to be let in.
    #[command(subcommand)]
    Devices(DevicesCommand),
    /// Print the key log of an identity.
    Log(LogArgs),
    /// Verify a key log: of an identity at a node, or in a file.
    Verify(VerifyArgs),
    /// Show the key log of an identity to other nodes: they verify it, keep it, and witness what is new.
    Mirror(MirrorArgs),
    /// End an identity for good.
    Deactivate(DeactivateArgs),
}

/// A new key.
#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// The file; it must not exist yet.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Do without a recovery key: nobody can take the identity back when the key is lost.
    #[arg(long)]
    no_recovery: bool,
    /// A key for a further device of an identity that exists: alone, with nothing kept back and no recovery key.
    #[arg(long)]
    device: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    did: String,
    public_key_hex: String,
    public_key_multibase: String,
    also_known_as: Vec<String>,
    file: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_words: Option<String>,
}

impl KeyCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::New(args) => args.run(output),
            Self::Show { file } => {
                let key = key_read(&file)?;
                let facts = Facts::read(&file, &key)?;
                show(&Shown::new(&key, &facts, file), output);
                Ok(())
            }
            Self::Rotate(args) => args.run(output).await,
            Self::Recover(args) => args.run(output).await,
            Self::Devices(command) => command.run(output).await,
            Self::Log(args) => args.run(output).await,
            Self::Verify(args) => args.run(output).await,
            Self::Mirror(args) => args.run(output).await,
            Self::Deactivate(args) => args.run(output).await,
        }
    }
}

impl NewArgs {
    fn run(self, output: Output) -> Result<(), CommandError> {
        absent(&self.out)?;
        let env = Env::system();
        let key = SecretKey::generate(&env);
        if self.device {
            key_write(&self.out, &key)?;
            let facts = Facts::read(&self.out, &key)?;
            show(&Shown::new(&key, &facts, self.out), output);
            return Ok(());
        }
        let next = SecretKey::generate(&env);
        let paper = if self.no_recovery {
            None
        } else {
            Some(Paper::generate(&env)?)
        };
        let facts = Facts {
            did: key.did(),
            recovery: paper.as_ref().map(|paper| paper.key.public()),
            next_key_hash: Some(KeyHash::of(&next.public())),
        };
        // The key itself comes last: without it nothing of this is worth anything, and it can be made again.
        let beside = next_path(&self.out);
        key_write(&beside, &next)?;
        facts.write(&self.out)?;
        key_write(&self.out, &key)?;
        output.note(&format!(
            "Wrote a new key to {}, and the next one to {}: keep that on another medium, it is needed to replace the \
             first.",
            self.out.display(),
            beside.display()
        ));
        let mut shown = Shown::new(&key, &facts, self.out);
        shown.next_file = Some(beside);
        shown.recovery_words = paper.map(|paper| paper.words.to_string());
        show(&shown, output);
        Ok(())
    }
}

impl Shown {
    fn new(key: &SecretKey, facts: &Facts, file: PathBuf) -> Self {
        Self {
            public_key_hex: key.public().to_hex(),
            public_key_multibase: key.public().multikey(),
            also_known_as: facts.did.also_known_as().iter().map(ToString::to_string).collect(),
            did: facts.did.to_string(),
            file,
            next_file: None,
            recovery_words: None,
        }
    }
}

fn show(shown: &Shown, output: Output) {
    output.result(shown, |shown| {
        let facts = format!("{}\npublic key {}", shown.did, shown.public_key_hex);
        match &shown.recovery_words {
            Some(words) => format!("{facts}\n{}", words_page(words)),
            None => facts,
        }
    });
}

/// How words are shown, once.
pub(super) fn words_page(words: &str) -> String {
    let numbered: Vec<String> = words
        .split(' ')
        .enumerate()
        .map(|(place, word)| format!("{:>2} {word:<9}", place.saturating_add(1)))
        .collect();
    let lines: Vec<String> = numbered
        .chunks(6)
        .map(|line| line.join(" ").trim_end().to_owned())
        .collect();
    format!(
        "\nThese words take the identity back when every key is lost. Write them down now: they are not stored, and \
         not shown again.\n\n{}\n",
        lines.join("\n")
    )
}
