//! The format of a transaction (the legacy message, which every wallet and node reads).

use std::collections::BTreeMap;

use imajin_did::{SecretKey, Signature};

use super::Address;

/// The longest transaction that a validator takes: an IPv6 packet of 1280 bytes without its headers.
pub const TRANSACTION_BYTES_MAX: usize = 1232;

/// The hash of a recent block: a transaction counts only while it is recent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blockhash(pub Address);

/// How an instruction uses an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountUse {
    /// Which.
    pub address: Address,
    /// Whether its owner must sign.
    pub signs: bool,
    /// Whether it may be changed.
    pub writes: bool,
}

impl AccountUse {
    /// Read only.
    pub const fn readonly(address: Address) -> Self {
        Self::of(address, false, false)
    }

    /// Changed, without a signature.
    pub const fn writable(address: Address) -> Self {
        Self::of(address, false, true)
    }

    /// Signs, and is not changed.
    pub const fn signer(address: Address) -> Self {
        Self::of(address, true, false)
    }

    /// Signs and is changed.
    pub const fn paying(address: Address) -> Self {
        Self::of(address, true, true)
    }

    const fn of(address: Address, signs: bool, writes: bool) -> Self {
        Self { address, signs, writes }
    }
}

/// A call of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// The program.
    pub program: Address,
    /// What it may touch, in the order that it expects.
    pub accounts: Vec<AccountUse>,
    /// What it is told.
    pub data: Vec<u8>,
}

/// Why a transaction cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// It would not fit a packet.
    #[error("the transaction would have {0} bytes, and at most {TRANSACTION_BYTES_MAX} are possible")]
    TooLong(usize),
    /// It would touch more accounts than can be numbered.
    #[error("the transaction would touch more than 255 accounts")]
    TooManyAccounts,
    /// Somebody else than the given key must sign too.
    #[error("the transaction needs the signature of somebody else")]
    ForeignSigner,
}

/// The part of a transaction that is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    bytes: Vec<u8>,
    signers: Vec<Address>,
}

impl Message {
    /// Writes the message in which `payer` pays the fee and signs first.
    ///
    /// # Errors
    /// [`WireError::TooManyAccounts`]; [`WireError::TooLong`] when the signed transaction would not fit.
    pub fn compile(payer: &Address, instructions: &[Instruction], blockhash: &Blockhash) -> Result<Self, WireError> {
        let accounts = Accounts::of(payer, instructions);
        let mut bytes = accounts.header()?.to_vec();
        length_push(&mut bytes, accounts.order.len())?;
        for address in &accounts.order {
            bytes.extend_from_slice(address.as_bytes());
        }
        bytes.extend_from_slice(blockhash.0.as_bytes());
        length_push(&mut bytes, instructions.len())?;
        for instruction in instructions {
            bytes.push(accounts.place(&instruction.program)?);
            length_push(&mut bytes, instruction.accounts.len())?;
            for used in &instruction.accounts {
                bytes.push(accounts.place(&used.address)?);
            }
            length_push(&mut bytes, instruction.data.len())?;
            bytes.extend_from_slice(&instruction.data);
        }
        let signers = accounts.order.into_iter().take(accounts.signers).collect();
        let message = Self { bytes, signers };
        let length = message.transaction_bytes();
        if length > TRANSACTION_BYTES_MAX {
            return Err(WireError::TooLong(length));
        }
        Ok(message)
    }

    /// The bytes that are signed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Who must sign, the payer first.
    pub fn signers(&self) -> &[Address] {
        &self.signers
    }

    /// How long the transaction will be with its signatures.
    pub fn transaction_bytes(&self) -> usize {
        // Fewer than 128 signatures: their number takes one byte.
        1 + 64 * self.signers.len() + self.bytes.len()
    }

    /// The transaction with an empty place for each signature: for a wallet that signs it.
    pub fn unsigned(&self) -> Vec<u8> {
        self.with_signatures(&vec![[0; 64]; self.signers.len()])
    }

    /// The transaction that `key` alone has signed, and its signature, which is its name from then on.
    ///
    /// # Errors
    /// [`WireError::ForeignSigner`] when anybody else must sign.
    pub fn signed(&self, key: &SecretKey) -> Result<(Vec<u8>, Signature), WireError> {
        if self.signers != [Address::from(key.public())] {
            return Err(WireError::ForeignSigner);
        }
        let signature = key.sign(&self.bytes);
        Ok((self.with_signatures(&[signature.to_bytes()]), signature))
    }

    fn with_signatures(&self, signatures: &[[u8; 64]]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.transaction_bytes());
        // At most 255 accounts can sign, and far fewer fit: see `compile`.
        bytes.push(u8::try_from(signatures.len()).unwrap_or(u8::MAX));
        for signature in signatures {
            bytes.extend_from_slice(signature);
        }
        bytes.extend_from_slice(&self.bytes);
        bytes
    }
}

/// All accounts of a message in the order of the format: those that sign before those that do not, those that are
/// written before those that are not, and the payer before everybody. Within a class by their bytes, as the official
/// library has them.
struct Accounts {
    order: Vec<Address>,
    signers: usize,
    signers_readonly: usize,
    others_readonly: usize,
}

impl Accounts {
    fn of(payer: &Address, instructions: &[Instruction]) -> Self {
        let mut uses: BTreeMap<Address, (bool, bool)> = BTreeMap::new();
        for instruction in instructions {
            uses.entry(instruction.program).or_default();
            for used in &instruction.accounts {
                let (signs, writes) = uses.entry(used.address).or_default();
                *signs |= used.signs;
                *writes |= used.writes;
            }
        }
        uses.remove(payer);
        let class = |signs: bool, writes: bool| {
            uses.iter()
                .filter(move |(_address, found)| **found == (signs, writes))
                .map(|(address, _found)| *address)
                .collect::<Vec<_>>()
        };
        let (paying, signing) = (class(true, true), class(true, false));
        let (written, read) = (class(false, true), class(false, false));
        let signers = 1 + paying.len() + signing.len();
        let (signers_readonly, others_readonly) = (signing.len(), read.len());
        let order = [vec![*payer], paying, signing, written, read].concat();
        Self {
            order,
            signers,
            signers_readonly,
            others_readonly,
        }
    }

    fn header(&self) -> Result<[u8; 3], WireError> {
        let count = |number: usize| u8::try_from(number).or(Err(WireError::TooManyAccounts));
        Ok([
            count(self.signers)?,
            count(self.signers_readonly)?,
            count(self.others_readonly)?,
        ])
    }

    fn place(&self, address: &Address) -> Result<u8, WireError> {
        let place = self.order.iter().position(|known| known == address);
        place
            .and_then(|place| u8::try_from(place).ok())
            .ok_or(WireError::TooManyAccounts)
    }
}

/// Appends a number in the format's own variable length: seven bits a byte, the lowest first.
fn length_push(bytes: &mut Vec<u8>, length: usize) -> Result<(), WireError> {
    let mut rest = u16::try_from(length).or(Err(WireError::TooLong(length)))?;
    loop {
        let [low, _high] = (rest & 0x7f).to_le_bytes();
        rest >>= 7;
        if rest == 0 {
            bytes.push(low);
            return Ok(());
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_seven_bits_a_byte() {
        for (length, written) in [
            (0, vec![0]),
            (127, vec![0x7f]),
            (128, vec![0x80, 0x01]),
            (255, vec![0xff, 0x01]),
            (16_384, vec![0x80, 0x80, 0x01]),
            (65_535, vec![0xff, 0xff, 0x03]),
        ] {
            let mut bytes = Vec::new();
            length_push(&mut bytes, length).unwrap();
            assert_eq!(bytes, written, "{length}");
        }
        assert_eq!(length_push(&mut Vec::new(), 65_536), Err(WireError::TooLong(65_536)));
    }

    #[test]
    fn a_key_signs_only_what_it_signs_alone() {
        let key = SecretKey::from_seed([1; 32]);
        let payer = Address::from(key.public());
        let other = Address::from(SecretKey::from_seed([2; 32]).public());
        let call = |accounts| Instruction {
            program: other,
            accounts,
            data: vec![],
        };
        let blockhash = Blockhash(other);
        let alone = Message::compile(&payer, &[call(vec![AccountUse::paying(payer)])], &blockhash).unwrap();
        assert!(alone.signed(&key).is_ok());
        let both = Message::compile(&payer, &[call(vec![AccountUse::signer(other)])], &blockhash).unwrap();
        assert_eq!(both.signed(&key), Err(WireError::ForeignSigner));
        let stranger = Message::compile(&other, &[call(vec![])], &blockhash).unwrap();
        assert_eq!(stranger.signed(&key), Err(WireError::ForeignSigner));
    }
}
