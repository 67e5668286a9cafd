//! One struct per table, each sealed over all its columns.

mod attestation;
mod claim;
mod handle;
mod identity;
mod key_log;
mod mailbox;
mod moved;
mod node;
mod notice;
mod peer_rule;
mod session;

pub(crate) use attestation::AttestationRow;
pub(crate) use claim::IdentityClaimRow;
pub(crate) use handle::HandleRow;
pub(crate) use identity::{CustodialKeyRow, IdentityAliasRow, IdentityRow, MailboxAliasRow};
pub(crate) use key_log::{DeviceRequestRow, DeviceRow, KeyLogEntryRow, KeyLogReceiptRow, MirroredLogRow};
pub(crate) use mailbox::{DevelopmentMailRow, MailboxProofRow};
pub(crate) use moved::MoveRow;
pub(crate) use node::{NodeRoleRow, SetupTokenRow};
pub(crate) use notice::{NoticeRow, NoticeSettingRow};
pub(crate) use peer_rule::PeerRuleRow;
pub(crate) use session::{ChallengeUseRow, SessionKeyRow, SessionRow};
