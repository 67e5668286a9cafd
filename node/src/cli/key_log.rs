use std::path::Path;

use clap::Args;
use imajin_did::{Did, PublicKey};
use imajin_kernel::{Env, Timestamp};
use imajin_key_log::{Entry, KeyLog, KeyState, Status};
use imajin_proof::jcs;
use imajin_web::resolve::key_log_of;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::client::NodeClient;
use super::key_file::local;
use super::{CommandError, NodeArg, Output};

/// Print a log.
#[derive(Debug, Args)]
pub(super) struct LogArgs {
    #[command(flatten)]
    node: NodeArg,
    /// The identity: a DID or a handle.
    #[arg(value_name = "DID")]
    did: String,
}

/// Verify a log.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    node: NodeArg,
    /// A file with a log (`imajin --json key log DID`), or a DID or handle at the node.
    #[arg(value_name = "FILE|DID")]
    what: String,
    /// The DID of a witness to trust: time comes from its receipts. May be repeated.
    #[arg(long, value_name = "DID")]
    witness: Vec<Did>,
}

/// A log as a node publishes it, and what it says about it.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(super) struct PublishedLog {
    pub(super) did: Did,
    pub(super) entries: Vec<Entry>,
    pub(super) receipts: Vec<imajin_key_log::Receipt>,
    pub(super) head: Option<imajin_key_log::EntryHash>,
    pub(super) keys: Vec<PublicKey>,
    pub(super) status: Status,
}

impl PublishedLog {
    pub(super) async fn fetch(client: &NodeClient, did: &str) -> Result<Self, CommandError> {
        let value: Value = client.get(&format!("/auth/api/identity/{did}/log")).await?;
        serde_json::from_value(value).map_err(|error| local(format!("the node's key log cannot be read: {error}")))
    }

    pub(super) fn log(&self) -> KeyLog {
        KeyLog {
            entries: self.entries.clone(),
            receipts: self.receipts.clone(),
        }
    }

    /// What the log says now: verified here, with the node's own receipts as the time.
    pub(super) fn state(&self, now: Timestamp) -> Result<KeyState, CommandError> {
        let witnesses = |did: &Did| -> Vec<PublicKey> { did.public_key().into_iter().collect() };
        if self.entries.is_empty() {
            return KeyState::implicit(&self.did).ok_or_else(|| local("this identity has no key log"));
        }
        self.log().verify(now, &witnesses).map_err(|error| refused(&error))
    }
}

fn refused(error: &imajin_key_log::KeyLogError) -> CommandError {
    local(format!("the key log does not verify: {error}"))
}

impl LogArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let log = PublishedLog::fetch(&self.node.client()?, &self.did).await?;
        output.result(&log, |log| {
            let mut lines = vec![format!("{} is {}", log.did, status_text(log.status))];
            for entry in &log.entries {
                lines.push(entry_text(entry));
            }
            if log.entries.is_empty() {
                lines.push("Nothing was published yet: the key is the one that the DID is.".to_owned());
            }
            lines.join("\n")
        });
        Ok(())
    }
}

fn status_text(status: Status) -> &'static str {
    match status {
        Status::Active => "active",
        Status::Contested => "contested: two histories contradict each other",
        Status::Deactivated => "deactivated",
    }
}

fn entry_text(entry: &Entry) -> String {
    let keys: Vec<String> = entry.keys.iter().map(ToString::to_string).collect();
    let hash = entry.hash().map(|hash| hash.to_string()).unwrap_or_default();
    let keys = if keys.is_empty() {
        "no keys".to_owned()
    } else {
        keys.join(" ")
    };
    format!("{:>3}  {}  {hash}  {keys}", entry.seq, entry.at())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Verdict {
    valid: bool,
    state: KeyState,
    entries: usize,
    receipts: usize,
}

impl VerifyArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let path = Path::new(&self.what);
        let (log, said) = if path.exists() {
            (log_read(path)?, None)
        } else {
            let published = PublishedLog::fetch(&self.node.client()?, &self.what).await?;
            (published.log(), Some(published))
        };
        let trusted = |did: &Did| -> Vec<PublicKey> {
            let is_trusted = self
                .witness
                .iter()
                .any(|witness| witness.canonical() == did.canonical());
            did.public_key().filter(|_key| is_trusted).into_iter().collect()
        };
        let state = if log.entries.is_empty() {
            said.as_ref()
                .and_then(|said| KeyState::implicit(&said.did))
                .ok_or_else(|| local("the log is empty"))?
        } else {
            log.verify(Env::system().now(), &trusted)
                .map_err(|error| refused(&error))?
        };
        // Without the witnesses that the node trusts, two histories may look alike here; otherwise both must agree.
        let differs = |said: &PublishedLog| said.head != state.head || said.keys != state.keys;
        if said.as_ref().is_some_and(differs) && state.status != Status::Contested {
            return Err(local(format!(
                "the node says that the head is {}, and the log says {}",
                said.and_then(|said| said.head)
                    .map_or_else(|| "nothing".to_owned(), |head| head.to_string()),
                state.head.map_or_else(|| "nothing".to_owned(), |head| head.to_string()),
            )));
        }
        let verdict = Verdict {
            valid: true,
            entries: log.entries.len(),
            receipts: log.receipts.len(),
            state,
        };
        output.result(&verdict, |verdict| {
            let state = &verdict.state;
            let keys: Vec<String> = state.keys.iter().map(ToString::to_string).collect();
            format!(
                "The log of {} verifies: {} entries, {} receipts; it is {}.\n{}",
                state.did,
                verdict.entries,
                verdict.receipts,
                status_text(state.status),
                keys.join("\n")
            )
        });
        Ok(())
    }
}

/// A log in a file: the answer of a node, or `{entries, receipts}`.
pub(super) fn log_read(path: &Path) -> Result<KeyLog, CommandError> {
    let unreadable = |error: &dyn std::fmt::Display| local(format!("{} is no key log: {error}", path.display()));
    let text = std::fs::read(path).map_err(|error| unreadable(&error))?;
    let value: Value = jcs::from_slice(&text).map_err(|error| unreadable(&error))?;
    key_log_of(value).map_err(|error| unreadable(&error))
}
