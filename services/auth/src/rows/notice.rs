use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::NoticeId;
use imajin_store::sealed_row;
use serde::Serialize;

use crate::schema::{notice_settings, notices};

/// A message to one mailbox about what has happened.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = notices)]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct NoticeRow {
    /// Also in the message's `Message-ID`: a mailbox that gets it twice can tell.
    pub(crate) id: NoticeId,
    /// What the service that has told it calls it.
    pub(crate) source: String,
    pub(crate) did: Did,
    pub(crate) mailbox: String,
    pub(crate) subject: String,
    /// Empty once it was sent.
    pub(crate) body: String,
    pub(crate) link: String,
    /// `waiting`, `sent` or `failed`.
    pub(crate) state: String,
    pub(crate) attempts: i32,
    /// Why it was not sent the last time.
    pub(crate) problem: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) due_at: Timestamp,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(NoticeRow, notices, "notices", key = (id));

/// Whether somebody wants mail; nobody has said so before there is a row, and it is sent.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = notice_settings, primary_key(did))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct NoticeSettingRow {
    pub(crate) did: Did,
    /// `on` or `off`.
    pub(crate) mail: String,
    pub(crate) owner_did: Did,
    /// What authorised the row, as the mutation log has it.
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(NoticeSettingRow, notice_settings, "notice_settings", key = (did));
