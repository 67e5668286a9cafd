use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_registry_api::NodeStatus;
use imajin_store::{Conn, SealedRow, Sealer, sealed_row};
use serde::Serialize;

use crate::schema::{node_liveness, node_status_changes};
use crate::status::{Facts, status_text};

/// The latest heartbeat, and the last status that was written down.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = node_liveness, primary_key(node_did))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct LivenessRow {
    pub(crate) node_did: Did,
    /// When it came, by our clock.
    pub(crate) last_heartbeat_at: Option<Timestamp>,
    /// When the node signed it, by its own clock, in milliseconds: the next one must be later.
    pub(crate) heartbeat_ms: Option<i64>,
    /// The heartbeat with its signature, canonical.
    pub(crate) heartbeat: Option<String>,
    pub(crate) status: String,
    pub(crate) status_since: Timestamp,
    /// The number of the last row in `node_status_changes`.
    pub(crate) status_seq: i64,
    /// When the passing of time changes the status next.
    pub(crate) status_due_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(LivenessRow, node_liveness, "node_liveness", key = (node_did));

/// A change of a node's status.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = node_status_changes, primary_key(node_did, seq))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct StatusChangeRow {
    pub(crate) node_did: Did,
    pub(crate) seq: i64,
    pub(crate) status: String,
    pub(crate) changed_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(
    StatusChangeRow,
    node_status_changes,
    "node_status_changes",
    key = (node_did, seq)
);

/// Changes of status that are kept of a node, the newest ones: those that are shown. A node may come and go for years.
pub(crate) const STATUS_CHANGES_KEPT: i64 = 100;

impl LivenessRow {
    /// A node that was not heard of yet and has no status so far.
    pub(crate) fn new(node_did: Did, now: Timestamp) -> Self {
        Self {
            node_did,
            last_heartbeat_at: None,
            heartbeat_ms: None,
            heartbeat: None,
            status: String::new(),
            status_since: now,
            status_seq: 0,
            status_due_at: None,
            row_seal: Vec::new(),
        }
    }

    /// Writes down what time has changed since the last note: `before` are the facts until now.
    pub(crate) fn passed_note(
        &mut self,
        conn: &mut Conn,
        sealer: &Sealer,
        before: &Facts,
        now: Timestamp,
    ) -> QueryResult<()> {
        for (at, status) in before.changes(self.status_since, now) {
            self.change_note(conn, sealer, status, at)?;
        }
        Ok(())
    }

    /// Writes down the status that the facts give now, if it is another one, and when it will change.
    pub(crate) fn status_note(
        &mut self,
        conn: &mut Conn,
        sealer: &Sealer,
        facts: &Facts,
        now: Timestamp,
    ) -> QueryResult<()> {
        self.change_note(conn, sealer, facts.status_at(now), now)?;
        self.status_due_at = facts.due_at(now);
        Ok(())
    }

    fn change_note(&mut self, conn: &mut Conn, sealer: &Sealer, status: NodeStatus, at: Timestamp) -> QueryResult<()> {
        let status = status_text(status);
        if self.status == status {
            return Ok(());
        }
        status.clone_into(&mut self.status);
        self.status_since = at;
        self.status_seq = self.status_seq.saturating_add(1);
        let row = StatusChangeRow {
            node_did: self.node_did.clone(),
            seq: self.status_seq,
            status: self.status.clone(),
            changed_at: at,
            row_seal: Vec::new(),
        };
        row.insert(conn, sealer)?;
        let old = node_status_changes::table
            .filter(node_status_changes::node_did.eq(&self.node_did))
            .filter(node_status_changes::seq.le(self.status_seq.saturating_sub(STATUS_CHANGES_KEPT)));
        diesel::delete(old).execute(conn).map(drop)
    }
}
