//! Versions of logs that come from elsewhere.
//!
//! Of an identity that is at home elsewhere the log is verified, pinned, and extended when a later version comes; if
//! somebody has signed in here with it, their keys are what it says. Of one of this node it is evidence: what another
//! witness saw may make the identity contested, or bring a recovery.

use std::collections::BTreeSet;

use diesel::prelude::*;
use imajin_did::{Did, Keyring, PublicKey};
use imajin_kernel::{Problem, Timestamp};
use imajin_key_log::{Entry, EntryHash, KeyLog, KeyState, Merged, Receipt, Witnesses, receipt_sign};
use imajin_store::{Conn, SealedRow, Sealer, for_update};
use imajin_web::Custody;
use serde_json::json;

use super::{
    Followed, KeyRefusal, accept, devices, entry_row, log_load, log_object, mirrored_find, receipt_row, recovered,
};
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
pub(super) const KIND: &str = "foreign";
/// How often a version is checked again because another one came in between.
const ATTEMPTS: usize = 3;

/// What became of a log that was handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorOutcome {
    /// What is known about the identity now.
    pub state: KeyState,
    /// Whether anything was new.
    pub changed: bool,
    /// This node's receipts for what it has seen.
    pub receipts: Vec<Receipt>,
}

/// How an identity is known here.
enum Subject {
    /// Registered at this node; the head that it had before.
    Own(Option<EntryHash>),
    /// At home elsewhere, and has signed in or registered here.
    Visitor,
    Stranger,
}

/// A version that was checked against what was stored then.
pub(crate) struct Prepared {
    did: Did,
    subject: Subject,
    merged: Merged,
    entries_new: Vec<Entry>,
    receipts_new: Vec<Receipt>,
    entries_before: i64,
    source: Option<String>,
}

impl Auth {
    /// Takes in a version of a log. Of an identity that is at home elsewhere the first version is pinned; a later one
    /// must contain what was seen, or displace it by a recovery, else the identity is contested here. Of an identity of
    /// this node it is put to what is stored. This node witnesses what it sees, and trusts itself, the witnesses of its
    /// configuration and `trusted`, which must be keys, now and from then on.
    ///
    /// # Errors
    /// What the log's own check says, and nothing is changed; what the database says.
    pub async fn mirror_store(
        &self,
        log: KeyLog,
        source: Option<String>,
        trusted: &[Did],
    ) -> Result<MirrorOutcome, Problem> {
        Ok(self.version_store(log, source, trusted).await?)
    }

    pub(crate) async fn version_store(
        &self,
        log: KeyLog,
        source: Option<String>,
        trusted: &[Did],
    ) -> Result<MirrorOutcome, AuthError> {
        for _attempt in 0..ATTEMPTS {
            let prepared = self.version_prepare(log.clone(), source.clone(), trusted).await?;
            let outcome = prepared.outcome(self.keyring.node_did());
            if !outcome.changed {
                return Ok(outcome);
            }
            prepared.count(&self.followed, self.env.now())?;
            let auth = self.writing();
            match self.write_contended(move |conn| prepared.run(conn, &auth)).await {
                Err(AuthError::Keys(KeyRefusal::Moved)) => {}
                stored => return stored.map(|()| outcome),
            }
        }
        Err(KeyRefusal::Moved.into())
    }

    /// Everything but the writing.
    pub(crate) async fn version_prepare(
        &self,
        log: KeyLog,
        source: Option<String>,
        trusted: &[Did],
    ) -> Result<Prepared, AuthError> {
        let empty = imajin_key_log::KeyLogError::Limit("a log has at least one entry");
        let did = log.entries.first().map(|entry| entry.did.canonical()).ok_or(empty)?;
        let mut trusted: BTreeSet<Did> = trusted.iter().map(Did::canonical).collect();
        trusted.extend(self.witnesses.iter().map(|witness| witness.did.canonical()));
        trusted.insert(self.keyring.node_did().clone());
        let version = Version {
            did,
            log,
            source,
            trusted,
            sealer: self.sealer.clone(),
            keyring: self.keyring.clone(),
            now: self.env.now(),
        };
        let _slot = self.verify_slot.acquire().await;
        self.db.read(move |conn| version.prepare(conn)).await
    }
}

/// A version of a log on its way to what is stored.
struct Version {
    did: Did,
    log: KeyLog,
    source: Option<String>,
    trusted: BTreeSet<Did>,
    sealer: Sealer,
    keyring: Keyring,
    now: Timestamp,
}

impl Version {
    fn prepare(mut self, conn: &mut Conn) -> Result<Prepared, AuthError> {
        let identity = identity_find(conn, &self.sealer, &Name::Native(self.did.clone()))?;
        identity
            .as_ref()
            .map_or(Ok(()), |identity| own_check(identity, &self.log))?;
        let known = mirrored_find(conn, &self.sealer, &self.did)?;
        let pin = known
            .and_then(|(row, _state)| row.pin)
            .map(|pin| pin.parse())
            .transpose()?;
        let stored = log_load(conn, &self.sealer, &self.did)?;
        // Whoever was believed once is believed: what the rows say must stay true.
        self.trusted
            .extend(stored.receipts.iter().map(|receipt| receipt.from.clone()));
        let merged = self.merge(&stored, pin)?;
        let subject = match identity {
            None => Subject::Stranger,
            Some(identity) if identity.home_elsewhere => Subject::Visitor,
            Some(identity) => Subject::Own(identity.state.as_ref().and_then(|state| state.head)),
        };
        Ok(Prepared {
            entries_new: entries_new(&stored, &merged.log)?,
            receipts_new: merged
                .log
                .receipts
                .iter()
                .filter(|receipt| !stored.receipts.contains(receipt))
                .cloned()
                .collect(),
            entries_before: i64::try_from(stored.entries.len()).unwrap_or(i64::MAX),
            did: self.did,
            source: self.source,
            subject,
            merged,
        })
    }

    /// What is stored and the version, put together and witnessed.
    fn merge(&self, stored: &KeyLog, pin: Option<EntryHash>) -> Result<Merged, AuthError> {
        let witnesses = |did: &Did| -> Vec<PublicKey> {
            let is_trusted = self.trusted.contains(did);
            did.public_key().filter(|_key| is_trusted).into_iter().collect()
        };
        let witnesses: Witnesses<'_> = &witnesses;
        let mut first = stored.merge(pin, &self.log, self.now, witnesses)?;
        if !stored.entries.is_empty() {
            let kept = first.log.without_strays(stored, first.state.head);
            if kept.entries.len() < first.log.entries.len() {
                first = stored.merge(pin, &kept, self.now, witnesses)?;
            }
        }
        let (key, node) = (self.keyring.node_key(), self.keyring.node_did());
        let mut receipts = Vec::new();
        for entry in witnessable(&first, node)? {
            receipts.push(receipt_sign(key, node.clone(), self.now, entry)?);
        }
        if receipts.is_empty() {
            return Ok(first);
        }
        let entries = Vec::new();
        let mut merged = first
            .log
            .merge(pin, &KeyLog { entries, receipts }, self.now, witnesses)?;
        merged.changed |= first.changed;
        Ok(merged)
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

/// The entries that count, that this node has not witnessed and may: after the same one it signs no second entry but a
/// recovery. Of several that come at once and contest each other none counts.
fn witnessable<'a>(merged: &'a Merged, node: &Did) -> Result<Vec<&'a Entry>, AuthError> {
    let log = &merged.log;
    let own: BTreeSet<EntryHash> = log
        .receipts
        .iter()
        .filter(|receipt| receipt.from == *node)
        .map(|receipt| receipt.payload.entry)
        .collect();
    let mut signed_after = BTreeSet::new();
    for entry in &log.entries {
        if own.contains(&entry.hash()?) {
            signed_after.insert(entry.prev);
        }
    }
    let mut new = Vec::new();
    for entry in merged.state.head.map(|head| log.path_to(head)).unwrap_or_default() {
        let is_first_here = !signed_after.contains(&entry.prev);
        if !own.contains(&entry.hash()?) && (is_first_here || log.change_of(entry)?.is_recovery()) {
            new.push(entry);
        }
    }
    Ok(new)
}

impl Prepared {
    /// What is known now.
    pub(crate) fn state(&self) -> &KeyState {
        &self.merged.state
    }

    fn outcome(&self, node: &Did) -> MirrorOutcome {
        let receipts = self.merged.log.receipts.iter();
        MirrorOutcome {
            state: self.merged.state.clone(),
            changed: self.merged.changed,
            receipts: receipts.filter(|receipt| receipt.from == *node).cloned().collect(),
        }
    }

    /// Counts it, if it is of somebody who was not known here: strangers could fill the disk.
    pub(crate) fn count(&self, followed: &Followed, now: Timestamp) -> Result<(), KeyRefusal> {
        if self.entries_before == 0 && matches!(self.subject, Subject::Stranger) {
            followed.new_count(now)?;
        }
        Ok(())
    }

    /// Writes what is new, if anything is.
    pub(crate) fn run(&self, conn: &mut Conn, auth: &Writing) -> Result<(), AuthError> {
        if !self.merged.changed {
            return Ok(());
        }
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
        match &self.subject {
            // Where the keys of an identity of this node have changed elsewhere, all its sessions end.
            Subject::Own(head) => {
                devices::reconcile(conn, auth, &self.merged.state, None)?;
                for entry in &self.entries_new {
                    if self.merged.log.change_of(entry)?.is_recovery() {
                        recovered::ways_in_end(conn, auth, entry)?;
                    }
                }
                self.identity_apply(conn, auth, self.merged.state.head != *head)
            }
            Subject::Visitor => {
                self.mirror_apply(conn, auth, proof)?;
                self.identity_apply(conn, auth, false)
            }
            Subject::Stranger => self.mirror_apply(conn, auth, proof),
        }
    }

    /// What is new about an identity that has a row here. Sessions of keys that no longer count end in any case.
    fn identity_apply(&self, conn: &mut Conn, auth: &Writing, all_end: bool) -> Result<(), AuthError> {
        let row: IdentityRow = for_update!(
            conn,
            identities::table.find(self.did.clone()).select(IdentityRow::as_select()) => first
        )?;
        let mut row = row.intact(&auth.sealer)?;
        accept::row_apply(&mut row, &self.merged.state)?;
        let row = row.save(conn, &auth.sealer)?;
        accept::sessions_end(conn, auth, row, all_end)
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
            source: self
                .source
                .clone()
                .or_else(|| row.as_ref().and_then(|row| row.source.clone())),
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
