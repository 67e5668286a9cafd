use std::collections::BTreeSet;

use diesel::prelude::*;
use imajin_did::Did;
use imajin_fair::distribution::Distribution;
use imajin_fair::plan::Plan;
use imajin_ledger::{Entry, Recipients, credits, entry_fetch};
use imajin_pay_api::{GoodsRef, ReceiptBody, ReceiptClaims};
use imajin_proof::SignedMessage;
use imajin_proof::digest::sha256_hex;
use imajin_proof::token;
use imajin_rails::RailFee;
use imajin_store::{Conn, SealedRow, StoreError};

use super::contracts::Said;
use super::{Auditor, PAGE, SalesTally, from_ledger};
use crate::domain::payment::{fee_movement, net_of};
use crate::domain::receipt::{RECEIPT_KIND, audience, fees_of, legs_of, parties_of, receipt_view};
use crate::own_goods::TOPUP;
use crate::rows::{CheckoutRow, PartyRow, ReceiptRow, SalesDayRow, SalesRow, SplitRow};
use crate::schema::{checkouts, receipt_parties, receipts, sales_totals, splits};

const PARTIES: &str = "receipt_parties";

impl Auditor {
    pub(super) fn receipts_check(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let mut last = String::new();
        let mut parties: i64 = 0;
        loop {
            let ids: Vec<String> = receipts::table
                .filter(receipts::id.gt(&last))
                .order_by(receipts::id)
                .limit(PAGE)
                .select(receipts::id)
                .load(conn)?;
            let Some(end) = ids.last() else { break };
            last.clone_from(end);
            for id in &ids {
                let row = receipts::table.find(id).select(ReceiptRow::as_select()).first(conn);
                if let Some(row) = self.readable::<ReceiptRow>(row)? {
                    parties = parties.saturating_add(self.receipt_check(conn, &row)?);
                }
            }
        }
        let rows: i64 = receipt_parties::table.count().get_result(conn)?;
        if rows != parties {
            self.parties_orphaned_find(conn)?;
        }
        Ok(())
    }

    /// Checks one receipt; returns how many parties it has.
    fn receipt_check(&mut self, conn: &mut Conn, row: &ReceiptRow) -> Result<i64, StoreError> {
        let id = row.id.to_string();
        let Ok(message) = row.message() else {
            self.find(ReceiptRow::TABLE, id, "the document cannot be read");
            return Ok(0);
        };
        if message.payload.goods.kind != TOPUP {
            let tally = self.sales.entry(row.asset.clone()).or_default();
            tally.receipts = tally.receipts.saturating_add(1);
            tally.gross = tally.gross.saturating_add(row.gross);
            let day = (row.issued_at.as_days(), row.asset.clone());
            let empty = || SalesDayRow::empty(day.0, day.1.clone());
            self.days.entry(day.clone()).or_insert_with(empty).add(&message.payload);
        }
        let node = self.keyring.node_public();
        if message.from != *self.keyring.node_did() || message.verify(RECEIPT_KIND, &node).is_err() {
            self.find(
                ReceiptRow::TABLE,
                &id,
                "the document does not carry the node's signature",
            );
        }
        if !columns_fit(row, &message) {
            self.find(ReceiptRow::TABLE, &id, "the columns are not those of the document");
        }
        if !self.jwt_fits(row, &message) {
            self.find(ReceiptRow::TABLE, &id, "the token is not the one of the document");
        }
        self.booking_check(conn, &id, &message)?;
        self.checkout_of_receipt_check(conn, &id, &message)?;
        self.parties_check(conn, &message)
    }

    fn jwt_fits(&self, row: &ReceiptRow, message: &SignedMessage<ReceiptBody>) -> bool {
        let node = self.keyring.node_public();
        let kid = token::key_id(&node);
        let key_of = |named: &str| (named == kid).then_some(node);
        let (iss, aud) = (self.keyring.node_did().as_str(), audience(&message.payload.goods));
        let Ok(view) = receipt_view(&self.keyring, row) else {
            return false;
        };
        let Ok(token) = token::verify::<ReceiptClaims>(&view.jwt, &key_of, iss, &aud, row.issued_at) else {
            return false;
        };
        let claims = token.claims;
        token.standard.sub == row.id.to_string()
            && claims.payer.as_str() == row.payer_did
            && claims.gross == message.payload.gross
            && claims.document_sha256 == sha256_hex(row.document.as_bytes())
            && claims.manifest == message.payload.manifest.id
            && claims.entry_hash == message.payload.ledger_entry.hash
    }

    /// The receipt's lines are the entry's legs, and they sum to what was paid.
    fn booking_check(
        &mut self,
        conn: &mut Conn,
        id: &str,
        message: &SignedMessage<ReceiptBody>,
    ) -> Result<(), StoreError> {
        let body = &message.payload;
        let entry = from_ledger(entry_fetch(conn, &self.sealer, body.ledger_entry.id))?;
        let Some(entry) = entry.filter(|entry| hex::encode(entry.hash) == body.ledger_entry.hash) else {
            self.find(
                ReceiptRow::TABLE,
                id,
                "the ledger does not have the entry that it names",
            );
            return Ok(());
        };
        let lines = body
            .fees
            .iter()
            .map(|fee| fee.amount)
            .chain(body.legs.iter().map(|leg| leg.amount))
            .chain(body.rail_fee.filter(|fee| !fee.is_zero()));
        let units: Vec<i64> = lines.map(imajin_money::Amount::micros).collect();
        let total: i128 = units.iter().map(|units| i128::from(*units)).sum();
        let booked: Vec<i64> = entry.legs.iter().skip(1).map(imajin_ledger::Leg::units).collect();
        if units != booked || total != i128::from(body.gross.amount.micros()) {
            self.find(ReceiptRow::TABLE, id, "its lines are not the legs of its entry");
        }
        self.plan_check(conn, id, message, &entry)
    }

    /// Planned again from what the seller said, the split is the same, and went to the same accounts.
    fn plan_check(
        &mut self,
        conn: &mut Conn,
        id: &str,
        message: &SignedMessage<ReceiptBody>,
        entry: &Entry,
    ) -> Result<(), StoreError> {
        let body = &message.payload;
        let checkout = checkouts::table
            .find(body.checkout)
            .select(CheckoutRow::as_select())
            .first(conn);
        let Some(checkout) = self.readable::<CheckoutRow>(checkout)? else {
            return Ok(());
        };
        let split = splits::table
            .find(&checkout.split_id)
            .select(SplitRow::as_select())
            .first(conn);
        let Some(split) = self.readable::<SplitRow>(split)?.and_then(|row| row.parse().ok()) else {
            return Ok(());
        };
        self.rail_fee_check(conn, id, body)?;
        let fee = body.rail_fee.map_or(RailFee::Free, RailFee::Known);
        let net = net_of(body.gross, fee).ok();
        let Some(plan) = net.and_then(|(net, _)| split.plan(net).ok()) else {
            self.find(ReceiptRow::TABLE, id, "its price cannot be split");
            return Ok(());
        };
        let node = self.keyring.node_did().clone();
        let payer = message.to.clone().unwrap_or_else(|| node.clone());
        // The protocol's DID is a setting; the receipt says whom it was.
        let protocol = plan.fees.iter().zip(&body.fees);
        let protocol = protocol.filter(|(line, _)| line.recipient == imajin_fair::plan::FeeRecipient::Protocol);
        let protocol = protocol
            .map(|(_, fee)| fee.did.clone())
            .next()
            .unwrap_or_else(|| node.clone());
        let recipients = Recipients { protocol, node, payer };
        self.shares_due(conn, body, &split)?;
        let direct = self.direct_check(conn, body, &checkout, &plan)?;
        let said = Said {
            table: ReceiptRow::TABLE,
            row: id,
            legs: &body.legs,
            releases: &body.releases,
            at: checkout.paid_at.unwrap_or(body.time),
            key: &format!("settle/{}", body.checkout),
            reference: body.checkout.as_str(),
            direct: &direct,
        };
        let Some(distribution) = self.distribution_due(conn, &body.goods, &said, &plan)? else {
            return Ok(());
        };
        let accounts: Vec<_> = credits(&plan, &distribution, &recipients)
            .iter()
            .chain(&fee_movement(&body.rail, body.gross, body.rail_fee))
            .map(|credit| (credit.account.id(), credit.units))
            .collect();
        let booked: Vec<_> = entry
            .legs
            .iter()
            .skip(1)
            .map(|leg| (leg.account(), leg.units()))
            .collect();
        let agrees = body.legs == legs_of(&plan, &distribution, &direct)
            && body.fees == fees_of(&plan, &recipients)
            && accounts == booked
            && body.manifest == split.manifest
            && body.seller == split.document.seller;
        if !agrees {
            self.find(
                ReceiptRow::TABLE,
                id,
                "the split is not the one that the manifest gives",
            );
        }
        Ok(())
    }

    /// What becomes of the legs; what somebody has put in themselves follows no contract.
    fn distribution_due(
        &mut self,
        conn: &mut Conn,
        goods: &GoodsRef,
        said: &Said<'_>,
        plan: &Plan,
    ) -> Result<Option<Distribution>, StoreError> {
        if goods.kind == TOPUP {
            return Ok(Some(Distribution::direct(plan)));
        }
        self.distribution_again(conn, said, plan)
    }

    fn checkout_of_receipt_check(
        &mut self,
        conn: &mut Conn,
        id: &str,
        message: &SignedMessage<ReceiptBody>,
    ) -> Result<(), StoreError> {
        let body = &message.payload;
        let checkout = checkouts::table
            .find(body.checkout)
            .select(CheckoutRow::as_select())
            .first(conn);
        if matches!(checkout, Err(diesel::result::Error::NotFound)) {
            self.find(ReceiptRow::TABLE, id, "its checkout is missing");
        }
        let Some(checkout) = self.readable::<CheckoutRow>(checkout)? else {
            return Ok(());
        };
        let fits = checkout.state == "settled"
            && checkout.receipt_id == Some(body.id)
            && Some(checkout.owner_did.as_str()) == message.to.as_ref().map(Did::as_str)
            && checkout.goods() == body.goods
            && checkout.seller_did == body.seller.as_str()
            && checkout.rail == body.rail
            && checkout.rail_reference.as_ref() == Some(&body.rail_reference)
            && checkout.price().is_ok_and(|price| price == body.gross);
        if !fits {
            self.find(ReceiptRow::TABLE, id, "its checkout says something else");
        }
        Ok(())
    }

    fn parties_check(&mut self, conn: &mut Conn, message: &SignedMessage<ReceiptBody>) -> Result<i64, StoreError> {
        let due = parties_of(message);
        for party in &due {
            let there: i64 = receipt_parties::table
                .find((&party.did, &party.receipt_id))
                .count()
                .get_result(conn)?;
            if there != 1 {
                self.find(
                    PARTIES,
                    format!("{}/{}", party.did, party.receipt_id),
                    "a party of the receipt is missing",
                );
            }
        }
        Ok(i64::try_from(due.len()).unwrap_or(i64::MAX))
    }

    /// Rows that name somebody who is no party of the receipt.
    fn parties_orphaned_find(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let mut last = (String::new(), String::new());
        loop {
            let page: Vec<PartyRow> = receipt_parties::table
                .filter(
                    receipt_parties::did.gt(&last.0).or(receipt_parties::did
                        .eq(&last.0)
                        .and(receipt_parties::receipt_id.gt(&last.1))),
                )
                .order_by((receipt_parties::did, receipt_parties::receipt_id))
                .limit(PAGE)
                .select(PartyRow::as_select())
                .load(conn)?;
            let Some(end) = page.last() else { return Ok(()) };
            last = (end.did.clone(), end.receipt_id.clone());
            for party in page {
                let row = receipts::table
                    .find(&party.receipt_id)
                    .select(ReceiptRow::as_select())
                    .first(conn);
                let message = self.readable::<ReceiptRow>(row)?.and_then(|row| row.message().ok());
                if message.is_none_or(|message| !parties_of(&message).contains(&party)) {
                    self.find(
                        PARTIES,
                        format!("{}/{}", party.did, party.receipt_id),
                        "no party of the receipt",
                    );
                }
            }
        }
    }

    pub(super) fn sales_check(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let assets: Vec<String> = sales_totals::table
            .order_by(sales_totals::asset)
            .select(sales_totals::asset)
            .load(conn)?;
        let mut known = BTreeSet::new();
        for asset in assets {
            let row = sales_totals::table
                .find(&asset)
                .select(SalesRow::as_select())
                .first(conn);
            if let Some(row) = self.readable::<SalesRow>(row)? {
                let tally = SalesTally {
                    gross: row.gross,
                    receipts: row.receipts,
                    refunds: row.refunds,
                };
                if self
                    .sales
                    .get(&asset)
                    .map_or(tally != SalesTally::default(), |seen| *seen != tally)
                {
                    self.find(
                        SalesRow::TABLE,
                        &asset,
                        "the sums are not those of the receipts and refunds",
                    );
                }
            }
            known.insert(asset);
        }
        let missing: Vec<String> = self
            .sales
            .keys()
            .filter(|asset| !known.contains(*asset))
            .cloned()
            .collect();
        for asset in missing {
            self.find(SalesRow::TABLE, asset, "the sums are missing");
        }
        Ok(())
    }
}

fn columns_fit(row: &ReceiptRow, message: &SignedMessage<ReceiptBody>) -> bool {
    let body = &message.payload;
    row.id == body.id
        && row.checkout_id == body.checkout
        && row.entry_id == body.ledger_entry.id
        && Some(row.payer_did.as_str()) == message.to.as_ref().map(Did::as_str)
        && row.asset == body.gross.asset.to_string()
        && row.gross == body.gross.amount.micros()
        && row.issued_at == body.time
        && message
            .canonical_bytes()
            .is_ok_and(|bytes| bytes == row.document.as_bytes())
}
