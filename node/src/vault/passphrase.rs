use std::fs;
use std::io::IsTerminal;
use std::path::PathBuf;

use argon2::{Algorithm, Argon2, Params, Version};
use imajin_did::{MasterKey, Zeroizing};
use imajin_kernel::Env;
use serde::{Deserialize, Serialize};

use super::VaultError;

/// Shorter ones are refused when they are set.
const LENGTH_MIN: usize = 12;
/// 64 MiB, three times: a third of a second on a small board, and as much for each guess of a thief.
const MEMORY_KIB: u32 = 64 * 1024;
const ITERATIONS: u32 = 3;
/// What a vault may ask for: one that was tampered with must not take the machine's memory.
const MEMORY_KIB_RANGE: std::ops::RangeInclusive<u32> = 8 * 1024..=1024 * 1024;
const ITERATIONS_RANGE: std::ops::RangeInclusive<u32> = 1..=32;

/// How a master key is made from a passphrase: Argon2id (RFC 9106).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Kdf {
    /// `argon2id`, the only one.
    algorithm: String,
    memory_kib: u32,
    iterations: u32,
    parallelism: u32,
    /// 32 hexadecimal digits.
    salt: String,
}

impl Kdf {
    /// With a salt of its own.
    pub fn new(env: &Env) -> Self {
        Self {
            algorithm: "argon2id".to_owned(),
            memory_kib: MEMORY_KIB,
            iterations: ITERATIONS,
            parallelism: 1,
            salt: hex::encode(env.random_bytes::<16>()),
        }
    }

    pub(super) fn label(&self) -> String {
        format!(
            "{}/{}/{}/{}/{}",
            self.algorithm, self.memory_kib, self.iterations, self.parallelism, self.salt
        )
    }

    /// The master key of a passphrase. Takes its time; that is the point.
    pub fn derive(&self, passphrase: &str) -> Result<MasterKey, VaultError> {
        let is_sane = self.algorithm == "argon2id"
            && MEMORY_KIB_RANGE.contains(&self.memory_kib)
            && ITERATIONS_RANGE.contains(&self.iterations)
            && self.parallelism == 1;
        let salt = hex::decode(&self.salt).or(Err(VaultError::KdfRefused))?;
        if !is_sane || salt.len() != 16 {
            return Err(VaultError::KdfRefused);
        }
        let params = Params::new(self.memory_kib, self.iterations, self.parallelism, Some(32));
        let params = params.map_err(|_error| VaultError::KdfRefused)?;
        let mut key = Zeroizing::new([0_u8; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.as_bytes(), &salt, key.as_mut_slice())
            .map_err(|_error| VaultError::KdfRefused)?;
        Ok(MasterKey::from_bytes(*key))
    }
}

/// How to learn a passphrase.
#[derive(Debug, Clone, Default)]
pub enum PassphraseSource {
    /// Ask the person at the terminal.
    #[default]
    Terminal,
    /// The first line of a file.
    File(PathBuf),
}

impl PassphraseSource {
    /// The passphrase.
    pub fn read(&self) -> Result<Zeroizing<String>, VaultError> {
        match self {
            Self::File(path) => {
                let text = fs::read_to_string(path).map(Zeroizing::new);
                let text = text.map_err(VaultError::PassphraseUnreadable)?;
                let line = text.lines().next().unwrap_or_default();
                Ok(Zeroizing::new(line.to_owned()))
            }
            Self::Terminal => ask("Passphrase of this node: "),
        }
    }

    /// A passphrase that is being set: at the terminal it is asked for twice.
    pub fn read_new(&self) -> Result<Zeroizing<String>, VaultError> {
        let passphrase = match self {
            Self::File(_) => self.read()?,
            Self::Terminal => {
                let first = ask("New passphrase: ")?;
                check(&first)?;
                if *ask("Once more: ")? != *first {
                    return Err(VaultError::PassphraseMistyped);
                }
                first
            }
        };
        check(&passphrase)?;
        Ok(passphrase)
    }
}

/// Refuses what anyone would guess.
pub(super) fn check(passphrase: &str) -> Result<(), VaultError> {
    if passphrase.chars().count() < LENGTH_MIN {
        return Err(VaultError::PassphraseShort(LENGTH_MIN));
    }
    Ok(())
}

fn ask(prompt: &str) -> Result<Zeroizing<String>, VaultError> {
    if !std::io::stdin().is_terminal() {
        return Err(VaultError::PassphraseMissing);
    }
    rpassword::prompt_password(prompt)
        .map(Zeroizing::new)
        .map_err(VaultError::PassphraseUnreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_gives_one_key_for_each_salt_and_cost() {
        let env = Env::system();
        let cheap = Kdf {
            memory_kib: 8 * 1024,
            iterations: 1,
            ..Kdf::new(&env)
        };
        let key = |kdf: &Kdf, text: &str| kdf.derive(text).unwrap().to_hex();
        let other_salt = Kdf {
            salt: "00".repeat(16),
            ..cheap.clone()
        };
        let dearer = Kdf {
            iterations: 2,
            ..cheap.clone()
        };
        let text = "correct horse battery staple";
        assert_eq!(key(&cheap, text), key(&cheap, text));
        assert_ne!(key(&cheap, text), key(&cheap, "correct horse battery stable"));
        assert_ne!(key(&cheap, text), key(&other_salt, text));
        assert_ne!(key(&cheap, text), key(&dearer, text));
    }

    #[test]
    fn costs_that_somebody_put_into_the_file_are_refused() {
        let fine = Kdf::new(&Env::system());
        let costs = [(1, 1), (u32::MAX, 1), (MEMORY_KIB, 0), (MEMORY_KIB, u32::MAX)];
        for (memory_kib, iterations) in costs {
            let kdf = Kdf {
                memory_kib,
                iterations,
                ..fine.clone()
            };
            assert!(matches!(kdf.derive("x"), Err(VaultError::KdfRefused)), "{kdf:?}");
        }
    }
}
