use clap::{Args, Subcommand};
use imajin_kernel::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::caller::Caller;
use super::output::table;
use super::{CommandError, Output};

const SESSIONS: &str = "/auth/api/sessions";

/// Where you are signed in.
#[derive(Debug, Subcommand)]
pub(super) enum SessionCommand {
    /// List your sessions at a node.
    List(Caller),
    /// End one of them, or all of them.
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
pub(super) struct RevokeArgs {
    #[command(flatten)]
    caller: Caller,
    /// The session, as `imajin session list` names it.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    id: Option<String>,
    /// All of them, in every browser and program.
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    id: String,
    method: String,
    client: Option<String>,
    created_at: Timestamp,
    expires_at: Timestamp,
    last_seen_at: Timestamp,
    current: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Sessions {
    sessions: Vec<Session>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Ended {
    ended: u64,
}

impl SessionCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::List(caller) => {
                let (client, session) = caller.client().await?;
                let mut sessions: Sessions = client.get_own(&session, SESSIONS).await?;
                // The one that was opened to ask is nobody's browser.
                sessions.sessions.retain(|session| !session.current);
                client.logout(&session).await?;
                output.result(&sessions, listing);
                Ok(())
            }
            Self::Revoke(args) => args.run(output).await,
        }
    }
}

fn listing(list: &Sessions) -> String {
    if list.sessions.is_empty() {
        return "You are signed in nowhere.".to_owned();
    }
    let rows = list.sessions.iter().map(|session| {
        vec![
            session.id.clone(),
            session.method.clone(),
            format!("last seen {}", session.last_seen_at),
            format!("ends {}", session.expires_at),
            session.client.clone().unwrap_or_default(),
        ]
    });
    table(&rows.collect::<Vec<_>>())
}

impl RevokeArgs {
    async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.caller.node.signing(&self.caller.key)?;
        let ended = match &self.id {
            Some(id) => {
                let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
                client.send_empty("DELETE", &format!("{SESSIONS}/{id}"), None).await?;
                Ended { ended: 1 }
            }
            None => client.send("DELETE", SESSIONS, &json!({}), None).await?,
        };
        output.result(&ended, |ended| match ended.ended {
            0 => "There was no session to end.".to_owned(),
            1 => "One session has ended.".to_owned(),
            many => format!("{many} sessions have ended."),
        });
        Ok(())
    }
}
