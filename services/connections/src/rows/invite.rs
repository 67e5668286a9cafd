use diesel::prelude::*;
use imajin_connections_api::InviteView;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::InviteId;
use imajin_proof::SignedMessage;
use imajin_store::sealed_row;
use serde::Serialize;

use crate::ConnectionsError;
use crate::schema::invites;

/// An invitation to be connected with its owner.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = invites, primary_key(id))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct InviteRow {
    pub(crate) id: InviteId,
    /// The public half of the key that the code is.
    pub(crate) key: String,
    pub(crate) owner_did: Did,
    pub(crate) document: String,
    pub(crate) note: Option<String>,
    pub(crate) uses: i64,
    pub(crate) uses_max: i64,
    pub(crate) expires_at: Timestamp,
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(InviteRow, invites, "invites", key = (id));

impl InviteRow {
    /// The document as it was signed.
    pub(crate) fn message(&self) -> Result<SignedMessage, ConnectionsError> {
        super::message(&self.document)
            .map_err(|_error| ConnectionsError::damaged("invites", &self.id, "its document cannot be read"))
    }

    /// As its owner sees it.
    pub(crate) fn view(&self, now: Timestamp) -> InviteView {
        InviteView {
            id: self.id,
            note: self.note.clone(),
            uses: self.uses,
            max_uses: self.uses_max,
            expires_at: self.expires_at,
            open: self.is_open(now),
        }
    }

    /// Whether somebody can take it up.
    pub(crate) fn is_open(&self, now: Timestamp) -> bool {
        self.deleted_at.is_none() && self.expires_at > now && self.uses < self.uses_max
    }
}
