//! What the operator of a gate reads of its records, and what shows one of them to others.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use imajin_did::PublicKey;
use imajin_gate::RecordEvidence;
use imajin_kernel::Timestamp;
use imajin_publisher_api::GateRecordPage;
use serde_json::json;
use url::form_urlencoded::Serializer;

use super::caller::Caller;
use super::gate_policy::PolicyArgs;
use super::output::table;
use super::{CommandError, KeyArg, NodeArg, Output};

#[derive(Debug, Subcommand)]
pub(super) enum GateCommand {
    /// Show what a gate has decided, the newest first, as the operator of its node.
    Log(LogArgs),
    /// Save what shows one decision to others, or check such a file.
    Evidence(EvidenceArgs),
    /// Print the policy of a gate, or put another one in force.
    Policy(PolicyArgs),
}

#[derive(Debug, Args)]
pub(super) struct LogArgs {
    #[command(flatten)]
    who: Caller,
    /// The gate, as `imajin.toml` names it; `site` for the one of `imajin gate`.
    name: String,
    /// Only what this agent has asked for.
    #[arg(long, value_name = "DOMAIN")]
    agent: Option<String>,
    /// Only `PASS`, only `REFUSED`, or one way of refusing, for example `PAYMENT_REQUIRED`.
    #[arg(long)]
    verdict: Option<String>,
    /// Only from this moment on, for example `2026-03-01T12:00:00Z`.
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Only from before this moment.
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    /// Only records with a smaller number.
    #[arg(long, value_name = "SEQ")]
    before: Option<i64>,
    /// At most so many, up to 100.
    #[arg(long)]
    limit: Option<u32>,
}

#[derive(Debug, Args)]
pub(super) struct EvidenceArgs {
    #[command(flatten)]
    node: NodeArg,
    /// Your key file, from `imajin key new`.
    #[arg(long, env = "IMAJIN_KEY", value_name = "FILE", required_unless_present = "verify")]
    key: Option<PathBuf>,
    /// The gate.
    #[arg(required_unless_present = "verify")]
    name: Option<String>,
    /// The number of the record.
    #[arg(required_unless_present = "verify")]
    seq: Option<i64>,
    /// Where to save it; printed, if not said.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Check a file that somebody has handed over. No node is asked.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "seq", "out"])]
    verify: Option<PathBuf>,
    /// The public key of the node, in hex; the one that its DID contains, if not said.
    #[arg(long, value_name = "HEX", requires = "verify")]
    node_key: Option<String>,
}

impl GateCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::Log(args) => args.run(output).await,
            Self::Evidence(args) => args.run(output).await,
            Self::Policy(args) => args.run(output).await,
        }
    }
}

impl LogArgs {
    async fn run(self, output: Output) -> Result<(), CommandError> {
        let mut query = Serializer::new(String::new());
        let params = [
            ("agent", self.agent),
            ("verdict", self.verdict),
            ("from", self.from.map(|moment| moment.to_string())),
            ("until", self.until.map(|moment| moment.to_string())),
            ("before", self.before.map(|seq| seq.to_string())),
            ("limit", self.limit.map(|limit| limit.to_string())),
        ];
        for (name, value) in params {
            if let Some(value) = value {
                query.append_pair(name, &value);
            }
        }
        let path = format!("{}?{}", gate_path(&self.name, "records"), query.finish());
        let (client, session) = self.who.client().await?;
        let page: GateRecordPage = client.get_own(&session, &path).await?;
        output.result(&page, text);
        Ok(())
    }
}

impl EvidenceArgs {
    async fn run(self, output: Output) -> Result<(), CommandError> {
        if let Some(file) = &self.verify {
            return verify(file, self.node_key.as_deref(), output);
        }
        let (Some(name), Some(seq), Some(key)) = (self.name, self.seq, self.key) else {
            return Err(CommandError::Local(
                "Name the gate, the record, and your key.".to_owned(),
            ));
        };
        let client = self.node.signing(&KeyArg { key })?;
        let session = client.login().await?;
        let path = format!("{}/{seq}/evidence", gate_path(&name, "records"));
        let shown: RecordEvidence = client.get_own(&session, &path).await?;
        let json = serde_json::to_string_pretty(&shown).unwrap_or_default();
        let Some(out) = self.out else {
            output.result(&shown, |_shown| json);
            return Ok(());
        };
        let local = |error: std::io::Error| CommandError::Local(format!("{}: {error}", out.display()));
        std::fs::write(&out, json).map_err(local)?;
        let saved = json!({"saved": out, "site": shown.head.payload.site, "seq": seq});
        output.result(&saved, |_saved| {
            format!("Record {seq} of {name} is shown by {}.", out.display())
        });
        Ok(())
    }
}

/// Where something of a gate is.
pub(super) fn gate_path(name: &str, what: &str) -> String {
    let name: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    format!("/publisher/api/gates/{name}/{what}")
}

/// Checks what somebody has handed over, with the node's key alone.
fn verify(file: &Path, node_key: Option<&str>, output: Output) -> Result<(), CommandError> {
    let local = |error: String| CommandError::Local(format!("{} shows nothing: {error}", file.display()));
    let bytes = std::fs::read(file).map_err(|error| local(error.to_string()))?;
    let shown: RecordEvidence = serde_json::from_slice(&bytes).map_err(|error| local(error.to_string()))?;
    let checked = match node_key {
        Some(text) => {
            let key = PublicKey::from_hex(text);
            let key = key.map_err(|error| CommandError::Local(format!("--node-key: {error}")))?;
            shown.verify(&key)
        }
        None => shown.verify_by_did(),
    };
    checked.map_err(|error| local(error.to_string()))?;
    let at = Timestamp::from_millis(shown.head.timestamp);
    let said = json!({"valid": true, "node": shown.head.from, "signedAt": at, "record": shown.record});
    output.result(&said, |_said| {
        let of = |name: &str| shown.record.get(name).map(ToString::to_string).unwrap_or_default();
        let site = &shown.head.payload.site;
        let by = shown
            .record
            .get("visa_bearer")
            .map_or("", |_bearer| ", paid by a bearer's visa");
        let decided = format!("{} {} {}{by}", of("at"), of("url"), of("status"));
        format!(
            "{} has signed this record of {site}, at {at}: {decided}",
            shown.head.from
        )
    });
    Ok(())
}

fn text(page: &GateRecordPage) -> String {
    let rows: Vec<Vec<String>> = page
        .records
        .iter()
        .map(|record| {
            let by = record.visa_bearer.map_or("", |_bearer| " by a bearer's visa");
            let paid = record.paid.map(|paid| format!("{paid}{by}"));
            vec![
                record.seq.to_string(),
                record.at.to_string(),
                record.agent.clone().unwrap_or_else(|| record.visitor.clone()),
                record.verdict.clone(),
                record.status.to_string(),
                record.url.clone(),
                paid.unwrap_or_default(),
            ]
        })
        .collect();
    let more = page.next.map(|next| format!("\nThere are more: --before {next}"));
    if rows.is_empty() {
        return "There are none.".to_owned();
    }
    format!("{}{}", table(&rows), more.unwrap_or_default())
}
