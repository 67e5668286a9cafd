use clap::Subcommand;
use imajin_fair::{Acceptance, ManifestId};
use serde_json::Value;

use super::output::table;
use super::{CommandError, KeyArg, NodeArg, Output};

/// Shares that wait until a manifest is accepted.
#[derive(Debug, Subcommand)]
pub(super) enum ShareCommand {
    /// List the shares that concern you: your own, and those in what you have made or sold.
    List {
        #[command(flatten)]
        node: NodeArg,
        #[command(flatten)]
        key: KeyArg,
    },
    /// Accept a manifest, signed, and get what waits for it.
    Accept {
        /// The manifest, `fair_…`.
        manifest: ManifestId,
        #[command(flatten)]
        node: NodeArg,
        #[command(flatten)]
        key: KeyArg,
    },
}

impl ShareCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::List { node, key } => {
                let client = node.signing(&key)?;
                let session = client.login().await?;
                let shares: Value = client.get_own(&session, "/pay/api/shares").await?;
                output.result(&shares, text);
            }
            Self::Accept { manifest, node, key } => {
                let client = node.signing(&key)?;
                let now = client.node().env().now();
                let acceptance = Acceptance::sign(client.key(), client.did().clone(), manifest, now)
                    .map_err(|error| CommandError::Local(error.to_string()))?;
                let answer: Value = client.send("POST", "/pay/api/shares/accept", &acceptance, None).await?;
                output.result(&answer, |answer| {
                    let released = answer.get("released").and_then(Value::as_u64).unwrap_or_default();
                    format!("Accepted. Shares paid to you: {released}.")
                });
            }
        }
        Ok(())
    }
}

fn text(document: &Value) -> String {
    let shares = document
        .get("shares")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    if shares.is_empty() {
        return "Nothing waits for an acceptance.".to_owned();
    }
    let cell = |share: &Value, name: &str| share.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let row = |share: &Value| {
        ["state", "manifest", "notice"]
            .iter()
            .map(|name| cell(share, name))
            .collect()
    };
    table(&shares.iter().map(row).collect::<Vec<Vec<String>>>())
}
