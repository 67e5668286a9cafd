use imajin_did::PublicKey;
use serde::{Deserialize, Serialize};

use crate::{Entry, KeyHash, KeyLogError};

/// What an entry does to the keys, told from the one before it and from who signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The first entry: the key that the DID is.
    Inception,
    /// Keys are added and nothing else: any current key may do this.
    Addition,
    /// A key goes, or the next or recovery key changes: needs the key that was kept back.
    Rotation,
    /// The recovery key sets new keys, and may displace what it does not agree with.
    Recovery,
    /// The identity ends, by its own keys.
    Deactivation,
    /// The identity ends, by its recovery key.
    RecoveryDeactivation,
}

impl Change {
    /// Whether the recovery key did it.
    pub const fn is_recovery(self) -> bool {
        matches!(self, Self::Recovery | Self::RecoveryDeactivation)
    }

    /// The name in answers and in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inception => "inception",
            Self::Addition => "addition",
            Self::Rotation => "rotation",
            Self::Recovery => "recovery",
            Self::Deactivation => "deactivation",
            Self::RecoveryDeactivation => "recovery_deactivation",
        }
    }

    /// Checks a first entry.
    pub(crate) fn first(entry: &Entry) -> Result<Self, KeyLogError> {
        let own = entry.did.public_key().ok_or(KeyLogError::DidForm)?;
        if entry.seq != 0 || entry.prev.is_some() || entry.keys != [own] {
            return Err(KeyLogError::Inception);
        }
        if entry.signers()? != [own] {
            return Err(KeyLogError::NotByCurrentKey);
        }
        Ok(Self::Inception)
    }

    /// Checks an entry against the one before it: form, order and authority, but not whether another one followed it.
    pub(crate) fn following(prev: &Entry, entry: &Entry) -> Result<Self, KeyLogError> {
        if entry.did != prev.did {
            return Err(KeyLogError::OtherDid);
        }
        if prev.keys.is_empty() {
            return Err(KeyLogError::Deactivated);
        }
        if prev.seq.checked_add(1) != Some(entry.seq) {
            return Err(KeyLogError::Seq);
        }
        if entry.at < prev.at {
            return Err(KeyLogError::BackDated);
        }
        let signers = entry.signers()?;
        let may_sign = |key: &PublicKey| {
            prev.keys.contains(key)
                || entry.keys.contains(key)
                || prev.recovery == Some(*key)
                || prev.next_key_hash == Some(KeyHash::of(key))
        };
        if !signers.iter().all(may_sign) {
            return Err(KeyLogError::ProofForm);
        }
        if prev.recovery.is_some_and(|recovery| signers.contains(&recovery)) {
            return by_recovery(prev, entry);
        }
        by_current_keys(prev, entry, &signers)
    }
}

fn by_recovery(prev: &Entry, entry: &Entry) -> Result<Change, KeyLogError> {
    if entry.keys.is_empty() {
        return Ok(Change::RecoveryDeactivation);
    }
    if entry.keys == prev.keys {
        return Err(KeyLogError::RecoveryForm);
    }
    // The old hidden key may be the thief's.
    if entry.next_key_hash.is_some() && entry.next_key_hash == prev.next_key_hash {
        return Err(KeyLogError::NextKeyUsed);
    }
    Ok(Change::Recovery)
}

fn by_current_keys(prev: &Entry, entry: &Entry, signers: &[PublicKey]) -> Result<Change, KeyLogError> {
    if !signers.iter().any(|key| prev.keys.contains(key)) {
        return Err(KeyLogError::NotByCurrentKey);
    }
    let others_same = entry.next_key_hash == prev.next_key_hash && entry.recovery == prev.recovery;
    if others_same && entry.keys == prev.keys {
        return Err(KeyLogError::NothingChanges);
    }
    // In the order of before: the first key is the one that is shown, and must not be pushed aside.
    if others_same && entry.keys.starts_with(&prev.keys) {
        return Ok(Change::Addition);
    }
    if let Some(hidden) = prev.next_key_hash {
        let is_hidden = |key: &&PublicKey| KeyHash::of(key) == hidden;
        let revealed = signers.iter().find(is_hidden).ok_or(KeyLogError::NoPreRotation)?;
        if !entry.keys.is_empty() && !entry.keys.contains(revealed) {
            return Err(KeyLogError::NoPreRotation);
        }
        if entry.next_key_hash == Some(hidden) {
            return Err(KeyLogError::NextKeyUsed);
        }
    }
    Ok(if entry.keys.is_empty() {
        Change::Deactivation
    } else {
        Change::Rotation
    })
}
