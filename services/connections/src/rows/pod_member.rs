use diesel::prelude::*;
use imajin_connections_api::{PodInvitation, PodRole};
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::PodId;
use imajin_store::{SealedRow, sealed_row};
use serde::Serialize;

use crate::ConnectionsError;
use crate::schema::pod_members;

/// Somebody's place in a pod, from the invitation on.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = pod_members, primary_key(pod, member_did))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct PodMemberRow {
    pub(crate) pod: PodId,
    pub(crate) member_did: Did,
    pub(crate) role: String,
    pub(crate) invited_by: Did,
    pub(crate) proof: String,
    pub(crate) invited_at: Timestamp,
    /// When they accepted.
    pub(crate) joined_at: Option<Timestamp>,
    /// When they left, declined, or were removed.
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(PodMemberRow, pod_members, "pod_members", key = (pod, member_did));

impl PodMemberRow {
    /// What they are, or would be.
    pub(crate) fn role(&self) -> Result<PodRole, ConnectionsError> {
        PodRole::named(&self.role)
            .ok_or_else(|| ConnectionsError::damaged("pod_members", &self.row_key(), "it cannot be read"))
    }

    /// Whether they have accepted, and are still in.
    pub(crate) const fn is_in(&self) -> bool {
        self.joined_at.is_some() && self.ended_at.is_none()
    }

    /// Whether they have not answered yet.
    pub(crate) const fn is_invited(&self) -> bool {
        self.joined_at.is_none() && self.ended_at.is_none()
    }

    /// The invitation, while nobody has answered it.
    pub(crate) fn invitation(&self) -> Result<Option<PodInvitation>, ConnectionsError> {
        if !self.is_invited() {
            return Ok(None);
        }
        Ok(Some(PodInvitation {
            role: self.role()?,
            by: self.invited_by.clone(),
            at: self.invited_at,
        }))
    }
}
