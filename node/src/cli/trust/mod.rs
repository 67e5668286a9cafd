//! Who trusts whom: what one signs about others, and what follows.

mod ask;
mod bundle;
mod invite;
mod pod;
mod say;

use clap::{Subcommand, ValueEnum};
use imajin_connections_api::Audience;
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use super::caller::Caller;
use super::{CommandError, Output};

/// Where the service is.
const API: &str = "/connections/api";

/// The trust graph.
#[derive(Debug, Subcommand)]
pub(super) enum TrustCommand {
    /// Ask somebody to be connected with you; they accept, and both have signed.
    Connect(say::ConnectArgs),
    /// Accept what somebody has asked you.
    Accept(say::AcceptArgs),
    /// Vouch for somebody. A later vouch takes the place of the earlier one.
    Vouch(say::VouchArgs),
    /// Warn of somebody. A red flag keeps every path of yours away from them.
    Flag(say::FlagArgs),
    /// Take back a vouch or a flag, end a connection, withdraw or decline a request.
    Revoke(say::RevokeArgs),
    /// List your connections, requests, vouches and flags.
    List(Caller),
    /// How many steps it is from you to somebody.
    Check(ask::AskArgs),
    /// A way from you to somebody, with what was signed.
    Path(ask::AskArgs),
    /// Why somebody is within your reach, or why not.
    Why(ask::AskArgs),
    /// Who is near you.
    Near(ask::NearArgs),
    /// How your trust spreads.
    Rank(ask::NearArgs),
    /// Make, list and end invitations.
    #[command(subcommand)]
    Invite(invite::InviteCommand),
    /// Pods: groups of people with roles.
    #[command(subcommand)]
    Pod(pod::PodCommand),
    /// Take up an invitation by its code.
    Join(invite::JoinArgs),
    /// Say who may see your ties.
    Audience {
        #[command(flatten)]
        caller: Caller,
        /// Who: nobody but you two, your connections, those within three steps of you, or everybody.
        audience: AudienceArg,
    },
    /// Hide the requests of somebody, and your contact fields from them. They are not told.
    Block {
        #[command(flatten)]
        caller: Caller,
        /// A handle or DID.
        who: String,
        /// Let them in again.
        #[arg(long)]
        undo: bool,
    },
    /// Save what you have signed, and others about you, to bring it to another node.
    Export(bundle::ExportArgs),
    /// Bring what was signed for another node to this one.
    Import(bundle::ImportArgs),
    /// Check signed ties from a file, and ask nobody.
    Verify(bundle::VerifyArgs),
}

/// See [`Audience`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum AudienceArg {
    Nobody,
    Connections,
    Reach,
    Everybody,
}

impl AudienceArg {
    const fn audience(self) -> Audience {
        match self {
            Self::Nobody => Audience::Nobody,
            Self::Connections => Audience::Connections,
            Self::Reach => Audience::Reach,
            Self::Everybody => Audience::Everybody,
        }
    }
}

impl TrustCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::Connect(args) => args.run(output).await,
            Self::Accept(args) => args.run(output).await,
            Self::Vouch(args) => args.run(output).await,
            Self::Flag(args) => args.run(output).await,
            Self::Revoke(args) => args.run(output).await,
            Self::List(caller) => say::list(&caller, output).await,
            Self::Check(args) => args.check(output).await,
            Self::Path(args) => args.path(output).await,
            Self::Why(args) => args.why(output).await,
            Self::Near(args) => args.near(output).await,
            Self::Rank(args) => args.rank(output).await,
            Self::Invite(command) => command.run(output).await,
            Self::Pod(command) => command.run(output).await,
            Self::Join(args) => args.run(output).await,
            Self::Audience { caller, audience } => audience_set(&caller, audience.audience(), output).await,
            Self::Block { caller, who, undo } => block_set(&caller, &who, undo, output).await,
            Self::Export(args) => args.run(output).await,
            Self::Import(args) => args.run(output).await,
            Self::Verify(args) => args.run(output).await,
        }
    }
}

fn local(error: impl std::fmt::Display) -> CommandError {
    CommandError::Local(error.to_string())
}

fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

async fn audience_set(caller: &Caller, audience: Audience, output: Output) -> Result<(), CommandError> {
    let client = caller.node.signing(&caller.key)?;
    let body = json!({"audience": audience});
    let answer: Value = client.send("PUT", &format!("{API}/audience"), &body, None).await?;
    output.result(&answer, |_answer| {
        format!("Your ties are shown to: {}.", audience.as_str())
    });
    Ok(())
}

async fn block_set(caller: &Caller, who: &str, undo: bool, output: Output) -> Result<(), CommandError> {
    let client = caller.node.signing(&caller.key)?;
    let did = client.node().did_of(who).await?;
    let path = format!("{API}/blocks/{}", encoded(did.as_str()));
    let method = if undo { "DELETE" } else { "PUT" };
    let answer: Value = client.send(method, &path, &Value::Null, None).await?;
    let state = if undo { "not blocked any more" } else { "blocked" };
    output.result(&answer, |_answer| format!("{did} is {state}."));
    Ok(())
}
