use clap::Args;
use serde::Serialize;

use super::{CommandError, KeyArg, NodeArg, Output};

/// Log in with a key file.
#[derive(Debug, Args)]
pub(super) struct LoginArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
    /// The handle to register, if the identity is new at this node.
    #[arg(long)]
    handle: Option<String>,
    /// The display name to register, if the identity is new at this node.
    #[arg(long)]
    name: Option<String>,
    /// Claim the node as its operator, with the token of the setup link that the first start printed.
    #[arg(long, value_name = "TOKEN")]
    setup: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    did: String,
    created: bool,
    operator_claimed: bool,
    token: String,
}

impl LoginArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.node.signing(&self.key)?;
        let created = client.register(self.handle.as_deref(), self.name.as_deref()).await?;
        client.log_begin().await?;
        let operator_claimed = match &self.setup {
            Some(token) => {
                let body = serde_json::json!({"token": token});
                let _claimed: serde_json::Value = client.send("POST", "/auth/api/setup", &body, None).await?;
                true
            }
            None => false,
        };
        let session = client.login().await?;
        let report = Report {
            did: client.did().to_string(),
            created,
            operator_claimed,
            token: session.token,
        };
        output.result(&report, |report| {
            let done = if report.created {
                "Registered and logged in"
            } else {
                "Logged in"
            };
            let operator = if report.operator_claimed {
                " You are now the operator of this node."
            } else {
                ""
            };
            format!("{done} as {}.{operator}", report.did)
        });
        Ok(())
    }
}
