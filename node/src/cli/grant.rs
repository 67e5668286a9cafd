use clap::{Args, Subcommand};
use imajin_kernel::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::form_urlencoded;

use super::caller::Caller;
use super::output::table;
use super::{CommandError, Output};

const GRANTS: &str = "/auth/api/oidc/grants";

/// The applications that you signed in to through a node, and what they may know.
#[derive(Debug, Subcommand)]
pub(super) enum GrantCommand {
    /// List them.
    List(Caller),
    /// Take back what one of them may know: its tokens end at once.
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
pub(super) struct RevokeArgs {
    #[command(flatten)]
    caller: Caller,
    /// The application, as `imajin grant list` names it.
    client_id: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Grant {
    client_id: String,
    client_name: Option<String>,
    scope: String,
    created_at: Timestamp,
    last_used_at: Option<Timestamp>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Grants {
    grants: Vec<Grant>,
}

impl GrantCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::List(caller) => {
                let (client, session) = caller.client().await?;
                let grants: Grants = client.get_own(&session, GRANTS).await?;
                client.logout(&session).await?;
                output.result(&grants, listing);
                Ok(())
            }
            Self::Revoke(args) => {
                let client = args.caller.node.signing(&args.caller.key)?;
                let id: String = form_urlencoded::byte_serialize(args.client_id.as_bytes()).collect();
                let done: Value = client
                    .send("DELETE", &format!("{GRANTS}/{id}"), &Value::Null, None)
                    .await?;
                output.result(&done, |_done| {
                    "You have taken it back: the application's tokens have ended.".to_owned()
                });
                Ok(())
            }
        }
    }
}

fn listing(list: &Grants) -> String {
    if list.grants.is_empty() {
        return "You have signed in to no application through this node.".to_owned();
    }
    let rows = list.grants.iter().map(|grant| {
        let used = grant.last_used_at.map(|at| format!("last used {at}"));
        vec![
            grant.client_id.clone(),
            grant.client_name.clone().unwrap_or_else(|| "(gone)".to_owned()),
            grant.scope.clone(),
            used.unwrap_or_else(|| format!("allowed {}", grant.created_at)),
        ]
    });
    table(&rows.collect::<Vec<_>>())
}
