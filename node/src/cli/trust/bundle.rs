use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use imajin_connections_api::statement::{Fact, KeysAt};
use imajin_connections_api::{PathStep, Proven, path_verify};
use imajin_did::Did;
use imajin_kernel::{Env, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use url::Url;

use super::{API, local};
use crate::cli::caller::Caller;
use crate::cli::signers::SignerLogs;
use crate::cli::{CommandError, NodeArg, Output};

/// A node takes so many at once.
const IMPORT_MAX: usize = 100;

#[derive(Debug, Args)]
pub(in crate::cli) struct ExportArgs {
    #[command(flatten)]
    caller: Caller,
    /// The file to write; it must not exist yet.
    #[arg(long, value_name = "FILE", default_value = "imajin-trust.json")]
    out: PathBuf,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ImportArgs {
    #[command(flatten)]
    caller: Caller,
    /// A file from `imajin trust export`.
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    /// A file from `imajin trust export`, or what `imajin --json trust path` printed.
    file: PathBuf,
    /// A node whose key logs say which keys counted when; without it, nobody is asked, and a DID is its first key.
    #[arg(long, value_name = "URL")]
    logs: Option<Url>,
}

fn read(file: &PathBuf) -> Result<Value, CommandError> {
    let text = std::fs::read(file).map_err(|error| local(format!("{} cannot be read: {error}", file.display())))?;
    serde_json::from_slice(&text).map_err(|error| local(format!("{} is no JSON: {error}", file.display())))
}

/// What a file holds.
enum Held {
    Bundle { statements: Vec<Proven> },
    Path { steps: Vec<PathStep> },
}

impl Held {
    fn of(document: Value) -> Result<Self, CommandError> {
        let Value::Object(mut members) = document else {
            return Err(local("the file has neither `statements` nor `steps`"));
        };
        let unreadable = |error| local(format!("a tie cannot be read: {error}"));
        match (members.remove("statements"), members.remove("steps")) {
            (Some(ties), _) => Ok(Self::Bundle {
                statements: serde_json::from_value(ties).map_err(unreadable)?,
            }),
            (None, Some(ties)) => Ok(Self::Path {
                steps: serde_json::from_value(ties).map_err(unreadable)?,
            }),
            (None, None) => Err(local("the file has neither `statements` nor `steps`")),
        }
    }

    fn ties(&self) -> Vec<&Proven> {
        match self {
            Self::Bundle { statements } => statements.iter().collect(),
            Self::Path { steps } => steps.iter().map(|step| &step.proof).collect(),
        }
    }
}

impl ExportArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        use std::io::Write;
        let (client, session) = self.caller.client().await?;
        let bundle: Value = client.get_own(&session, &format!("{API}/export")).await?;
        let unwritable = |error| local(format!("{} cannot be written: {error}", self.out.display()));
        let mut file = std::fs::File::create_new(&self.out).map_err(unwritable)?;
        let text = serde_json::to_vec_pretty(&bundle).map_err(local)?;
        file.write_all(&text)
            .and_then(|()| file.sync_all())
            .map_err(unwritable)?;
        let saved = json!({"file": self.out.display().to_string(), "statements": Held::of(bundle)?.ties().len()});
        output.result(&saved, |_saved| format!("Saved in {}.", self.out.display()));
        Ok(())
    }
}

impl ImportArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.caller.node.signing(&self.caller.key)?;
        let held = Held::of(read(&self.file)?)?;
        let all = held.ties();
        let mut imported = 0;
        for some in all.chunks(IMPORT_MAX) {
            let body = json!({"statements": some});
            let answer: Value = client.send("POST", &format!("{API}/import"), &body, None).await?;
            imported += answer.get("imported").and_then(Value::as_array).map_or(0, Vec::len);
        }
        let done = json!({"imported": imported, "of": all.len()});
        output.result(&done, |_done| {
            format!("{imported} of {} were new at this node.", all.len())
        });
        Ok(())
    }
}

/// What a tie proves.
#[derive(Serialize)]
struct Verdict {
    from: String,
    to: String,
    kind: &'static str,
    holds: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// What a file proves.
#[derive(Serialize)]
struct Verdicts {
    ties: Vec<Verdict>,
    /// Of a path: from whom to whom it leads, or why it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<PathVerdict>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum PathVerdict {
    Proven { from: Did, to: Did },
    Not { error: String },
}

impl VerifyArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let held = Held::of(read(&self.file)?)?;
        let logs = self.logs(&held).await?;
        let keys = |did: &Did, at| {
            let known = logs.as_ref().and_then(|logs| logs.keys(did, Some(at)));
            known.unwrap_or_else(|| did.public_key().into_iter().collect())
        };
        let now = Env::system().now();
        let verdicts = Verdicts {
            ties: held.ties().into_iter().map(|tie| verdict(tie, &keys, now)).collect(),
            path: match &held {
                Held::Bundle { .. } => None,
                Held::Path { steps } => Some(match path_verify(steps, &keys, now) {
                    Ok((from, to)) => PathVerdict::Proven { from, to },
                    Err(error) => PathVerdict::Not {
                        error: error.to_string(),
                    },
                }),
            },
        };
        output.result(&verdicts, text);
        let is_broken = matches!(verdicts.path, Some(PathVerdict::Not { .. }));
        if is_broken || verdicts.ties.iter().any(|verdict| verdict.error.is_some()) {
            return Err(CommandError::Negative);
        }
        Ok(())
    }

    /// The key logs of whoever has signed something, as the named node shows them.
    async fn logs(&self, held: &Held) -> Result<Option<SignerLogs>, CommandError> {
        let Some(node) = &self.logs else { return Ok(None) };
        let documents = held.ties().into_iter().flat_map(Proven::documents);
        let signers: BTreeSet<Did> = documents.map(|document| document.from.canonical()).collect();
        Ok(Some(SignerLogs::of_all(signers, &NodeArg::of(node.clone())).await?))
    }
}

fn text(verdicts: &Verdicts) -> String {
    let line = |verdict: &Verdict| {
        let Verdict { from, to, kind, .. } = verdict;
        match (&verdict.error, verdict.holds) {
            (Some(error), _) => format!("NOT PROVEN  {from} {kind} {to}: {error}"),
            (None, true) => format!("holds       {from} {kind} {to}"),
            (None, false) => format!("is over     {from} {kind} {to}"),
        }
    };
    let path = verdicts.path.as_ref().map(|path| match path {
        PathVerdict::Proven { from, to } => format!("a path from {from} to {to}"),
        PathVerdict::Not { error } => format!("NO PATH     {error}"),
    });
    verdicts
        .ties
        .iter()
        .map(line)
        .chain(path)
        .collect::<Vec<_>>()
        .join("\n")
}

fn verdict(tie: &Proven, keys: KeysAt<'_>, now: Timestamp) -> Verdict {
    match tie.verify(keys) {
        Ok(fact) => Verdict {
            holds: fact.holds(now),
            ..named(&fact)
        },
        Err(error) => Verdict {
            error: Some(error.to_string()),
            ..tie.read().map_or_else(|_error| unnamed(tie), |fact| named(&fact))
        },
    }
}

fn named(fact: &Fact) -> Verdict {
    Verdict {
        from: fact.from.to_string(),
        to: fact.to.to_string(),
        kind: fact.kind.as_str(),
        holds: false,
        error: None,
    }
}

fn unnamed(tie: &Proven) -> Verdict {
    Verdict {
        from: tie.document.from.to_string(),
        to: tie.document.to.as_ref().map(ToString::to_string).unwrap_or_default(),
        kind: "?",
        holds: false,
        error: None,
    }
}
