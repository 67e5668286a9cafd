//! Who may sign a distribution contract: the profile, and nobody else.

use imajin_did::{Did, PublicKey, SecretKey};
use imajin_kernel::Timestamp;

use super::{Contract, ContractError};
use crate::ManifestSignature;
use crate::sign::{NativeSignature, bytes_beneath};

impl Contract {
    /// The contract with the profile's signature. Replaces an earlier one.
    pub fn sign(mut self, key: &SecretKey, did: Did, now: Timestamp) -> Result<Self, ContractError> {
        self.check_signer(&did)?;
        self.signature = None;
        self.check()?;
        let signature = NativeSignature::make(key, did, now, self.to_value());
        let signature = signature.map_err(|error| ContractError::NotJson(error.to_string()))?;
        self.signature = Some(ManifestSignature::Native(signature));
        Ok(self)
    }

    /// Whether this is what the holder of `key`, a key of the profile, signed.
    pub fn verify_signature(&self, key: &PublicKey) -> Result<(), ContractError> {
        let (native, value) = match self.signature.as_ref().ok_or(ContractError::Unsigned)? {
            ManifestSignature::Native(signature) => {
                self.check_signer(&signature.did)?;
                (Some(signature), &signature.value)
            }
            ManifestSignature::Hex(value) => (None, value),
        };
        let bytes = bytes_beneath(self.to_value(), native).map_err(|_error| ContractError::BadSignature)?;
        key.verify(&bytes, value).map_err(|_bad| ContractError::BadSignature)
    }

    fn check_signer(&self, signer: &Did) -> Result<(), ContractError> {
        if signer.canonical() == self.profile_did.canonical() {
            return Ok(());
        }
        Err(ContractError::NotTheProfile {
            signer: signer.clone(),
            profile: self.profile_did.clone(),
        })
    }
}
