//! Which builds count as what: releases that trusted keys have signed, and what the operator says of a build.

use std::collections::BTreeMap;

use diesel::prelude::*;
use imajin_did::{Did, PublicKey};
use imajin_proof::{digest, jcs};
use imajin_registry_api::{BuildStanding, BuildView, RELEASE_KIND, ReleaseKeyView, SignedRelease};
use imajin_store::mutation::{self, Mutation, Proof};
use imajin_store::{Conn, SealedRow, for_update};
use serde::Deserialize;

use super::application::{build_hash_check, text_check};
use super::builds::ReportedBuild;
use super::order::{Order, reason_check};
use crate::RegistryError;
use crate::context::Context;
use crate::rows::{BuildRuleRow, ReleaseBuildRow, ReleaseKeyRow, ReleaseRow};
use crate::schema::{build_rules, release_builds, release_keys, releases};

/// The actions of the mutation log.
pub(crate) const KEY_ADD: &str = "release-key.add";
pub(crate) const KEY_RETIRE: &str = "release-key.retire";
pub(crate) const RELEASE_ADD: &str = "release.add";

/// Builds of one release at most.
const RELEASE_BUILDS_MAX: usize = 64;
/// Release keys at most, the retired ones included: somebody reads the list.
const KEYS_MAX: i64 = 64;

/// `{publicKey, name}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct KeyWish {
    pub(crate) public_key: PublicKey,
    pub(crate) name: String,
}

/// `{publicKey, reason}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RetireWish {
    pub(crate) public_key: PublicKey,
    pub(crate) reason: String,
}

pub(crate) fn key_object(public_key: &str) -> String {
    format!("release-key/{public_key}")
}

fn key_lock(conn: &mut Conn, context: &Context, public_key: &str) -> Result<Option<ReleaseKeyRow>, RegistryError> {
    let known: Option<ReleaseKeyRow> = for_update!(
        conn,
        release_keys::table.find(public_key).select(ReleaseKeyRow::as_select()) => first
    )
    .optional()?;
    Ok(known.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// Trusts a release key, also one that was retired.
pub(crate) fn key_add(conn: &mut Conn, context: &Context, order: &Order, wish: &KeyWish) -> Result<(), RegistryError> {
    text_check("name", &wish.name)?;
    let public_key = wish.public_key.multikey();
    let known = key_lock(conn, context, &public_key)?;
    let row = ReleaseKeyRow {
        public_key: public_key.clone(),
        name: wish.name.clone(),
        owner_did: order.verified.did().clone(),
        created_at: known.as_ref().map_or(context.env.now(), |known| known.created_at),
        retired_at: None,
        retired_reason: None,
        row_seal: Vec::new(),
    };
    if known.is_some() {
        row.save(conn, &context.sealer)?;
    } else {
        let keys: i64 = release_keys::table.count().get_result(conn)?;
        if keys >= KEYS_MAX {
            return Err(RegistryError::shape(
                "publicKey",
                format!("there are {KEYS_MAX} release keys already"),
            ));
        }
        row.insert(conn, &context.sealer)?;
    }
    order.append(conn, context, KEY_ADD, &key_object(&public_key))
}

/// Trusts a release key no more; nothing that it has signed is verified from then on.
pub(crate) fn key_retire(
    conn: &mut Conn,
    context: &Context,
    order: &Order,
    wish: &RetireWish,
) -> Result<(), RegistryError> {
    reason_check(&wish.reason)?;
    let public_key = wish.public_key.multikey();
    let known = key_lock(conn, context, &public_key)?.filter(|row| row.retired_at.is_none());
    let mut row = known.ok_or(RegistryError::NoReleaseKey)?;
    row.retired_at = Some(context.env.now());
    row.retired_reason = Some(wish.reason.clone());
    row.owner_did = order.verified.did().clone();
    row.save(conn, &context.sealer)?;
    order.append(conn, context, KEY_RETIRE, &key_object(&public_key))
}

/// A release that a key has signed; whether the key is trusted is for [`release_add`] to say.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    signed: SignedRelease,
    key: PublicKey,
    canonical: String,
    text: String,
}

impl Release {
    /// Reads and checks a release.
    pub(crate) fn parse(document: serde_json::Value) -> Result<Self, RegistryError> {
        let signed = SignedRelease::deserialize(document);
        let signed = signed.map_err(|error| RegistryError::shape("release", error.to_string()))?;
        let key = signed.from.public_key().ok_or(RegistryError::NoReleaseKey)?;
        signed.verify(RELEASE_KIND, &key)?;
        text_check("version", &signed.payload.version)?;
        let builds = &signed.payload.builds;
        if builds.is_empty() || builds.len() > RELEASE_BUILDS_MAX {
            return Err(RegistryError::shape(
                "builds",
                format!("a release has 1 to {RELEASE_BUILDS_MAX} builds"),
            ));
        }
        let mut hashes: Vec<&str> = builds.iter().map(|build| build.build_hash.as_str()).collect();
        hashes.sort_unstable();
        hashes.dedup();
        if hashes.len() < builds.len() {
            return Err(RegistryError::shape("builds", "a build is named twice"));
        }
        for build in builds {
            build_hash_check(&build.build_hash)?;
            text_check("target", &build.target)?;
        }
        let text = String::from_utf8(signed.signed_bytes()?);
        Ok(Self {
            key,
            canonical: jcs::to_string(&signed).map_err(imajin_proof::ProofError::from)?,
            text: text.map_err(|_error| RegistryError::shape("release", "it is no text"))?,
            signed,
        })
    }
}

impl Release {
    /// What was signed.
    pub(crate) const fn signed(&self) -> &SignedRelease {
        &self.signed
    }

    /// Who has signed.
    pub(crate) const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// SHA-256 of the canonical document, in hex.
    pub(crate) fn digest(&self) -> String {
        digest::sha256_hex(self.canonical.as_bytes())
    }
}

/// Takes a release in. Anybody may bring it: the key has signed it. Whether it was new.
pub(crate) fn release_add(conn: &mut Conn, context: &Context, release: &Release) -> Result<bool, RegistryError> {
    let public_key = release.key.multikey();
    let trusted = key_lock(conn, context, &public_key)?.filter(|row| row.retired_at.is_none());
    trusted.ok_or(RegistryError::NoReleaseKey)?;
    let digest = release.digest();
    let known: i64 = releases::table.find(&digest).count().get_result(conn)?;
    if known > 0 {
        return Ok(false);
    }
    let body = &release.signed.payload;
    let row = ReleaseRow {
        digest: digest.clone(),
        release_key: public_key,
        version: body.version.clone(),
        document: release.canonical.clone(),
        created_at: context.env.now(),
        row_seal: Vec::new(),
    };
    row.insert(conn, &context.sealer)?;
    for build in &body.builds {
        let row = ReleaseBuildRow {
            build_hash: build.build_hash.clone(),
            digest: digest.clone(),
            target: build.target.clone(),
            row_seal: Vec::new(),
        };
        row.insert(conn, &context.sealer)?;
    }
    let signer: Did = release.signed.from.canonical();
    let mutation = Mutation {
        owner: signer.clone(),
        action: RELEASE_ADD,
        object: format!("release/{digest}"),
        body: release.canonical.clone().into_bytes(),
        proof: Proof::Challenge {
            did: signer,
            key: release.key,
            text: release.text.clone(),
            signature: release.signed.signature,
        },
    };
    mutation::append(conn, &context.writer, &mutation)?;
    Ok(true)
}

/// The versions under which trusted keys have signed these builds.
fn released(conn: &mut Conn, hashes: &[&str]) -> QueryResult<Vec<(String, String)>> {
    release_builds::table
        .inner_join(releases::table.inner_join(release_keys::table))
        .filter(release_builds::build_hash.eq_any(hashes.to_vec()))
        .filter(release_keys::retired_at.is_null())
        .select((release_builds::build_hash, releases::version))
        .load(conn)
}

/// What is known of some builds.
pub(crate) struct Known {
    released: Vec<(String, String)>,
    rules: BTreeMap<String, BuildRuleRow>,
}

/// Looks up what is known of these builds.
pub(crate) fn known(conn: &mut Conn, context: &Context, hashes: &[&str]) -> Result<Known, RegistryError> {
    let rows: Vec<BuildRuleRow> = build_rules::table
        .filter(build_rules::build_hash.eq_any(hashes.to_vec()))
        .select(BuildRuleRow::as_select())
        .load(conn)?;
    let mut rules = BTreeMap::new();
    for row in rows {
        let row = row.intact(&context.sealer)?;
        rules.insert(row.build_hash.clone(), row);
    }
    Ok(Known {
        released: released(conn, hashes)?,
        rules,
    })
}

impl Known {
    /// Whether a trusted key has signed this build as this version.
    pub(crate) fn is_verified(&self, build_hash: &str, version: &str) -> bool {
        self.released
            .iter()
            .any(|(hash, released)| hash == build_hash && released == version)
    }

    /// What the operator says of a build.
    pub(crate) fn rule(&self, build_hash: &str) -> Option<&BuildRuleRow> {
        self.rules.get(build_hash)
    }

    /// `verified`, or `reported`.
    pub(crate) fn status(&self, build_hash: &str, version: &str) -> &'static str {
        if self.is_verified(build_hash, version) {
            "verified"
        } else {
            "reported"
        }
    }

    /// A build as anybody may see it.
    pub(crate) fn view(&self, build: ReportedBuild) -> Result<BuildView, RegistryError> {
        let rule = self.rule(&build.build_hash);
        Ok(BuildView {
            status: self.status(&build.build_hash, &build.version).to_owned(),
            standing: rule.map(BuildRuleRow::standing).transpose()?,
            standing_reason: rule.map(|rule| rule.reason.clone()),
            target_version: rule.and_then(|rule| rule.target_version.clone()),
            build_hash: build.build_hash,
            version: build.version,
            nodes: build.nodes,
        })
    }
}

/// Refuses a build that the registry does not take: a deprecated one, or one that nobody vouches for.
pub(crate) fn build_require(
    conn: &mut Conn,
    context: &Context,
    build_hash: &str,
    version: &str,
) -> Result<(), RegistryError> {
    let known = known(conn, context, &[build_hash])?;
    let rule = known.rule(build_hash);
    match rule.map(BuildRuleRow::standing).transpose()? {
        Some(BuildStanding::Approved) => Ok(()),
        Some(BuildStanding::Deprecated) => Err(RegistryError::BuildRefused {
            reason: rule.map(|rule| rule.reason.clone()).unwrap_or_default(),
        }),
        None if known.is_verified(build_hash, version) => Ok(()),
        None => Err(RegistryError::BuildRefused {
            reason: "nobody that this registry trusts has released it".to_owned(),
        }),
    }
}

/// All release keys, the newest first.
pub(crate) fn key_list(conn: &mut Conn, context: &Context) -> Result<Vec<ReleaseKeyView>, RegistryError> {
    let rows: Vec<ReleaseKeyRow> = release_keys::table
        .order_by((release_keys::created_at.desc(), release_keys::public_key))
        .select(ReleaseKeyRow::as_select())
        .load(conn)?;
    let mut keys = Vec::with_capacity(rows.len());
    for row in rows {
        let row = row.intact(&context.sealer)?;
        let public_key = PublicKey::from_multikey(&row.public_key)
            .map_err(|_error| RegistryError::damaged("release_keys", &row.public_key, "it is no key"))?;
        keys.push(ReleaseKeyView {
            public_key,
            name: row.name,
            added_at: row.created_at,
            retired_at: row.retired_at,
            retired_reason: row.retired_reason,
        });
    }
    Ok(keys)
}
