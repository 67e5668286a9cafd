//! What `imajin verify` checks of key logs: each must verify, and each identity must be what its log says.

use std::collections::BTreeSet;

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_key_log::{Entry, EntryHash, KeyLog, KeyLogError, KeyState, Status};
use imajin_store::mutation;
use imajin_store::{Conn, Finding, Sealer};
use serde::Deserialize;
use serde_json::Value;

use super::devices::{ACTION_ADD, ACTION_RENAME, device_object};
use super::{accept, log_load, log_object, mirror, stored_witness};
use crate::identities::CUSTODY_HOME;
use crate::rows::{DeviceRow, IdentityRow, KeyLogEntryRow, KeyLogReceiptRow, MirroredLogRow};
use crate::schema::{devices, identities, key_log_entries, key_log_receipts, mirrored_logs};
use crate::{AuthError, SERVICE};

const PAGE: i64 = 256;

/// Recomputes every log. The seals of the rows were checked before.
pub(crate) fn key_logs_audit(
    conn: &mut Conn,
    sealer: &Sealer,
    now: Timestamp,
    findings: &mut Vec<Finding>,
) -> QueryResult<()> {
    let mut auditor = Auditor {
        sealer,
        now,
        logs: BTreeSet::new(),
        findings,
    };
    auditor.identities(conn)?;
    auditor.mirrors(conn)?;
    auditor.strays(conn)?;
    auditor.receipts(conn)?;
    auditor.devices(conn)
}

struct Auditor<'a> {
    sealer: &'a Sealer,
    now: Timestamp,
    /// The DIDs that have a log.
    logs: BTreeSet<Did>,
    findings: &'a mut Vec<Finding>,
}

impl Auditor<'_> {
    fn report(&mut self, table: &str, row: &str, problem: impl Into<String>) {
        self.findings.push(Finding::new(SERVICE, table, row, problem));
    }

    fn identities(&mut self, conn: &mut Conn) -> QueryResult<()> {
        let mut after = String::new();
        loop {
            let rows: Vec<IdentityRow> = identities::table
                .filter(
                    identities::did
                        .gt(after.clone())
                        .and(identities::key_state.is_not_null()),
                )
                .order(identities::did)
                .limit(PAGE)
                .select(IdentityRow::as_select())
                .load(conn)?;
            let Some(last) = rows.last() else { return Ok(()) };
            last.did.as_str().clone_into(&mut after);
            for row in rows {
                self.identity(conn, &row)?;
                self.logs.insert(row.did);
            }
        }
    }

    fn identity(&mut self, conn: &mut Conn, row: &IdentityRow) -> QueryResult<()> {
        let did = row.did.as_str();
        if row.custody == CUSTODY_HOME {
            // What the mirror says is checked with the mirror.
            let mirror: Option<MirroredLogRow> = mirrored_logs::table
                .find(row.did.clone())
                .select(MirroredLogRow::as_select())
                .first(conn)
                .optional()?;
            if mirror.is_none() {
                self.report("identities", did, "no key log of it is mirrored here");
            }
            return Ok(());
        }
        let Some(log) = self.log(conn, &row.did)? else {
            return Ok(());
        };
        let said = super::state_parse(row).ok().flatten();
        match log.verify(self.now, &stored_witness) {
            Err(error) => self.report("key_log_entries", did, format!("the log does not verify: {error}")),
            Ok(state) if said.as_ref() != Some(&state) || !row_fits(row, &state) => {
                self.report("identities", did, "it is not what its key log says");
            }
            Ok(state) => {
                if !is_logged_head(conn, &row.did, state.head)? {
                    self.report(
                        "key_log_entries",
                        did,
                        "the log does not end where the mutation log says",
                    );
                }
            }
        }
        Ok(())
    }

    fn mirrors(&mut self, conn: &mut Conn) -> QueryResult<()> {
        let mut after = String::new();
        loop {
            let rows: Vec<MirroredLogRow> = mirrored_logs::table
                .filter(mirrored_logs::did.gt(after.clone()))
                .order(mirrored_logs::did)
                .limit(PAGE)
                .select(MirroredLogRow::as_select())
                .load(conn)?;
            let Some(last) = rows.last() else { return Ok(()) };
            last.did.as_str().clone_into(&mut after);
            for row in rows {
                self.mirror(conn, &row)?;
                self.logs.insert(row.did);
            }
        }
    }

    fn mirror(&mut self, conn: &mut Conn, row: &MirroredLogRow) -> QueryResult<()> {
        let Some(log) = self.log(conn, &row.did)? else {
            return Ok(());
        };
        let said: Option<KeyState> = serde_json::from_str(&row.state).ok();
        let computed = match row.pin.as_deref().map(str::parse).transpose() {
            Ok(Some(pin)) => log.verify_pinned(pin, self.now, &stored_witness),
            Ok(None) => log.verify(self.now, &stored_witness),
            Err(error) => Err(error),
        };
        let logged = match &computed {
            Ok(state) => is_logged_head(conn, &row.did, state.head)?,
            Err(_error) => true,
        };
        match computed {
            Err(error) => self.report(
                "key_log_entries",
                row.did.as_str(),
                format!("the log does not verify: {error}"),
            ),
            Ok(state) if said.as_ref() != Some(&state) || !logged => {
                self.report(
                    "mirrored_logs",
                    row.did.as_str(),
                    "it is not what the mirrored log says",
                );
            }
            Ok(state) => self.visitor(conn, &row.did, &state)?,
        }
        Ok(())
    }

    /// Whoever has signed in from there must have the keys that the mirror says.
    fn visitor(&mut self, conn: &mut Conn, did: &Did, state: &KeyState) -> QueryResult<()> {
        let row: Option<IdentityRow> = identities::table
            .find(did.clone())
            .select(IdentityRow::as_select())
            .first(conn)
            .optional()?;
        if let Some(row) = row {
            let said = super::state_parse(&row).ok().flatten();
            if said.as_ref() != Some(state) || !row_fits(&row, state) {
                self.report("identities", did.as_str(), "it is not what its mirrored key log says");
            }
        }
        Ok(())
    }

    /// A log whose rows cannot be read is a finding of its own.
    fn log(&mut self, conn: &mut Conn, did: &Did) -> QueryResult<Option<KeyLog>> {
        match log_load(conn, self.sealer, did) {
            Ok(log) => Ok(Some(log)),
            Err(AuthError::Store(imajin_store::StoreError::Database(error))) => Err(error),
            Err(error) => {
                self.report(
                    "key_log_entries",
                    did.as_str(),
                    format!("the log cannot be read: {error}"),
                );
                Ok(None)
            }
        }
    }

    /// Each entry must be under its own name, and in a log that somebody has.
    fn strays(&mut self, conn: &mut Conn) -> QueryResult<()> {
        let mut after = String::new();
        loop {
            let rows: Vec<KeyLogEntryRow> = key_log_entries::table
                .filter(key_log_entries::hash.gt(after.clone()))
                .order(key_log_entries::hash)
                .limit(PAGE)
                .select(KeyLogEntryRow::as_select())
                .load(conn)?;
            let Some(last) = rows.last() else { return Ok(()) };
            last.hash.clone_into(&mut after);
            for row in rows {
                if !self.logs.contains(&row.did) {
                    self.report("key_log_entries", &row.hash, "it belongs to no identity that has a log");
                } else if !entry_fits(&row) {
                    self.report("key_log_entries", &row.hash, "its columns are not what the entry says");
                }
            }
        }
    }

    fn receipts(&mut self, conn: &mut Conn) -> QueryResult<()> {
        let mut after = (String::new(), String::new());
        loop {
            let later = key_log_receipts::entry.gt(after.0.clone()).or(key_log_receipts::entry
                .eq(after.0.clone())
                .and(key_log_receipts::witness.gt(after.1.clone())));
            let rows: Vec<KeyLogReceiptRow> = key_log_receipts::table
                .filter(later)
                .order((key_log_receipts::entry, key_log_receipts::witness))
                .limit(PAGE)
                .select(KeyLogReceiptRow::as_select())
                .load(conn)?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = (last.entry.clone(), last.witness.to_string());
            for row in rows {
                let receipt: Option<imajin_key_log::Receipt> = serde_json::from_str(&row.document).ok();
                let fits = receipt.is_some_and(|receipt| {
                    (receipt.from, receipt.payload.did, receipt.payload.entry.to_string())
                        == (row.witness.clone(), row.did.clone(), row.entry.clone())
                });
                if !fits {
                    self.report(
                        "key_log_receipts",
                        &row.entry,
                        "its columns are not what the receipt says",
                    );
                }
            }
        }
    }

    /// Each name must be the one that the owner signed last.
    fn devices(&mut self, conn: &mut Conn) -> QueryResult<()> {
        let rows: Vec<DeviceRow> = devices::table
            .filter(devices::name.is_not_null())
            .select(DeviceRow::as_select())
            .load(conn)?;
        for row in rows {
            let logged = mutation::last_body(conn, &device_object(&row.did, &row.multikey))?;
            // An erased body leaves nothing to compare with.
            let fits = logged.is_some_and(|logged| {
                let said = logged.body.as_deref().map(serde_json::from_slice::<Value>);
                let is_name =
                    |said: Value| said.get("name").and_then(Value::as_str).map(str::trim) == row.name.as_deref();
                logged.owner_did == row.did.as_str()
                    && [ACTION_ADD, ACTION_RENAME].contains(&logged.action.as_str())
                    && said.is_none_or(|said| said.is_ok_and(is_name))
            });
            if !fits {
                self.report("devices", &row.multikey, "nobody has signed for its name");
            }
        }
        Ok(())
    }
}

/// Whether the last change that was logged has led to this head.
fn is_logged_head(conn: &mut Conn, did: &Did, head: Option<EntryHash>) -> QueryResult<bool> {
    let Some(logged) = mutation::last_body(conn, &log_object(did))? else {
        return Ok(false);
    };
    let body = logged.body.unwrap_or_default();
    Ok(match logged.action.as_str() {
        accept::ACTION => Entry::from_slice(&body).and_then(|entry| entry.hash()).ok() == head,
        mirror::ACTION => serde_json::from_slice::<LoggedVersion>(&body).is_ok_and(|version| version.head == head),
        _ => false,
    })
}

/// What a version from elsewhere has led to.
#[derive(Deserialize)]
struct LoggedVersion {
    head: Option<EntryHash>,
}

fn entry_fits(row: &KeyLogEntryRow) -> bool {
    let compare = || -> Result<bool, KeyLogError> {
        let entry = Entry::from_slice(row.document.as_bytes())?;
        Ok(entry.hash()?.to_string() == row.hash
            && entry.did == row.did
            && i64::from(entry.seq) == row.seq
            && entry.prev.map(|prev| prev.to_string()) == row.prev)
    };
    compare().unwrap_or(false)
}

/// The columns that other queries read.
fn row_fits(row: &IdentityRow, state: &KeyState) -> bool {
    let key = state.keys.first().map(|key| key.to_bytes().to_vec());
    row.recovery_key == state.recovery.map(|key| key.multikey())
        && key.is_none_or(|key| key == row.public_key)
        && row.deleted_at.is_some() == (state.status == Status::Deactivated)
}
