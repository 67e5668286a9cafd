//! What one's node may tell about one at all.

use clap::Args;
use imajin_consent::{ConsentProfile, FieldPath, ProfilePayload, Purpose};
use imajin_query_api::ProfileView;

use super::{API, local, own};
use crate::cli::CommandError;
use crate::cli::caller::Caller;

#[derive(Debug, Args)]
pub(in crate::cli) struct ToggleArgs {
    #[command(flatten)]
    caller: Caller,
    /// What for: one word, such as `directory`.
    purpose: Purpose,
    /// What may be told, such as `profile.name`; may be given several times.
    #[arg(long = "on", value_name = "FIELD")]
    on: Vec<FieldPath>,
    /// What may be told no more; may be given several times.
    #[arg(long = "off", value_name = "FIELD")]
    off: Vec<FieldPath>,
    /// Within how many steps of you somebody is one whom your trust reaches.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=6))]
    trusted_hops: Option<u8>,
}

impl ToggleArgs {
    /// Signs the profile that there is, with these changes.
    pub(super) async fn run(self) -> Result<ProfileView, CommandError> {
        let known = own(&self.caller).await?.profile;
        let mut said: ProfilePayload = known.map(|view| view.profile.payload().clone()).unwrap_or_default();
        let fields = said.purposes.entry(self.purpose.clone()).or_default();
        fields.extend(self.on);
        fields.retain(|field| !self.off.iter().any(|off| off.covers(field)));
        if fields.is_empty() {
            said.purposes.remove(&self.purpose);
        }
        said.trusted_hops = self.trusted_hops.unwrap_or(said.trusted_hops);
        let client = self.caller.node.signing(&self.caller.key)?;
        let now = client.node().env().now();
        let profile = ConsentProfile::sign(client.key(), client.did().clone(), now, said).map_err(local)?;
        client.send("PUT", &format!("{API}/profile"), &profile, None).await
    }
}

pub(super) fn text(view: Option<&ProfileView>) -> String {
    let said = view.map(|view| view.profile.payload());
    let Some(said) = said.filter(|said| !said.purposes.is_empty()) else {
        return "Nothing is on: your node tells nobody anything about you.".to_owned();
    };
    let lines = said.purposes.iter().map(|(purpose, fields)| {
        let fields: Vec<&str> = fields.iter().map(FieldPath::as_str).collect();
        format!("{purpose}: {}", fields.join(", "))
    });
    let hops = format!("Your trust reaches {} steps.", said.trusted_hops);
    lines.chain([hops]).collect::<Vec<_>>().join("\n")
}
