use std::path::Path;

use clap::Args;
use imajin_did::{Did, PublicKey};
use imajin_key_log::{EntryHash, KeyLog, Receipt, Status};
use serde::{Deserialize, Serialize};
use url::Url;

use super::key_file::local;
use super::key_log::{PublishedLog, log_read};
use super::{CommandError, NodeArg, Output};

/// Show a key log to other nodes.
#[derive(Debug, Args)]
pub(super) struct MirrorArgs {
    #[command(flatten)]
    node: NodeArg,
    /// A file with a log (`imajin --json key log DID`), or a DID or handle at the node.
    #[arg(value_name = "FILE|DID")]
    what: String,
    /// Another node, which is to keep the log. May be repeated.
    #[arg(long, value_name = "URL", required = true)]
    to: Vec<Url>,
}

/// What a mirror says.
#[derive(Debug, Deserialize, Serialize)]
struct Mirrored {
    did: Did,
    head: Option<EntryHash>,
    seq: u32,
    keys: Vec<PublicKey>,
    status: Status,
    changed: bool,
    receipts: Vec<Receipt>,
}

#[derive(Serialize)]
struct Line {
    node: Url,
    #[serde(flatten)]
    said: Mirrored,
}

impl MirrorArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let path = Path::new(&self.what);
        let log = if path.exists() {
            log_read(path)?
        } else {
            PublishedLog::fetch(&self.node.client()?, &self.what).await?.log()
        };
        if log.entries.is_empty() {
            return Err(local(
                "there is nothing to show: this identity has published no key log",
            ));
        }
        let mut lines = Vec::new();
        for node in &self.to {
            let mirror = self.node.at(node.clone());
            let said = show(&mirror, &log).await?;
            lines.push(Line {
                node: node.clone(),
                said,
            });
        }
        output.result(&lines, |lines| {
            let text: Vec<String> = lines.iter().map(line_text).collect();
            text.join("\n")
        });
        Ok(())
    }
}

async fn show(mirror: &NodeArg, log: &KeyLog) -> Result<Mirrored, CommandError> {
    mirror.client()?.post_json("/auth/api/mirror", log).await
}

fn line_text(line: &Line) -> String {
    let said = &line.said;
    let news = if said.changed { "took it" } else { "had it already" };
    let status = match said.status {
        Status::Active => "active",
        Status::Contested => "contested there: two histories contradict each other",
        Status::Deactivated => "deactivated",
    };
    let head = said.head.map_or_else(|| "no head".to_owned(), |head| head.to_string());
    format!(
        "{} {news}; {} is {status}, entry {} is {head}",
        line.node, said.did, said.seq
    )
}
