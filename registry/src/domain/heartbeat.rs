use std::net::IpAddr;

use diesel::prelude::*;
use imajin_did::{Did, PublicKey};
use imajin_kernel::{Span, Timestamp};
use imajin_registry_api::Heartbeat;
use imajin_store::{Conn, SealedRow};
use serde_json::Value;

use super::application::{build_hash_check, text_check};
use super::locks::liveness_lock;
use super::{build_rules, publication, resume};
use crate::RegistryError;
use crate::context::Context;
use crate::document::SignedDocument;
use crate::rows::{BuildRuleRow, NodeRow};
use crate::schema::{node_liveness, nodes};
use crate::status::RENEW_WITHIN;

/// Bytes of a whole heartbeat at most: the latest one of each node is kept.
const DOCUMENT_BYTES_MAX: usize = 8 * 1024;
/// Addresses in a heartbeat at most.
const ADDRESSES_MAX: usize = 8;

/// When the next heartbeat is due, at the latest.
const NEXT_HEARTBEAT: Span = Span::days(1);
/// The same for a node that tells its addresses, because they change.
const NEXT_HEARTBEAT_DYNAMIC: Span = Span::minutes(5);

/// What the registry asks of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Register again; the registration runs out in so many seconds.
    Renew { expires_in_seconds: i64 },
    /// Register again; what is on record is not what was attested last, or not what runs.
    Reattest { reason: String },
    /// Run something else.
    Upgrade { target_version: String, reason: String },
}

/// What a node learns from its heartbeat.
#[derive(Debug, Clone)]
pub(crate) struct Acknowledged {
    pub(crate) next_heartbeat_at: Timestamp,
    pub(crate) actions: Vec<Action>,
    /// The addresses that stand in DNS, or will in a moment, for a node that tells its own.
    pub(crate) addresses: Option<Vec<IpAddr>>,
    /// Whether those are others than before.
    pub(crate) is_moved: bool,
}

/// A well-formed heartbeat; nothing is proven yet.
#[derive(Debug, Clone)]
pub(crate) struct Beat {
    pub(crate) did: Did,
    pub(crate) document: SignedDocument<Heartbeat>,
}

impl Beat {
    /// Reads a heartbeat, which stands alone or inside `{"heartbeat": …}`.
    pub(crate) fn parse(mut body: Value) -> Result<Self, RegistryError> {
        let nested = body.as_object_mut().and_then(|members| members.remove("heartbeat"));
        let document: SignedDocument<Heartbeat> = SignedDocument::parse("heartbeat", nested.unwrap_or(body))?;
        if document.canonical.len() > DOCUMENT_BYTES_MAX {
            return Err(RegistryError::shape(
                "heartbeat",
                format!("it is larger than {DOCUMENT_BYTES_MAX} bytes"),
            ));
        }
        let said = &document.value;
        build_hash_check(&said.build_hash)?;
        text_check("version", &said.version)?;
        text_check("health.status", &said.health.status)?;
        if said
            .addresses
            .as_ref()
            .is_some_and(|addresses| addresses.len() > ADDRESSES_MAX)
        {
            return Err(RegistryError::shape(
                "addresses",
                format!("there are more than {ADDRESSES_MAX}"),
            ));
        }
        Ok(Self {
            did: said.node_id.canonical(),
            document,
        })
    }

    /// The addresses that it tells, so far as they may be published; none: it tells nothing of any.
    fn publishable(&self, context: &Context) -> Option<Vec<IpAddr>> {
        let told = self.document.value.addresses.as_ref()?.iter().copied();
        Some(told.filter(|address| context.dns.is_publishable(*address)).collect())
    }

    fn replay_refuse(&self, last_ms: Option<i64>) -> Result<(), RegistryError> {
        if last_ms.is_some_and(|last_ms| self.document.value.timestamp <= last_ms) {
            return Err(RegistryError::Replayed { what: "A heartbeat" });
        }
        Ok(())
    }
}

/// A heartbeat by the key that is on record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checked {
    pub(crate) key: PublicKey,
    /// Whether it gives the name other addresses: that takes a key which the node's key log lists now.
    pub(crate) is_move: bool,
}

/// Checks a heartbeat against what is on record, before anything is counted or written.
pub(crate) fn beat_check(conn: &mut Conn, context: &Context, beat: &Beat) -> Result<Checked, RegistryError> {
    let now = context.env.now();
    let (node, last_ms) = nodes::table
        .inner_join(node_liveness::table)
        .filter(nodes::node_did.eq(&beat.did))
        .filter(nodes::deleted_at.is_null())
        .select((NodeRow::as_select(), node_liveness::heartbeat_ms))
        .first::<(NodeRow, Option<i64>)>(conn)
        .optional()?
        .ok_or(RegistryError::Unknown)?;
    let node = node.intact(&context.sealer)?;
    let key = node.current_require_after(beat, now)?;
    beat.replay_refuse(last_ms)?;
    let told = beat.publishable(context).unwrap_or_default();
    let is_move = publication::is_move(conn, &beat.did, &node.hostname, &told)?;
    Ok(Checked { key, is_move })
}

impl NodeRow {
    /// The signature first: what a node may not do is nobody else's business to ask in its name.
    fn current_require_after(&self, beat: &Beat, now: Timestamp) -> Result<PublicKey, RegistryError> {
        let key = self.key()?;
        beat.document.verify_fresh(&key, now)?;
        self.current_require(now)?;
        Ok(key)
    }
}

/// Takes a heartbeat that [`beat_check`] let through. Addresses that have become others since then stay as they are:
/// the next heartbeat tells them.
pub(crate) fn node_heartbeat(
    conn: &mut Conn,
    context: &Context,
    beat: &Beat,
    may_move: bool,
) -> Result<Acknowledged, RegistryError> {
    let now = context.env.now();
    let mut liveness = liveness_lock(conn, context, &beat.did)?;
    // Again: another heartbeat, a renewal or a revocation may have come in between.
    beat.replay_refuse(liveness.heartbeat_ms)?;
    let node = nodes::table
        .find(&beat.did)
        .select(NodeRow::as_select())
        .first::<NodeRow>(conn)?
        .intact(&context.sealer)?;
    node.current_require(now)?;
    liveness.passed_note(conn, &context.sealer, &node.facts(&liveness), now)?;
    let said = &beat.document.value;
    liveness.last_heartbeat_at = Some(now);
    liveness.heartbeat_ms = Some(said.timestamp);
    liveness.heartbeat = Some(beat.document.canonical.clone());
    liveness.status_note(conn, &context.sealer, &node.facts(&liveness), now)?;
    liveness.save(conn, &context.sealer)?;
    let pause = if said.addresses.is_some() {
        NEXT_HEARTBEAT_DYNAMIC
    } else {
        NEXT_HEARTBEAT
    };
    let (addresses, is_moved) = match beat.publishable(context) {
        None => (None, false),
        Some(told) => {
            let wanted = if may_move { told } else { Vec::new() };
            let moved = publication::addresses_set(conn, context, &node.node_did, &node.hostname, &wanted)?;
            (Some(moved.addresses), moved.is_moved)
        }
    };
    let rule = build_rules::rule_find(conn, context, &said.build_hash)?;
    let mut actions = actions(&node, said, rule.as_ref(), now);
    if resume::attested_later(conn, &node)? {
        let reason = "The registry was restored from a backup that is older than the registration; register again.";
        actions.push(Action::Reattest {
            reason: reason.to_owned(),
        });
    }
    Ok(Acknowledged {
        addresses,
        is_moved,
        next_heartbeat_at: now.plus(pause),
        actions,
    })
}

fn actions(node: &NodeRow, said: &Heartbeat, rule: Option<&BuildRuleRow>, now: Timestamp) -> Vec<Action> {
    let mut actions = Vec::new();
    let left = node.expires_at.since(now);
    if left < RENEW_WITHIN {
        actions.push(Action::Renew {
            expires_in_seconds: left.as_seconds(),
        });
    }
    if said.build_hash != node.build_hash || said.version != node.version {
        let reason = "The running build is not the one that was attested; register again.".to_owned();
        actions.push(Action::Reattest { reason });
    }
    if let Some(rule) = rule.filter(|rule| rule.is_deprecated()) {
        actions.push(Action::Upgrade {
            target_version: rule.target_version.clone().unwrap_or_else(|| "newer".to_owned()),
            reason: rule.reason.clone(),
        });
    }
    actions
}
