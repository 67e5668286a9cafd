//! Asking about somebody, the log of what one was told, and the comparison of two logs.

use std::collections::BTreeSet;

use clap::Args;
use imajin_consent::{ContentRef, DeclarationDraft, FieldPath, IntendedUse, Purpose};
use imajin_did::Did;
use imajin_mjn::{Means, SettlementInstruction};
use imajin_money::{Asset, Money};
use imajin_proof::SignedMessage;
use imajin_query_api::{CompareBody, Comparison, Disclosed, DisclosureBody, UseReceipt, UseRecord, values_sha256};
use url::Url;

use super::{API, local};
use crate::cli::caller::Caller;
use crate::cli::client::IdentityClient;
use crate::cli::exchange::{Exchange, exchanged, node_key};
use crate::cli::output::table;
use crate::cli::{CommandError, Output};

#[derive(Debug, Args)]
pub(in crate::cli) struct AskArgs {
    #[command(flatten)]
    caller: Caller,
    /// About whom: a DID, or a handle of the node that is asked.
    subject: String,
    /// What for: one word, as the grant has it.
    #[arg(long)]
    purpose: Purpose,
    /// What you want to know, such as `profile.name`; may be given several times.
    #[arg(long = "field", required = true)]
    fields: Vec<FieldPath>,
    /// Your own node, where you write down what you were told; the node that is asked, if not said.
    #[arg(long, value_name = "URL")]
    home: Option<Url>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CompareArgs {
    #[command(flatten)]
    caller: Caller,
    /// With whose log: a DID, or a handle of the node.
    asker: String,
}

impl AskArgs {
    pub(super) async fn run(self, output: Output) -> Result<Disclosed, CommandError> {
        let client = self.caller.node.signing(&self.caller.key)?;
        let subject = client.node().did_of(&self.subject).await?;
        let home = self.home.clone().unwrap_or_else(|| self.caller.node.node.clone());
        let body = DisclosureBody {
            subject,
            purpose: self.purpose.clone(),
            fields: self.fields.iter().cloned().collect(),
            home: Some(home.origin().ascii_serialization()),
        };
        let told = told(&client, &body).await?;
        let now = client.node().env().now();
        let record = UseRecord::sign(client.key(), &told.receipt, now).map_err(local)?;
        let at_home = self.caller.node.at(home).signing(&self.caller.key)?;
        let kept = serde_json::to_value(&record).map_err(local)?;
        match at_home.send_empty("POST", &format!("{API}/records"), Some(&kept)).await {
            Ok(()) => {}
            // What was told cannot be taken back, so the answer is shown all the same.
            Err(error) => output.note(&format!("Your node has not written it down: {error}.")),
        }
        Ok(told)
    }
}

/// Asks, and checks that the node has signed the answer and the receipt for what it says.
async fn told(client: &IdentityClient, body: &DisclosureBody) -> Result<Disclosed, CommandError> {
    let (node, key) = node_key(client).await?;
    let whom = ContentRef::Did(body.subject.clone());
    let mut consent = DeclarationDraft::now(client.did().clone(), whom, IntendedUse::Read, client.node().env());
    consent.scope = Some(body.purpose.to_string());
    let nothing: Asset = "USD".parse().map_err(local)?;
    let exchange = Exchange {
        path: &format!("{API}/disclosures"),
        consent,
        settlement: SettlementInstruction {
            max: Money::zero(nothing),
            means: Means::Free,
        },
        body: &serde_json::to_vec(body).map_err(local)?,
    };
    let bytes = exchanged(client, (&node, &key), exchange).await?;
    let told: Disclosed = serde_json::from_slice(&bytes).map_err(local)?;
    told.receipt.verify(UseReceipt::KIND, &key).map_err(local)?;
    let said = &told.receipt.payload;
    let is_for_this = said.subject.is_equivalent(&body.subject)
        && said.asker.is_equivalent(client.did())
        && said.purpose == body.purpose
        && said.fields == body.fields
        && told.values.keys().cloned().collect::<BTreeSet<_>>() == body.fields
        && values_sha256(&told.values).is_ok_and(|digest| digest == said.values_sha256);
    if is_for_this {
        Ok(told)
    } else {
        Err(local("the node has signed a receipt for something else than it says"))
    }
}

impl CompareArgs {
    pub(super) async fn run(self) -> Result<Comparison, CommandError> {
        let client = self.caller.node.signing(&self.caller.key)?;
        let asker: Did = client.node().did_of(&self.asker).await?;
        let body = CompareBody { asker };
        client.send("POST", &format!("{API}/compare"), &body, None).await
    }
}

pub(super) fn text(told: &Disclosed) -> String {
    let rows = told.values.iter().map(|(field, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        vec![field.to_string(), value]
    });
    format!(
        "{}\nreceipt {}",
        table(&rows.collect::<Vec<_>>()),
        told.receipt.payload.id
    )
}

pub(super) fn log_text(records: &[SignedMessage<UseRecord>]) -> String {
    if records.is_empty() {
        return "You have written nothing down here.".to_owned();
    }
    let rows = records.iter().map(|record| {
        let said = &record.payload;
        let fields: Vec<&str> = said.fields.iter().map(FieldPath::as_str).collect();
        vec![
            said.used_at.to_string(),
            said.subject.to_string(),
            said.purpose.to_string(),
            fields.join(","),
            said.use_id.to_string(),
        ]
    });
    table(&rows.collect::<Vec<_>>())
}

pub(super) fn compared_text(compared: &Comparison) -> String {
    if let Some(problem) = &compared.problem {
        return format!("Their log could not be read: {problem}.");
    }
    if compared.differences.is_empty() {
        return format!("Both say the same of {} uses.", compared.agreed);
    }
    let lines = compared.differences.iter().map(|one| {
        let side = |said: &Option<String>| said.clone().unwrap_or_else(|| "nothing".to_owned());
        format!(
            "{}: {} (here: {}; there: {})",
            one.use_id,
            one.kind.words(),
            side(&one.here),
            side(&one.there)
        )
    });
    let mut lines: Vec<String> = lines.collect();
    let listed = u64::try_from(lines.len()).unwrap_or(u64::MAX);
    match compared.differing.saturating_sub(listed) {
        0 => {}
        more => lines.push(format!("And {more} more.")),
    }
    lines.join("\n")
}
