use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::SessionId;
use imajin_store::sealed_row;
use serde::Serialize;

use crate::schema::{challenge_uses, session_keys, sessions};

/// A session, alive until it expires or is revoked.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = sessions)]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct SessionRow {
    /// The token's `jti`.
    pub(crate) id: SessionId,
    pub(crate) did: Did,
    /// `key`, `recovery` or `mailbox`.
    pub(crate) method: String,
    /// What the client calls itself, shortened.
    pub(crate) client: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) revoked_at: Option<Timestamp>,
    /// The Multikey that opened it, where a key did.
    pub(crate) opened_by: Option<String>,
    pub(crate) row_seal: Vec<u8>,
    /// When it was used last, to the quarter of an hour.
    pub(crate) seen_at: Option<Timestamp>,
}

sealed_row!(SessionRow, sessions, "sessions", key = (id));

/// A key that signs session tokens, sealed.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = session_keys, primary_key(kid))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct SessionKeyRow {
    pub(crate) kid: String,
    pub(crate) purpose: String,
    pub(crate) public_key: Vec<u8>,
    pub(crate) sealed_key: Vec<u8>,
    pub(crate) created_at: Timestamp,
    pub(crate) retired_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(SessionKeyRow, session_keys, "session_keys", key = (kid));

/// A challenge that was answered.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = challenge_uses)]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct ChallengeUseRow {
    /// SHA-256 of the challenge's token, in hex.
    pub(crate) id: String,
    pub(crate) did: Did,
    pub(crate) used_at: Timestamp,
    /// From when on the challenge is too old anyway.
    pub(crate) expires_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(ChallengeUseRow, challenge_uses, "challenge_uses", key = (id));
