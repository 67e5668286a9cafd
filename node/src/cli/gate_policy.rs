use std::path::PathBuf;

use clap::Args;
use imajin_publisher_api::{GatePolicy, GatePolicyChange};
use url::form_urlencoded::byte_serialize;

use super::caller::Caller;
use super::{CommandError, Output};

#[derive(Debug, Args)]
pub(super) struct PolicyArgs {
    #[command(flatten)]
    who: Caller,
    /// The gate, as `imajin.toml` names it; `site` for the one of `imajin gate`.
    name: String,
    /// Another policy: it is checked, replaces the file, and is in force at once.
    #[arg(long, value_name = "FILE")]
    set: Option<PathBuf>,
}

impl PolicyArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let name: String = byte_serialize(self.name.as_bytes()).collect();
        let path = format!("/publisher/api/gates/{name}/policy");
        let (client, session) = self.who.client().await?;
        let policy: GatePolicy = client.get_own(&session, &path).await?;
        let Some(file) = self.set else {
            output.result(&policy, |policy| policy.text.trim_end().to_owned());
            return Ok(());
        };
        let text = std::fs::read_to_string(&file);
        let text = text.map_err(|error| CommandError::Local(format!("{}: {error}", file.display())))?;
        let change = GatePolicyChange {
            text,
            replaces: policy.sha256,
        };
        let changed: GatePolicy = client.send("POST", &path, &change, None).await?;
        output.result(&changed, |changed| {
            format!("The policy of {} is in force, SHA-256 {}.", self.name, changed.sha256)
        });
        Ok(())
    }
}
