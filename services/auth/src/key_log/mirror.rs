//! Versions of logs that come from elsewhere.
//!
//! Of an identity that is at home elsewhere the log is verified, pinned, and extended when a later version comes. Of
//! one of this node it is evidence: what another witness saw may make the identity contested, or bring a recovery.

use std::collections::BTreeSet;

use diesel::prelude::*;
use imajin_did::{Did, PublicKey};
use imajin_kernel::Problem;
use imajin_key_log::{Entry, EntryHash, KeyLog, KeyState, Merged, Receipt, receipt_sign};
use imajin_store::{Conn, SealedRow, for_update};
use imajin_web::Custody;
use serde_json::json;

use super::{KeyRefusal, accept, devices, entry_row, log_load, log_object, mirrored_find, receipt_row};
use crate::AuthError;
use crate::auth::{Auth, Writing};
use crate::identities::{Identity, identity_find};
use crate::log::{Authority, mutation_record};
use crate::names::Name;
use crate::rows::{IdentityRow, MirroredLogRow};
use crate::schema::{identities, key_log_entries, mirrored_logs};

/// The action in the mutation log.
pub(crate) const ACTION: &str = "key-log.mirror";
/// What an entry of a mirrored log changes is its own home's business.
const KIND: &str = "foreign";

/// What became of a log that was handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorOutcome {
    /// What is known about the identity now.
    pub state: KeyState,
    /// Whether anything was new.
    pub changed: bool,
}

/// An identity of this node, as it was before.
struct Own {
    head: Option<EntryHash>,
}

/// A version that was checked against what was stored then.
struct Prepared {
    did: Did,
    own: Option<Own>,
    merged: Merged,
    entries_new: Vec<Entry>,
    receipts_new: Vec<Receipt>,
    entries_before: i64,
    source: Option<String>,
}

impl Auth {
    /// Takes in a version of a log. Of an identity that is at home elsewhere the first version is pinned; a later one
    /// must contain what was seen, or displace it by a recovery, else the identity is contested here. Of an identity of
    /// this node it is put to what is stored. This node witnesses what it sees, and trusts itself and `trusted`, which
    /// must be keys, now and from then on.
    ///
    /// # Errors
    /// What the log's own check says, and nothing is changed; what the database says.
    pub async fn mirror_store(
        &self,
        log: KeyLog,
        source: Option<String>,
        trusted: &[Did],
    ) -> Result<MirrorOutcome, Problem> {
        let prepared = self.mirror_prepare(log, source, trusted).await?;
        let outcome = MirrorOutcome {
            state: prepared.merged.state.clone(),
            changed: prepared.merged.changed,
        };
        if outcome.changed {
            let auth = self.writing();
            self.write_contended(move |conn| prepared.run(conn, &auth)).await?;
        }
        Ok(outcome)
    }

    async fn mirror_prepare(
        &self,
        log: KeyLog,
        source: Option<String>,
        trusted: &[Did],
    ) -> Result<Prepared, AuthError> {
        let empty = imajin_key_log::KeyLogError::Limit("a log has at least one entry");
        let did = log.entries.first().map(|entry| entry.did.canonical()).ok_or(empty)?;
        let (sealer, wanted) = (self.sealer.clone(), did.clone());
        let (keyring, env) = (self.keyring.clone(), self.env.clone());
        let mut trusted: BTreeSet<Did> = trusted.iter().map(Did::canonical).collect();
        trusted.insert(self.keyring.node_did().clone());
        self.db
            .read(move |conn| {
                let identity = identity_find(conn, &sealer, &Name::Native(wanted.clone()))?;
                identity.as_ref().map_or(Ok(()), |identity| own_check(identity, &log))?;
                let known = mirrored_find(conn, &sealer, &wanted)?;
                let pin = known
                    .and_then(|(row, _state)| row.pin)
                    .map(|pin| pin.parse())
                    .transpose()?;
                let stored = log_load(conn, &sealer, &wanted)?;
                // Whoever was believed once is believed: what the rows say must stay true.
                trusted.extend(stored.receipts.iter().map(|receipt| receipt.from.clone()));
                let witnesses = |did: &Did| -> Vec<PublicKey> {
                    let is_trusted = trusted.contains(did);
                    did.public_key().filter(|_key| is_trusted).into_iter().collect()
                };
                let now = env.now();
                let first = stored.merge(pin, &log, now, &witnesses)?;
                let mut own = Vec::new();
                for entry in witnessable(&first.log, keyring.node_did())? {
                    own.push(receipt_sign(
                        keyring.node_key(),
                        keyring.node_did().clone(),
                        now,
                        &entry,
                    )?);
                }
                let own = KeyLog {
                    entries: Vec::new(),
                    receipts: own,
                };
                let mut merged = first.log.merge(pin, &own, now, &witnesses)?;
                merged.changed |= first.changed;
                Ok(Prepared {
                    did: wanted,
                    own: identity.map(|identity| Own {
                        head: identity.state.and_then(|state| state.head),
                    }),
                    entries_new: entries_new(&stored, &merged.log)?,
                    receipts_new: merged
                        .log
                        .receipts
                        .iter()
                        .filter(|receipt| !stored.receipts.contains(receipt))
                        .cloned()
                        .collect(),
                    entries_before: i64::try_from(stored.entries.len()).unwrap_or(i64::MAX),
                    merged,
                    source,
                })
            })
            .await
    }
}

fn entries_new(stored: &KeyLog, merged: &KeyLog) -> Result<Vec<Entry>, AuthError> {
    let known: BTreeSet<EntryHash> = stored.entries.iter().map(Entry::hash).collect::<Result<_, _>>()?;
    let mut new = Vec::new();
    for entry in &merged.entries {
        if !known.contains(&entry.hash()?) {
            new.push(entry.clone());
        }
    }
    Ok(new)
}

/// What must be so before a version of an own identity's log is looked at.
fn own_check(identity: &Identity, log: &KeyLog) -> Result<(), AuthError> {
    if identity.custody == Custody::Node {
        return Err(KeyRefusal::Soft.into());
    }
    let registered = identity.recovery_key.as_ref().filter(|_key| identity.state.is_none());
    for first in log.entries.iter().filter(|entry| entry.prev.is_none()) {
        accept::recovery_check(first, registered)?;
    }
    Ok(())
}

/// The entries that this node has not witnessed and may: it never signs two that follow the same one. Of several that
/// come at once it signs none.
fn witnessable(log: &KeyLog, node: &Did) -> Result<Vec<Entry>, AuthError> {
    let mut new = Vec::new();
    for entry in &log.entries {
        let siblings = log.entries.iter().filter(|other| other.prev == entry.prev).count();
        let hash = entry.hash()?;
        let is_witnessed = log
            .receipts
            .iter()
            .any(|receipt| receipt.from == *node && receipt.payload.entry == hash);
        if siblings == 1 && !is_witnessed {
            new.push(entry.clone());
        }
    }
    Ok(new)
}

impl Prepared {
    fn run(&self, conn: &mut Conn, auth: &Writing) -> Result<(), AuthError> {
        let (did, now) = (&self.did, auth.env.now());
        let entries: i64 = key_log_entries::table
            .filter(key_log_entries::did.eq(did.clone()))
            .count()
            .get_result(conn)?;
        if entries != self.entries_before {
            return Err(KeyRefusal::Moved.into());
        }
        let body = json!({
            "did": did, "head": self.merged.state.head, "status": self.merged.state.status, "source": self.source,
        });
        let body = body.to_string().into_bytes();
        let proof = mutation_record(conn, auth, did, ACTION, &log_object(did), body, &Authority::Node)?;
        for entry in &self.entries_new {
            entry_row(entry, KIND, &proof, now)?.insert(conn, &auth.sealer)?;
        }
        for receipt in &self.receipts_new {
            receipt_row(receipt)?.insert(conn, &auth.sealer)?;
        }
        match &self.own {
            Some(own) => self.own_apply(conn, auth, own),
            None => self.mirror_apply(conn, auth, proof),
        }
    }

    /// What is new about an identity of this node. Where its keys have changed elsewhere, all sessions end.
    fn own_apply(&self, conn: &mut Conn, auth: &Writing, own: &Own) -> Result<(), AuthError> {
        let row: IdentityRow = for_update!(
            conn,
            identities::table.find(self.did.clone()).select(IdentityRow::as_select()) => first
        )?;
        let mut row = row.intact(&auth.sealer)?;
        accept::row_apply(&mut row, &self.merged.state)?;
        let row = row.save(conn, &auth.sealer)?;
        devices::reconcile(conn, auth, &self.merged.state, None)?;
        accept::sessions_end(conn, auth, row, self.merged.state.head != own.head)
    }

    fn mirror_apply(&self, conn: &mut Conn, auth: &Writing, proof: String) -> Result<(), AuthError> {
        let (did, now) = (&self.did, auth.env.now());
        let row: Option<MirroredLogRow> = for_update!(
            conn,
            mirrored_logs::table.find(did.clone()).select(MirroredLogRow::as_select()) => first
        )
        .optional()?;
        let row = row.map(|row| row.intact(&auth.sealer)).transpose()?;
        let new = MirroredLogRow {
            did: did.clone(),
            state: super::state_text(&self.merged.state)?,
            pin: self.merged.pin.map(|pin| pin.to_string()),
            source: self.source.clone(),
            proof,
            created_at: row.as_ref().map_or(now, |row| row.created_at),
            updated_at: now,
            row_seal: Vec::new(),
        };
        if row.is_some() {
            new.save(conn, &auth.sealer)?;
        } else {
            new.insert(conn, &auth.sealer)?;
        }
        Ok(())
    }
}
