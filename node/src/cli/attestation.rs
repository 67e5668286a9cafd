use std::path::PathBuf;

use clap::Subcommand;
use imajin_did::Did;
use imajin_proof::attestation::{Attestation, Confidence, Statement, revoke};
use serde::Serialize;
use serde_json::{Value, json};

use super::{CommandError, KeyArg, NodeArg, Output};

const PATH: &str = "/auth/api/attestations";

/// What one identity says about another.
#[derive(Debug, Subcommand)]
pub(super) enum AttestationCommand {
    /// Sign a statement about somebody and give it to a node.
    Issue {
        #[command(flatten)]
        node: NodeArg,
        #[command(flatten)]
        key: KeyArg,
        /// About whom.
        #[arg(long)]
        subject: Did,
        /// What kind of statement it is, for example `event.attended`.
        #[arg(long = "type", value_name = "TYPE")]
        kind: String,
        /// What is said: JSON, or plain text.
        #[arg(long)]
        claim: String,
        /// How sure you are: 0 to 1, at most six decimal places.
        #[arg(long, default_value = "1")]
        confidence: Confidence,
    },
    /// List what was said about a subject, or by an attester.
    List {
        #[command(flatten)]
        node: NodeArg,
        /// About whom.
        #[arg(long, required_unless_present = "attester")]
        subject: Option<Did>,
        /// By whom.
        #[arg(long)]
        attester: Option<Did>,
        /// Of this type only.
        #[arg(long = "type", value_name = "TYPE")]
        kind: Option<String>,
        /// Where the page begins, from the page before.
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Take back what you have said.
    Revoke {
        #[command(flatten)]
        node: NodeArg,
        #[command(flatten)]
        key: KeyArg,
        /// The attestation's id.
        id: String,
        /// Why, for people.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Check a document: at a node, which knows the attester's keys and what was revoked, or with `--offline` against
    /// the key that the attester's DID is.
    Verify {
        #[command(flatten)]
        node: NodeArg,
        /// The file with the document, as `issue` and `list` print it with `--json`.
        document: PathBuf,
        /// Ask nobody.
        #[arg(long)]
        offline: bool,
    },
}

#[derive(Serialize)]
struct Verdict {
    valid: bool,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

fn local(error: impl std::fmt::Display) -> CommandError {
    CommandError::Local(error.to_string())
}

impl AttestationCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::Issue {
                node,
                key,
                subject,
                kind,
                claim,
                confidence,
            } => {
                let statement = Statement {
                    subject,
                    attestation_type: kind,
                    claim: serde_json::from_str(&claim).unwrap_or(Value::String(claim)),
                    confidence,
                };
                issue(&node, &key, statement, output).await
            }
            Self::List {
                node,
                subject,
                attester,
                kind,
                cursor,
            } => {
                let pairs = [
                    ("subject", subject.map(|did| did.to_string())),
                    ("attester", attester.map(|did| did.to_string())),
                    ("type", kind),
                    ("cursor", cursor),
                ];
                let mut query = url::form_urlencoded::Serializer::new(String::new());
                query.extend_pairs(pairs.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))));
                let page: Value = node.client()?.get(&format!("{PATH}?{}", query.finish())).await?;
                output.result(&page, list_text);
                Ok(())
            }
            Self::Revoke { node, key, id, reason } => {
                let client = node.signing(&key)?;
                let now = client.node().env().now();
                let revocation = revoke(client.key(), client.did().clone(), id.clone(), reason, now).map_err(local)?;
                let path = format!("{PATH}/{id}/revoke");
                let answer: Value = client.send("POST", &path, &revocation, None).await?;
                output.result(&answer, |_answer| format!("Revoked {id}."));
                Ok(())
            }
            Self::Verify {
                node,
                document,
                offline,
            } => verify(&node, &document, offline, output).await,
        }
    }
}

async fn issue(node: &NodeArg, key: &KeyArg, statement: Statement, output: Output) -> Result<(), CommandError> {
    let client = node.signing(key)?;
    let now = client.node().env().now();
    let document = Attestation::sign(client.key(), client.did().clone(), statement, now).map_err(local)?;
    let answer: Value = client.send("POST", PATH, &document, None).await?;
    output.result(&answer, |answer| {
        let id = answer.get("id").and_then(Value::as_str).unwrap_or_default();
        format!("Issued {id}: {} about {}", document.attestation_type, document.subject)
    });
    Ok(())
}

fn list_text(page: &Value) -> String {
    let member = |item: &Value, name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let items = page.get("attestations").and_then(Value::as_array);
    let mut lines: Vec<String> = items
        .into_iter()
        .flatten()
        .map(|item| {
            let (id, kind) = (member(item, "id"), member(item, "attestationType"));
            let (attester, subject) = (member(item, "attester"), member(item, "subject"));
            let claim = item.get("claim").cloned().unwrap_or_default();
            format!("{id}\n  {attester} says {kind} of {subject}: {claim}")
        })
        .collect();
    if lines.is_empty() {
        lines.push("Nothing.".to_owned());
    }
    if let Some(cursor) = page.get("cursor").and_then(Value::as_str) {
        lines.push(format!("More with --cursor {cursor}"));
    }
    lines.join("\n")
}

async fn verify(node: &NodeArg, document: &std::path::Path, offline: bool, output: Output) -> Result<(), CommandError> {
    let text = std::fs::read(document).map_err(|error| local(format!("{}: {error}", document.display())))?;
    let attestation = Attestation::from_slice(&text).map_err(local)?;
    let verdict = if offline {
        let checked = attestation.verify_self_certified();
        Verdict {
            valid: checked.is_ok(),
            status: "unknown".to_owned(),
            error: checked.err().map(|error| error.to_string()),
        }
    } else {
        let body = json!({"attestation": attestation});
        let answer = node.client()?.ask(&format!("{PATH}/verify"), &body).await?;
        let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
        Verdict {
            valid: answer.get("valid").and_then(Value::as_bool).unwrap_or(false),
            status: text("status").unwrap_or_default(),
            error: text("error"),
        }
    };
    output.result(&verdict, |verdict| match &verdict.error {
        Some(error) => format!("It does not count: {error}"),
        None => format!("{} has said so ({}).", attestation.attester, verdict.status),
    });
    if verdict.valid {
        Ok(())
    } else {
        Err(CommandError::Negative)
    }
}
