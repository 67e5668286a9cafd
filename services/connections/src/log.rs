//! What connections writes to the mutation log.

use imajin_did::Did;
use imajin_kernel::id::{InviteId, PodId, StatementId};

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
pub(crate) const POD_CREATE: &str = "pod.create";
pub(crate) const POD_SET: &str = "pod.set";
pub(crate) const POD_DISSOLVE: &str = "pod.dissolve";
pub(crate) const POD_INVITE: &str = "pod.invite";
pub(crate) const POD_ACCEPT: &str = "pod.accept";
pub(crate) const POD_ROLE: &str = "pod.role";
pub(crate) const POD_REMOVE: &str = "pod.remove";
pub(crate) const POD_LEAVE: &str = "pod.leave";
pub(crate) const POD_OFFER: &str = "pod.offer";

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

/// The name of a pod in the log: everything that happens in it is logged under this one name, so that its history is in
/// order.
pub(crate) fn pod_object(id: &PodId) -> String {
    format!("pod/{id}")
}
