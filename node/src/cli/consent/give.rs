use clap::{Args, ValueEnum};
use imajin_consent::{
    FieldPath, GrantMode, GrantPayload, GrantRevocation, Grantee, GranteeClass, Purpose, StandingGrant,
};
use imajin_kernel::Span;
use imajin_query_api::GrantView;

use super::{API, local};
use crate::cli::CommandError;
use crate::cli::caller::Caller;

#[derive(Debug, Args)]
pub(in crate::cli) struct GiveArgs {
    #[command(flatten)]
    caller: Caller,
    /// Who may: a handle, a DID, `connections`, `trusted` or `anyone`.
    #[arg(long)]
    to: String,
    /// What for: one word, such as `directory`.
    #[arg(long)]
    purpose: Purpose,
    /// What about you, such as `profile.name` or `profile.contact`; may be given several times.
    #[arg(long = "field", required = true)]
    fields: Vec<FieldPath>,
    /// Whether they may, must ask each time, or may not.
    #[arg(long, value_enum, default_value = "allow")]
    mode: ModeArg,
    /// After how many days it ends by itself.
    #[arg(long, value_parser = clap::value_parser!(i64).range(1..=3650))]
    days: Option<i64>,
}

/// See [`GrantMode`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ModeArg {
    Allow,
    Ask,
    Deny,
}

fn class(name: &str) -> Option<GranteeClass> {
    match name {
        "anyone" => Some(GranteeClass::Anyone),
        "connections" => Some(GranteeClass::Connections),
        "trusted" => Some(GranteeClass::Trusted),
        _ => None,
    }
}

pub(super) fn grantee_text(grantee: &Grantee) -> String {
    match grantee {
        Grantee::Did(did) => did.to_string(),
        Grantee::Class(GranteeClass::Anyone) => "anyone".to_owned(),
        Grantee::Class(GranteeClass::Connections) => "connections".to_owned(),
        Grantee::Class(GranteeClass::Trusted) => "trusted".to_owned(),
    }
}

pub(super) const fn mode_text(mode: GrantMode) -> &'static str {
    match mode {
        GrantMode::Allow => "allow",
        GrantMode::Ask => "ask",
        GrantMode::Deny => "deny",
    }
}

impl GiveArgs {
    pub(super) async fn run(self) -> Result<GrantView, CommandError> {
        let client = self.caller.node.signing(&self.caller.key)?;
        let granted_to = match class(&self.to) {
            Some(class) => Grantee::Class(class),
            None => Grantee::Did(client.node().did_of(&self.to).await?),
        };
        let now = client.node().env().now();
        let payload = GrantPayload {
            subject: client.did().clone(),
            granted_to,
            purpose: self.purpose,
            fields: self.fields.into_iter().collect(),
            mode: match self.mode {
                ModeArg::Allow => GrantMode::Allow,
                ModeArg::Ask => GrantMode::Ask,
                ModeArg::Deny => GrantMode::Deny,
            },
            expires: self.days.map(|days| now.plus(Span::days(days))),
        };
        let grant = StandingGrant::sign(client.key(), now, payload).map_err(local)?;
        client.send("POST", &format!("{API}/grants"), &grant, None).await
    }
}

/// Signs and sends the end of a grant.
pub(super) async fn revoke(caller: &Caller, grant: &StandingGrant) -> Result<GrantView, CommandError> {
    let client = caller.node.signing(&caller.key)?;
    let now = client.node().env().now();
    let revocation = GrantRevocation::sign(client.key(), now, grant).map_err(local)?;
    client
        .send("POST", &format!("{API}/revocations"), &revocation, None)
        .await
}
