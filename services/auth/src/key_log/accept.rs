//! Accepting entries of the identities of this node, and witnessing them.

use diesel::prelude::*;
use imajin_did::{Did, PublicKey};
use imajin_key_log::{Change, Entry, KeyLog, KeyLogError, KeyState, Receipt, Status, receipt_sign};
use imajin_store::{Conn, SealedRow, Sealer, for_update};
use imajin_web::Custody;

use super::devices::{self, Approval};
use super::{KeyRefusal, recovered};
use super::{entry_row, log_load, log_object, receipt_row, state_text, stored_witness};
use crate::AuthError;
use crate::auth::{Auth, Writing};
use crate::identities::{Identity, identity_find};
use crate::log::{Authority, mutation_record};
use crate::names::Name;
use crate::rows::{IdentityRow, KeyLogEntryRow, KeyLogReceiptRow, SessionRow};
use crate::schema::{identities, key_log_entries, key_log_receipts, sessions};

/// The action in the mutation log.
pub(crate) const ACTION: &str = "key-log.accept";
/// How often an entry is checked again because another one came in between.
const ATTEMPTS: usize = 3;

/// An entry that is in the log, and this node's receipt for it.
#[derive(Debug, Clone)]
pub(crate) struct Accepted {
    pub(crate) entry: Entry,
    pub(crate) change: String,
    pub(crate) receipt: Receipt,
}

/// The first entry of an identity, checked and witnessed, on its way into a transaction.
#[derive(Debug, Clone)]
pub(crate) struct FirstEntry {
    entry: Entry,
    receipt: Receipt,
    pub(crate) state: KeyState,
}

/// An entry that was checked against a log as it was then.
struct Prepared {
    entry: Entry,
    change: Change,
    receipt: Receipt,
    state: KeyState,
    /// How many entries the log had.
    entries_before: i64,
    head_before: Option<String>,
}

enum Checked {
    Known(Box<Accepted>),
    New(Box<Prepared>),
}

impl Auth {
    /// Checks and witnesses the first entry of an identity that is about to be registered.
    pub(crate) fn first_entry(
        &self,
        did: &Did,
        entry: Entry,
        recovery: Option<&PublicKey>,
    ) -> Result<FirstEntry, AuthError> {
        let now = self.env.now();
        if entry.did != *did {
            return Err(KeyLogError::OtherDid.into());
        }
        recovery_check(&entry, recovery)?;
        let (_change, state) = KeyLog::default().append(entry.clone(), now, &stored_witness)?;
        let receipt = self.witness(&entry)?;
        let since = Some(receipt.timestamp);
        Ok(FirstEntry {
            entry,
            receipt,
            state: KeyState { since, ..state },
        })
    }

    fn witness(&self, entry: &Entry) -> Result<Receipt, AuthError> {
        let (key, did) = (self.keyring.node_key(), self.keyring.node_did().clone());
        Ok(receipt_sign(key, did, self.env.now(), entry)?)
    }

    /// Accepts an entry for an identity of this node: its proofs are the authorisation. The same entry again gets the
    /// same answer.
    ///
    /// `allowed` are the kinds of change that the route is for; `approval` comes with a device that is signed in.
    pub(crate) async fn entry_accept(
        &self,
        name: &str,
        entry: Entry,
        allowed: &[Change],
        approval: Option<Approval>,
    ) -> Result<Accepted, AuthError> {
        for _attempt in 0..ATTEMPTS {
            match self.entry_check(name, &entry, allowed).await? {
                Checked::Known(accepted) => return Ok(*accepted),
                Checked::New(prepared) => match self.entry_commit(*prepared, approval.clone()).await {
                    Err(AuthError::Keys(KeyRefusal::Moved)) => {}
                    outcome => return outcome,
                },
            }
        }
        Err(KeyRefusal::Moved.into())
    }

    /// Everything that takes time is done by a reader, so that the writer is free for others.
    async fn entry_check(&self, name: &str, entry: &Entry, allowed: &[Change]) -> Result<Checked, AuthError> {
        let (name, entry, sealer) = (Name::parse(name), entry.clone(), self.sealer.clone());
        let (now, allowed, node) = (self.env.now(), allowed.to_vec(), self.keyring.node_did().clone());
        let _slot = self.verify_slot.acquire().await;
        let checked = self.db.read(move |conn| {
            let identity = identity_find(conn, &sealer, &name)?.ok_or(AuthError::IdentityUnknown)?;
            if identity.did != entry.did {
                return Err(KeyLogError::OtherDid.into());
            }
            if identity.custody == Custody::Node {
                return Err(KeyRefusal::Soft.into());
            }
            if identity.home_elsewhere {
                return Err(KeyRefusal::HomeElsewhere.into());
            }
            if let Some(known) = known_find(conn, &sealer, &node, &entry)? {
                return Ok(Err(known));
            }
            if entry.prev.is_none() {
                recovery_check(
                    &entry,
                    identity.recovery_key.as_ref().filter(|_key| identity.state.is_none()),
                )?;
            }
            fork_check(conn, &sealer, &identity, &entry)?;
            let mut log = log_load(conn, &sealer, &entry.did)?;
            let entries_before = i64::try_from(log.entries.len()).unwrap_or(i64::MAX);
            let (change, state) = log.append(entry.clone(), now, &stored_witness)?;
            if !allowed.contains(&change) {
                return Err(KeyRefusal::ChangeElsewhere(change.as_str()).into());
            }
            Ok::<_, AuthError>(Ok((entry, change, state, entries_before, head_of(&identity))))
        });
        let (entry, change, state, entries_before, head_before) = match checked.await? {
            Ok(new) => new,
            Err(known) => return Ok(Checked::Known(Box::new(known))),
        };
        let receipt = self.witness(&entry)?;
        let since = Some(receipt.timestamp);
        Ok(Checked::New(Box::new(Prepared {
            entry,
            change,
            receipt,
            state: KeyState { since, ..state },
            entries_before,
            head_before,
        })))
    }

    async fn entry_commit(&self, prepared: Prepared, approval: Option<Approval>) -> Result<Accepted, AuthError> {
        let auth = self.writing();
        let accepted = self
            .db
            .write(move |conn| {
                prepared.run(conn, &auth, approval.as_ref())?;
                Ok::<_, AuthError>(Accepted {
                    entry: prepared.entry.clone(),
                    change: prepared.change.as_str().to_owned(),
                    receipt: prepared.receipt.clone(),
                })
            })
            .await?;
        self.wanted.note();
        Ok(accepted)
    }
}

impl FirstEntry {
    /// Whether a log has it.
    pub(crate) fn is_in(&self, log: &KeyLog) -> Result<bool, AuthError> {
        Ok(log.entry(self.entry.hash()?).is_some())
    }

    /// Writes the entry and its receipt; the identity's row takes [`FirstEntry::state`].
    pub(crate) fn insert(&self, conn: &mut Conn, auth: &Writing) -> Result<(), AuthError> {
        entry_insert(conn, auth, &self.entry, Change::Inception, &self.receipt)?;
        devices::reconcile(conn, auth, &self.state, None)
    }
}

impl Prepared {
    fn run(&self, conn: &mut Conn, auth: &Writing, approval: Option<&Approval>) -> Result<(), AuthError> {
        let did = &self.entry.did;
        let row: IdentityRow =
            for_update!(conn, identities::table.find(did.clone()).select(IdentityRow::as_select()) => first)?;
        let mut row = row.intact(&auth.sealer)?;
        let entries: i64 = key_log_entries::table
            .filter(key_log_entries::did.eq(did.clone()))
            .count()
            .get_result(conn)?;
        let head = super::state_parse(&row)?
            .and_then(|state| state.head)
            .map(|head| head.to_string());
        if entries != self.entries_before || head != self.head_before {
            return Err(KeyRefusal::Moved.into());
        }
        entry_insert(conn, auth, &self.entry, self.change, &self.receipt)?;
        row_apply(&mut row, &self.state)?;
        let row = row.save(conn, &auth.sealer)?;
        devices::reconcile(conn, auth, &self.state, approval)?;
        if self.change.is_recovery() {
            recovered::ways_in_end(conn, auth, &self.entry)?;
        }
        sessions_end(conn, auth, row, self.change.is_recovery())
    }
}

/// Of two entries after the same one only a recovery counts: that is seen from the one before them, without the others.
fn fork_check(conn: &mut Conn, sealer: &Sealer, identity: &Identity, entry: &Entry) -> Result<(), AuthError> {
    let head = identity.state.as_ref().filter(|state| state.status == Status::Active);
    let (Some(head), Some(prev)) = (head.and_then(|state| state.head), entry.prev) else {
        return Ok(());
    };
    if head == prev {
        return Ok(());
    }
    let row: Option<KeyLogEntryRow> = key_log_entries::table
        .find(prev.to_string())
        .filter(key_log_entries::did.eq(identity.did.clone()))
        .select(KeyLogEntryRow::as_select())
        .first(conn)
        .optional()?;
    let row = row.ok_or(KeyLogError::PrevUnknown)?.intact(sealer)?;
    let before = KeyLog {
        entries: vec![Entry::from_slice(row.document.as_bytes())?],
        ..KeyLog::default()
    };
    if before.change_of(entry)?.is_recovery() {
        return Ok(());
    }
    Err(KeyLogError::Forked.into())
}

fn head_of(identity: &Identity) -> Option<String> {
    let head = identity.state.as_ref().and_then(|state| state.head);
    head.map(|head| head.to_string())
}

/// A thief of the first key must not be the first to publish.
pub(super) fn recovery_check(entry: &Entry, registered: Option<&PublicKey>) -> Result<(), AuthError> {
    if registered.is_some() && entry.recovery.as_ref() != registered {
        return Err(KeyRefusal::RecoveryKeyDiffers.into());
    }
    Ok(())
}

/// The entry as it was accepted before, with the receipt of then.
fn known_find(conn: &mut Conn, sealer: &Sealer, node: &Did, entry: &Entry) -> Result<Option<Accepted>, AuthError> {
    let hash = entry.hash()?.to_string();
    let found: Option<(KeyLogEntryRow, KeyLogReceiptRow)> = key_log_entries::table
        .inner_join(key_log_receipts::table.on(key_log_receipts::entry.eq(key_log_entries::hash)))
        .filter(
            key_log_entries::hash
                .eq(&hash)
                .and(key_log_receipts::witness.eq(node.clone())),
        )
        .select((KeyLogEntryRow::as_select(), KeyLogReceiptRow::as_select()))
        .first(conn)
        .optional()?;
    let Some((known, receipt)) = found else { return Ok(None) };
    let (known, receipt) = (known.intact(sealer)?, receipt.intact(sealer)?);
    let receipt =
        serde_json::from_str(&receipt.document).or(Err(AuthError::Row(format!("key_log_receipts {hash}"))))?;
    Ok(Some(Accepted {
        entry: Entry::from_slice(known.document.as_bytes())?,
        change: known.kind,
        receipt,
    }))
}

fn entry_insert(
    conn: &mut Conn,
    auth: &Writing,
    entry: &Entry,
    change: Change,
    receipt: &Receipt,
) -> Result<(), AuthError> {
    let (did, body) = (&entry.did, entry.to_text()?.into_bytes());
    // The entry carries the proofs of its owner; that this node accepted it is the node's own statement.
    let proof = mutation_record(conn, auth, did, ACTION, &log_object(did), body, &Authority::Node)?;
    entry_row(entry, change.as_str(), &proof, auth.env.now())?.insert(conn, &auth.sealer)?;
    receipt_row(receipt)?.insert(conn, &auth.sealer)?;
    Ok(())
}

/// Lets the identity's row say what its log says.
pub(crate) fn row_apply(row: &mut IdentityRow, state: &KeyState) -> Result<(), AuthError> {
    row.key_state = Some(state_text(state)?);
    row.recovery_key = state.recovery.map(|key| key.multikey());
    // A deactivated identity keeps the key that it had last: who has it may learn that the identity has ended.
    if let Some(key) = state.keys.first() {
        row.public_key = key.to_bytes().to_vec();
    }
    row.deleted_at = (state.status == Status::Deactivated)
        .then(|| imajin_kernel::Timestamp::from_millis(state.since.unwrap_or(state.at)));
    Ok(())
}

/// Ends the sessions whose key no longer counts; after a recovery all of them.
pub(super) fn sessions_end(conn: &mut Conn, auth: &Writing, row: IdentityRow, all: bool) -> Result<(), AuthError> {
    let now = auth.env.now();
    let living: Vec<SessionRow> = sessions::table
        .filter(sessions::did.eq(row.did.clone()))
        .filter(sessions::revoked_at.is_null().and(sessions::expires_at.gt(now)))
        .select(SessionRow::as_select())
        .load(conn)?;
    let identity = Identity::from_row(row, None)?;
    for session in living {
        if all || identity.deactivated || !super::opener_counts(&session, &identity) {
            let mut session = session.intact(&auth.sealer)?;
            session.revoked_at = Some(now);
            session.save(conn, &auth.sealer)?;
        }
    }
    Ok(())
}
