use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::Args;
use imajin_did::Did;
use imajin_fair::distribution::{Contract, Distribution, DistributionInput, End, History, Outcome, Part, distribute};
use imajin_fair::plan::{Explanation, FeeSchedule, PlanInput, Step, explain};
use imajin_fair::{Manifest, ManifestId, ManifestRecord, Payee, Sources};
use imajin_kernel::{Env, Timestamp};
use imajin_money::{Amount, Asset, Money};
use serde_json::{Value, json};

use super::library::Named;
use super::{file_read, local, record_read};
use crate::cli::signers::SignerLogs;
use crate::cli::{CommandError, NodeArg, Output};

/// Show how a price is split along a manifest.
#[derive(Debug, Args)]
pub(in crate::cli) struct PlanArgs {
    /// The manifest of what is sold, alone or with the acceptances beside it; or the id of one at a node, or its
    /// address there: then the node says what it is made from.
    #[arg(value_name = "FILE|ID|URL")]
    manifest: PathBuf,
    #[command(flatten)]
    node: NodeArg,
    /// The price, for example `10.00 USD`.
    #[arg(long, value_name = "AMOUNT CURRENCY")]
    gross: Money,
    /// A manifest that it is made from, or that has a share in it. Repeat it for more.
    #[arg(long = "source", value_name = "FILE")]
    sources: Vec<PathBuf>,
    /// The fees: `none`, `mjn`, or a file with a schedule.
    #[arg(long, default_value = "none", value_name = "NAME|FILE")]
    fees: String,
    /// Who sells; otherwise the author.
    #[arg(long, value_name = "DID")]
    seller: Option<Did>,
    /// Somebody who has accepted all these manifests. Repeat it for more.
    #[arg(long = "accepted", value_name = "DID")]
    accepted: Vec<Did>,
    /// Reckon as if everybody had accepted.
    #[arg(long)]
    all_accepted: bool,
    /// A payee's distribution contract, signed or still a draft. Repeat it for more.
    #[arg(long = "contract", value_name = "FILE")]
    contracts: Vec<PathBuf>,
    /// A recipient of a contract who cannot be paid. Repeat it for more.
    #[arg(long = "unpayable", value_name = "DID")]
    unpayable: Vec<Did>,
    /// When the transaction happens, RFC 3339; otherwise now.
    #[arg(long)]
    at: Option<Timestamp>,
}

impl PlanArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let mut sources = self
            .sources
            .iter()
            .map(|path| record_read(path))
            .collect::<Result<Vec<_>, _>>()?;
        let mut logs = SignerLogs::default();
        let goods = match Named::of(&self.manifest) {
            None => record_read(&self.manifest)?,
            Some(named) => {
                let chain = named.chain(&self.node).await?;
                logs = SignerLogs::of_chain(&chain, &named.node_arg(&self.node)).await?;
                sources.extend(chain.sources.into_iter().map(|work| work.record));
                chain.work.record
            }
        };
        self.show(&goods, &sources, &logs, output)
    }

    fn show(
        self,
        goods: &ManifestRecord,
        sources: &[ManifestRecord],
        logs: &SignerLogs,
        output: Output,
    ) -> Result<(), CommandError> {
        let mut accepted: BTreeMap<ManifestId, BTreeSet<Did>> = BTreeMap::new();
        for record in sources.iter().chain([goods]) {
            let by = accepted.entry(record.manifest.id.clone()).or_default();
            match accepted_by(record, logs)? {
                Some(dids) => by.extend(dids),
                None => output.note(&format!("{} is not signed: a draft.", record.manifest.id)),
            }
            by.extend(self.accepted.iter().map(Did::canonical));
        }
        let find = |id: &ManifestId| {
            sources
                .iter()
                .map(|record| &record.manifest)
                .find(|found| found.id == *id)
                .cloned()
        };
        let found = Sources::gather(&goods.manifest, &find).map_err(local)?;
        let explanation = explain(&PlanInput {
            gross: self.gross,
            fees: &fees_read(&self.fees)?,
            seller: self.seller(&goods.manifest)?,
            manifest: &goods.manifest,
            manifests: &|id| found.find(id),
            accepted: &|id, did| self.all_accepted || accepted.get(id).is_some_and(|by| by.contains(did)),
        })
        .map_err(local)?;
        let distribution = self.distribution(&explanation, output)?;
        let mut document = serde_json::to_value(&explanation).map_err(local)?;
        if let (Some(distribution), Value::Object(members)) = (&distribution, &mut document) {
            members.insert(
                "distribution".to_owned(),
                distribution_json(distribution, self.gross.asset),
            );
        }
        output.result(&document, |_document| text(&explanation, distribution.as_ref()));
        Ok(())
    }

    fn seller(&self, manifest: &Manifest) -> Result<Did, CommandError> {
        let seller = self
            .seller
            .as_ref()
            .or(manifest.author.as_ref())
            .or_else(|| manifest.signer());
        let seller = seller.ok_or_else(|| local("the manifest names no author: say who sells with --seller"))?;
        Ok(seller.clone())
    }

    /// What the contracts do with it, if there are any.
    fn distribution(&self, explanation: &Explanation, output: Output) -> Result<Option<Distribution>, CommandError> {
        if self.contracts.is_empty() {
            return Ok(None);
        }
        let mut contracts: Vec<Contract> = Vec::with_capacity(self.contracts.len());
        for path in &self.contracts {
            let contract =
                Contract::parse(&file_read(path)?).map_err(|error| local(format!("{}: {error}", path.display())))?;
            match (&contract.signature, contract.profile_did.public_key()) {
                (Some(_), Some(key)) => contract
                    .verify_signature(&key)
                    .map_err(|error| local(format!("{}: {error}", path.display())))?,
                (Some(_), None) => output.note(&format!("{}: the signature is not checked here.", path.display())),
                (None, _) => output.note(&format!("{} is not signed: a draft.", path.display())),
            }
            contracts.push(contract);
        }
        let find = |did: &Did| {
            let own = |contract: &&Contract| contract.profile_did.canonical() == *did;
            let versions: Vec<Contract> = contracts.iter().filter(own).cloned().collect();
            History::excerpt(versions).ok()
        };
        let distribution = distribute(&DistributionInput {
            plan: &explanation.plan,
            at: self.at.unwrap_or_else(|| Env::system().now()),
            contracts: &find,
            payable: &|did| !self.unpayable.iter().any(|unpayable| unpayable.canonical() == *did),
            accrued: &|_place| Amount::ZERO,
        });
        distribution.map(Some).map_err(local)
    }
}

/// Who has accepted, if the manifest is signed; every signature there is is checked.
fn accepted_by(record: &ManifestRecord, logs: &SignerLogs) -> Result<Option<BTreeSet<Did>>, CommandError> {
    if record.manifest.signature.is_none() {
        return Ok(None);
    }
    let standing = record.verify(&|did, at| logs.keys(did, at));
    let standing = standing.map_err(|error| local(format!("{}: {error}", record.manifest.id)))?;
    Ok(Some(standing.accepted_by))
}

fn fees_read(name: &str) -> Result<FeeSchedule, CommandError> {
    match name {
        "none" => Ok(FeeSchedule::none()),
        "mjn" => Ok(FeeSchedule::mjn()),
        path => serde_json::from_slice(&file_read(path.as_ref())?).map_err(|error| local(format!("{path}: {error}"))),
    }
}

fn text(explanation: &Explanation, distribution: Option<&Distribution>) -> String {
    let plan = &explanation.plan;
    let asset = plan.gross.asset;
    let money = |amount| Money::new(amount, asset).to_string();
    let mut lines = vec![format!("{} paid", plan.gross)];
    for fee in &plan.fees {
        lines.push(format!("{}  fee: {}", money(fee.amount), fee.name));
    }
    for (index, (leg, trail)) in explanation.legs().enumerate() {
        let held = if leg.held { ", held until accepted" } else { "" };
        lines.push(format!("{}  {} as {}{held}", money(leg.amount), leg.did, leg.role));
        lines.extend(trail.iter().map(|step| format!("    {}", step_text(step, asset))));
        let parts = distribution.into_iter().flat_map(|distribution| &distribution.parts);
        for part in parts.filter(|part| part.leg == index && !part.route.is_empty()) {
            lines.push(format!("    → {}", part_text(part, asset)));
        }
    }
    lines.join("\n")
}

fn step_text(step: &Step, asset: Asset) -> String {
    let to = match &step.payee {
        Payee::Did(_) => String::new(),
        Payee::Fair(id) => format!(" to {id}"),
    };
    let amount = Money::new(step.amount, asset);
    format!(
        "{} gives {}{to} as {}: {amount}",
        step.manifest,
        step.share_decimal(),
        step.role
    )
}

pub(in crate::cli) fn part_text(part: &Part, asset: Asset) -> String {
    let labels: Vec<_> = part.route.iter().map(|hop| hop.label.as_str()).collect();
    let what = match (part.outcome, part.end) {
        (Outcome::Accrued, _) => " waits for the minimum",
        (_, End::Overflow) => " as overflow",
        _ => "",
    };
    format!(
        "{}  {}{what} ({})",
        Money::new(part.amount, asset),
        part.to,
        labels.join(" / ")
    )
}

pub(in crate::cli) fn distribution_json(distribution: &Distribution, asset: Asset) -> Value {
    let decimal = |amount: Amount| Money::new(amount, asset).decimal();
    let parts = distribution.parts.iter().map(|part| {
        let route = part.route.iter().map(|hop| {
            json!({
                "profile": hop.profile, "version": hop.version, "label": hop.label,
                "percentage": hop.percentage.to_percentage(), "amount": decimal(hop.amount),
                "overflowed": hop.overflowed,
            })
        });
        let outcome = match part.outcome {
            Outcome::Paid => "paid",
            Outcome::Accrued => "accrued",
            Outcome::Held => "held",
        };
        json!({
            "leg": part.leg, "did": part.to, "amount": decimal(part.amount), "outcome": outcome,
            "route": route.collect::<Vec<_>>(),
        })
    });
    json!(parts.collect::<Vec<_>>())
}
