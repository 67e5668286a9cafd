use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use imajin_did::Did;
use imajin_kernel::Env;
use imajin_registry_api::directory::{DirectoryCopy, Equivocation, SignedHead, stale_text};
use imajin_registry_api::{DirectorySource, MirrorView, SourceError};
use imajin_web::HttpClient;
use serde::Serialize;
use serde_json::{Value, json};
use url::Url;

use super::output::table;
use super::{CommandError, NodeArg, Output};

/// How long a source may take to answer.
const TIMEOUT: Duration = Duration::from_secs(40);

/// The signed directories of registries: read, verified and compared, also with nothing but a copy.
#[derive(Debug, Subcommand)]
pub(super) enum DirectoryCommand {
    /// The copies that a node keeps, how new they are, and which registries were found lying.
    List {
        #[command(flatten)]
        node: NodeArg,
    },
    /// Read a whole directory, verify it, and print its nodes.
    Show {
        #[command(flatten)]
        source: SourceArgs,
        /// Only nodes whose name or DID contains this.
        #[arg(long)]
        matching: Option<String>,
    },
    /// Read a whole directory and verify it.
    Verify(SourceArgs),
    /// Compare what a registry has told two sources: two different heads of one number prove that it lies.
    Compare {
        #[command(flatten)]
        source: SourceArgs,
        /// The other source.
        other: Url,
        /// Write the proof to this file, if there is one.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// Whose directory, and where it is read.
#[derive(Debug, Args)]
pub(super) struct SourceArgs {
    /// A registry service, `https://node.example/registry`: the registry's own, or that of a node that keeps a copy.
    source: Url,
    /// The registry: the DID of the node that runs it. Nothing is believed but what this key has signed.
    #[arg(long, value_name = "DID")]
    registry: Did,
    /// A certificate (PEM) to trust besides the usual ones.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// What is printed of a directory that was verified.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Verified {
    source: Url,
    /// Said when the head is too old to be the registry's newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    stale: Option<String>,
    head: SignedHead,
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes: Option<Vec<Value>>,
}

/// What comparing gave.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Compared {
    lies: bool,
    /// The number at which both were compared; none when neither has what the other has seen.
    seq: Option<u64>,
    proof: Option<Equivocation>,
}

impl From<SourceError> for CommandError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Problem(problem) => Self::Problem(problem),
            SourceError::Directory(error) => Self::Local(error.to_string()),
        }
    }
}

impl SourceArgs {
    fn at(&self, url: &Url) -> Result<DirectorySource, CommandError> {
        let root = self.ca.as_ref().map(std::fs::read).transpose();
        let root = root.map_err(|error| CommandError::Local(format!("the certificate cannot be read: {error}")))?;
        let http = HttpClient::new(TIMEOUT, root.as_deref())?;
        Ok(DirectorySource::new(http, url.clone(), &self.registry)?)
    }

    async fn copy(&self) -> Result<(DirectoryCopy, SignedHead), CommandError> {
        let source = self.at(&self.source)?;
        let mut copy = DirectoryCopy::new(*source.key());
        let pages = source.changes(0).await?;
        copy.update(pages).map_err(SourceError::from)?;
        let empty = || CommandError::Local(format!("{} shows no directory", self.source));
        let head = copy.head().cloned().ok_or_else(empty)?;
        Ok((copy, head))
    }
}

impl DirectoryCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::List { node } => {
                let copies: Vec<MirrorView> = node.client()?.get("/registry/api/mirrors").await?;
                output.result(&copies, |copies| copies_text(copies));
                Ok(())
            }
            Self::Show { source, matching } => show(&source, matching.as_deref(), output).await,
            Self::Verify(source) => {
                let (_copy, head) = source.copy().await?;
                let verified = Verified {
                    source: source.source,
                    stale: stale(&head),
                    head,
                    nodes: None,
                };
                output.result(&verified, verified_text);
                Ok(())
            }
            Self::Compare { source, other, out } => compare(&source, &other, out, output).await,
        }
    }
}

async fn show(source: &SourceArgs, matching: Option<&str>, output: Output) -> Result<(), CommandError> {
    let (copy, head) = source.copy().await?;
    let wanted = |line: &Value| {
        let has = |name: &str, text: &str| {
            line.get(name)
                .and_then(Value::as_str)
                .is_some_and(|it| it.contains(text))
        };
        matching.is_none_or(|text| has("nodeId", text) || has("subdomain", text) || has("hostname", text))
    };
    let nodes = copy.nodes().map(|(did, entry)| {
        let member = |name: &str| entry.get(name).cloned().unwrap_or_default();
        json!({
            "nodeId": did, "hostname": member("hostname"), "subdomain": member("subdomain"),
            "expiresAt": member("expiresAt"), "revokedReason": member("revokedReason"),
        })
    });
    let verified = Verified {
        source: source.source.clone(),
        stale: stale(&head),
        head,
        nodes: Some(nodes.filter(wanted).collect()),
    };
    output.result(&verified, |verified| {
        let cell = |line: &Value, name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let row = |line: &Value| {
            let state = if cell(line, "revokedReason").is_empty() {
                ""
            } else {
                "revoked"
            };
            vec![cell(line, "subdomain"), cell(line, "nodeId"), state.to_owned()]
        };
        let rows: Vec<Vec<String>> = verified.nodes.iter().flatten().map(row).collect();
        format!("{}\n{}", table(&rows), verified_text(verified))
    });
    Ok(())
}

async fn compare(source: &SourceArgs, other: &Url, out: Option<PathBuf>, output: Output) -> Result<(), CommandError> {
    let (one, other) = (source.at(&source.source)?, source.at(other)?);
    let (first, second) = (one.head().await?, other.head().await?);
    // Whoever is further on is asked for what the other has seen last.
    let (ahead, seen) = if first.payload.seq > second.payload.seq {
        (&one, &second)
    } else {
        (&other, &first)
    };
    let then = ahead.head_of(seen.payload.seq).await?;
    let compared = Compared {
        seq: then.map(|then| then.payload.seq),
        proof: ahead.compare(seen).await?,
        lies: false,
    };
    let compared = Compared {
        lies: compared.proof.is_some(),
        ..compared
    };
    if let (Some(path), Some(proof)) = (out, &compared.proof) {
        let text = serde_json::to_vec_pretty(proof).map_err(|error| CommandError::Local(error.to_string()))?;
        std::fs::write(&path, text)
            .map_err(|error| CommandError::Local(format!("{} cannot be written: {error}", path.display())))?;
    }
    output.result(&compared, compared_text);
    if compared.lies {
        return Err(CommandError::Negative);
    }
    Ok(())
}

fn compared_text(compared: &Compared) -> String {
    match (&compared.proof, compared.seq) {
        (Some(proof), _) => format!(
            "The registry lies: it has signed two different stories about number {}.",
            proof.seq()
        ),
        (None, Some(seq)) => format!("Both were told the same, up to number {seq}."),
        (None, None) => "Neither has a head that the other has seen: there is nothing to compare.".to_owned(),
    }
}

fn verified_text(verified: &Verified) -> String {
    let head = &verified.head.payload;
    let at = imajin_kernel::Timestamp::from_millis(verified.head.timestamp);
    let stale = verified.stale.as_ref().map(|stale| format!("\n{stale}"));
    format!(
        "{} nodes, number {}, signed by {} at {at}.{}",
        head.nodes,
        head.seq,
        verified.head.from,
        stale.unwrap_or_default()
    )
}

fn stale(head: &SignedHead) -> Option<String> {
    stale_text(head, Env::system().now())
}

fn copies_text(copies: &[MirrorView]) -> String {
    if copies.is_empty() {
        return "This node keeps no copy of a directory: name registries in [mirrors] of imajin.toml.".to_owned();
    }
    let row = |copy: &MirrorView| {
        let state = match (&copy.problem, copy.lies.is_empty()) {
            (_, false) => "LIES".to_owned(),
            (Some(problem), true) => problem.clone(),
            (None, true) => "followed".to_owned(),
        };
        let signed = copy.signed_at.map(|at| at.to_string()).unwrap_or_default();
        vec![
            copy.registry.to_string(),
            format!("number {}", copy.seq),
            format!("{} nodes", copy.nodes),
            signed,
            state,
        ]
    };
    let rows: Vec<Vec<String>> = copies.iter().map(row).collect();
    table(&rows)
}
