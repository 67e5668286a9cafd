//! `imajin contract`: what becomes of what is paid to you.

mod draft;

use clap::{Args, Subcommand};
use imajin_fair::distribution::Contract;
use imajin_kernel::Timestamp;
use imajin_money::Money;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::PathBuf;

use super::client::IdentityClient;
use super::fair::{distribution_json, file_read, file_write_new, local, part_text};
use super::key_file::signer_read;
use super::{CommandError, KeyArg, NodeArg, Output};
use draft::DraftArgs;

const PATH: &str = "/pay/api/contract";

/// Your distribution contract.
#[derive(Debug, Subcommand)]
pub(super) enum ContractCommand {
    /// Show the version in effect.
    Show(ReadArgs),
    /// List every version, newest first.
    History(ReadArgs),
    /// Write the next version and see what it does to a sample, without a node; sign it into a file if you like.
    Preview(Box<PreviewArgs>),
    /// Write and sign the next version, or take one from a file, and hand it to the node. Shows its effect.
    Set(Box<SetArgs>),
}

#[derive(Debug, Args)]
pub(super) struct ReadArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
}

#[derive(Debug, Args)]
pub(super) struct PreviewArgs {
    #[command(flatten)]
    key: KeyArg,
    #[command(flatten)]
    draft: DraftArgs,
    /// The version that it follows.
    #[arg(long, value_name = "FILE")]
    after: Option<PathBuf>,
    /// Sign it, and write it to this file, which must not exist yet. Without it, nothing is signed.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct SetArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
    #[command(flatten)]
    draft: DraftArgs,
    /// A contract that `imajin contract preview --out` has signed.
    #[arg(long, value_name = "FILE", conflicts_with = "allocations")]
    file: Option<PathBuf>,
}

/// One version, as the node keeps it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    contract: Contract,
    received_at: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Versions {
    in_effect: Option<u32>,
    versions: Vec<Version>,
}

impl ContractCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::Show(args) => args.show(output).await,
            Self::History(args) => args.history(output).await,
            Self::Preview(args) => args.run(output),
            Self::Set(args) => args.run(output).await,
        }
    }
}

async fn versions(client: &IdentityClient) -> Result<Versions, CommandError> {
    let session = client.login().await?;
    client.get_own(&session, PATH).await
}

impl ReadArgs {
    async fn show(self, output: Output) -> Result<(), CommandError> {
        let found = versions(&self.node.signing(&self.key)?).await?;
        let current = found
            .versions
            .into_iter()
            .find(|version| Some(version.contract.version) == found.in_effect);
        output.result(&current, |current| match current {
            None => "No contract is in effect: everything that comes in stays with you.".to_owned(),
            Some(version) => contract_text(&version.contract),
        });
        Ok(())
    }

    async fn history(self, output: Output) -> Result<(), CommandError> {
        let found = versions(&self.node.signing(&self.key)?).await?;
        output.result(&found, |found| {
            let texts = found.versions.iter().map(|version| contract_text(&version.contract));
            let texts: Vec<String> = texts.collect();
            if texts.is_empty() {
                "You have not signed a contract at this node.".to_owned()
            } else {
                texts.join("\n")
            }
        });
        Ok(())
    }
}

impl PreviewArgs {
    fn run(self, output: Output) -> Result<(), CommandError> {
        let (key, profile) = signer_read(&self.key.key)?;
        let now = imajin_kernel::Env::system().now();
        let version = match &self.after {
            None => 1,
            Some(path) => draft::after(path, &profile)?,
        };
        let mut contract = self.draft.contract(&profile, version, now)?;
        if let Some(path) = &self.out {
            contract = contract.sign(&key, profile, now).map_err(local)?;
            file_write_new(path, &(serde_json::to_string_pretty(&contract).map_err(local)? + "\n"))?;
        }
        let done = self.out.as_ref().map_or_else(
            || "Not signed: give --out to sign it.".to_owned(),
            |path| format!("Signed and written to {}.", path.display()),
        );
        effect_print(&contract, self.draft.sample, &done, output)
    }
}

impl SetArgs {
    async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.node.signing(&self.key)?;
        let now = client.node().env().now();
        let contract = if let Some(path) = &self.file {
            Contract::parse(&file_read(path)?).map_err(|error| local(format!("{}: {error}", path.display())))?
        } else {
            let last = versions(&client).await?.versions.into_iter().next();
            let version = last.map_or(0, |last| last.contract.version).saturating_add(1);
            let draft = self.draft.contract(client.did(), version, now)?;
            draft.sign(client.key(), client.did().clone(), now).map_err(local)?
        };
        let kept: Version = client.send("PUT", PATH, &contract, None).await?;
        effect_print(
            &kept.contract,
            self.draft.sample,
            "Signed, and kept by the node.",
            output,
        )
    }
}

fn contract_text(contract: &Contract) -> String {
    let parts = contract.allocations.iter().map(|allocation| {
        let percent = allocation.percentage.to_percentage();
        format!("  {percent} %  {}  {}", allocation.label, allocation.recipient)
    });
    let mut lines = vec![format!(
        "Version {}, from {}",
        contract.version,
        contract.effective_at.as_str()
    )];
    lines.extend(parts);
    lines.extend(
        contract
            .overflow
            .as_ref()
            .map(|did| format!("  what cannot be paid: {did}")),
    );
    lines.extend(
        contract
            .minimum()
            .map(|minimum| format!("  smallest payment: {minimum}")),
    );
    lines.join("\n")
}

/// Prints what a contract alone does with an amount once it governs.
fn effect_print(contract: &Contract, sample: Money, done: &str, output: Output) -> Result<(), CommandError> {
    let effect = imajin_fair::distribution::effect(contract, sample).map_err(local)?;
    let document = json!({
        "contract": contract, "sample": sample, "effect": distribution_json(&effect, sample.asset),
    });
    output.result(&document, |_document| {
        let parts = effect
            .parts
            .iter()
            .map(|part| format!("  {}", part_text(part, sample.asset)));
        let parts = parts.collect::<Vec<_>>().join("\n");
        let (version, from) = (contract.version, contract.effective_at.as_str());
        format!("Version {version}, from {from}. Of {sample} go:\n{parts}\n{done}")
    });
    Ok(())
}
