use imajin_did::{Did, PublicKey};
use imajin_kernel::Timestamp;
use imajin_registry_api::NodeAttestation;
use serde_json::Value;

use crate::RegistryError;
use crate::document::{Proven, SignedDocument};
use crate::names::name_check;

/// Entries of `services` and of `capabilities` at most.
const LIST_LENGTH_MAX: usize = 64;
/// Characters of an entry, a version or a commit at most.
const TEXT_LENGTH_MAX: usize = 64;
/// Bytes of a whole attestation at most: each accepted one is kept for ever, and every mirror reads it.
const DOCUMENT_BYTES_MAX: usize = 4 * 1024;

/// A well-formed, freshly signed attestation; [`Application::key_check`] says whether the key is the node's.
#[derive(Debug, Clone)]
pub(crate) struct Application {
    /// The node, in the native form.
    pub(crate) did: Did,
    pub(crate) key: PublicKey,
    pub(crate) said: NodeAttestation,
    /// The attestation as it came, canonical.
    pub(crate) document: String,
    pub(crate) proven: Proven,
}

impl Application {
    /// Reads and checks what was sent; the order of the refusals is: shape, name, key, signature, age.
    pub(crate) fn parse(attestation: Value, now: Timestamp) -> Result<Self, RegistryError> {
        let document: SignedDocument<NodeAttestation> = SignedDocument::parse("attestation", attestation)?;
        let said = &document.value;
        shape_check(said)?;
        if document.canonical.len() > DOCUMENT_BYTES_MAX {
            return Err(RegistryError::shape(
                "attestation",
                format!("it is larger than {DOCUMENT_BYTES_MAX} bytes"),
            ));
        }
        name_check(&said.hostname)?;
        let key = PublicKey::from_hex(&said.public_key)
            .map_err(|error| RegistryError::shape("publicKey", error.to_string()))?;
        let did = said.node_id.canonical();
        // Whether the key is one of the node's is for its key log to say; but it must have been a key once.
        if did.public_key().is_none() {
            return Err(RegistryError::NotItsKey);
        }
        let proven = document.verify_fresh(&key, now)?;
        Ok(Self {
            did,
            key,
            said: document.value,
            document: document.canonical,
            proven,
        })
    }
}

impl Application {
    /// Refuses a key that is none of those that the node's key log lists now.
    pub(crate) fn key_check(&self, keys: &[PublicKey]) -> Result<(), RegistryError> {
        if keys.contains(&self.key) {
            return Ok(());
        }
        if self.did.public_key() == Some(self.key) {
            return Err(RegistryError::KeyReplaced);
        }
        Err(RegistryError::NotItsKey)
    }
}

fn shape_check(said: &NodeAttestation) -> Result<(), RegistryError> {
    build_hash_check(&said.build_hash)?;
    text_check("sourceCommit", &said.source_commit)?;
    text_check("version", &said.version)?;
    list_check("services", &said.services)?;
    list_check("capabilities", &said.capabilities)
}

/// 64 lower-case hexadecimal digits.
pub(crate) fn build_hash_check(text: &str) -> Result<(), RegistryError> {
    if text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Ok(());
    }
    Err(RegistryError::shape(
        "buildHash",
        "it must be a SHA-256 in 64 lower-case hexadecimal digits",
    ))
}

/// Visible ASCII, not empty, not long: these texts are shown to people.
pub(crate) fn text_check(member: &'static str, text: &str) -> Result<(), RegistryError> {
    if (1..=TEXT_LENGTH_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    let problem = format!("it must have 1 to {TEXT_LENGTH_MAX} visible ASCII characters without spaces");
    Err(RegistryError::shape(member, problem))
}

/// Service and capability names: lower-case letters, digits and hyphens, which no query can take for anything else.
pub(crate) fn is_list_entry(entry: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=TEXT_LENGTH_MAX).contains(&entry.len()) && entry.bytes().all(known)
}

fn list_check(member: &'static str, entries: &[String]) -> Result<(), RegistryError> {
    if entries.len() > LIST_LENGTH_MAX {
        return Err(RegistryError::shape(
            member,
            format!("it has more than {LIST_LENGTH_MAX} entries"),
        ));
    }
    if !entries.iter().all(|entry| is_list_entry(entry)) {
        let problem = format!("each entry has 1 to {TEXT_LENGTH_MAX} lower-case letters, digits and hyphens");
        return Err(RegistryError::shape(member, problem));
    }
    let distinct: std::collections::BTreeSet<&String> = entries.iter().collect();
    if distinct.len() != entries.len() {
        return Err(RegistryError::shape(member, "an entry occurs twice"));
    }
    Ok(())
}
