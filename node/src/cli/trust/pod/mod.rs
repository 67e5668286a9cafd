mod show;

use clap::{Args, Subcommand, ValueEnum};
use imajin_connections_api::{
    PodAccept, PodBody, PodKind, PodMemberView, PodOffer, PodPerson, PodRole, PodSettings, PodView, PodVisibility,
    PodWho,
};
use imajin_kernel::id::PodId;
use serde_json::Value;

use super::{API, local};
use crate::cli::caller::Caller;
use crate::cli::client::{IdentityClient, LoggedIn};
use crate::cli::{CommandError, Output};

/// Pods: named groups of people.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum PodCommand {
    /// Make a pod. You own it, and are its only member.
    Create(CreateArgs),
    /// List the pods that you are in, and that you are invited to.
    List(Caller),
    /// Show a pod and its members, as far as you may see them.
    Show(OneArgs),
    /// Change what your pod is called, who may know of it, or in which other pod of yours it stands.
    Set(SetArgs),
    /// Invite somebody. They are in it once they have accepted.
    Invite(InviteArgs),
    /// Accept an invitation, or take over a pod that is offered to you.
    Accept(OneArgs),
    /// Say what a member of your pod is: an admin invites and removes members.
    Role(RoleArgs),
    /// Remove a member, or withdraw an invitation.
    Remove(WhoArgs),
    /// Leave a pod, or decline an invitation.
    Leave(OneArgs),
    /// Offer your pod to one of its members. You own it until they accept.
    HandOver(HandOverArgs),
    /// End your pod, for everybody in it and for good.
    Dissolve(OneArgs),
}

/// See [`PodKind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KindArg {
    Personal,
    Shared,
    Event,
}

/// See [`PodVisibility`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum VisibilityArg {
    Private,
    TrustBound,
}

impl VisibilityArg {
    const fn visibility(self) -> PodVisibility {
        match self {
            Self::Private => PodVisibility::Private,
            Self::TrustBound => PodVisibility::TrustBound,
        }
    }
}

/// What others are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RoleArg {
    Member,
    Admin,
}

impl RoleArg {
    const fn role(self) -> PodRole {
        match self {
            Self::Member => PodRole::Member,
            Self::Admin => PodRole::Admin,
        }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CreateArgs {
    #[command(flatten)]
    caller: Caller,
    /// What it is called.
    name: String,
    /// A circle of your own, a group with roles, or the people of an event.
    #[arg(long = "type", value_enum, default_value = "shared")]
    kind: KindArg,
    /// Only for those who are in it, or also for those to whom you show your ties.
    #[arg(long, value_enum, default_value = "private")]
    visibility: VisibilityArg,
    /// The pod of yours that it stands within.
    #[arg(long = "in", value_name = "POD")]
    parent: Option<PodId>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct OneArgs {
    #[command(flatten)]
    caller: Caller,
    /// The pod, `pod_…`.
    pod: PodId,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct SetArgs {
    #[command(flatten)]
    caller: Caller,
    /// The pod, `pod_…`.
    pod: PodId,
    /// What it is called from now on.
    #[arg(long)]
    name: Option<String>,
    /// Who may know of it from now on.
    #[arg(long, value_enum)]
    visibility: Option<VisibilityArg>,
    /// The pod of yours that it stands within from now on.
    #[arg(long = "in", value_name = "POD", conflicts_with = "out")]
    parent: Option<PodId>,
    /// Take it out of the pod that it stands within.
    #[arg(long)]
    out: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct InviteArgs {
    #[command(flatten)]
    one: WhoArgs,
    /// What they are to be. Only the owner invites admins.
    #[arg(long, value_enum, default_value = "member")]
    role: RoleArg,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RoleArgs {
    #[command(flatten)]
    one: WhoArgs,
    /// What they are from now on.
    #[arg(value_enum)]
    role: RoleArg,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct WhoArgs {
    #[command(flatten)]
    caller: Caller,
    /// The pod, `pod_…`.
    pod: PodId,
    /// A handle or DID.
    who: String,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct HandOverArgs {
    #[command(flatten)]
    caller: Caller,
    /// The pod, `pod_…`.
    pod: PodId,
    /// One of its members: a handle or DID.
    #[arg(required_unless_present = "undo", conflicts_with = "undo")]
    who: Option<String>,
    /// Take the offer back.
    #[arg(long)]
    undo: bool,
}

impl PodCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::Create(args) => args.run(output).await,
            Self::List(caller) => show::list(&caller, output).await,
            Self::Show(args) => show::show(&args, output).await,
            Self::Set(args) => args.run(output).await,
            Self::Invite(args) => args.run(output).await,
            Self::Accept(args) => args.accept(output).await,
            Self::Role(args) => args.run(output).await,
            Self::Remove(args) => args.remove(output).await,
            Self::Leave(args) => args.leave(output).await,
            Self::HandOver(args) => args.run(output).await,
            Self::Dissolve(args) => args.dissolve(output).await,
        }
    }
}

fn path(pod: &PodId, what: &str) -> String {
    format!("{API}/pods/{pod}{what}")
}

fn line(pod: &PodView) -> String {
    format!("{}  {}", pod.card.id, pod.card.name)
}

impl CreateArgs {
    async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.caller.node.signing(&self.caller.key)?;
        let body = PodBody {
            name: self.name,
            kind: match self.kind {
                KindArg::Personal => PodKind::Personal,
                KindArg::Shared => PodKind::Shared,
                KindArg::Event => PodKind::Event,
            },
            visibility: self.visibility.visibility(),
            parent: self.parent,
        };
        let view: PodView = client.send("POST", &format!("{API}/pods"), &body, None).await?;
        output.result(&view, line);
        Ok(())
    }
}

async fn fetch(client: &IdentityClient, session: &LoggedIn, pod: &PodId) -> Result<PodView, CommandError> {
    client.get_own(session, &path(pod, "")).await
}

impl OneArgs {
    /// What there is to accept is asked first: the signature says what one accepts to be.
    async fn accept(self, output: Output) -> Result<(), CommandError> {
        let (client, session) = self.caller.client().await?;
        let view = fetch(&client, &session, &self.pod).await?;
        let offered = view.successor.as_ref() == Some(&client.did().canonical());
        let role = match view.card.invitation {
            Some(invitation) => invitation.role,
            None if offered => PodRole::Owner,
            None => return Err(local("nobody has invited you to this pod, or offered it to you")),
        };
        let body = PodAccept { role };
        let view: PodView = client.send("POST", &path(&self.pod, "/accept"), &body, None).await?;
        output.result(&view, |view| {
            format!("You are {} of {}.", role.as_str(), view.card.name)
        });
        Ok(())
    }

    async fn leave(self, output: Output) -> Result<(), CommandError> {
        let client = self.caller.node.signing(&self.caller.key)?;
        let done: Value = client
            .send("POST", &path(&self.pod, "/leave"), &Value::Null, None)
            .await?;
        output.result(&done, |_done| "You are in this pod no longer.".to_owned());
        Ok(())
    }

    async fn dissolve(self, output: Output) -> Result<(), CommandError> {
        let client = self.caller.node.signing(&self.caller.key)?;
        let done: Value = client.send("DELETE", &path(&self.pod, ""), &Value::Null, None).await?;
        output.result(&done, |_done| "There is no such pod any more.".to_owned());
        Ok(())
    }
}

impl SetArgs {
    /// What is not named stays as it is: all of it is signed together.
    async fn run(self, output: Output) -> Result<(), CommandError> {
        let (client, session) = self.caller.client().await?;
        let view = fetch(&client, &session, &self.pod).await?;
        let parent = self.parent.or_else(|| view.parent.map(|outer| outer.id));
        let settings = PodSettings {
            name: self.name.unwrap_or(view.card.name),
            visibility: self.visibility.map_or(view.card.visibility, VisibilityArg::visibility),
            parent: parent.filter(|_parent| !self.out),
        };
        let view: PodView = client.send("PUT", &path(&self.pod, ""), &settings, None).await?;
        output.result(&view, line);
        Ok(())
    }
}

impl InviteArgs {
    async fn run(self, output: Output) -> Result<(), CommandError> {
        let view = self.one.say(("POST", "/invite"), self.role).await?;
        output.result(&view, |view| {
            format!(
                "You have invited {} as {}. They have to accept.",
                view.did,
                view.role.as_str()
            )
        });
        Ok(())
    }
}

impl RoleArgs {
    async fn run(self, output: Output) -> Result<(), CommandError> {
        let view = self.one.say(("PUT", "/role"), self.role).await?;
        output.result(&view, |view| format!("{} is {} now.", view.did, view.role.as_str()));
        Ok(())
    }
}

impl WhoArgs {
    /// Says what somebody is, or is to be.
    async fn say(&self, (method, what): (&str, &str), role: RoleArg) -> Result<PodMemberView, CommandError> {
        let client = self.caller.node.signing(&self.caller.key)?;
        let body = PodPerson {
            did: client.node().did_of(&self.who).await?,
            role: role.role(),
        };
        client.send(method, &path(&self.pod, what), &body, None).await
    }

    async fn remove(self, output: Output) -> Result<(), CommandError> {
        let client = self.caller.node.signing(&self.caller.key)?;
        let body = PodWho {
            did: client.node().did_of(&self.who).await?,
        };
        let done: Value = client.send("POST", &path(&self.pod, "/remove"), &body, None).await?;
        output.result(&done, |_done| format!("{} is in this pod no longer.", body.did));
        Ok(())
    }
}

impl HandOverArgs {
    async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.caller.node.signing(&self.caller.key)?;
        let did = match &self.who {
            Some(who) => Some(client.node().did_of(who).await?),
            None => None,
        };
        let body = PodOffer { did };
        let view: PodView = client.send("PUT", &path(&self.pod, "/successor"), &body, None).await?;
        output.result(&view, |view| match &view.successor {
            Some(did) => format!(
                "You have offered {} to {did}. You own it until they accept.",
                view.card.name
            ),
            None => format!("{} is offered to nobody.", view.card.name),
        });
        Ok(())
    }
}
