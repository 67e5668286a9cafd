//! The rows of the tables, and what they mean.

mod build;
mod directory;
mod dns;
mod liveness;
mod mirror;
mod name;
mod node;

pub(crate) use build::{BuildRuleRow, ReleaseBuildRow, ReleaseKeyRow, ReleaseRow};
pub(crate) use directory::{BucketRow, EntryRow, HeadRow, ShownRow};
pub(crate) use dns::DnsNameRow;
pub(crate) use liveness::{LivenessRow, STATUS_CHANGES_KEPT, StatusChangeRow};
pub(crate) use mirror::{MirrorEntryRow, MirrorHeadRow, MirrorLieRow, MirrorRow};
pub(crate) use name::NameRow;
pub(crate) use node::NodeRow;
