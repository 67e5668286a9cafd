use clap::{Args, Subcommand};
use imajin_kernel::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::caller::Caller;
use super::output::table;
use super::{CommandError, KeyArg, NodeArg, Output};

const NOTICES: &str = "/auth/api/notices";
const SETTING: &str = "/auth/api/notices/setting";

/// Mail about what happens to your money: receipts, refunds, payouts, debts.
#[derive(Debug, Subcommand)]
pub(super) enum NoticeCommand {
    /// Say whether a node tells you by mail.
    Show(Caller),
    /// Be told by mail.
    On(SignerArgs),
    /// Be told nothing by mail any more.
    Off(SignerArgs),
    /// What was not sent, and why; for the operator.
    Unsent(Caller),
    /// Try a notice again at once, as the operator.
    Retry(RetryArgs),
}

#[derive(Debug, Args)]
pub(super) struct SignerArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
}

#[derive(Debug, Args)]
pub(super) struct RetryArgs {
    #[command(flatten)]
    signer: SignerArgs,
    /// The notice, as `imajin notice unsent` names it.
    id: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Setting {
    mail: bool,
    mailboxes: usize,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notice {
    id: String,
    subject: String,
    state: String,
    problem: Option<String>,
    attempts: i32,
    created_at: Timestamp,
    next_at: Option<Timestamp>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Notices {
    notices: Vec<Notice>,
}

impl NoticeCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::Show(caller) => {
                let (client, session) = caller.client().await?;
                let setting: Setting = client.get_own(&session, SETTING).await?;
                client.logout(&session).await?;
                output.result(&setting, said);
                Ok(())
            }
            Self::On(args) => args.set(true, output).await,
            Self::Off(args) => args.set(false, output).await,
            Self::Unsent(caller) => {
                let (client, session) = caller.client().await?;
                let notices: Notices = client.get_own(&session, NOTICES).await?;
                client.logout(&session).await?;
                output.result(&notices, listing);
                Ok(())
            }
            Self::Retry(args) => args.run(output).await,
        }
    }
}

impl SignerArgs {
    async fn set(self, mail: bool, output: Output) -> Result<(), CommandError> {
        let client = self.node.signing(&self.key)?;
        let setting: Setting = client.send("POST", SETTING, &json!({"mail": mail}), None).await?;
        output.result(&setting, said);
        Ok(())
    }
}

impl RetryArgs {
    async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.signer.node.signing(&self.signer.key)?;
        let id: String = url::form_urlencoded::byte_serialize(self.id.as_bytes()).collect();
        let path = format!("{NOTICES}/{id}/retry");
        let notice: Notice = client.send("POST", &path, &json!({}), None).await?;
        output.result(&notice, |notice| format!("“{}” will be sent.", notice.subject));
        Ok(())
    }
}

fn said(setting: &Setting) -> String {
    match (setting.mail, setting.mailboxes) {
        (false, _) => "You are told nothing by mail.".to_owned(),
        (true, 0) => "You would be told by mail, but the node knows no mailbox of yours.".to_owned(),
        (true, 1) => "You are told by mail, in one mailbox.".to_owned(),
        (true, many) => format!("You are told by mail, in {many} mailboxes."),
    }
}

fn listing(list: &Notices) -> String {
    if list.notices.is_empty() {
        return "Everything was sent.".to_owned();
    }
    let rows = list.notices.iter().map(|notice| {
        vec![
            notice.id.clone(),
            notice.state.clone(),
            notice.subject.clone(),
            notice.problem.clone().unwrap_or_default(),
            notice.next_at.map_or(String::new(), |next| format!("again {next}")),
        ]
    });
    table(&rows.collect::<Vec<_>>())
}
