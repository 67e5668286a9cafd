use clap::{Args, ValueEnum};
use imajin_connections_api::statement::{
    ACCEPT, AcceptTerms, ConnectionTerms, FlagTerms, REVOKE, RevokeTerms, VouchTerms,
};
use imajin_connections_api::{FlagLevel, OwnConnections, StatementKind, StatementStatus, StatementView};
use imajin_did::Did;
use imajin_kernel::Span;
use imajin_proof::SignedMessage;
use imajin_proof::attestation::Confidence;
use serde::Serialize;

use super::{API, local};
use crate::cli::caller::Caller;
use crate::cli::client::IdentityClient;
use crate::cli::output::table;
use crate::cli::{CommandError, Output};

#[derive(Debug, Args)]
pub(in crate::cli) struct ConnectArgs {
    #[command(flatten)]
    caller: Caller,
    /// A handle or DID.
    who: String,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct AcceptArgs {
    #[command(flatten)]
    caller: Caller,
    /// Who has asked: a handle or DID.
    who: String,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct VouchArgs {
    #[command(flatten)]
    caller: Caller,
    /// A handle or DID.
    who: String,
    /// How much: above 0 and at most 1, six decimal places.
    #[arg(long, default_value = "1")]
    weight: Confidence,
    /// After how many days it ends by itself; never by default.
    #[arg(long, value_parser = clap::value_parser!(i64).range(1..=3650))]
    days: Option<i64>,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LevelArg {
    Yellow,
    Amber,
    Red,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct FlagArgs {
    #[command(flatten)]
    caller: Caller,
    /// A handle or DID.
    who: String,
    /// Be careful; something is wrong; not for me and not through me.
    #[arg(long, value_enum)]
    level: LevelArg,
    /// Why, at most 280 characters: it is signed with the flag.
    #[arg(long)]
    reason: Option<String>,
    /// After how many days it ends by itself; never by default.
    #[arg(long, value_parser = clap::value_parser!(i64).range(1..=3650))]
    days: Option<i64>,
}

/// What is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    Connection,
    CoPresence,
    Vouch,
    Flag,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RevokeArgs {
    #[command(flatten)]
    caller: Caller,
    /// With whom, or of whom: a handle or DID.
    who: String,
    /// What.
    #[arg(long, value_enum, default_value = "connection")]
    what: What,
}

/// Signs a document and sends it.
async fn submit<P: Serialize>(
    client: &IdentityClient,
    kind: &str,
    to: Option<Did>,
    payload: &P,
) -> Result<StatementView, CommandError> {
    let payload = serde_json::to_value(payload).map_err(local)?;
    let now = client.node().env().now();
    let document = SignedMessage::sign(client.key(), client.did().clone(), kind, to, now, payload).map_err(local)?;
    client.send("POST", &format!("{API}/statements"), &document, None).await
}

fn ends(client: &IdentityClient, days: Option<i64>) -> Option<i64> {
    days.map(|days| client.node().env().now().plus(Span::days(days)).as_millis())
}

impl ConnectArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.caller.node.signing(&self.caller.key)?;
        let to = client.node().did_of(&self.who).await?;
        let kind = StatementKind::Connection.message_type();
        let view = submit(&client, kind, Some(to), &ConnectionTerms::default()).await?;
        output.result(&view, |view| {
            format!("You have asked {}. They have to accept.", view.to)
        });
        Ok(())
    }
}

impl AcceptArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let (client, session) = self.caller.client().await?;
        let from = client.node().did_of(&self.who).await?.canonical();
        let own: OwnConnections = client.get_own(&session, &format!("{API}/connections")).await?;
        let asked = own.requests_received.into_iter().find(|asked| asked.from == from);
        let asked = asked.ok_or_else(|| local(format!("{} has not asked you anything", self.who)))?;
        let terms = AcceptTerms {
            statement: asked.digest,
            invite_proof: None,
        };
        let view = submit(&client, ACCEPT, None, &terms).await?;
        output.result(&view, |view| {
            format!("You and {} have both signed: {}.", view.from, view.kind.as_str())
        });
        Ok(())
    }
}

impl VouchArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.caller.node.signing(&self.caller.key)?;
        let to = client.node().did_of(&self.who).await?;
        let terms = VouchTerms {
            weight_millionths: self.weight.millionths(),
            expires: ends(&client, self.days),
        };
        let view = submit(&client, StatementKind::Vouch.message_type(), Some(to), &terms).await?;
        output.result(&view, |view| {
            format!("You vouch for {}, {} of 1.", view.to, self.weight)
        });
        Ok(())
    }
}

impl FlagArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.caller.node.signing(&self.caller.key)?;
        let to = client.node().did_of(&self.who).await?;
        let terms = FlagTerms {
            level: match self.level {
                LevelArg::Yellow => FlagLevel::Yellow,
                LevelArg::Amber => FlagLevel::Amber,
                LevelArg::Red => FlagLevel::Red,
            },
            reason: self.reason,
            expires: ends(&client, self.days),
        };
        let view = submit(&client, StatementKind::Flag.message_type(), Some(to), &terms).await?;
        output.result(&view, |view| {
            format!("You have flagged {}. Nobody is told that it was you.", view.to)
        });
        Ok(())
    }
}

impl RevokeArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let (client, session) = self.caller.client().await?;
        let other = client.node().did_of(&self.who).await?.canonical();
        let own: OwnConnections = client.get_own(&session, &format!("{API}/connections")).await?;
        let digest = self.digest(own, &other);
        let digest =
            digest.ok_or_else(|| local(format!("there is nothing of the kind between you and {}", self.who)))?;
        let view = submit(&client, REVOKE, None, &RevokeTerms { statement: digest }).await?;
        output.result(&view, |view| format!("Ended: {} with {other}.", view.kind.as_str()));
        Ok(())
    }

    fn digest(&self, own: OwnConnections, other: &Did) -> Option<String> {
        let is_it = |view: &StatementView| view.from == *other || view.to == *other;
        let of_kind = |views: Vec<StatementView>, kind: StatementKind| {
            let mut views = views.into_iter();
            views
                .find(|view| view.kind == kind && is_it(view))
                .map(|view| view.digest)
        };
        let requests: Vec<StatementView> = own.requests_received.into_iter().chain(own.requests_sent).collect();
        match self.what {
            What::Connection => {
                let mut rows = own.connections.into_iter();
                let standing = rows.find(|row| row.did == *other).map(|row| row.digest);
                standing.or_else(|| of_kind(requests, StatementKind::Connection))
            }
            What::CoPresence => of_kind(own.co_presences, StatementKind::CoPresence)
                .or_else(|| of_kind(requests, StatementKind::CoPresence)),
            What::Vouch => of_kind(own.vouches_given, StatementKind::Vouch),
            What::Flag => of_kind(own.flags_given, StatementKind::Flag),
        }
    }
}

/// `imajin trust list`.
pub(super) async fn list(caller: &Caller, output: Output) -> Result<(), CommandError> {
    let (client, session) = caller.client().await?;
    let own: OwnConnections = client.get_own(&session, &format!("{API}/connections")).await?;
    output.result(&own, list_text);
    Ok(())
}

fn list_text(own: &OwnConnections) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for row in &own.connections {
        rows.push(vec![
            "connected".to_owned(),
            row.did.to_string(),
            format!("since {}", row.since),
        ]);
    }
    let mut add = |label: &str, views: &[StatementView], is_given: bool| {
        for view in views {
            let other = if is_given { &view.to } else { &view.from };
            rows.push(vec![label.to_owned(), other.to_string(), detail(view)]);
        }
    };
    add("asks you", &own.requests_received, false);
    add("you asked", &own.requests_sent, true);
    add("you vouch for", &own.vouches_given, true);
    add("vouches for you", &own.vouches_received, false);
    add("you flagged", &own.flags_given, true);
    add("met", &own.co_presences, true);
    for did in &own.blocked {
        rows.push(vec!["blocked".to_owned(), did.to_string(), String::new()]);
    }
    if rows.is_empty() {
        return "Nothing yet. Ask somebody with `imajin trust connect`, or invite them.".to_owned();
    }
    table(&rows)
}

fn detail(view: &StatementView) -> String {
    let weight = view.weight_millionths.map(|weight| format!("{weight} of 1000000"));
    let level = view.level.map(|level| format!("{level:?}").to_lowercase());
    let what = weight.or(level).unwrap_or_else(|| view.kind.as_str().to_owned());
    let end = match (view.status, view.expires_at) {
        (StatementStatus::Expired, _) => ", over".to_owned(),
        (_, Some(ends)) => format!(", until {ends}"),
        _ => String::new(),
    };
    format!("{what}{end}")
}
