use std::path::PathBuf;

use clap::Args;
use imajin_connections_api::Proven;
use imajin_connections_api::statement::Fact;
use imajin_kernel::Env;
use serde::Serialize;
use serde_json::{Value, json};

use super::{API, local};
use crate::cli::client::Caller;
use crate::cli::{CommandError, Output};

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
}

fn read(file: &PathBuf) -> Result<Value, CommandError> {
    let text = std::fs::read(file).map_err(|error| local(format!("{} cannot be read: {error}", file.display())))?;
    serde_json::from_slice(&text).map_err(|error| local(format!("{} is no JSON: {error}", file.display())))
}

/// The ties of a bundle, or of a path.
fn ties(document: &Value) -> Result<Vec<Proven>, CommandError> {
    let bundle = document.get("statements").and_then(Value::as_array).cloned();
    let steps = document.get("steps").and_then(Value::as_array);
    let path = steps.map(|steps| steps.iter().filter_map(|step| step.get("proof").cloned()).collect());
    let list: Vec<Value> = bundle
        .or(path)
        .ok_or_else(|| local("the file has neither `statements` nor `steps`"))?;
    list.into_iter()
        .map(|tie| serde_json::from_value(tie).map_err(|error| local(format!("a tie cannot be read: {error}"))))
        .collect()
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
        let saved = json!({"file": self.out.display().to_string(), "statements": ties(&bundle)?.len()});
        output.result(&saved, |_saved| format!("Saved in {}.", self.out.display()));
        Ok(())
    }
}

impl ImportArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.caller.node.signing(&self.caller.key)?;
        let all = ties(&read(&self.file)?)?;
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

#[derive(Serialize)]
struct Verdict {
    from: String,
    to: String,
    kind: &'static str,
    holds: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl VerifyArgs {
    pub(super) fn run(self, output: Output) -> Result<(), CommandError> {
        let now = Env::system().now();
        let verdict = |tie: &Proven| match tie.verify_self_certified() {
            Ok(fact) => Verdict {
                holds: fact.holds(now),
                ..named(&fact)
            },
            Err(error) => Verdict {
                error: Some(error.to_string()),
                ..tie.read().map_or_else(|_error| unnamed(tie), |fact| named(&fact))
            },
        };
        let verdicts: Vec<Verdict> = ties(&read(&self.file)?)?.iter().map(verdict).collect();
        output.result(&verdicts, |verdicts| {
            let line = |verdict: &Verdict| {
                let Verdict { from, to, kind, .. } = verdict;
                match (&verdict.error, verdict.holds) {
                    (Some(error), _) => format!("NOT PROVEN  {from} {kind} {to}: {error}"),
                    (None, true) => format!("holds       {from} {kind} {to}"),
                    (None, false) => format!("is over     {from} {kind} {to}"),
                }
            };
            verdicts.iter().map(line).collect::<Vec<_>>().join("\n")
        });
        if verdicts.iter().any(|verdict| verdict.error.is_some()) {
            return Err(CommandError::Negative);
        }
        Ok(())
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
