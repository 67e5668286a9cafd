//! What one allows others, and what they have made of it.

mod ask;
mod give;
mod profile;

use clap::{Args, Subcommand};
use imajin_query_api::{GrantState, GrantView, OwnConsent, UseKind};

use super::caller::Caller;
use super::output::table;
use super::{CommandError, Output};

/// Where the service is.
const API: &str = "/query/api/consent";

/// See [`super::Command::Consent`].
#[derive(Debug, Subcommand)]
pub(super) enum ConsentCommand {
    /// List your standing grants, also those that have ended.
    List(Caller),
    /// Sign a standing grant: who may know what about you, and what for.
    Give(Box<give::GiveArgs>),
    /// Take a standing grant back.
    Revoke(RevokeArgs),
    /// List what others have made of what you allow, with declarations and receipts.
    Uses(Caller),
    /// Show what your node may tell about you at all, for each purpose.
    Profile(Caller),
    /// Switch on or off what your node may tell about you for a purpose.
    Toggle(Box<profile::ToggleArgs>),
    /// Ask a node about somebody, and write down at your own node what you were told.
    Ask(Box<ask::AskArgs>),
    /// Your own log: what you were told about others, as you signed it.
    Log(Caller),
    /// Compare what your node has told somebody about you with their log.
    Compare(ask::CompareArgs),
}

#[derive(Debug, Args)]
pub(super) struct RevokeArgs {
    #[command(flatten)]
    caller: Caller,
    /// The grant's name, as `imajin consent list` has it, or the beginning of it.
    digest: String,
}

fn local(error: impl std::fmt::Display) -> CommandError {
    CommandError::Local(error.to_string())
}

async fn own(caller: &Caller) -> Result<OwnConsent, CommandError> {
    let (client, session) = caller.client().await?;
    let own: OwnConsent = client.get_own(&session, API).await?;
    client.logout(&session).await?;
    Ok(own)
}

impl ConsentCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::List(caller) => {
                let own = own(&caller).await?;
                output.result(&own.grants, |grants| listing(grants));
            }
            Self::Uses(caller) => {
                let own = own(&caller).await?;
                output.result(&own.uses, |_uses| uses(&own));
            }
            Self::Profile(caller) => {
                let own = own(&caller).await?;
                output.result(&own.profile, |shown| profile::text(shown.as_ref()));
            }
            Self::Toggle(args) => {
                let set = args.run().await?;
                output.result(&set, |set| profile::text(Some(set)));
            }
            Self::Ask(args) => {
                let told = args.run(output).await?;
                output.result(&told, ask::text);
            }
            Self::Log(caller) => {
                let own = own(&caller).await?;
                output.result(&own.records, |records| ask::log_text(records));
            }
            Self::Compare(args) => {
                let compared = args.run().await?;
                output.result(&compared, ask::compared_text);
            }
            Self::Give(args) => {
                let given = args.run().await?;
                output.result(&given, |given| {
                    format!("It holds from now on: {}\n{}", line(given).join("  "), given.digest)
                });
            }
            Self::Revoke(args) => {
                let ended = args.run().await?;
                output.result(&ended, |_ended| {
                    "You have taken it back: it allows nothing more.".to_owned()
                });
            }
        }
        Ok(())
    }
}

impl RevokeArgs {
    async fn run(self) -> Result<GrantView, CommandError> {
        let own = own(&self.caller).await?;
        let mut named = own.grants.iter().filter(|view| view.digest.starts_with(&self.digest));
        let view = match (named.next(), named.next()) {
            (Some(view), None) => view,
            (Some(_), Some(_)) => return Err(local("more than one of your grants begins so: write more of its name")),
            (None, _) => return Err(local("you have no such grant here; `imajin consent list` lists them")),
        };
        give::revoke(&self.caller, &view.grant).await
    }
}

fn line(view: &GrantView) -> Vec<String> {
    let payload = view.grant.payload();
    let fields: Vec<&str> = payload.fields.iter().map(imajin_consent::FieldPath::as_str).collect();
    let state = match (view.state, payload.expires, view.revoked_at) {
        (GrantState::Revoked, _, Some(at)) => format!("taken back {at}"),
        (GrantState::Revoked, _, None) => "taken back".to_owned(),
        (GrantState::Expired, ..) => "ended".to_owned(),
        (GrantState::Active, Some(ends), _) => format!("until {ends}"),
        (GrantState::Active, None, _) => "holds".to_owned(),
    };
    vec![
        view.digest.get(..12).unwrap_or_default().to_owned(),
        give::grantee_text(&payload.granted_to),
        give::mode_text(payload.mode).to_owned(),
        payload.purpose.to_string(),
        fields.join(","),
        state,
    ]
}

fn listing(grants: &[GrantView]) -> String {
    if grants.is_empty() {
        return "You have given no standing grants.".to_owned();
    }
    table(&grants.iter().map(line).collect::<Vec<_>>())
}

fn uses(own: &OwnConsent) -> String {
    if own.uses.is_empty() {
        return "Nothing was made of what you allow yet.".to_owned();
    }
    let rows = own.uses.iter().map(|used| {
        let kind = match used.kind {
            UseKind::Answer => "answer".to_owned(),
            UseKind::Disclosure => used.fields.join(","),
        };
        vec![
            used.at.to_string(),
            kind,
            used.by.to_string(),
            used.purpose.clone(),
            used.receipt.clone().unwrap_or_default(),
        ]
    });
    table(&rows.collect::<Vec<_>>())
}
