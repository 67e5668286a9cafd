use clap::{Args, Subcommand};
use imajin_connections_api::statement::{ACCEPT, AcceptTerms, ConnectionTerms, InviteTerms, invite_key, invite_prove};
use imajin_connections_api::{InviteView, StatementKind, StatementView};
use imajin_kernel::Span;
use imajin_proof::SignedMessage;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{API, encoded, local};
use crate::cli::caller::Caller;
use crate::cli::output::table;
use crate::cli::{CommandError, Output};

/// Invitations.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum InviteCommand {
    /// Invite people: whoever has the code is connected with you at once. The code is shown here and nowhere else.
    New {
        #[command(flatten)]
        caller: Caller,
        /// For how many people, 1 to 100.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
        uses: u32,
        /// For how many days, 1 to 90.
        #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(i64).range(1..=90))]
        days: i64,
        /// A word to whoever gets it.
        #[arg(long)]
        note: Option<String>,
    },
    /// List your invitations.
    List(Caller),
    /// End one of your invitations. Connections that came by it stay.
    End {
        #[command(flatten)]
        caller: Caller,
        /// Its id, `inv_…`.
        id: String,
    },
}

#[derive(Debug, Args)]
pub(in crate::cli) struct JoinArgs {
    #[command(flatten)]
    caller: Caller,
    /// The code.
    code: String,
}

#[derive(Serialize)]
struct Made {
    code: String,
    url: String,
    #[serde(flatten)]
    invite: InviteView,
}

impl InviteCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::New {
                caller,
                uses,
                days,
                note,
            } => invite(&caller, (uses, days, note), output).await,
            Self::List(caller) => {
                let (client, session) = caller.client().await?;
                let answer: Value = client.get_own(&session, &format!("{API}/invites")).await?;
                output.result(&answer, list_text);
                Ok(())
            }
            Self::End { caller, id } => {
                let client = caller.node.signing(&caller.key)?;
                let path = format!("{API}/invites/{}", encoded(&id));
                let view: InviteView = client.send("DELETE", &path, &Value::Null, None).await?;
                output.result(&view, |view| format!("Nobody can take {} up any more.", view.id));
                Ok(())
            }
        }
    }
}

async fn invite(
    caller: &Caller,
    (max_uses, days, note): (u32, i64, Option<String>),
    output: Output,
) -> Result<(), CommandError> {
    let client = caller.node.signing(&caller.key)?;
    let env = client.node().env();
    let code = hex::encode(env.random_bytes::<16>());
    let terms = ConnectionTerms {
        invite: Some(InviteTerms {
            key: invite_key(&code).public(),
            max_uses,
            expires: env.now().plus(Span::days(days)).as_millis(),
        }),
    };
    let payload = serde_json::to_value(terms).map_err(local)?;
    let kind = StatementKind::Connection.message_type();
    let document = SignedMessage::sign(client.key(), client.did().clone(), kind, None, env.now(), payload);
    let body = json!({"document": document.map_err(local)?, "note": note});
    let invite: InviteView = client.send("POST", &format!("{API}/invites"), &body, None).await?;
    let url = client.node().url(&format!("/invited#{code}"))?.to_string();
    let made = Made { code, url, invite };
    output.result(&made, |made| {
        format!("{}\nor, on the command line: imajin trust join {}", made.url, made.code)
    });
    Ok(())
}

fn list_text(answer: &Value) -> String {
    let invites = answer.get("invites").cloned().unwrap_or_default();
    let invites: Vec<InviteView> = serde_json::from_value(invites).unwrap_or_default();
    if invites.is_empty() {
        return "You have invited nobody.".to_owned();
    }
    let row = |view: &InviteView| {
        let state = if view.open { "open" } else { "closed" };
        vec![
            view.id.to_string(),
            state.to_owned(),
            format!("{} of {}", view.uses, view.max_uses),
            format!("until {}", view.expires_at),
            view.note.clone().unwrap_or_default(),
        ]
    };
    table(&invites.iter().map(row).collect::<Vec<_>>())
}

#[derive(Deserialize)]
struct Invited {
    digest: String,
}

impl JoinArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.caller.node.signing(&self.caller.key)?;
        let path = format!("{API}/invites/{}", encoded(&self.code));
        let invited: Invited = client.node().get(&path).await?;
        let terms = AcceptTerms {
            invite_proof: Some(invite_prove(&self.code, &invited.digest, client.did())),
            statement: invited.digest,
        };
        let payload = serde_json::to_value(terms).map_err(local)?;
        let now = client.node().env().now();
        let document = SignedMessage::sign(client.key(), client.did().clone(), ACCEPT, None, now, payload);
        let document = document.map_err(local)?;
        let view: StatementView = client.send("POST", &format!("{path}/accept"), &document, None).await?;
        output.result(&view, |view| format!("You are connected with {}.", view.from));
        Ok(())
    }
}
