use std::fmt;
use std::str::FromStr;

use imajin_proof::digest::sha256;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::program::{ASSOCIATED_TOKEN_PROGRAM, TOKEN_PROGRAM};

/// An address: the 32 bytes of an Ed25519 public key, or of an account that a program owns and nobody can sign for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address([u8; 32]);

/// The text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address of Solana: 32 bytes in Base58, 32 to 44 characters, are needed")]
pub struct AddressError;

/// What a program's own accounts are derived with, besides the seeds.
const DERIVED_MARK: &[u8] = b"ProgramDerivedAddress";

impl Address {
    /// An address from its bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// An address that stands in the source. A wrong one does not compile.
    pub(crate) const fn literal(text: &[u8]) -> Self {
        Self(bs58::decode(text).into_array_const_unwrap())
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether it is the public key of somebody who can sign. Accounts of programs are never.
    pub fn is_on_curve(&self) -> bool {
        ed25519_dalek::VerifyingKey::from_bytes(&self.0).is_ok()
    }

    /// The account of a program that follows from `seeds`: the first one that is no public key, counting the bump seed
    /// down. `None` with a probability of 2^-256.
    pub fn derived(program: &Self, seeds: &[&[u8]]) -> Option<Self> {
        (0..=u8::MAX).rev().find_map(|bump| {
            let mut hashed = seeds.concat();
            hashed.push(bump);
            hashed.extend_from_slice(&program.0);
            hashed.extend_from_slice(DERIVED_MARK);
            let address = Self(sha256(&hashed));
            (!address.is_on_curve()).then_some(address)
        })
    }

    /// The associated token account: where `owner` keeps tokens of `mint` unless he chose another place.
    pub fn token_account(owner: &Self, mint: &Self) -> Option<Self> {
        let seeds: [&[u8]; 3] = [&owner.0, &TOKEN_PROGRAM.0, &mint.0];
        Self::derived(&ASSOCIATED_TOKEN_PROGRAM, &seeds)
    }
}

impl From<imajin_did::PublicKey> for Address {
    fn from(key: imajin_did::PublicKey) -> Self {
        Self(key.to_bytes())
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if !(32..=44).contains(&text.len()) {
            return Err(AddressError);
        }
        let mut bytes = [0; 32];
        match bs58::decode(text).onto(&mut bytes) {
            Ok(32) => Ok(Self(bytes)),
            _ => Err(AddressError),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&bs58::encode(self.0).into_string())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_strictly_and_written_back() {
        for text in [
            "11111111111111111111111111111111",
            "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v",
            "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "1",
            "0OIl0OIl0OIl0OIl0OIl0OIl0OIl0OIl",
            "111111111111111111111111111111111",
            "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1vv",
            " EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1",
        ] {
            assert_eq!(text.parse::<Address>(), Err(AddressError), "{text:?}");
        }
    }

    #[test]
    fn an_account_of_a_program_can_be_signed_for_by_nobody() {
        let owner = "9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM".parse().unwrap();
        let account = Address::token_account(&owner, &super::super::USDC_MINT).unwrap();
        assert!(!account.is_on_curve());
        assert_ne!(account, owner);
    }
}
