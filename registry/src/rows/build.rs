use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_store::sealed_row;
use serde::Serialize;

use crate::schema::{build_rules, release_builds, release_keys, releases};

/// What the operator says of a build.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = build_rules, primary_key(build_hash))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct BuildRuleRow {
    pub(crate) build_hash: String,
    /// `approved` or `deprecated`.
    pub(crate) standing: String,
    /// What the nodes that run it are asked to run instead.
    pub(crate) target_version: Option<String>,
    pub(crate) reason: String,
    pub(crate) owner_did: Did,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(BuildRuleRow, build_rules, "build_rules", key = (build_hash));

/// A key whose signed releases count, unless it is retired.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = release_keys, primary_key(public_key))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct ReleaseKeyRow {
    /// The Multikey.
    pub(crate) public_key: String,
    pub(crate) name: String,
    pub(crate) owner_did: Did,
    pub(crate) created_at: Timestamp,
    pub(crate) retired_at: Option<Timestamp>,
    pub(crate) retired_reason: Option<String>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(ReleaseKeyRow, release_keys, "release_keys", key = (public_key));

/// A release as it was signed.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = releases, primary_key(digest))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct ReleaseRow {
    /// SHA-256 of the canonical document.
    pub(crate) digest: String,
    pub(crate) release_key: String,
    pub(crate) version: String,
    pub(crate) document: String,
    pub(crate) created_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(ReleaseRow, releases, "releases", key = (digest));

/// A build of a release.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = release_builds, primary_key(build_hash, digest))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct ReleaseBuildRow {
    pub(crate) build_hash: String,
    pub(crate) digest: String,
    pub(crate) target: String,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(
    ReleaseBuildRow,
    release_builds,
    "release_builds",
    key = (build_hash, digest)
);
