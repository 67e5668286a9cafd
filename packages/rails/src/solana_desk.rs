//! What a node asks of Solana beside what every rail does, in plain texts and numbers: programs without the rail have
//! the same words for it.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use imajin_did::{Did, Keyring, Sealed};
use imajin_kernel::id::CheckoutId;
use imajin_kernel::{Env, Timestamp};
use imajin_money::Asset;
use serde::{Deserialize, Serialize};

use crate::{Rail, RailError, RailEvent, RailSetupError, SolanaConfig};

/// Under which label the key of the wallet is sealed.
pub const SOLANA_WALLET_LABEL: &str = "rail/solana/wallet";

/// A message of the rail: what it says, and as it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RailMessage {
    /// What [`Rail::verify`] reads in it.
    pub event: RailEvent,
    /// The signed message.
    pub body: Vec<u8>,
}

/// What kind of thing a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SolanaRecordKind {
    /// A checkout that waits for its payment.
    Watch,
    /// Money that leaves the wallet.
    Payout,
}

impl SolanaRecordKind {
    /// The text in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Payout => "payout",
        }
    }
}

/// Something that the rail has its node store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SolanaRecord {
    /// What it is.
    pub kind: SolanaRecordKind,
    /// Its name among those of its kind.
    pub key: String,
    /// All of it, as JSON.
    pub document: String,
    /// When to go on with it; `None`: it is over.
    pub next_at: Option<Timestamp>,
    /// When money last left because of it.
    pub signed_at: Option<Timestamp>,
}

/// Where the rail's records are. Whatever it has answered for is durable.
#[async_trait]
pub trait SolanaRecords: Send + Sync + 'static {
    /// Stores `after` if the document under its key is `before` still (`None`: there is none), and takes `messages` as
    /// if they had come to the rail's webhook, in one transaction; says whether it was. Of two processes that come at
    /// once only one is first.
    async fn record_save(
        &self,
        before: Option<String>,
        after: SolanaRecord,
        messages: Vec<RailMessage>,
    ) -> Result<bool, RailError>;

    /// A document.
    async fn record_fetch(&self, kind: SolanaRecordKind, key: &str) -> Result<Option<String>, RailError>;

    /// Documents whose `next_at` has come, the longest waiting first.
    async fn records_due(&self, kind: SolanaRecordKind, now: Timestamp, limit: usize)
    -> Result<Vec<String>, RailError>;

    /// Payouts that were signed after a moment.
    async fn payouts_signed(&self, since: Timestamp) -> Result<Vec<String>, RailError>;

    /// Documents by key, from the one after `after` on, and of payouts only those that were signed after a moment: for
    /// the reconciliation.
    async fn records_list(
        &self,
        kind: SolanaRecordKind,
        signed_since: Option<Timestamp>,
        after: String,
        limit: usize,
    ) -> Result<Vec<String>, RailError>;
}

/// A wallet as it is stored.
#[derive(Debug, Clone)]
pub struct SolanaWallet {
    /// Where it is paid.
    pub address: String,
    /// Its key, sealed under [`SOLANA_WALLET_LABEL`].
    pub sealed: Sealed,
}

/// A token that the pages know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SolanaToken {
    /// What it is called.
    pub name: &'static str,
    /// The token; `None` for SOL itself.
    pub mint: Option<String>,
    /// In which asset it settles; `None` if the node takes none of it.
    pub settles_as: Option<Asset>,
}

/// What wallets are told about the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SolanaInfo {
    /// What it is called.
    pub label: String,
    /// Its picture: an absolute address.
    pub icon: String,
}

/// A transaction for a wallet to sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SolanaTransaction {
    /// In Base64, unsigned.
    pub transaction: String,
    /// What the wallet shows beside it.
    pub message: String,
}

/// What the payment page shows of a checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SolanaPage {
    /// For the wallet, as a link and as a QR code: the transaction that may split.
    pub transaction_url: String,
    /// For wallets that know plain transfers only: everything to the node.
    pub transfer_url: String,
    /// Who is paid on the chain, in one sentence.
    pub form: String,
    /// Whether something is on the chain that is not final yet.
    pub is_settling: bool,
    /// What arrived and did not pay, the newest first.
    pub strays: Vec<SolanaStray>,
}

/// A payment that arrived and did not pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SolanaStray {
    /// What is wrong with it and what becomes of it.
    pub problem: String,
    /// The transaction.
    pub signature: String,
    /// When it arrived.
    pub time: Timestamp,
}

/// What was got on with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SolanaTick {
    /// How many watches and payouts got on.
    pub steps: usize,
    /// What was in the way of the others, each said once.
    pub problems: BTreeSet<String>,
}

/// Somebody's word that an address is theirs: what its wallet is asked to sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SolanaClaim {
    /// Who wants to be paid there.
    pub did: Did,
    /// Where.
    pub address: String,
    /// The node that asks: its public address.
    pub node: String,
    /// Makes the text unique.
    pub nonce: String,
    /// When it was asked.
    pub issued_at: Timestamp,
}

/// The rail with everything that only Solana has.
#[async_trait]
pub trait SolanaDesk: Rail {
    /// Where the node is paid.
    fn address(&self) -> String;

    /// The tokens to show, and whether the node takes them.
    fn tokens(&self) -> Vec<SolanaToken>;

    /// What the payment page shows.
    async fn page(&self, checkout: CheckoutId, message: &str) -> Result<SolanaPage, RailError>;

    /// What a wallet is told that asks who is paid.
    fn info(&self) -> SolanaInfo;

    /// The transaction for the wallet of `account`.
    async fn transaction(
        &self,
        checkout: CheckoutId,
        account: &str,
        message: &str,
    ) -> Result<SolanaTransaction, RailError>;

    /// Gets on with what is due: asks the chain about payments, and sends payouts. Called again and again.
    async fn tick(&self) -> Result<SolanaTick, RailError>;

    /// The text that a wallet signs to say that its address belongs to somebody.
    ///
    /// # Errors
    /// [`RailError::Malformed`] when the address is none.
    fn claim_text(&self, claim: &SolanaClaim) -> Result<String, RailError>;

    /// Checks a wallet's signature, in Base58 or in hex; answers with the document that proves it.
    ///
    /// # Errors
    /// [`RailError::Malformed`] when the address or the signature is none; [`RailError::Stale`] when the text is too
    /// old; [`RailError::Forged`] when the wallet did not sign it.
    fn claim_check(&self, claim: &SolanaClaim, signature: &str, now: Timestamp) -> Result<String, RailError>;
}

/// A new wallet, from the key that the operator brings or from a random one.
///
/// # Errors
/// [`RailSetupError::NotBuilt`] without the cargo feature `solana`; [`RailSetupError::Setting`] when the key is none.
#[cfg(feature = "solana")]
pub fn solana_wallet(config: &SolanaConfig, keyring: &Keyring, env: &Env) -> Result<SolanaWallet, RailSetupError> {
    crate::solana::wallet_new(config, keyring, env)
}

/// A new wallet, from the key that the operator brings or from a random one.
///
/// # Errors
/// [`RailSetupError::NotBuilt`], in a program without the cargo feature `solana`.
#[cfg(not(feature = "solana"))]
pub fn solana_wallet(_config: &SolanaConfig, _keyring: &Keyring, _env: &Env) -> Result<SolanaWallet, RailSetupError> {
    Err(NOT_BUILT)
}

/// The rail of a configuration and a stored wallet; asks nobody.
///
/// # Errors
/// [`RailSetupError::NotBuilt`] without the cargo feature `solana`; [`RailSetupError::Setting`] when a setting cannot
/// be right, or the wallet does not open.
#[cfg(feature = "solana")]
pub fn solana_desk(
    config: &SolanaConfig,
    keyring: &Keyring,
    wallet: &SolanaWallet,
    records: Arc<dyn SolanaRecords>,
    env: Env,
) -> Result<Arc<dyn SolanaDesk>, RailSetupError> {
    crate::solana::desk_new(config, keyring, wallet, records, env)
}

/// The rail of a configuration and a stored wallet; asks nobody.
///
/// # Errors
/// [`RailSetupError::NotBuilt`], in a program without the cargo feature `solana`.
#[cfg(not(feature = "solana"))]
pub fn solana_desk(
    _config: &SolanaConfig,
    _keyring: &Keyring,
    _wallet: &SolanaWallet,
    _records: Arc<dyn SolanaRecords>,
    _env: Env,
) -> Result<Arc<dyn SolanaDesk>, RailSetupError> {
    Err(NOT_BUILT)
}

/// Whether a stored document proves that a wallet gave its address to somebody; `None` in a program that cannot tell.
#[cfg(feature = "solana")]
pub fn solana_claim_holds(document: &str, did: &str, address: &str) -> Option<bool> {
    Some(crate::solana::claim_holds(document, did, address))
}

/// Whether a stored document proves that a wallet gave its address to somebody; `None` in a program that cannot tell.
#[cfg(not(feature = "solana"))]
pub const fn solana_claim_holds(_document: &str, _did: &str, _address: &str) -> Option<bool> {
    None
}

#[cfg(not(feature = "solana"))]
const NOT_BUILT: RailSetupError = RailSetupError::NotBuilt {
    rail: crate::SOLANA,
    feature: "solana",
};
