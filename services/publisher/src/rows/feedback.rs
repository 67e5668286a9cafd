use diesel::prelude::*;
use imajin_kernel::Timestamp;
use imajin_kernel::id::AccessId;
use imajin_store::sealed_row;
use serde::Serialize;

use crate::schema::gate_feedback;

/// The last word of an agent about something that it has paid for at a gate, on its way to the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = gate_feedback, primary_key(access_id))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct FeedbackRow {
    pub(crate) access_id: AccessId,
    pub(crate) site: String,
    pub(crate) agent: String,
    pub(crate) url: String,
    pub(crate) broker: String,
    /// The name of what was said: SHA-256 of what the agent has signed.
    pub(crate) digest: String,
    /// What was said, with the signature: the broker checks it too.
    pub(crate) document: String,
    pub(crate) state: String,
    /// Why the broker has refused it, or why it waits.
    pub(crate) reason: Option<String>,
    pub(crate) tries: i64,
    pub(crate) due_at: Timestamp,
    pub(crate) said_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(FeedbackRow, gate_feedback, "gate_feedback", key = (access_id));

/// The broker was not told yet.
pub(crate) const WAITING: &str = "waiting";
/// The broker has taken it.
pub(crate) const PASSED: &str = "passed";
/// The broker has refused it for good.
pub(crate) const REFUSED: &str = "refused";
