use clap::Args;
use serde::Serialize;

use super::client::{IdentityClient, unexpected};
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
    /// Claim what a mailbox has at the node (tickets, balances): sends a link to it. Then: `--claim-link`.
    #[arg(long, value_name = "EMAIL", conflicts_with = "claim_link")]
    claim: Option<String>,
    /// The link that was sent for `--claim`: everything of its mailbox is yours afterwards.
    #[arg(long, value_name = "LINK")]
    claim_link: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    did: String,
    created: bool,
    operator_claimed: bool,
    token: String,
    /// Whether a link is on its way, for `--claim`.
    claim_sent: bool,
    /// The pseudonym of the mailbox that was claimed.
    claimed: Option<String>,
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
        if let Some(email) = &self.claim {
            let body = serde_json::json!({"email": email});
            let _sent = client.node().ask("/auth/api/onboard", &body).await?;
        }
        let claimed = match &self.claim_link {
            Some(link) => Some(claim(&client, link).await?),
            None => None,
        };
        let session = client.login().await?;
        let report = Report {
            did: client.did().to_string(),
            created,
            operator_claimed,
            token: session.token,
            claim_sent: self.claim.is_some(),
            claimed,
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
            let claim = match (&report.claimed, report.claim_sent) {
                (Some(_), _) => " The tickets and balances of the mailbox are yours now.",
                (None, true) => " A link is on its way to the mailbox: repeat this with --claim-link LINK.",
                (None, false) => "",
            };
            format!("{done} as {}.{operator}{claim}", report.did)
        });
        Ok(())
    }
}

/// Proves the mailbox with its link, and makes what it has one's own.
async fn claim(client: &IdentityClient, link: &str) -> Result<String, CommandError> {
    let token = link.rsplit_once("token=").map_or(link, |(_before, token)| token).trim();
    let body = serde_json::json!({"token": token});
    let answer: serde_json::Value = client.send("POST", "/auth/api/claim", &body, None).await?;
    let claimed = answer.get("claimed").and_then(serde_json::Value::as_str);
    claimed.map(str::to_owned).ok_or_else(|| unexpected("The claim"))
}
