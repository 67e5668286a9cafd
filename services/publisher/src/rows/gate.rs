use diesel::prelude::*;
use imajin_did::Did;
use imajin_fair::ManifestId;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{AccessId, CheckoutId, ReceiptId};
use imajin_money::{Amount, Money};
use imajin_publisher_api::GateRecord;
use imajin_store::{SealedRow, sealed_row};
use serde::Serialize;

use crate::PublisherError;
use crate::schema::{gate_chains, gate_charges, gate_heads, gate_records};

/// What an agent pays for one answer of a site behind a gate.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = gate_charges, treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct ChargeRow {
    pub(crate) id: AccessId,
    pub(crate) site: String,
    /// The agent's domain.
    pub(crate) agent: String,
    pub(crate) agent_did: Did,
    pub(crate) url: String,
    pub(crate) purpose: String,
    /// Along which manifest the money is split; all of it is the seller's when there is none.
    pub(crate) fair_id: Option<String>,
    pub(crate) seller_did: Did,
    pub(crate) asset: String,
    pub(crate) price: i64,
    pub(crate) claim_digest: String,
    pub(crate) visa_digest: String,
    pub(crate) retry_key: Option<String>,
    pub(crate) state: String,
    /// Why nothing was paid.
    pub(crate) refusal: Option<String>,
    pub(crate) checkout_id: Option<CheckoutId>,
    pub(crate) receipt_id: Option<ReceiptId>,
    pub(crate) paid_at: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(ChargeRow, gate_charges, "gate_charges", key = (id));

/// Where a charge stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChargeState {
    /// Pay is asked, or was when the process ended.
    Asked,
    /// The money is there.
    Paid,
    /// Pay has taken nothing.
    Refused,
    /// The money went back.
    Returned,
}

impl ChargeState {
    const ALL: [Self; 4] = [Self::Asked, Self::Paid, Self::Refused, Self::Returned];

    /// The column's text.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Paid => "paid",
            Self::Refused => "refused",
            Self::Returned => "returned",
        }
    }
}

impl ChargeRow {
    pub(crate) fn state(&self) -> Result<ChargeState, PublisherError> {
        let found = ChargeState::ALL.into_iter().find(|state| state.as_str() == self.state);
        found.ok_or_else(|| self.damaged("the state is none"))
    }

    pub(crate) fn state_set(&mut self, state: ChargeState) {
        state.as_str().clone_into(&mut self.state);
    }

    pub(crate) fn price(&self) -> Result<Money, PublisherError> {
        let asset = self.asset.parse().ok();
        let money = asset.zip(Amount::from_micros(self.price).ok());
        let (asset, amount) = money.ok_or_else(|| self.damaged("the price is none"))?;
        Ok(Money::new(amount, asset))
    }

    pub(crate) fn fair(&self) -> Result<Option<ManifestId>, PublisherError> {
        let damaged = |_error| self.damaged("the manifest is none");
        self.fair_id.as_ref().map(|id| id.parse()).transpose().map_err(damaged)
    }

    fn damaged(&self, problem: &str) -> PublisherError {
        PublisherError::damaged(Self::TABLE, &self.id, problem)
    }
}

/// The chain of a site's records.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = gate_chains, primary_key(site))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct ChainRow {
    pub(crate) site: String,
    /// The newest record that was forgotten after its time.
    pub(crate) base_seq: i64,
    pub(crate) base_hash: String,
    /// The newest record.
    pub(crate) seq: i64,
    pub(crate) hash: String,
    /// What the node has signed about the newest record.
    pub(crate) head: String,
    pub(crate) updated_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(ChainRow, gate_chains, "gate_chains", key = (site));

/// What was decided about one request.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = gate_records, primary_key(site, seq))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct RecordRow {
    pub(crate) site: String,
    pub(crate) seq: i64,
    pub(crate) at: Timestamp,
    pub(crate) agent: Option<String>,
    pub(crate) thumbprint: Option<String>,
    pub(crate) url: String,
    pub(crate) purpose: Option<String>,
    pub(crate) visitor: String,
    pub(crate) refusal: Option<String>,
    pub(crate) reason: String,
    pub(crate) claim_digest: Option<String>,
    pub(crate) asset: Option<String>,
    pub(crate) paid: Option<i64>,
    pub(crate) receipt: Option<String>,
    pub(crate) status: i64,
    pub(crate) is_dry: bool,
    /// How it is hashed. Records from before there were versions do not say it, nor what follows, and are hashed and
    /// sealed without them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<i64>,
    /// How closely the claim is bound to the URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) binding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) visa_broker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) visa_id: Option<String>,
    /// Whether the visa was a bearer's; no other record says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) visa_bearer: Option<bool>,
    /// SHA-256 over the record and the hash of the one before it, in hex.
    pub(crate) hash: String,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(RecordRow, gate_records, "gate_records", key = (site, seq));

impl RecordRow {
    /// The record as the operator reads it.
    pub(crate) fn view(self) -> Result<GateRecord, PublisherError> {
        let damaged = || PublisherError::damaged(Self::TABLE, &self.row_key(), "what was paid is no amount");
        let paid = match (self.paid, &self.asset) {
            (Some(micros), Some(asset)) => {
                let money = asset.parse().ok().zip(Amount::from_micros(micros).ok());
                let (asset, amount) = money.ok_or_else(damaged)?;
                Some(Money::new(amount, asset))
            }
            _ => None,
        };
        Ok(GateRecord {
            seq: self.seq,
            at: self.at,
            agent: self.agent,
            thumbprint: self.thumbprint,
            url: self.url,
            purpose: self.purpose,
            visitor: self.visitor,
            verdict: self.refusal.unwrap_or_else(|| "PASS".to_owned()),
            reason: self.reason,
            binding: self.binding,
            claim_digest: self.claim_digest,
            visa_broker: self.visa_broker,
            visa_id: self.visa_id,
            visa_bearer: self.visa_bearer,
            paid,
            receipt: self.receipt,
            status: self.status,
            is_dry: self.is_dry,
            hash: self.hash,
        })
    }
}

/// What the node has signed about the last record of a batch.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = gate_heads, primary_key(site, seq))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct HeadRow {
    pub(crate) site: String,
    pub(crate) seq: i64,
    pub(crate) head: String,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(HeadRow, gate_heads, "gate_heads", key = (site, seq));
