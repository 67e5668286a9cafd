//! What belongs to a key file: `FILE.next`, the key kept back, and `FILE.json`, public facts.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use bip39::{Language, Mnemonic};
use imajin_did::{Did, PublicKey, SecretKey, Zeroizing};
use imajin_kernel::Env;
use imajin_key_log::KeyHash;
use serde::{Deserialize, Serialize};

use super::CommandError;
use super::caller::key_read;
use crate::data_dir::write_private;

/// What a key file does not say by itself. Nothing of it is secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Facts {
    /// The identity that the key speaks for: another one than the key itself after a rotation, and on further devices.
    pub(super) did: Did,
    /// The public half of the recovery key.
    #[serde(default)]
    pub(super) recovery: Option<PublicKey>,
    /// The hash of the key kept back, which may lie elsewhere.
    #[serde(default)]
    pub(super) next_key_hash: Option<KeyHash>,
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Where the key kept back is, unless it was moved.
pub(super) fn next_path(path: &Path) -> PathBuf {
    beside(path, ".next")
}

/// Where a fresh one waits until the rotation that announces it has been accepted.
pub(super) fn fresh_path(path: &Path) -> PathBuf {
    beside(path, ".next.new")
}

pub(super) fn local(error: impl std::fmt::Display) -> CommandError {
    CommandError::Local(error.to_string())
}

impl Facts {
    fn path(key: &Path) -> PathBuf {
        beside(key, ".json")
    }

    /// The facts beside a key file; of an older one only that the key is its own identity.
    pub(super) fn read(path: &Path, key: &SecretKey) -> Result<Self, CommandError> {
        let beside = Self::path(path);
        match std::fs::read(&beside) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|error| local(format!("{} cannot be read: {error}", beside.display()))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self {
                did: key.did(),
                recovery: None,
                next_key_hash: None,
            }),
            Err(error) => Err(local(format!("{} cannot be read: {error}", beside.display()))),
        }
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), CommandError> {
        let text = serde_json::to_vec_pretty(self).map_err(local)?;
        Ok(write_private(&Self::path(path), &text)?)
    }
}

/// A key, and the identity that it speaks for.
pub(super) fn signer_read(path: &Path) -> Result<(SecretKey, Did), CommandError> {
    let key = key_read(path)?;
    let facts = Facts::read(path, &key)?;
    Ok((key, facts.did))
}

/// Refuses to write over anything that belongs to a key.
pub(super) fn absent(path: &Path) -> Result<(), CommandError> {
    for taken in [path.to_owned(), next_path(path), Facts::path(path)] {
        if taken.exists() {
            let text = format!("{} exists already: a key is never overwritten", taken.display());
            return Err(CommandError::Local(text));
        }
    }
    Ok(())
}

pub(super) fn key_write(path: &Path, key: &SecretKey) -> Result<(), CommandError> {
    Ok(write_private(path, key.to_pkcs8_pem().as_bytes())?)
}

/// The key kept back: where it is said to be, else beside the key file.
pub(super) fn next_read(path: &Path, moved: Option<&Path>) -> Result<SecretKey, CommandError> {
    let place = moved.map_or_else(|| next_path(path), Path::to_owned);
    key_read(&place).map_err(|error| {
        local(format!(
            "the key that was kept back is needed: {error}; say where it is with --next"
        ))
    })
}

/// A recovery key as words, shown once.
pub(super) struct Paper {
    pub(super) key: SecretKey,
    pub(super) words: Zeroizing<String>,
}

impl Paper {
    /// 24 words of BIP 39, English: the 32 bytes of the key's seed with a checksum.
    pub(super) fn generate(env: &Env) -> Result<Self, CommandError> {
        let key = SecretKey::generate(env);
        let mnemonic = Mnemonic::from_entropy_in(Language::English, key.to_seed().as_slice()).map_err(local)?;
        Ok(Self {
            words: Zeroizing::new(mnemonic.to_string()),
            key,
        })
    }
}

/// The key behind 24 words, however they are spaced and in whichever case.
pub(super) fn words_read(text: &str) -> Result<SecretKey, CommandError> {
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    let words = Zeroizing::new(words.join(" "));
    let wrong = || local("these are not the 24 words of a recovery key: look for a wrong or missing word");
    let mnemonic = Mnemonic::parse_in_normalized(Language::English, &words).map_err(|_error| wrong())?;
    let (bytes, length) = mnemonic.to_entropy_array();
    let seed = Zeroizing::new(bytes);
    let seed: [u8; 32] = seed
        .get(..length)
        .and_then(|seed| seed.try_into().ok())
        .ok_or_else(wrong)?;
    Ok(SecretKey::from_seed(seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_give_the_key_back_and_a_wrong_word_does_not() {
        let paper = Paper::generate(&Env::system()).unwrap();
        assert_eq!(paper.words.split(' ').count(), 24);
        let shouted = format!("  {}\n", paper.words.to_uppercase().replace(' ', "\n "));
        assert_eq!(words_read(&shouted).unwrap().did(), paper.key.did());
        let short = paper.words.rsplit_once(' ').unwrap().0;
        let odd = format!("{short} imajin");
        for wrong in ["", short, &odd, "abandon abandon"] {
            assert!(words_read(wrong).is_err(), "{wrong}");
        }
        // The vector of BIP 39 for 32 zero bytes.
        let zero = format!("{}art", "abandon ".repeat(23));
        assert_eq!(words_read(&zero).unwrap().to_seed().as_slice(), [0; 32]);
    }
}
