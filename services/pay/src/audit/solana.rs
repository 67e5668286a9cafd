//! What the Solana rail has stored, what its payees received, and where they are paid.

use diesel::prelude::*;
use imajin_fair::plan::Plan;
use imajin_ledger::{Command, EntryKind, entry_find};
use imajin_pay_api::ReceiptBody;
use imajin_rails::{RailDirect, SOLANA, SolanaRecordKind, solana_claim_holds};
use imajin_store::mutation;
use imajin_store::{Conn, SealedRow, StoreError};

use super::{Auditor, PAGE, from_ledger};
use crate::SERVICE;
use crate::domain::address::{ADDRESS_BIND, OBJECT_PREFIX};
use crate::domain::direct::{direct_command, direct_of, fits};
use crate::rows::{AddressRow, CheckoutRow, MessageRow, ReceiptRow, RecordRow, SEALED_COLUMNS, WalletRow};
use crate::schema::{checkouts, payee_addresses, rail_messages, solana_records, solana_wallets};

impl Auditor {
    /// Each checkout on Solana is watched; the wallet opens, and is there when money may have gone to it.
    pub(super) fn solana_check(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        for column in &SEALED_COLUMNS {
            column.audit(conn, &self.keyring, SERVICE, &mut self.findings)?;
        }
        let records: i64 = solana_records::table.count().get_result(conn)?;
        let wallets: i64 = solana_wallets::table.count().get_result(conn)?;
        if records > 0 && wallets == 0 {
            self.find(
                WalletRow::TABLE,
                "-",
                "there are payments on Solana, and the wallet is missing",
            );
        }
        let mut last = String::new();
        loop {
            let ids: Vec<String> = checkouts::table
                .filter(checkouts::rail.eq(SOLANA))
                .filter(checkouts::id.gt(&last))
                .order_by(checkouts::id)
                .limit(PAGE)
                .select(checkouts::id)
                .load(conn)?;
            let Some(end) = ids.last() else { break };
            last.clone_from(end);
            for id in &ids {
                let watched: i64 = solana_records::table
                    .find((SolanaRecordKind::Watch.as_str(), id))
                    .count()
                    .get_result(conn)?;
                if watched != 1 {
                    self.find(RecordRow::TABLE, id, "a checkout on Solana is not watched");
                }
            }
        }
        self.addresses_check(conn)
    }

    /// Each address is one that its wallet has signed for, and the last that its owner has bound.
    fn addresses_check(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let dids: Vec<String> = payee_addresses::table
            .order_by(payee_addresses::did)
            .select(payee_addresses::did)
            .load(conn)?;
        for did in &dids {
            let row = payee_addresses::table
                .find(did)
                .select(AddressRow::as_select())
                .first(conn);
            let Some(row) = self.readable::<AddressRow>(row)? else {
                continue;
            };
            if solana_claim_holds(&row.document, &row.did, &row.address) == Some(false) {
                self.find(AddressRow::TABLE, did, "its wallet has not signed for it");
            }
        }
        let mut after: Option<String> = None;
        loop {
            let page = match mutation::last_bodies(conn, OBJECT_PREFIX, after.as_deref(), PAGE) {
                Ok(page) => page,
                // A row of the log that cannot be read is a finding of the log's own audit.
                Err(diesel::result::Error::DeserializationError(_)) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.object.clone());
            for logged in page {
                let did = logged.object.strip_prefix(OBJECT_PREFIX).unwrap_or_default();
                let there = dids.iter().any(|known| known == did);
                if there != (logged.action == ADDRESS_BIND) {
                    self.find(AddressRow::TABLE, did, "the log says otherwise");
                }
            }
        }
    }

    /// What payees have received themselves, as the rail has signed it: planned so, and in no balance.
    pub(super) fn direct_check(
        &mut self,
        conn: &mut Conn,
        body: &ReceiptBody,
        checkout: &CheckoutRow,
        plan: &Plan,
    ) -> Result<Vec<RailDirect>, StoreError> {
        let message = match checkout.message_id {
            Some(id) if checkout.rail == SOLANA => {
                let row = rail_messages::table
                    .find(id)
                    .select(MessageRow::as_select())
                    .first(conn);
                self.readable::<MessageRow>(row)?
            }
            _ => None,
        };
        let direct = message.and_then(|message| direct_of(&self.keyring, &message).ok());
        let direct = direct.unwrap_or_default();
        let id = body.id.to_string();
        if !fits(&direct, plan) {
            self.find(
                ReceiptRow::TABLE,
                &id,
                "what was paid on the chain is not what the manifest gives",
            );
        }
        let key = format!("settle/{}", body.checkout);
        let due = direct_command(&direct, &body.rail, body.gross.asset, &key, body.checkout.as_str());
        let due: Vec<_> = match &due {
            Some(Command::Post(posting)) => {
                let legs = posting.movements.iter();
                legs.map(|movement| (movement.account.id(), movement.units)).collect()
            }
            _ => Vec::new(),
        };
        let entry = from_ledger(entry_find(conn, &self.sealer, &format!("direct/{key}")))?;
        let booked: Vec<_> = entry
            .filter(|entry| entry.kind == EntryKind::Direct)
            .map(|entry| entry.legs.iter().map(|leg| (leg.account(), leg.units())).collect())
            .unwrap_or_default();
        if due != booked {
            self.find(
                ReceiptRow::TABLE,
                &id,
                "what was paid on the chain is not what the ledger has booked",
            );
        }
        Ok(direct)
    }
}
