use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_store::sealed_row;
use serde::Serialize;

use crate::schema::{custodial_keys, identities, identity_aliases, mailbox_aliases};

/// A registered identity.
#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = identities, primary_key(did))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct IdentityRow {
    pub(crate) did: Did,
    /// The 32 bytes of the current key.
    pub(crate) public_key: Vec<u8>,
    pub(crate) kind: String,
    pub(crate) handle: Option<String>,
    pub(crate) name: Option<String>,
    /// `own` or `node`.
    pub(crate) custody: String,
    /// The Multikey that may sign a new key in.
    pub(crate) recovery_key: Option<String>,
    pub(crate) owner_did: Did,
    /// What authorised the row, as the mutation log has it.
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    /// When its owner ended it.
    pub(crate) deleted_at: Option<Timestamp>,
    /// What its key log says now, as JSON; empty before anything was published.
    pub(crate) key_state: Option<String>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(IdentityRow, identities, "identities", key = (did));

/// A short DID that stands for a registered identity.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = identity_aliases, primary_key(alias))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct IdentityAliasRow {
    pub(crate) alias: Did,
    pub(crate) did: Did,
    pub(crate) created_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(IdentityAliasRow, identity_aliases, "identity_aliases", key = (alias));

/// A form of a did:email, and whose mailbox it is. Never leaves this service.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = mailbox_aliases, primary_key(alias))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct MailboxAliasRow {
    pub(crate) alias: Did,
    pub(crate) did: Did,
    pub(crate) mailbox: String,
    pub(crate) created_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(MailboxAliasRow, mailbox_aliases, "mailbox_aliases", key = (alias));

/// The sealed key of a soft identity.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = custodial_keys, primary_key(did))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct CustodialKeyRow {
    pub(crate) did: Did,
    pub(crate) sealed_key: Vec<u8>,
    pub(crate) created_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(CustodialKeyRow, custodial_keys, "custodial_keys", key = (did));
