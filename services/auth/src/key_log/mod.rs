//! The keys of identities as they change: logs of the identities of this node, mirrors of others, and devices.
//!
//! What a log says is kept in the identity's own sealed row, so that asking for current keys costs nothing more. The
//! log itself is verified when an entry is accepted, and by `imajin verify`.

mod accept;
pub(crate) mod audit;
pub(crate) mod devices;
mod follow;
mod mirror;
mod receipts;
mod recovered;
mod refusal;
pub(crate) mod requests;
mod rows;
mod signers;

use std::collections::BTreeMap;

use diesel::prelude::*;
use imajin_did::{Did, PublicKey};
use imajin_kernel::Timestamp;
use imajin_key_log::{Entry, KeyHistory, KeyLog, KeyState, Receipt, Status};
use imajin_store::{Conn, SealedRow, Sealer, StoreError};

use crate::AuthError;
use crate::federation::arrive::METHOD_FEDERATED;
use crate::identities::Identity;
use crate::rows::{IdentityRow, KeyLogEntryRow, KeyLogReceiptRow, MirroredLogRow, SessionRow};
use crate::schema::{identities, key_log_entries, key_log_receipts, mirrored_logs};
use crate::sessions::{METHOD_KEY, METHOD_RECOVERY};

pub(crate) use accept::{Accepted, FirstEntry, row_apply};
pub(crate) use follow::{Followed, Following, followed_from};
pub use mirror::MirrorOutcome;
pub(crate) use mirror::Prepared;
pub(crate) use receipts::Wanted;
pub use refusal::KeyRefusal;
pub(crate) use rows::{entry_row, receipt_row};

/// What entries of a log are logged under in the mutation log.
pub(crate) fn log_object(did: &Did) -> String {
    format!("key-log/{did}")
}

/// What a witness in our own tables is checked with. Only receipts of witnesses that were trusted are in them.
pub(crate) fn stored_witness(did: &Did) -> Vec<PublicKey> {
    did.public_key().into_iter().collect()
}

/// What the row says about its key log.
pub(crate) fn state_parse(row: &IdentityRow) -> Result<Option<KeyState>, AuthError> {
    let unreadable = || AuthError::Row(format!("identities {}", row.did));
    let state: Option<KeyState> = row
        .key_state
        .as_deref()
        .map(serde_json::from_str)
        .transpose()
        .map_err(|_error| unreadable())?;
    if state.as_ref().is_some_and(|state| state.did != row.did) {
        return Err(unreadable());
    }
    Ok(state)
}

/// What goes into the row.
pub(crate) fn state_text(state: &KeyState) -> Result<String, AuthError> {
    serde_json::to_string(state).map_err(|_error| AuthError::Row(format!("identities {}", state.did)))
}

/// Whether what opened a session still counts. A session of a mailbox has no key to lose.
pub(crate) fn opener_counts(session: &SessionRow, identity: &Identity) -> bool {
    let opener = session.opened_by.as_deref().map(PublicKey::from_multikey);
    match (session.method.as_str(), opener) {
        (METHOD_RECOVERY, Some(Ok(key))) => identity.recovery_key == Some(key),
        // An older row does not say which key it was: it was the one that the DID is.
        (METHOD_KEY | METHOD_FEDERATED, None) => identity
            .did
            .public_key()
            .is_some_and(|key| identity.keys.contains(&key)),
        (_, Some(Ok(key))) => identity.keys.contains(&key),
        (_, Some(Err(_unreadable))) => false,
        (_, None) => true,
    }
}

/// The keys of a DID whose home is elsewhere: what its mirrored log says, else the key itself. The log is found by the
/// DID: once its first key was replaced, no key that counts has this name.
pub(crate) fn foreign_keys(
    conn: &mut Conn,
    sealer: &Sealer,
    (did, key): (&Did, &PublicKey),
) -> Result<Vec<PublicKey>, AuthError> {
    let Some((_row, state)) = mirrored_find(conn, sealer, did)? else {
        return Ok(vec![*key]);
    };
    match state.status {
        Status::Active => Ok(state.keys),
        Status::Contested => Err(KeyRefusal::Contested.into()),
        Status::Deactivated => Err(AuthError::IdentityDeactivated),
    }
}

/// A mirrored log's row and what it says.
pub(crate) fn mirrored_find(
    conn: &mut Conn,
    sealer: &Sealer,
    did: &Did,
) -> Result<Option<(MirroredLogRow, KeyState)>, AuthError> {
    let row: Option<MirroredLogRow> = mirrored_logs::table
        .find(did.clone())
        .select(MirroredLogRow::as_select())
        .first(conn)
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let row = row.intact(sealer)?;
    let state = serde_json::from_str(&row.state).or(Err(AuthError::Row(format!("mirrored_logs {did}"))))?;
    Ok(Some((row, state)))
}

/// Everything that is stored of a log, in the order of its numbers.
pub(crate) fn log_load(conn: &mut Conn, sealer: &Sealer, did: &Did) -> Result<KeyLog, AuthError> {
    let entries: Vec<KeyLogEntryRow> = key_log_entries::table
        .filter(key_log_entries::did.eq(did.clone()))
        .order((key_log_entries::seq, key_log_entries::hash))
        .select(KeyLogEntryRow::as_select())
        .load(conn)?;
    let receipts: Vec<KeyLogReceiptRow> = key_log_receipts::table
        .filter(key_log_receipts::did.eq(did.clone()))
        .order((key_log_receipts::entry, key_log_receipts::witness))
        .select(KeyLogReceiptRow::as_select())
        .load(conn)?;
    let mut log = KeyLog::default();
    for row in entries {
        let row = row.intact(sealer)?;
        log.entries.push(Entry::from_slice(row.document.as_bytes())?);
    }
    for row in receipts {
        let row = row.intact(sealer)?;
        let receipt: Receipt = serde_json::from_str(&row.document).or(Err(AuthError::Row(format!(
            "key_log_receipts {}/{}",
            row.entry, row.witness
        ))))?;
        log.receipts.push(receipt);
    }
    Ok(log)
}

/// Every key that a published log has ever listed, by DID: what old signatures in any service's mutation log may have
/// been made with. Reads the entries as they are; [`crate::audit`] says whether they are intact.
///
/// # Errors
/// Diesel's.
pub fn keys_ever(conn: &mut Conn) -> Result<BTreeMap<Did, Vec<PublicKey>>, StoreError> {
    let documents: Vec<String> = key_log_entries::table
        .filter(key_log_entries::seq.gt(0))
        .select(key_log_entries::document)
        .load(conn)?;
    let mut keys: BTreeMap<Did, Vec<PublicKey>> = BTreeMap::new();
    for entry in documents
        .iter()
        .filter_map(|text| Entry::from_slice(text.as_bytes()).ok())
    {
        let known = keys.entry(entry.did).or_default();
        for key in entry.keys {
            if !known.contains(&key) {
                known.push(key);
            }
        }
    }
    Ok(keys)
}

/// When the keys of those counted here whose keys have changed, by DID. Reads the rows as they are; [`crate::audit`]
/// says whether they are intact. An entry counts from the moment that this node took it in.
///
/// # Errors
/// Diesel's.
pub fn key_histories(conn: &mut Conn) -> Result<BTreeMap<Did, KeyHistory>, StoreError> {
    let dids: Vec<Did> = key_log_entries::table
        .filter(key_log_entries::seq.gt(0))
        .select(key_log_entries::did)
        .distinct()
        .load(conn)?;
    let mut histories = BTreeMap::new();
    for did in dids {
        if let Some(history) = key_history(conn, &did)? {
            histories.insert(did, history);
        }
    }
    Ok(histories)
}

fn key_history(conn: &mut Conn, did: &Did) -> Result<Option<KeyHistory>, StoreError> {
    let rows: Vec<(String, String, Timestamp)> = key_log_entries::table
        .filter(key_log_entries::did.eq(did.clone()))
        .select((
            key_log_entries::hash,
            key_log_entries::document,
            key_log_entries::accepted_at,
        ))
        .load(conn)?;
    // An entry that nobody trusted has witnessed, and that is not on the way to the head, never counted.
    let witnessed: Vec<String> = key_log_receipts::table
        .filter(key_log_receipts::did.eq(did.clone()))
        .select(key_log_receipts::entry)
        .load(conn)?;
    let own: Option<Option<String>> = identities::table
        .find(did.clone())
        .select(identities::key_state)
        .first(conn)
        .optional()?;
    let mirrored: Option<String> = mirrored_logs::table
        .find(did.clone())
        .select(mirrored_logs::state)
        .first(conn)
        .optional()?;
    let state: Option<KeyState> = own
        .flatten()
        .or(mirrored)
        .and_then(|text| serde_json::from_str(&text).ok());
    let Some(state) = state else { return Ok(None) };
    let (mut log, mut times) = (KeyLog::default(), BTreeMap::new());
    for (hash, document, accepted_at) in rows {
        let Ok(entry) = Entry::from_slice(document.as_bytes()) else {
            return Ok(None);
        };
        log.entries.push(entry);
        if witnessed.contains(&hash) {
            times.insert(hash, accepted_at);
        }
    }
    let counted = |hash: imajin_key_log::EntryHash| times.get(&hash.to_string()).copied();
    Ok(Some(KeyHistory::of(&log, state.head, &counted)))
}

/// Who has witnessed an entry.
pub(crate) fn witnesses_of(conn: &mut Conn, entry: &str) -> Result<Vec<Did>, AuthError> {
    let found = key_log_receipts::table
        .filter(key_log_receipts::entry.eq(entry))
        .order(key_log_receipts::witness)
        .select(key_log_receipts::witness)
        .load(conn)?;
    Ok(found)
}

/// A log as it is published.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) log: KeyLog,
    pub(crate) state: KeyState,
    /// Whether the identity is at home elsewhere.
    pub(crate) mirrored: bool,
}

/// The log of an identity of this node, or of one that is mirrored here.
pub(crate) fn published_find(
    conn: &mut Conn,
    sealer: &Sealer,
    identity: Option<Identity>,
    did: Option<Did>,
) -> Result<Option<Published>, AuthError> {
    if let Some(identity) = identity {
        let implicit = || KeyState {
            recovery: identity.recovery_key,
            ..implicit_state(&identity)
        };
        return Ok(Some(Published {
            log: log_load(conn, sealer, &identity.did)?,
            state: identity.state.clone().unwrap_or_else(implicit),
            mirrored: identity.home_elsewhere,
        }));
    }
    let Some(did) = did else { return Ok(None) };
    let Some((_row, state)) = mirrored_find(conn, sealer, &did)? else {
        return Ok(None);
    };
    Ok(Some(Published {
        log: log_load(conn, sealer, &did)?,
        state,
        mirrored: true,
    }))
}

fn implicit_state(identity: &Identity) -> KeyState {
    KeyState {
        did: identity.did.clone(),
        head: None,
        seq: 0,
        keys: identity.keys.clone(),
        next_key_hash: None,
        recovery: None,
        status: Status::Active,
        at: 0,
        since: None,
    }
}

/// The identity behind a signed request, as it is in the transaction.
fn accept_identity(conn: &mut Conn, auth: &crate::auth::Writing, did: &Did) -> Result<Identity, AuthError> {
    let name = crate::names::Name::Native(did.clone());
    let identity = crate::identities::identity_find(conn, &auth.sealer, &name)?.ok_or(AuthError::NotRegistered)?;
    if identity.custody == imajin_web::Custody::Node || identity.is_visitor() {
        return Err(AuthError::NotRegistered);
    }
    Ok(identity)
}
