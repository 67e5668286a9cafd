use diesel::prelude::*;
use imajin_kernel::Timestamp;
use imajin_kernel::id::MailboxProofId;
use imajin_store::sealed_row;
use serde::Serialize;

use crate::schema::{development_mails, mailbox_proofs};

/// A link that was sent to a mailbox.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = mailbox_proofs)]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct MailboxProofRow {
    pub(crate) id: MailboxProofId,
    /// SHA-256 of the link's token, in hex; the token itself is only in the message.
    pub(crate) token_hash: String,
    pub(crate) mailbox: String,
    pub(crate) next_path: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) used_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(MailboxProofRow, mailbox_proofs, "mailbox_proofs", key = (id));

/// A message that stays on a node without a mail server.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = development_mails)]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct DevelopmentMailRow {
    /// The id of the mailbox proof in it; a new one for a notice.
    pub(crate) id: MailboxProofId,
    pub(crate) recipient: String,
    /// Subject, text and link, sealed: who reads the database must not log in with what is in it.
    pub(crate) sealed_message: Vec<u8>,
    pub(crate) created_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(DevelopmentMailRow, development_mails, "development_mails", key = (id));
