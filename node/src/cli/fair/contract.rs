use std::path::PathBuf;

use clap::Args;
use imajin_did::Did;
use imajin_fair::distribution::{Contract, Distribution, DistributionInput, History, distribute};
use imajin_fair::plan::{FeeSchedule, Plan, PlanInput, plan};
use imajin_fair::{Contributor, Manifest, Payee};
use imajin_kernel::{Env, Timestamp};
use imajin_money::{Amount, Money, Share};
use serde_json::{Map, Number, Value, json};

use super::plan::{distribution_json, part_text};
use super::{file_read, file_write_new, local};
use crate::cli::key_file::signer_read;
use crate::cli::{CommandError, KeyArg, Output};

/// Write the next version of your distribution contract and see what it does before you sign it.
#[derive(Debug, Args)]
pub(in crate::cli) struct ContractArgs {
    #[command(flatten)]
    key: KeyArg,
    /// A part of what comes in: LABEL=DID=PERCENT. The percentages sum to 100; you may name yourself.
    #[arg(long = "allocate", value_name = "LABEL=DID=PERCENT", required = true)]
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
    /// The version that it follows.
    #[arg(long, value_name = "FILE")]
    after: Option<PathBuf>,
    /// Show sums by label to everybody.
    #[arg(long)]
    aggregates_public: bool,
    /// The amount to show its effect on.
    #[arg(long, value_name = "AMOUNT CURRENCY", default_value = "100.00 USD")]
    sample: Money,
    /// Sign it, and write it to this file, which must not exist yet. Without it, nothing is signed.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl ContractArgs {
    pub(super) fn run(self, output: Output) -> Result<(), CommandError> {
        let (key, profile) = signer_read(&self.key.key)?;
        let now = Env::system().now();
        let mut contract = self.contract(&profile, now)?;
        let effect = effect(&contract, self.sample)?;
        if let Some(path) = &self.out {
            contract = contract.sign(&key, profile, now).map_err(local)?;
            file_write_new(path, &(serde_json::to_string_pretty(&contract).map_err(local)? + "\n"))?;
        }
        let document = json!({
            "contract": contract, "sample": self.sample, "effect": distribution_json(&effect, self.sample.asset),
        });
        output.result(&document, |_document| {
            let parts = effect
                .parts
                .iter()
                .map(|part| format!("  {}", part_text(part, self.sample.asset)));
            let parts = parts.collect::<Vec<_>>().join("\n");
            let done = self.out.as_ref().map_or_else(
                || "Not signed: give --out to sign it.".to_owned(),
                |path| format!("Signed and written to {}.", path.display()),
            );
            format!(
                "Version {}, from {}. Of {} go:\n{parts}\n{done}",
                contract.version,
                contract.effective_at.as_str(),
                self.sample
            )
        });
        Ok(())
    }

    fn contract(&self, profile: &Did, now: Timestamp) -> Result<Contract, CommandError> {
        // Until it has reached the node, it must not lie in the past.
        let soon = now.plus(imajin_kernel::Span::minutes(5));
        let allocations = self
            .allocations
            .iter()
            .map(|text| allocation(text))
            .collect::<Result<Vec<_>, _>>()?;
        let mut members = Map::new();
        members.insert("profile_did".to_owned(), json!(profile));
        members.insert("version".to_owned(), self.version(profile)?.into());
        members.insert("updated_at".to_owned(), json!(now.to_string()));
        members.insert(
            "effective_at".to_owned(),
            json!(self.effective_at.unwrap_or(soon).to_string()),
        );
        members.insert("allocations".to_owned(), allocations.into());
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

    fn version(&self, profile: &Did) -> Result<u32, CommandError> {
        let Some(path) = &self.after else { return Ok(1) };
        let wrong = |what: &dyn std::fmt::Display| local(format!("{}: {what}", path.display()));
        let before = Contract::parse(&file_read(path)?).map_err(|error| wrong(&error))?;
        if before.profile_did.canonical() != profile.canonical() {
            return Err(wrong(&format!(
                "it is the contract of {}, not yours",
                before.profile_did
            )));
        }
        Ok(before.version.saturating_add(1))
    }
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

/// What the contract alone does with an amount that comes in once it governs, if everybody can be paid.
fn effect(contract: &Contract, sample: Money) -> Result<Distribution, CommandError> {
    let profile = &contract.profile_did;
    let all = Contributor::new(Payee::Did(profile.clone()), "recipient", Share::ONE);
    let manifest = Manifest::new(vec![all]).map_err(local)?;
    let plan: Plan = plan(&PlanInput {
        gross: sample,
        fees: &FeeSchedule::none(),
        seller: profile.clone(),
        manifest: &manifest,
        manifests: &|_id| None,
        accepted: &|_manifest, _did| true,
    })
    .map_err(local)?;
    let history = History::excerpt(vec![contract.clone()]).map_err(local)?;
    let distribution = distribute(&DistributionInput {
        plan: &plan,
        at: contract.effective_at.at(),
        contracts: &|did| (*did == profile.canonical()).then(|| history.clone()),
        payable: &|_did| true,
        accrued: &|_place| Amount::ZERO,
    });
    distribution.map_err(local)
}
