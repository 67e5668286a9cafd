//! An address of Solana bound to a DID: its wallet signs that it is.

use imajin_did::{Did, PublicKey, Signature};
use imajin_kernel::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use super::Address;

/// How long a challenge can be answered.
pub const CHALLENGE_MINUTES: i64 = 10;

/// What the wallet is asked to sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddressChallenge {
    /// Who wants to be paid there.
    pub did: Did,
    /// Where.
    pub address: Address,
    /// The node that asks: its public address.
    pub node: String,
    /// Makes the text unique.
    pub nonce: String,
    /// When it was asked.
    pub issued_at: Timestamp,
}

/// An address whose owner said that it belongs to a DID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BoundAddress {
    /// What was signed.
    #[serde(flatten)]
    pub challenge: AddressChallenge,
    /// The wallet's signature.
    pub signature: Signature,
}

/// Why an address is not bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BindingError {
    /// The address is no public key, or a weak one.
    #[error("this address has no key that could sign: give the address of a wallet, not of a token account")]
    NoKey,
    /// The challenge is too old, or from the future.
    #[error("the text to sign is older than {CHALLENGE_MINUTES} minutes: ask for a new one")]
    Expired,
    /// The signature is not the address's own.
    #[error("the signature is not by the key of this address over the text that was shown")]
    Signature,
}

impl AddressChallenge {
    /// The text that the wallet shows and signs, byte for byte.
    pub fn message(&self) -> String {
        format!(
            "{node} asks you to confirm:\n\nPay what I earn as\n{did}\nto my Solana address\n{address}\n\n\
             This moves no money.\nNonce: {nonce}\nIssued: {issued}",
            node = self.node,
            did = self.did,
            address = self.address,
            nonce = self.nonce,
            issued = self.issued_at,
        )
    }

    /// Checks the wallet's signature.
    ///
    /// # Errors
    /// [`BindingError`].
    pub fn answer(self, signature: Signature, now: Timestamp) -> Result<BoundAddress, BindingError> {
        if now < self.issued_at || now > self.issued_at.plus(Span::minutes(CHALLENGE_MINUTES)) {
            return Err(BindingError::Expired);
        }
        let bound = BoundAddress {
            challenge: self,
            signature,
        };
        bound.verify()?;
        Ok(bound)
    }
}

impl BoundAddress {
    /// Checks the signature again, at any later time.
    ///
    /// # Errors
    /// [`BindingError::NoKey`], [`BindingError::Signature`].
    pub fn verify(&self) -> Result<(), BindingError> {
        let key = PublicKey::from_bytes(self.challenge.address.as_bytes()).or(Err(BindingError::NoKey))?;
        key.verify(self.challenge.message().as_bytes(), &self.signature)
            .or(Err(BindingError::Signature))
    }
}

#[cfg(test)]
mod tests {
    use imajin_did::SecretKey;

    use super::*;

    fn challenge(wallet: &SecretKey) -> AddressChallenge {
        AddressChallenge {
            did: SecretKey::from_seed([9; 32]).did(),
            address: wallet.public().into(),
            node: "https://node.example".to_owned(),
            nonce: "00ff".to_owned(),
            issued_at: Timestamp::from_seconds(1_800_000_000),
        }
    }

    #[test]
    fn the_wallet_itself_binds_its_address() {
        let wallet = SecretKey::from_seed([1; 32]);
        let challenge = challenge(&wallet);
        let now = challenge.issued_at.plus(Span::minutes(1));
        let signature = wallet.sign(challenge.message().as_bytes());
        let bound = challenge.answer(signature, now).unwrap();
        assert_eq!(bound.verify(), Ok(()));
        let text = serde_json::to_string(&bound).unwrap();
        assert_eq!(serde_json::from_str::<BoundAddress>(&text).unwrap(), bound);
    }

    #[test]
    fn another_wallet_another_did_or_another_time_binds_nothing() {
        let wallet = SecretKey::from_seed([1; 32]);
        let asked = challenge(&wallet);
        let now = asked.issued_at;
        let text = asked.message();
        let thief = SecretKey::from_seed([2; 32]).sign(text.as_bytes());
        assert_eq!(asked.clone().answer(thief, now), Err(BindingError::Signature));
        let signature = wallet.sign(text.as_bytes());
        let other = AddressChallenge {
            did: SecretKey::from_seed([8; 32]).did(),
            ..asked.clone()
        };
        assert_eq!(other.answer(signature, now), Err(BindingError::Signature));
        let late = now.plus(Span::minutes(CHALLENGE_MINUTES + 1));
        assert_eq!(asked.clone().answer(signature, late), Err(BindingError::Expired));
        assert_eq!(
            asked.clone().answer(signature, now.minus(Span::seconds(1))),
            Err(BindingError::Expired)
        );
        let nobody = AddressChallenge {
            address: Address::token_account(&asked.address, &super::super::USDC_MINT).unwrap(),
            ..asked
        };
        assert_eq!(nobody.answer(signature, now), Err(BindingError::NoKey));
    }
}
