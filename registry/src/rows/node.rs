use diesel::prelude::*;
use imajin_did::{Did, PublicKey};
use imajin_kernel::Timestamp;
use imajin_registry_api::{NodeType, NodeView};
use imajin_store::sealed_row;
use serde::Serialize;

use super::LivenessRow;
use crate::RegistryError;
use crate::names::host_of;
use crate::schema::nodes;
use crate::status::Facts;

/// What a node has attested.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = nodes, primary_key(node_did))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct NodeRow {
    pub(crate) node_did: Did,
    pub(crate) public_key: Vec<u8>,
    pub(crate) hostname: String,
    /// A JSON list of strings.
    pub(crate) services: String,
    /// A JSON list of strings.
    pub(crate) capabilities: String,
    /// Whose it is, if the node says so.
    pub(crate) node_type: Option<String>,
    pub(crate) version: String,
    pub(crate) build_hash: String,
    pub(crate) source_commit: String,
    /// When the node signed, by its own clock, in milliseconds.
    pub(crate) attested_ms: i64,
    pub(crate) owner_did: Did,
    /// The attestation with its signature, canonical.
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) revoked_at: Option<Timestamp>,
    pub(crate) revoked_reason: Option<String>,
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(NodeRow, nodes, "nodes", key = (node_did));

impl NodeRow {
    /// The key that signs for the node.
    pub(crate) fn key(&self) -> Result<PublicKey, RegistryError> {
        let bytes: Option<[u8; 32]> = self.public_key.as_slice().try_into().ok();
        bytes
            .and_then(|bytes| PublicKey::from_bytes(&bytes).ok())
            .ok_or_else(|| self.damaged("its key is none"))
    }

    /// What decides about the node's status.
    pub(crate) fn facts(&self, liveness: &LivenessRow) -> Facts {
        Facts {
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
            last_heartbeat_at: liveness.last_heartbeat_at,
        }
    }

    /// Refuses to go on for a node that was revoked.
    pub(crate) fn revoked_refuse(&self) -> Result<(), RegistryError> {
        if self.revoked_at.is_none() {
            return Ok(());
        }
        let reason = self
            .revoked_reason
            .clone()
            .unwrap_or_else(|| "no reason was published".to_owned());
        Err(RegistryError::Revoked { reason })
    }

    /// Refuses to go on for a node that was revoked, or whose registration ran out.
    pub(crate) fn current_require(&self, now: Timestamp) -> Result<(), RegistryError> {
        self.revoked_refuse()?;
        if self.expires_at <= now {
            Err(RegistryError::Expired(self.expires_at))
        } else {
            Ok(())
        }
    }

    fn list(&self, text: &str) -> Result<Vec<String>, RegistryError> {
        serde_json::from_str(text).map_err(|_error| self.damaged("a list in it cannot be read"))
    }

    fn node_type(&self) -> Result<Option<NodeType>, RegistryError> {
        let read = self.node_type.as_deref().map(str::parse).transpose();
        read.map_err(|_unknown| self.damaged("its type is none"))
    }

    fn damaged(&self, problem: &str) -> RegistryError {
        RegistryError::damaged("nodes", self.node_did.as_str(), problem)
    }

    /// As anyone may see it now.
    pub(crate) fn view(
        self,
        liveness: &LivenessRow,
        zone: &str,
        build_status: &str,
        now: Timestamp,
    ) -> Result<NodeView, RegistryError> {
        Ok(NodeView {
            status: self.facts(liveness).status_at(now),
            subdomain: host_of(&self.hostname, zone),
            node_type: self.node_type()?,
            services: self.list(&self.services)?,
            capabilities: self.list(&self.capabilities)?,
            node_id: self.node_did,
            hostname: self.hostname,
            version: self.version,
            build_hash: self.build_hash,
            build_status: build_status.to_owned(),
            registered_at: self.created_at,
            last_heartbeat_at: liveness.last_heartbeat_at,
            expires_at: self.expires_at,
            revoked_reason: self.revoked_reason,
        })
    }
}
