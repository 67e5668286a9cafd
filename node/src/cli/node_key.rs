//! The keys that speak for the node at registries.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use imajin_did::{Did, PublicKey, SecretKey};
use imajin_kernel::{Env, Timestamp};
use imajin_key_log::{Entry, EntryDraft, KeyHash, KeyLog, KeyState};
use imajin_registry_api::Registration;
use serde::Serialize;
use url::Url;

use super::caller::key_read;
use super::key::words_page;
use super::key_change::{recoverable, words_text};
use super::key_file::{Paper, fresh_path, key_write, local, words_read};
use super::key_log::PublishedLog;
use super::node_registry::link;
use super::{CommandError, DataArg, NodeArg, Output};
use crate::agent::{AgentState, NodeIdentity, Registrant, RegistryLink};
use crate::config::{Config, Overrides, load};
use crate::data_dir::DataDir;

/// The key that speaks for the node at registries. Its names stay with the DID, whichever key that is.
#[derive(Debug, Subcommand)]
pub(super) enum NodeKeyCommand {
    /// Begin a key log, before anything has happened: keeps a key back in a file, prints 24 words once, and shows the
    /// log to the node's registries.
    Protect {
        #[command(flatten)]
        data: DataArg,
        /// The file for the key that is kept back; it must not exist yet. Keep it on another medium.
        #[arg(long, value_name = "FILE")]
        next: PathBuf,
    },
    /// Replace the key by the one that was kept back: whoever has the old one cannot renew, move or rename the node any
    /// more. Another one is kept back in the same file.
    Rotate {
        #[command(flatten)]
        data: DataArg,
        /// The file with the key that was kept back.
        #[arg(long, value_name = "FILE")]
        next: PathBuf,
    },
    /// Take the names of a node over with its 24 words, when its keys or its whole data directory are lost. Run it in
    /// the data directory that is to have them, for example a new one (`imajin node init`).
    Recover(RecoverArgs),
    /// Show the DID and the key that speak for the node at registries, and the key log.
    Show {
        #[command(flatten)]
        data: DataArg,
    },
}

/// Take a node over.
#[derive(Debug, Args)]
pub(super) struct RecoverArgs {
    #[command(flatten)]
    data: DataArg,
    /// The DID under which the node was registered.
    #[arg(long, value_name = "DID")]
    identity: Did,
    /// The registry, as `imajin node status` showed it.
    #[arg(long)]
    registry: Url,
    /// The file for the next key that is kept back; it must not exist yet.
    #[arg(long, value_name = "FILE")]
    next: PathBuf,
    /// A file with the 24 words; without it they are read from the standard input.
    #[arg(long, value_name = "FILE")]
    words: Option<PathBuf>,
}

/// Who speaks, and how the registries took it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    did: Did,
    public_key: PublicKey,
    is_protected: bool,
    log: KeyLog,
    registries: Vec<Registration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_words: Option<String>,
}

/// A data directory on which a command works.
struct Place {
    config: Config,
    identity: NodeIdentity,
    registrant: Registrant,
    state: AgentState,
    link: RegistryLink,
    env: Env,
}

impl NodeKeyCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::Protect { data, next } => protect(&data, &next, output).await,
            Self::Rotate { data, next } => rotate(&data, &next, output).await,
            Self::Recover(args) => args.run(output).await,
            Self::Show { data } => {
                let place = Place::open(&data)?;
                let registries = place.state.load()?;
                place.report(registries, None).print(output);
                Ok(())
            }
        }
    }
}

impl Place {
    fn open(data: &DataArg) -> Result<Self, CommandError> {
        let data = DataDir::open(&data.path())?;
        let config = load(data.path(), &Overrides::default())?.config;
        let env = Env::system();
        let identity = NodeIdentity::new(&data, &data.keyring_open()?, &env);
        Ok(Self {
            registrant: identity.registrant()?,
            identity,
            state: AgentState::new(&data),
            link: link(&data, &config)?,
            config,
            env,
        })
    }

    /// What the log says now. No witness is needed: nobody else writes it.
    fn log_state(&self) -> Result<KeyState, CommandError> {
        let state = self
            .registrant
            .log
            .verify(self.env.now(), &|did| did.public_key().into_iter().collect());
        state.map_err(|error| local(format!("the node's key log does not verify: {error}")))
    }

    /// From now on this key speaks, by right of this entry.
    fn take(&mut self, entry: Entry, key: SecretKey) -> Result<(), CommandError> {
        let mut log = std::mem::take(&mut self.registrant.log);
        log.entries.push(entry);
        let did = self.registrant.did.clone();
        self.registrant = Registrant { did, key, log };
        Ok(self.identity.keep(&self.registrant)?)
    }

    /// Tells every registry. One that is away is told by the running node when it is back.
    async fn tell(&self, output: Output) -> Result<Vec<Registration>, CommandError> {
        let mut told = Vec::new();
        for known in self.state.load()? {
            let done = match self.link.register(&known).await {
                Ok(done) => done,
                Err(problem) => {
                    output.note(&format!(
                        "{} was not told: {} The running node tells it as soon as it can.",
                        known.registry, problem.detail
                    ));
                    Registration {
                        expires_at: None,
                        next_attempt_at: self.env.now(),
                        last_error: Some(problem.detail),
                        ..known
                    }
                }
            };
            self.state.store(&done)?;
            told.push(done);
        }
        Ok(told)
    }

    fn report(self, registries: Vec<Registration>, words: Option<String>) -> Report {
        Report {
            public_key: self.registrant.key.public(),
            did: self.registrant.did,
            is_protected: !self.registrant.log.entries.is_empty(),
            log: self.registrant.log,
            registries,
            recovery_words: words,
        }
    }
}

impl Report {
    fn print(&self, output: Output) {
        output.result(self, |report| {
            let mut lines = vec![format!("{} speaks with the key {}", report.did, report.public_key)];
            if report.is_protected {
                let entries = report.log.entries.len();
                lines.push(format!("Its key log has {entries} entries."));
            } else {
                lines.push(
                    "It has no key log: when the key is lost or stolen, so are the names. `imajin node key protect` \
                     begins one."
                        .to_owned(),
                );
            }
            lines.extend(report.registries.iter().map(|known| {
                let name = known.subdomain.as_deref().unwrap_or(&known.hostname);
                format!("{name} at {}", known.registry)
            }));
            lines.extend(report.recovery_words.as_deref().map(words_page));
            lines.join("\n")
        });
    }
}

fn absent(path: &Path) -> Result<(), CommandError> {
    if path.exists() {
        let text = format!("{} exists already: a key is never overwritten", path.display());
        return Err(CommandError::Local(text));
    }
    Ok(())
}

async fn protect(data: &DataArg, next: &Path, output: Output) -> Result<(), CommandError> {
    absent(next)?;
    let mut place = Place::open(data)?;
    if !place.registrant.log.entries.is_empty() {
        return Err(local("the node has a key log already: `imajin node key show`"));
    }
    let (kept_back, paper) = (SecretKey::generate(&place.env), Paper::generate(&place.env)?);
    let key = place.registrant.key.clone();
    let (hash, recovery) = (KeyHash::of(&kept_back.public()), paper.key.public());
    let draft = EntryDraft::inception(&key.public(), Some(hash), Some(recovery), place.env.now());
    let entry = draft.sign(&[&key]).map_err(local)?;
    key_write(next, &kept_back)?;
    place.take(entry, key)?;
    let registries = place.tell(output).await?;
    place.report(registries, Some(paper.words.to_string())).print(output);
    Ok(())
}

/// The key that was kept back; after a rotation that was cut off, the fresh one beside it.
fn kept_back_read(path: &Path, state: &KeyState) -> Result<SecretKey, CommandError> {
    let announced = |key: &SecretKey| state.next_key_hash == Some(KeyHash::of(&key.public()));
    let found = key_read(path)?;
    if announced(&found) {
        return Ok(found);
    }
    let fresh = key_read(&fresh_path(path)).ok().filter(announced);
    fresh.ok_or_else(|| {
        local(format!(
            "{} is not the key that was kept back: the node's key log has announced another one",
            path.display()
        ))
    })
}

async fn rotate(data: &DataArg, next: &Path, output: Output) -> Result<(), CommandError> {
    let mut place = Place::open(data)?;
    if place.registrant.log.entries.is_empty() {
        return Err(local(
            "the node has no key log that could name another key: `imajin node key protect` begins one",
        ));
    }
    let state = place.log_state()?;
    let new = kept_back_read(next, &state)?;
    let fresh = SecretKey::generate(&place.env);
    let hash = KeyHash::of(&fresh.public());
    let draft = EntryDraft::rotation(&state, vec![new.public()], Some(hash), state.recovery, place.env.now());
    let entry = draft.sign(&[&place.registrant.key, &new]).map_err(local)?;
    // What the log will announce is on the disk before it does.
    let waiting = fresh_path(next);
    key_write(&waiting, &fresh)?;
    place.take(entry, new)?;
    let moved = std::fs::rename(&waiting, next);
    moved.map_err(|error| local(format!("{} cannot be renamed: {error}", waiting.display())))?;
    let registries = place.tell(output).await?;
    place.report(registries, None).print(output);
    Ok(())
}

impl RecoverArgs {
    async fn run(self, output: Output) -> Result<(), CommandError> {
        absent(&self.next)?;
        let paper = words_read(&words_text(self.words.as_deref(), output)?)?;
        let mut place = Place::open(&self.data)?;
        let did = self.identity.canonical();
        if place.registrant.did != did && !place.registrant.log.entries.is_empty() {
            return Err(local(format!(
                "this data directory speaks for {}: take another one",
                place.registrant.did
            )));
        }
        let node = NodeArg {
            node: self.registry.clone(),
            ca: place.config.registry.ca.clone(),
        };
        let client = node.client()?;
        let published = PublishedLog::fetch(&client, did.as_str()).await?;
        let now = place.env.now();
        let hostname = place.link.name_of(&self.registry, &did).await?;
        let (key, kept_back) = (SecretKey::generate(&place.env), SecretKey::generate(&place.env));
        // The old words were typed into a machine: they have done their work.
        let words = Paper::generate(&place.env)?;
        let facts = (key.public(), KeyHash::of(&kept_back.public()), words.key.public());
        let mut log = published.log();
        log.entries.push(recovery(&published, &paper, facts, now)?);
        key_write(&self.next, &kept_back)?;
        let _what_is_known: serde_json::Value = client.post_json("/auth/api/mirror", &log).await?;
        place.registrant = Registrant { did, key, log };
        place.identity.keep(&place.registrant)?;
        place.state.store(&Registration::wanted(self.registry, hostname, now))?;
        let registries = place.tell(output).await?;
        place.report(registries, Some(words.words.to_string())).print(output);
        Ok(())
    }
}

fn recovery(
    published: &PublishedLog,
    paper: &SecretKey,
    (key, next, words): (PublicKey, KeyHash, PublicKey),
    now: Timestamp,
) -> Result<Entry, CommandError> {
    let state = published.state(now)?;
    let from = recoverable(published, &state, &paper.public())?;
    let draft = EntryDraft::recovery(&from, vec![key], Some(next), Some(words), now);
    draft.sign(&[paper]).map_err(local)
}
