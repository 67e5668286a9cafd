use std::path::Path;

use clap::Args;
use imajin_did::Did;
use imajin_fair::distribution::Contract;
use imajin_kernel::{Span, Timestamp};
use imajin_money::Money;
use serde_json::{Map, Number, Value, json};

use crate::cli::CommandError;
use crate::cli::fair::{file_read, local};

/// What a version says.
#[derive(Debug, Args)]
pub(super) struct DraftArgs {
    /// A part of what comes in: LABEL=DID=PERCENT. The percentages sum to 100; you may name yourself.
    #[arg(long = "allocate", value_name = "LABEL=DID=PERCENT")]
    allocations: Vec<String>,
    /// Who gets what cannot be paid to a recipient; you, if nobody is named.
    #[arg(long, value_name = "DID")]
    overflow: Option<Did>,
    /// Below what parts wait until they make it up together, for example `1.00 USD`.
    #[arg(long, value_name = "AMOUNT CURRENCY")]
    minimum: Option<Money>,
    /// From when it governs, RFC 3339; otherwise from five minutes after now.
    #[arg(long)]
    effective_at: Option<Timestamp>,
    /// Show sums by label to everybody.
    #[arg(long)]
    aggregates_public: bool,
    /// The amount to show its effect on.
    #[arg(long, value_name = "AMOUNT CURRENCY", default_value = "100.00 USD")]
    pub(super) sample: Money,
}

impl DraftArgs {
    /// The version, not signed yet.
    pub(super) fn contract(&self, profile: &Did, version: u32, now: Timestamp) -> Result<Contract, CommandError> {
        if self.allocations.is_empty() {
            return Err(local(
                "say where the money goes: --allocate LABEL=DID=PERCENT, once or more",
            ));
        }
        // Until it has reached the node, it must not lie in the past.
        let soon = now.plus(Span::minutes(5));
        let allocations = self.allocations.iter().map(|text| allocation(text));
        let mut members = Map::new();
        members.insert("profile_did".to_owned(), json!(profile));
        members.insert("version".to_owned(), version.into());
        members.insert("updated_at".to_owned(), json!(now.to_string()));
        members.insert(
            "effective_at".to_owned(),
            json!(self.effective_at.unwrap_or(soon).to_string()),
        );
        members.insert(
            "allocations".to_owned(),
            allocations.collect::<Result<Vec<_>, _>>()?.into(),
        );
        if let Some(overflow) = &self.overflow {
            members.insert("overflow".to_owned(), json!(overflow));
        }
        if let Some(minimum) = self.minimum {
            members.insert("minimum_transaction".to_owned(), minimum.decimal().into());
            members.insert("currency".to_owned(), json!(minimum.asset.as_str()));
        }
        if self.aggregates_public {
            members.insert("aggregates_public".to_owned(), true.into());
        }
        Contract::from_value(members.into()).map_err(local)
    }
}

/// The version after the one in a file.
pub(super) fn after(path: &Path, profile: &Did) -> Result<u32, CommandError> {
    let wrong = |what: &dyn std::fmt::Display| local(format!("{}: {what}", path.display()));
    let before = Contract::parse(&file_read(path)?).map_err(|error| wrong(&error))?;
    if before.profile_did.canonical() != profile.canonical() {
        let what = format!("it is the contract of {}, not yours", before.profile_did);
        return Err(wrong(&what));
    }
    Ok(before.version.saturating_add(1))
}

fn allocation(text: &str) -> Result<Value, CommandError> {
    let wrong = || {
        local(format!(
            "{text}: write LABEL=DID=PERCENT, for example studio=did:mjn:z6Mk…=12.5"
        ))
    };
    let (rest, percentage) = text.rsplit_once('=').ok_or_else(wrong)?;
    let (label, recipient) = rest.rsplit_once('=').ok_or_else(wrong)?;
    let percentage: Number = percentage.parse().map_err(|_error| wrong())?;
    Ok(json!({"label": label, "recipient": recipient, "percentage": percentage}))
}
