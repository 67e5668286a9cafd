//! The rail as its node uses it: texts and numbers in place of the types of this module.

use std::sync::Arc;

use async_trait::async_trait;
use imajin_did::{Keyring, SecretKey, Signature};
use imajin_kernel::id::CheckoutId;
use imajin_kernel::{Env, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use super::records::Documents;
use super::{Address, AddressChallenge, BindingError, BoundAddress, EndpointRequest, SolanaRail, Wallet};
use crate::{
    RailError, RailSetupError, SolanaClaim, SolanaConfig, SolanaDesk, SolanaInfo, SolanaPage, SolanaRecords,
    SolanaStray, SolanaTick, SolanaToken, SolanaTransaction, SolanaWallet,
};

/// A new wallet.
///
/// # Errors
/// As [`crate::solana_wallet`].
pub(crate) fn wallet_new(config: &SolanaConfig, keyring: &Keyring, env: &Env) -> Result<SolanaWallet, RailSetupError> {
    let (wallet, sealed) = match &config.wallet_key {
        Some(text) => Wallet::import(key_read(text)?, keyring, env),
        None => Wallet::create(keyring, env),
    };
    Ok(SolanaWallet {
        address: wallet.address().to_string(),
        sealed,
    })
}

/// The rail with a stored wallet.
///
/// # Errors
/// As [`crate::solana_desk`].
pub(crate) fn desk_new(
    config: &SolanaConfig,
    keyring: &Keyring,
    wallet: &SolanaWallet,
    records: Arc<dyn SolanaRecords>,
    env: Env,
) -> Result<Arc<dyn SolanaDesk>, RailSetupError> {
    let wrong = |text: &str| Err(RailSetupError::Setting(text.to_owned()));
    let opened = Wallet::open(keyring, &wallet.sealed);
    let opened = opened.map_err(|error| RailSetupError::Setting(format!("the wallet for Solana: {error}")))?;
    if opened.address().to_string() != wallet.address {
        return wrong("the stored wallet for Solana has another address than its key");
    }
    if let Some(text) = &config.wallet_key
        && Address::from(key_read(text)?.public()) != opened.address()
    {
        return wrong(
            "`rails.solana.wallet_key` is not the key of the wallet that this node has: take the setting away, or \
             empty the wallet and delete it first",
        );
    }
    let store = Arc::new(Documents(records));
    Ok(Arc::new(SolanaRail::new(
        config.clone(),
        keyring.clone(),
        opened,
        store,
        env,
    )?))
}

/// Whether a stored document proves it.
pub(crate) fn claim_holds(document: &str, did: &str, address: &str) -> bool {
    serde_json::from_str::<BoundAddress>(document).is_ok_and(|bound| {
        bound.challenge.did.as_str() == did && bound.challenge.address.to_string() == address && bound.verify().is_ok()
    })
}

/// A key in the form of `solana-keygen`: a JSON array of 64 numbers, the secret half first.
fn key_read(text: &SecretString) -> Result<SecretKey, RailSetupError> {
    let wrong = || {
        let text = "`rails.solana.wallet_key` must be what `solana-keygen` writes: a JSON array of 64 numbers";
        RailSetupError::Setting(text.to_owned())
    };
    let bytes: Vec<u8> = serde_json::from_str(text.expose_secret()).map_err(|_unreadable| wrong())?;
    let (secret, public) = bytes.split_first_chunk::<32>().ok_or_else(wrong)?;
    let key = SecretKey::from_seed(*secret);
    if key.public().to_bytes().as_slice() == public {
        Ok(key)
    } else {
        Err(wrong())
    }
}

fn challenge(claim: &SolanaClaim) -> Result<AddressChallenge, RailError> {
    let address: Address = claim.address.parse().map_err(malformed)?;
    if !address.is_on_curve() {
        return Err(malformed(BindingError::NoKey));
    }
    Ok(AddressChallenge {
        did: claim.did.clone(),
        address,
        node: claim.node.clone(),
        nonce: claim.nonce.clone(),
        issued_at: claim.issued_at,
    })
}

fn malformed(error: impl std::fmt::Display) -> RailError {
    RailError::Malformed(error.to_string())
}

/// Wallets give a signature in Base58, and programs in hex.
fn signature_read(text: &str) -> Result<Signature, RailError> {
    if let Ok(signature) = Signature::from_hex(text) {
        return Ok(signature);
    }
    let mut bytes = [0; 64];
    match bs58::decode(text).onto(&mut bytes) {
        Ok(64) => Ok(Signature::from_bytes(bytes)),
        _ => Err(malformed("the signature must be 64 bytes, in Base58 or in hex")),
    }
}

#[async_trait]
impl SolanaDesk for SolanaRail {
    fn address(&self) -> String {
        Self::address(self).to_string()
    }

    fn tokens(&self) -> Vec<SolanaToken> {
        let tokens = self.network().tokens().into_iter();
        let token = tokens.map(|token| SolanaToken {
            name: token.name,
            mint: token.mint.map(|mint| mint.to_string()),
            settles_as: token.settles_as,
        });
        token.collect()
    }

    async fn page(&self, checkout: CheckoutId, message: &str) -> Result<SolanaPage, RailError> {
        let view = self.payment_view(checkout, message).await?;
        let shown = view.watch.shown().iter().rev();
        let strays = shown.filter_map(|sighting| {
            Some(SolanaStray {
                problem: sighting.explained()?,
                signature: sighting.signature.clone(),
                time: sighting.time,
            })
        });
        Ok(SolanaPage {
            strays: strays.collect(),
            form: view.watch.payment.explained(),
            transaction_url: view.transaction_url,
            transfer_url: view.transfer_url,
            is_settling: view.is_settling,
        })
    }

    fn info(&self) -> SolanaInfo {
        let info = self.endpoint_info();
        SolanaInfo {
            label: info.label,
            icon: info.icon,
        }
    }

    async fn transaction(
        &self,
        checkout: CheckoutId,
        account: &str,
        message: &str,
    ) -> Result<SolanaTransaction, RailError> {
        let account = account.parse().map_err(malformed)?;
        let answer = self
            .endpoint_answer(checkout, &EndpointRequest { account }, message)
            .await?;
        Ok(SolanaTransaction {
            transaction: answer.transaction,
            message: answer.message,
        })
    }

    async fn tick(&self) -> Result<SolanaTick, RailError> {
        let ticked = Self::tick(self).await?;
        Ok(SolanaTick {
            steps: ticked.steps,
            problems: ticked.problems,
        })
    }

    fn claim_text(&self, claim: &SolanaClaim) -> Result<String, RailError> {
        Ok(challenge(claim)?.message())
    }

    fn claim_check(&self, claim: &SolanaClaim, signature: &str, now: Timestamp) -> Result<String, RailError> {
        let answered = challenge(claim)?.answer(signature_read(signature)?, now);
        let bound = answered.map_err(|error| match error {
            BindingError::NoKey => malformed(error),
            BindingError::Expired => RailError::Stale,
            BindingError::Signature => RailError::Forged,
        })?;
        serde_json::to_string(&bound).map_err(malformed)
    }
}
