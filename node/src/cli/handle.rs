use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{CommandError, KeyArg, NodeArg, Output};

const PATH: &str = "/auth/api/identity/handle";

/// Take, change or give up your handle: once in seven days.
#[derive(Debug, Args)]
pub(super) struct HandleArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
    /// 3 to 30 of a–z, 0–9 and the underscore.
    #[arg(required_unless_present = "none", conflicts_with = "none")]
    handle: Option<String>,
    /// Give the handle up.
    #[arg(long)]
    none: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    did: String,
    handle: Option<String>,
}

impl HandleArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.node.signing(&self.key)?;
        let wanted = self.handle.as_deref().map(|handle| handle.trim_start_matches('@'));
        let named: Named = client.send("PUT", PATH, &json!({"handle": wanted}), None).await?;
        output.result(&named, |named| match &named.handle {
            Some(handle) => format!("You are @{handle} now."),
            None => "You have no handle any more.".to_owned(),
        });
        Ok(())
    }
}
