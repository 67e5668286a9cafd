use imajin_did::{Did, PublicKey};
use imajin_kernel::Timestamp;
use imajin_proof::SignedMessage;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::NodeView;

/// The `type` of the signed message around a release.
pub const RELEASE_KIND: &str = "release";

/// What the makers of the software say that they have released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReleaseBody {
    /// The version.
    pub version: String,
    /// One build for each target.
    pub builds: Vec<ReleaseBuild>,
}

/// A build of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReleaseBuild {
    /// For which machines, for example `x86_64-unknown-linux-gnu`.
    pub target: String,
    /// SHA-256 of the binary in 64 lower-case hexadecimal digits.
    pub build_hash: String,
}

/// A release, signed by the key that `from` is.
pub type SignedRelease = SignedMessage<ReleaseBody>;

/// What the operator says of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BuildStanding {
    /// It may be run, whoever made it.
    Approved,
    /// It should not be run any more; its nodes are asked to upgrade.
    Deprecated,
}

/// What the registry knows of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BuildView {
    /// SHA-256 of the binary.
    pub build_hash: String,
    /// The version.
    pub version: String,
    /// `reported`, or `verified` for a release that a trusted key has signed.
    pub status: String,
    /// What the operator of the registry says of it, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<BuildStanding>,
    /// Why the operator says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing_reason: Option<String>,
    /// What to run instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_version: Option<String>,
    /// How many nodes with a current registration report it.
    pub nodes: i64,
}

/// A key whose signed releases count, or counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseKeyView {
    /// The Multikey.
    #[schema(value_type = String)]
    pub public_key: PublicKey,
    /// Whose it is, for a person.
    pub name: String,
    /// Since when it counts.
    #[schema(value_type = String, format = DateTime)]
    pub added_at: Timestamp,
    /// Since when it does not count any more.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub retired_at: Option<Timestamp>,
    /// Why not.
    pub retired_reason: Option<String>,
}

/// A name whose records are not what they should be yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnpublishedName {
    /// The name.
    pub name: String,
    /// Whose it is.
    #[schema(value_type = String)]
    pub node_id: Did,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Why it could not be published last; nothing while it waits for its turn.
    pub last_error: Option<String>,
    /// Whether nothing is to be there.
    pub is_withdrawn: bool,
}

/// Too many nodes fell silent together: their names stay in DNS until somebody says that they are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeldSweep {
    /// Nodes that were last heard of within the same two days.
    pub silent_together: u64,
    /// Nodes whose names are published.
    pub named: u64,
}

/// A head of the registry's directory that a copy has shown, and that the registry's own log does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DirectoryTrouble {
    /// The number of the head that was shown.
    pub shown: u64,
    /// The newest number of the registry's own log.
    pub own: u64,
    /// Who showed it.
    pub source: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub seen_at: Timestamp,
    /// The registry has signed two directories of one number. Otherwise its log is only older, and goes on once the
    /// rest was put back; nothing is signed until then.
    pub is_forked: bool,
}

impl DirectoryTrouble {
    /// What it means, and what to do.
    pub fn text(&self) -> String {
        let Self { shown, own, source, .. } = self;
        if self.is_forked {
            return format!(
                "{source} shows a number {shown} of this registry's directory that is not the one in its log: the \
                 registry has told two stories, and whoever has seen the other one believes it no more. Restore the \
                 backup again, and run `imajin registry directory resume --from {source}` before anything is signed; \
                 without that backup it goes on with its own story, and such copies have to be begun anew."
            );
        }
        format!(
            "The log of the directory ends with number {own}, and {source} shows number {shown}: the database is \
             older than what this registry has signed. Nothing is signed, so that it does not tell two stories, and \
             no new node or name is taken, until the rest is put back: \
             `imajin registry directory resume --from {source}`."
        )
    }
}

/// What was put back into the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DirectoryResumed {
    /// The newest number now.
    pub seq: u64,
    /// Heads that were put back.
    pub heads: u64,
    /// Entries that were put back.
    pub entries: u64,
    /// Nodes that were taken off after the backup: they are off, although the order is lost.
    #[schema(value_type = Vec<String>)]
    pub revoked: Vec<Did>,
}

/// What the registry's operator has to see.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Console {
    /// The zone beneath which names are given out.
    pub zone: String,
    /// Whether anybody serves it.
    pub is_served: bool,
    /// Whether only builds that are verified or approved may register.
    pub known_builds: bool,
    /// Builds that nodes report, and builds that the operator has said something of.
    pub builds: Vec<BuildView>,
    /// Release keys, the retired ones included.
    pub release_keys: Vec<ReleaseKeyView>,
    /// Nodes that were taken off, at most 100.
    pub revoked: Vec<NodeView>,
    /// Names that are not published yet, the first 100.
    pub unpublished: Vec<UnpublishedName>,
    /// How many those are in all.
    pub unpublished_total: i64,
    /// Why no name leaves DNS at the moment.
    pub held: Option<HeldSweep>,
    /// That a copy has something of the directory which this registry's own log does not have.
    #[serde(default)]
    pub directory: Option<DirectoryTrouble>,
}

/// See [`crate::RegistryApi::console_fetch`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ConsoleFetch {}

/// See [`crate::RegistryApi::status_list`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusList {
    /// A DID, a name, or a full host name.
    pub key: String,
}
