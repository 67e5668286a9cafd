use diesel::prelude::*;
use imajin_kernel::Timestamp;
use imajin_rails::SOLANA_WALLET_LABEL;
use imajin_store::vault::SealedColumn;
use imajin_store::{sealed_column, sealed_row};
use serde::Serialize;

use crate::schema::{payee_addresses, solana_records, solana_wallets};

/// The node's wallet.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = solana_wallets, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct WalletRow {
    /// [`WALLET`]: there is one.
    pub(crate) id: String,
    pub(crate) address: String,
    #[serde(serialize_with = "imajin_store::as_bytes")]
    pub(crate) sealed_key: Vec<u8>,
    pub(crate) created_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(WalletRow, solana_wallets, "solana_wallets", key = (id));

/// The name of the one wallet.
pub(crate) const WALLET: &str = "node";

/// Where secrets are sealed.
pub const SEALED_COLUMNS: [SealedColumn; 1] = [sealed_column!(
    WalletRow,
    solana_wallets,
    "solana_wallets",
    sealed_key,
    order = id,
    holds = "the wallet on Solana",
    label = |_row| SOLANA_WALLET_LABEL.to_owned(),
)];

/// Something that the rail has stored.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = solana_records, primary_key(kind, key))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct RecordRow {
    pub(crate) kind: String,
    pub(crate) key: String,
    pub(crate) document: String,
    /// When to go on with it; none, when it is over.
    pub(crate) next_at: Option<Timestamp>,
    pub(crate) signed_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(RecordRow, solana_records, "solana_records", key = (kind, key));

/// Where somebody is paid on the chain.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = payee_addresses, primary_key(did))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct AddressRow {
    pub(crate) did: String,
    pub(crate) address: String,
    /// The text that the wallet signed, and its signature.
    pub(crate) document: String,
    pub(crate) bound_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(AddressRow, payee_addresses, "payee_addresses", key = (did));
