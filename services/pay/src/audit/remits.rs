use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::result::Error;
use imajin_ledger::{Entry, EntryKind, entry_count, entry_find};
use imajin_pay_api::{RemittanceBody, RemittanceReceipt};
use imajin_proof::SignedMessage;
use imajin_store::mutation::{self, Keys};
use imajin_store::{Conn, SealedRow, StoreError};

use super::{Auditor, PAGE, from_ledger};
use crate::domain::home::{HOME_BIND, home_object};
use crate::domain::remit_in::{RECEIPT_KIND, REMIT_TAKE, document_read};
use crate::domain::remit_out::REMITTANCE_KIND;
use crate::rows::{CREDITED, DROPPED, HomeRow, ReceivedRow, RemittanceLegRow, SentRow, SentState, UNCONFIRMED};
use crate::schema::{payee_homes, remittance_legs, remittances_in, remittances_out};

impl Auditor {
    /// Each remittance is what was signed, whose its parts say, and booked as far as its state says.
    pub(super) fn remittances_check(&mut self, conn: &mut Conn, keys: Keys<'_>) -> Result<(), StoreError> {
        let before = self.findings.len();
        let (mut legs, mut due, mut last) = (0_i64, 0_i64, String::new());
        loop {
            let ids: Vec<String> = remittances_out::table
                .filter(remittances_out::id.gt(&last))
                .order_by(remittances_out::id)
                .limit(PAGE)
                .select(remittances_out::id)
                .load(conn)?;
            let Some(end) = ids.last() else { break };
            last.clone_from(end);
            for id in &ids {
                let row = remittances_out::table.find(id).select(SentRow::as_select()).first(conn);
                if let Some(row) = self.readable::<SentRow>(row)? {
                    legs = legs.saturating_add(self.sent_check(conn, &row, keys, &mut due)?);
                }
            }
        }
        let names: Vec<(String, String)> = remittances_in::table
            .order_by((remittances_in::from_did, remittances_in::id))
            .select((remittances_in::from_did, remittances_in::id))
            .load(conn)?;
        for name in names {
            let row = remittances_in::table
                .find(name)
                .select(ReceivedRow::as_select())
                .first(conn);
            if let Some(row) = self.readable::<ReceivedRow>(row)? {
                legs = legs.saturating_add(self.received_check(conn, &row, keys, &mut due)?);
            }
        }
        self.homes_check(conn)?;
        // With a finding above, something may be missing from a count for that reason.
        if before != self.findings.len() {
            return Ok(());
        }
        let rows: i64 = remittance_legs::table.count().get_result(conn)?;
        if rows != legs {
            self.find(RemittanceLegRow::TABLE, "-", "a part belongs to no remittance");
        }
        let entries = match entry_count(conn, EntryKind::Remittance) {
            Ok(entries) => entries,
            Err(error) => return from_ledger::<()>(Err(error)).map(drop),
        };
        if entries != due {
            let problem = format!("{due} entries are due, and {entries} are booked");
            self.find(SentRow::TABLE, "-", problem);
        }
        Ok(())
    }

    fn sent_check(&mut self, conn: &mut Conn, row: &SentRow, keys: Keys<'_>, due: &mut i64) -> Result<i64, StoreError> {
        let name = row.row_key();
        let document: Option<SignedMessage<RemittanceBody>> = serde_json::from_str(&row.document).ok();
        let (Some(document), Ok(state)) = (document, row.state()) else {
            self.find(
                SentRow::TABLE,
                name,
                "the document cannot be read, or the state is none",
            );
            return Ok(0);
        };
        let own = self.keyring.node_did().clone();
        let is_signed = document.from == own && document.verify(REMITTANCE_KIND, &self.keyring.node_public()).is_ok();
        let body = document.payload;
        let fits = body.id == row.id
            && body.broker == row.issuer
            && row.money().is_ok_and(|money| money == body.amount)
            && document.to.is_some_and(|to| to.canonical().as_str() == row.node_did);
        if !is_signed || !fits {
            self.find(SentRow::TABLE, &name, "it is not what this node has signed");
        }
        if !Self::acknowledged(row, state, keys) {
            self.find(SentRow::TABLE, &name, "the other node has signed something else");
        }
        let booked = |conn: &mut Conn, key: &str| self.remitted(conn, key);
        let owed = booked(conn, &SentRow::owed_key(row.id))?;
        let sent = booked(conn, &row.sent_key())?;
        let back = booked(conn, &row.back_key())?;
        let is_sent = matches!(state, SentState::Transferred | SentState::Delivered);
        let expect = |is_due: bool| is_due.then_some(row.amount);
        if owed != Some(row.amount) || sent != expect(is_sent) || back != expect(state == SentState::Refused) {
            self.find(SentRow::TABLE, &name, "the ledger has booked something else for it");
        }
        let entries = [owed, sent, back].into_iter().flatten().count();
        *due = due.saturating_add(i64::try_from(entries).unwrap_or(i64::MAX));
        self.legs_check(conn, own.canonical().as_str(), &body)
    }

    /// What was signed in return is about this remittance, by the node that it was for, as far as its keys are known.
    fn acknowledged(row: &SentRow, state: SentState, keys: Keys<'_>) -> bool {
        let Some(text) = &row.receipt else {
            return state != SentState::Delivered;
        };
        let Ok(receipt) = serde_json::from_str::<SignedMessage<RemittanceReceipt>>(text) else {
            return false;
        };
        let from = receipt.from.canonical();
        let signers = from.public_key().into_iter().chain(keys(&from));
        receipt.payload.remittance == row.id
            && from.as_str() == row.node_did
            && signers
                .into_iter()
                .any(|key| receipt.verify(RECEIPT_KIND, &key).is_ok())
    }

    /// What came in with an entry of a remittance.
    fn remitted(&self, conn: &mut Conn, key: &str) -> Result<Option<i64>, StoreError> {
        let entry = from_ledger(entry_find(conn, &self.sealer, key))?;
        let units = |entry: Entry| {
            let came = entry.legs.iter().map(imajin_ledger::Leg::units);
            came.filter(|units| *units > 0).fold(0, i64::saturating_add)
        };
        Ok(entry.filter(|entry| entry.kind == EntryKind::Remittance).map(units))
    }

    fn received_check(
        &mut self,
        conn: &mut Conn,
        row: &ReceivedRow,
        keys: Keys<'_>,
        due: &mut i64,
    ) -> Result<i64, StoreError> {
        let name = row.row_key();
        let Ok(document) = document_read(row) else {
            self.find(ReceivedRow::TABLE, name, "the document cannot be read");
            return Ok(0);
        };
        let from = document.from.canonical();
        let mut signers = from.public_key().into_iter().chain(keys(&from));
        let is_signed = signers.any(|key| document.verify(REMITTANCE_KIND, &key).is_ok());
        let body = document.payload;
        let fits = from.as_str() == row.from_did
            && body.id == row.id
            && body.broker == row.issuer
            && row.money().is_ok_and(|money| money == body.amount);
        if !is_signed || !fits {
            self.find(ReceivedRow::TABLE, &name, "it is not what the other node has signed");
        }
        let object = format!("remittance/{}/{}", row.from_did, row.id);
        if !is_logged(conn, &object, REMIT_TAKE)? {
            self.find(ReceivedRow::TABLE, &name, "the log does not know of it");
        }
        let is_credited = row.state == CREDITED;
        let receipt: Option<SignedMessage<RemittanceReceipt>> =
            row.receipt.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let node = self.keyring.node_public();
        let is_ours = receipt.is_some_and(|receipt| {
            receipt.verify(RECEIPT_KIND, &node).is_ok()
                && receipt.payload.remittance == row.id
                && receipt.payload.amount == body.amount
        });
        let booked = self.remitted(conn, &row.ledger_key())?;
        let known = is_credited || row.state == UNCONFIRMED || row.state == DROPPED;
        if !known || is_ours != is_credited || booked != is_credited.then_some(row.amount) {
            self.find(ReceivedRow::TABLE, &name, "the ledger has booked something else for it");
        }
        *due = due.saturating_add(i64::from(is_credited));
        self.legs_check(conn, &row.from_did, &body)
    }

    /// The parts are those of the document; answers with how many there are.
    fn legs_check(&mut self, conn: &mut Conn, from: &str, body: &RemittanceBody) -> Result<i64, StoreError> {
        let mut due: BTreeMap<String, i64> = BTreeMap::new();
        for leg in &body.legs {
            due.insert(leg.did.canonical().to_string(), leg.amount.micros());
        }
        let names: Vec<String> = remittance_legs::table
            .filter(remittance_legs::from_did.eq(from))
            .filter(remittance_legs::remittance_id.eq(body.id))
            .select(remittance_legs::did)
            .load(conn)?;
        let count = i64::try_from(names.len()).unwrap_or(i64::MAX);
        for did in names {
            let row = remittance_legs::table
                .find((from, body.id, &did))
                .select(RemittanceLegRow::as_select())
                .first(conn);
            let Some(row) = self.readable::<RemittanceLegRow>(row)? else {
                due.remove(&did);
                continue;
            };
            if due.remove(&did) != Some(row.units) || row.asset != body.amount.asset.as_str() {
                self.find(
                    RemittanceLegRow::TABLE,
                    row.row_key(),
                    "the document says something else",
                );
            }
        }
        if !due.is_empty() {
            self.find(
                RemittanceLegRow::TABLE,
                format!("{from}/{}", body.id),
                "a part of the document is missing",
            );
        }
        Ok(count)
    }

    /// Each home is the one that its owner has signed last.
    fn homes_check(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let dids: Vec<String> = payee_homes::table
            .order_by(payee_homes::did)
            .select(payee_homes::did)
            .load(conn)?;
        for did in dids {
            if !is_logged(conn, &home_object(&did), HOME_BIND)? {
                self.find(HomeRow::TABLE, did, "its owner has not asked for it");
            }
        }
        Ok(())
    }
}

/// Whether the last thing that was logged about an object is this action. A row of the log that cannot be read is a
/// finding of the log's own audit.
fn is_logged(conn: &mut Conn, object: &str, action: &str) -> Result<bool, StoreError> {
    match mutation::last_body(conn, object) {
        Ok(logged) => Ok(logged.is_some_and(|logged| logged.action == action)),
        Err(Error::DeserializationError(_)) => Ok(true),
        Err(error) => Err(error.into()),
    }
}
