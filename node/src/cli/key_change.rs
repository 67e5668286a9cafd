//! Replacing the keys of an identity.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use imajin_did::{Did, PublicKey, SecretKey, Zeroizing};
use imajin_key_log::{Entry, EntryDraft, KeyHash, KeyState};
use serde::Serialize;
use serde_json::Value;

use super::caller::key_read;
use super::client::NodeClient;
use super::key::words_page;
use super::key_file::{Facts, Paper, absent, fresh_path, key_write, local, next_path, next_read, words_read};
use super::key_log::PublishedLog;
use super::{CommandError, KeyArg, NodeArg, Output};

/// Replace the key.
#[derive(Debug, Args)]
pub(super) struct RotateArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
    /// The key that was kept back, if it is not beside the key file.
    #[arg(long, value_name = "FILE")]
    next: Option<PathBuf>,
    /// Another key of the identity to take away, such as that of a device which was lost. May be repeated.
    #[arg(long, value_name = "MULTIKEY")]
    remove: Vec<String>,
}

/// Take the identity back.
#[derive(Debug, Args)]
pub(super) struct RecoverArgs {
    #[command(flatten)]
    node: NodeArg,
    /// The identity: a DID or a handle.
    #[arg(long, value_name = "DID")]
    identity: String,
    /// The file for the new key; it must not exist yet.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// A file with the 24 words; without it they are read from the standard input.
    #[arg(long, value_name = "FILE")]
    words: Option<PathBuf>,
}

/// End the identity.
#[derive(Debug, Args)]
pub(super) struct DeactivateArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
    /// The key that was kept back, if it is not beside the key file.
    #[arg(long, value_name = "FILE")]
    next: Option<PathBuf>,
    /// Yes, for good.
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    did: Did,
    head: Value,
    keys: Vec<PublicKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_words: Option<String>,
}

impl Report {
    fn new(entry: &Entry, answer: &Value, file: Option<PathBuf>) -> Self {
        Self {
            did: entry.did.clone(),
            head: answer.get("head").cloned().unwrap_or_default(),
            keys: entry.keys.clone(),
            file,
            recovery_words: None,
        }
    }
}

async fn entry_send(client: &NodeClient, route: &str, entry: &Entry) -> Result<Value, CommandError> {
    client
        .post_json(&format!("/auth/api/identity/{}/{route}", entry.did), entry)
        .await
}

/// The key that was kept back, if the log asks for one.
fn revealed(state: &KeyState, path: &Path, moved: Option<&Path>) -> Result<Option<SecretKey>, CommandError> {
    let Some(hidden) = state.next_key_hash else {
        return Ok(None);
    };
    let next = next_read(path, moved)?;
    if KeyHash::of(&next.public()) != hidden {
        return Err(local(
            "this is not the key that was kept back: the log has announced another one",
        ));
    }
    Ok(Some(next))
}

impl RotateArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.node.client()?;
        let path = &self.key.key;
        let key = key_read(path)?;
        let mut facts = Facts::read(path, &key)?;
        let published = PublishedLog::fetch(&client, facts.did.as_str()).await?;
        let now = client.env().now();
        let state = published.state(now)?;
        if !state.has_key(&key.public()) {
            return self.resume(&state, facts, output);
        }
        if state.head.is_none() {
            let text = "this identity has no key log yet: `imajin login` publishes the first entry";
            return Err(local(text));
        }
        let next = revealed(&state, path, self.next.as_deref())?;
        let new = next.clone().unwrap_or_else(|| SecretKey::generate(client.env()));
        let fresh = SecretKey::generate(client.env());
        let mut keys = self.keys_kept(&state, &key)?;
        keys.insert(0, new.public());
        let draft = EntryDraft::rotation(&state, keys, Some(KeyHash::of(&fresh.public())), state.recovery, now);
        let entry = draft
            .sign(&next.as_ref().map_or_else(|| vec![&key], |next| vec![&key, next]))
            .map_err(local)?;
        // What the log will announce is on the disk before it does.
        key_write(&fresh_path(path), &fresh)?;
        if next.is_none() || self.next.is_some() {
            key_write(&next_path(path), &new)?;
        }
        let answer = entry_send(&client, "rotate", &entry).await?;
        facts.next_key_hash = entry.next_key_hash;
        files_move(path, &facts)?;
        let report = Report::new(&entry, &answer, Some(path.clone()));
        output.result(&report, |report| {
            format!(
                "The key of {} is now {}. Keep {} on another medium.",
                report.did,
                new.public(),
                next_path(path).display()
            )
        });
        Ok(())
    }

    /// The other keys, without those that go.
    fn keys_kept(&self, state: &KeyState, key: &SecretKey) -> Result<Vec<PublicKey>, CommandError> {
        let mut gone = vec![key.public()];
        for text in &self.remove {
            let found = state.keys.iter().find(|key| key.multikey() == *text);
            gone.push(*found.ok_or_else(|| local(format!("{text} is no key of this identity")))?);
        }
        Ok(state.keys.iter().filter(|key| !gone.contains(key)).copied().collect())
    }

    /// An earlier rotation was accepted, and this machine went away before the files had their names.
    fn resume(&self, state: &KeyState, mut facts: Facts, output: Output) -> Result<(), CommandError> {
        let path = &self.key.key;
        let gone = || local("this key is no key of the identity any more; use the one that replaced it");
        let next = key_read(&next_path(path)).map_err(|_error| gone())?;
        let fresh = key_read(&fresh_path(path)).map_err(|_error| gone())?;
        if !state.has_key(&next.public()) || state.next_key_hash != Some(KeyHash::of(&fresh.public())) {
            return Err(gone());
        }
        facts.next_key_hash = state.next_key_hash;
        files_move(path, &facts)?;
        let report = Report {
            did: state.did.clone(),
            head: serde_json::to_value(state.head).map_err(local)?,
            keys: state.keys.clone(),
            file: Some(path.clone()),
            recovery_words: None,
        };
        output.result(&report, |report| {
            format!(
                "The key of {} had been replaced already; the files follow now.",
                report.did
            )
        });
        Ok(())
    }
}

/// The key that was kept back becomes the key, and the fresh one is kept back.
fn files_move(path: &Path, facts: &Facts) -> Result<(), CommandError> {
    let rename = |from: &Path, to: &Path| {
        std::fs::rename(from, to).map_err(|error| {
            local(format!(
                "{} cannot be renamed to {}: {error}",
                from.display(),
                to.display()
            ))
        })
    };
    rename(&next_path(path), path)?;
    rename(&fresh_path(path), &next_path(path))?;
    facts.write(path)
}

impl RecoverArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        absent(&self.out)?;
        let paper = words_read(&words_text(self.words.as_deref(), output)?)?;
        let client = self.node.client()?;
        let published = PublishedLog::fetch(&client, &self.identity).await?;
        let now = client.env().now();
        let state = published.state(now)?;
        let from = recoverable(&published, &state, &paper.public())?;
        let [key, next] = [(); 2].map(|()| SecretKey::generate(client.env()));
        // The old words were typed into a machine: they have done their work.
        let new_paper = Paper::generate(client.env())?;
        let draft = EntryDraft::recovery(
            &from,
            vec![key.public()],
            Some(KeyHash::of(&next.public())),
            Some(new_paper.key.public()),
            now,
        );
        let entry = draft.sign(&[&paper]).map_err(local)?;
        let facts = Facts {
            did: entry.did.clone(),
            recovery: entry.recovery,
            next_key_hash: entry.next_key_hash,
        };
        key_write(&next_path(&self.out), &next)?;
        facts.write(&self.out)?;
        key_write(&self.out, &key)?;
        let answer = entry_send(&client, "recover", &entry).await.inspect_err(|_refused| {
            output.note("The new key files were written, and count for nothing: delete them.");
        })?;
        let mut report = Report::new(&entry, &answer, Some(self.out));
        report.recovery_words = Some(new_paper.words.to_string());
        output.result(&report, |report| {
            let words = report.recovery_words.as_deref().map(words_page).unwrap_or_default();
            format!(
                "{} is yours again, with the key {}. All its sessions have ended.\n{words}",
                report.did,
                key.public()
            )
        });
        Ok(())
    }
}

/// The words of a recovery key: from a file, else typed in.
pub(super) fn words_text(path: Option<&Path>, output: Output) -> Result<Zeroizing<String>, CommandError> {
    if let Some(path) = path {
        let text = std::fs::read_to_string(path);
        return text
            .map(Zeroizing::new)
            .map_err(|error| local(format!("{} cannot be read: {error}", path.display())));
    }
    output.note("Type the 24 words, then end the input (Ctrl-D):");
    let mut text = Zeroizing::new(String::new());
    // Longer than any 24 words.
    let mut input = std::io::stdin().take(4_096);
    input.read_to_string(&mut text).map_err(local)?;
    Ok(text)
}

/// The newest state that names this recovery key: where the thief has changed it, everything since is displaced.
pub(super) fn recoverable(
    published: &PublishedLog,
    state: &KeyState,
    paper: &PublicKey,
) -> Result<KeyState, CommandError> {
    if state.recovery.as_ref() == Some(paper) {
        return Ok(state.clone());
    }
    let mut from = state.head;
    while let Some(hash) = from {
        let found = published.entries.iter().find(|entry| entry.hash() == Ok(hash));
        let entry = found.ok_or_else(|| local("the node's key log is not complete"))?;
        if entry.recovery.as_ref() == Some(paper) {
            return entry.state().map_err(local);
        }
        from = entry.prev;
    }
    Err(local("these words are no recovery key of this identity"))
}

impl DeactivateArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        if !self.yes {
            return Err(local("this ends the identity for good: say --yes if you mean it"));
        }
        let client = self.node.client()?;
        let key = key_read(&self.key.key)?;
        let facts = Facts::read(&self.key.key, &key)?;
        let published = PublishedLog::fetch(&client, facts.did.as_str()).await?;
        let now = client.env().now();
        let state = published.state(now)?;
        let next = revealed(&state, &self.key.key, self.next.as_deref())?;
        let entry = EntryDraft::deactivation(&state, now)
            .sign(&next.as_ref().map_or_else(|| vec![&key], |next| vec![&key, next]))
            .map_err(local)?;
        let answer = entry_send(&client, "deactivate", &entry).await?;
        let report = Report::new(&entry, &answer, None);
        output.result(&report, |report| {
            format!(
                "{} has ended. For 72 hours the recovery key can take it back.",
                report.did
            )
        });
        Ok(())
    }
}
