use diesel::prelude::*;
use imajin_connections_api::{PodKind, PodRef, PodVisibility};
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::PodId;
use imajin_store::sealed_row;
use serde::Serialize;

use crate::ConnectionsError;
use crate::schema::pods;

/// A named group of people.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = pods, primary_key(id))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct PodRow {
    pub(crate) id: PodId,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) visibility: String,
    /// The pod of the same owner that it stands within.
    pub(crate) parent: Option<PodId>,
    pub(crate) owner_did: Did,
    /// To whom the owner offers it.
    pub(crate) successor_did: Option<Did>,
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    /// When it was dissolved.
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(PodRow, pods, "pods", key = (id));

impl PodRow {
    /// What it is for.
    pub(crate) fn kind(&self) -> Result<PodKind, ConnectionsError> {
        PodKind::named(&self.kind).ok_or_else(|| self.damaged())
    }

    /// Who may know of it.
    pub(crate) fn visibility(&self) -> Result<PodVisibility, ConnectionsError> {
        PodVisibility::named(&self.visibility).ok_or_else(|| self.damaged())
    }

    /// By its name.
    pub(crate) fn to_ref(&self) -> PodRef {
        PodRef {
            id: self.id,
            name: self.name.clone(),
        }
    }

    fn damaged(&self) -> ConnectionsError {
        ConnectionsError::damaged("pods", &self.id, "it cannot be read")
    }
}
