//! The folder in which somebody takes along what is theirs: what the old node has exported, the works, and a signed
//! list of both.

use std::path::{Path, PathBuf};

use imajin_did::{Did, PublicKey};
use imajin_kernel::Env;
use imajin_key_log::{KeyLog, KeyState, Status};
use imajin_proof::{SignedMessage, digest};
use imajin_web::resolve::key_log_of;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::works::{Work, digest_of};
use crate::cli::CommandError;
use crate::cli::key_file::local;

/// The type of the message that signs the folder.
pub(super) const MESSAGE_TYPE: &str = "move-bundle";
pub(super) const FORMAT_VERSION: u32 = 1;

/// The paths of such a folder.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The signed list. It is written last: a folder without it is not complete.
    pub(super) fn bundle(&self) -> PathBuf {
        self.0.join("bundle.json")
    }

    /// What the old node has exported.
    pub(super) fn export(&self) -> PathBuf {
        self.0.join("export.json")
    }

    pub(super) fn works(&self) -> PathBuf {
        self.0.join("works")
    }

    /// The bytes of a work. A node chooses what it calls a digest, and so the file that is written: only what can be
    /// one is taken.
    pub(super) fn work(&self, sha256: &str) -> Result<PathBuf, CommandError> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if sha256.len() == 64 && sha256.bytes().all(is_digit) {
            return Ok(self.works().join(sha256));
        }
        Err(local(format!("`{}` is no digest of a work", sha256.escape_debug())))
    }
}

/// What the owner signs, in a message to the new node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Contents {
    pub(super) format_version: u32,
    /// The did:web of the node that it is from.
    pub(super) from: Did,
    /// Its address.
    pub(super) from_url: Url,
    /// SHA-256 of the exported document, in hex.
    pub(super) export: String,
    /// The published works; their bytes have the SHA-256 that each names.
    pub(super) works: Vec<Work>,
}

/// A folder that was checked: complete, as it was signed, and by a key that counts.
#[derive(Debug)]
pub(super) struct Bundle {
    pub(super) folder: Folder,
    pub(super) did: Did,
    /// The node that it is for.
    pub(super) to: Did,
    pub(super) contents: Contents,
    /// The member `data` of what was exported.
    pub(super) data: Value,
    pub(super) log: KeyLog,
}

/// The signed list of a folder; what it says is not checked yet.
pub(super) fn message_read(folder: &Folder) -> Result<SignedMessage, CommandError> {
    let path = folder.bundle();
    let text = std::fs::read(&path).map_err(|error| {
        local(format!(
            "{} cannot be read: {error}. If the export was interrupted, repeat it",
            path.display()
        ))
    })?;
    SignedMessage::from_slice(&text).map_err(|error| local(format!("{} is no bundle: {error}", path.display())))
}

impl Bundle {
    /// Reads a folder and checks all of it, without any node.
    pub(super) fn read(path: &Path) -> Result<Self, CommandError> {
        let folder = Folder::new(path);
        let message = message_read(&folder)?;
        let contents: Contents = message.payload_as().map_err(|error| {
            let path = folder.bundle();
            local(format!(
                "{} is no bundle that this version reads: {error}",
                path.display()
            ))
        })?;
        let export = std::fs::read(folder.export())
            .map_err(|error| local(format!("{} cannot be read: {error}", folder.export().display())))?;
        if contents.format_version != FORMAT_VERSION {
            return Err(local(
                "the bundle is of another version of this program: export it again",
            ));
        }
        if digest::sha256_hex(&export) != contents.export {
            return Err(changed(&folder.export()));
        }
        for work in &contents.works {
            let path = folder.work(&work.sha256)?;
            if digest_of(&path)?.0 != work.sha256 {
                return Err(changed(&path));
            }
        }
        let mut export: Value = serde_json::from_slice(&export).map_err(|_error| changed(&folder.export()))?;
        let data = export.get_mut("data").map(Value::take).unwrap_or_default();
        let did = message.from.canonical();
        let owner = data.pointer("/account/identity/did").and_then(Value::as_str);
        if owner != Some(did.as_str()) {
            let owner = owner.unwrap_or("nobody");
            return Err(local(format!(
                "the bundle is about {owner} and signed by {did}: nobody brings what is another's"
            )));
        }
        let log = data.pointer("/account/keyLog").cloned().unwrap_or_default();
        let log =
            key_log_of(log).map_err(|error| local(format!("the key log in the bundle cannot be read: {error}")))?;
        let signed = message.verify_any(MESSAGE_TYPE, &keys_of(&did, &log)?);
        signed.map_err(|error| local(format!("the bundle is not signed by its owner: {error}")))?;
        let to = message
            .to
            .ok_or_else(|| local("the bundle does not say which node it is for"))?;
        Ok(Self {
            folder,
            did,
            to,
            contents,
            data,
            log,
        })
    }
}

fn changed(path: &Path) -> CommandError {
    local(format!(
        "{} was changed after it was signed: export it again",
        path.display()
    ))
}

/// The keys that a log lets count.
fn keys_of(did: &Did, log: &KeyLog) -> Result<Vec<PublicKey>, CommandError> {
    Ok(state_of(did, log)?.keys)
}

/// Every key that has counted: what the owner signed before the newest of them is theirs all the same.
pub(super) fn keys_on_record(did: &Did, log: &KeyLog) -> Result<Vec<PublicKey>, CommandError> {
    let state = state_of(did, log)?;
    let path = state.head.map(|head| log.path_to(head)).unwrap_or_default();
    let before = path.into_iter().flat_map(|entry| entry.keys.iter().copied());
    Ok(state.keys.iter().copied().chain(before).collect())
}

/// What a log says now, whoever has witnessed it: who believes the folder in the end is the new node.
fn state_of(did: &Did, log: &KeyLog) -> Result<KeyState, CommandError> {
    if log.entries.is_empty() {
        return KeyState::implicit(did).ok_or_else(|| local(format!("{did} is no key")));
    }
    let everybody = |witness: &Did| -> Vec<PublicKey> { witness.public_key().into_iter().collect() };
    let state = log
        .verify(Env::system().now(), &everybody)
        .map_err(|error| local(format!("the key log in the bundle does not hold: {error}")))?;
    if state.did.canonical() != *did {
        return Err(local(format!(
            "the key log in the bundle is of {}, not of {did}",
            state.did
        )));
    }
    status_check(state.status)?;
    Ok(state)
}

/// Nobody moves whose keys are in doubt, or have ended.
pub(super) fn status_check(status: Status) -> Result<(), CommandError> {
    match status {
        Status::Active => Ok(()),
        Status::Contested => Err(local(
            "two histories of this identity's keys contradict each other: take it back with `imajin key recover` first",
        )),
        Status::Deactivated => Err(local("this identity was ended by its owner: there is nothing to move")),
    }
}
