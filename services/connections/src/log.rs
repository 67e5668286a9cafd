//! What connections writes to the mutation log.

use imajin_did::Did;
use imajin_kernel::id::{InviteId, StatementId};

pub(crate) const ISSUE: &str = "statement.issue";
pub(crate) const ACCEPT: &str = "statement.accept";
pub(crate) const REVOKE: &str = "statement.revoke";
/// What was signed for another node, brought here by one of its parties.
pub(crate) const IMPORT: &str = "statement.import";
pub(crate) const INVITE_ISSUE: &str = "invite.issue";
pub(crate) const INVITE_REVOKE: &str = "invite.revoke";
pub(crate) const BLOCK: &str = "block.set";
pub(crate) const UNBLOCK: &str = "block.remove";
pub(crate) const AUDIENCE: &str = "audience.set";

/// The name of a statement in the log.
pub(crate) fn statement_object(id: &StatementId) -> String {
    format!("statement/{id}")
}

/// The name of an invitation in the log.
pub(crate) fn invite_object(id: &InviteId) -> String {
    format!("invite/{id}")
}

/// The name of a block in the log.
pub(crate) fn block_object(owner: &Did, blocked: &Did) -> String {
    format!("block/{owner}/{blocked}")
}

/// The name of somebody's choice of audience in the log.
pub(crate) fn audience_object(did: &Did) -> String {
    format!("audience/{did}")
}
