//! What the operator says of a build.

use diesel::prelude::*;
use imajin_registry_api::BuildStanding;
use imajin_store::{Conn, SealedRow, for_update};
use serde::Deserialize;

use super::application::{build_hash_check, text_check};
use super::order::{Order, reason_check};
use crate::RegistryError;
use crate::context::Context;
use crate::rows::BuildRuleRow;
use crate::schema::build_rules;

/// The action of the mutation log.
pub(crate) const BUILD_RULE: &str = "build.rule";

/// `{buildHash, standing, reason, targetVersion?}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RuleWish {
    pub(crate) build_hash: String,
    pub(crate) standing: BuildStanding,
    pub(crate) reason: String,
    #[serde(default)]
    pub(crate) target_version: Option<String>,
}

pub(crate) fn build_object(build_hash: &str) -> String {
    format!("build/{build_hash}")
}

/// The standing as a column holds it.
pub(crate) const fn standing_text(standing: BuildStanding) -> &'static str {
    match standing {
        BuildStanding::Approved => "approved",
        BuildStanding::Deprecated => "deprecated",
    }
}

impl BuildRuleRow {
    /// Whether its nodes should run something else.
    pub(crate) fn is_deprecated(&self) -> bool {
        self.standing == standing_text(BuildStanding::Deprecated)
    }

    /// What the operator says.
    pub(crate) fn standing(&self) -> Result<BuildStanding, RegistryError> {
        match self.standing.as_str() {
            "approved" => Ok(BuildStanding::Approved),
            "deprecated" => Ok(BuildStanding::Deprecated),
            _ => Err(RegistryError::damaged(
                "build_rules",
                &self.build_hash,
                "its standing is none",
            )),
        }
    }
}

/// Approves or deprecates a build; the last word counts.
pub(crate) fn rule_set(
    conn: &mut Conn,
    context: &Context,
    order: &Order,
    wish: &RuleWish,
) -> Result<(), RegistryError> {
    build_hash_check(&wish.build_hash)?;
    reason_check(&wish.reason)?;
    if let Some(version) = &wish.target_version {
        text_check("targetVersion", version)?;
    }
    let known: Option<BuildRuleRow> = for_update!(
        conn,
        build_rules::table.find(&wish.build_hash).select(BuildRuleRow::as_select()) => first
    )
    .optional()?;
    let known = known.map(|row| row.intact(&context.sealer)).transpose()?;
    let now = context.env.now();
    let row = BuildRuleRow {
        build_hash: wish.build_hash.clone(),
        standing: standing_text(wish.standing).to_owned(),
        target_version: wish.target_version.clone(),
        reason: wish.reason.clone(),
        owner_did: order.verified.did().clone(),
        created_at: known.as_ref().map_or(now, |known| known.created_at),
        updated_at: now,
        row_seal: Vec::new(),
    };
    if known.is_some() {
        row.save(conn, &context.sealer)?;
    } else {
        row.insert(conn, &context.sealer)?;
    }
    order.append(conn, context, BUILD_RULE, &build_object(&wish.build_hash))
}

/// What the operator says of a build.
pub(crate) fn rule_find(
    conn: &mut Conn,
    context: &Context,
    build_hash: &str,
) -> Result<Option<BuildRuleRow>, RegistryError> {
    let row: Option<BuildRuleRow> = build_rules::table
        .find(build_hash)
        .select(BuildRuleRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}
