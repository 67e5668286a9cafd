//! What is owed by and to other nodes, for those concerned.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_ledger::account_fetch;
use imajin_money::{Amount, Asset, Money};
use imajin_pay_api::RemittanceReceipt;
use imajin_proof::SignedMessage;
use imajin_store::{Conn, SealedRow};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::remit_in::RECEIPT_KIND;
use super::remit_out::{assets_of, funds};
use super::visa::receivable;
use crate::PayError;
use crate::context::Context;
use crate::rows::{CREDITED, CaptureRow, CaptureState, ReceivedRow, RemittanceLegRow, SentRow};
use crate::schema::{remittance_legs, remittances_in, remittances_out, visa_captures};

/// The most lines of each list.
const LINES_MAX: i64 = 200;

/// What is owed by and to other nodes.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct PeersView {
    /// One line for each broker and currency.
    pub(crate) brokers: Vec<BrokerLine>,
    /// Promises that are not paid: the oldest first.
    pub(crate) promises: Vec<PromiseLine>,
    /// On its way to other nodes, or refused by them: the newest first.
    pub(crate) sent: Vec<RemittanceLine>,
    /// Announced by other nodes: the newest first.
    pub(crate) received: Vec<RemittanceLine>,
}

/// What a broker owes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BrokerLine {
    /// The broker.
    pub(crate) broker: String,
    /// All that it owes.
    #[schema(value_type = Object)]
    pub(crate) owes: Money,
    /// What of that is paid to this node there, and free to be passed on.
    #[schema(value_type = Object)]
    pub(crate) free: Money,
}

/// A promise that is not paid.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PromiseLine {
    /// The broker.
    pub(crate) broker: String,
    /// The receipt.
    pub(crate) receipt: String,
    /// How much.
    #[schema(value_type = Object)]
    pub(crate) amount: Money,
    /// `held`, `owed`, `accepted` or `unpaid`.
    pub(crate) state: String,
    /// Why the broker does not pay it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
    /// Since when.
    #[schema(value_type = String)]
    pub(crate) since: Timestamp,
}

/// A remittance.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RemittanceLine {
    /// Its name.
    pub(crate) id: String,
    /// The other node.
    pub(crate) node: String,
    /// The broker that passes it on.
    pub(crate) broker: String,
    /// All of it, or one's own part.
    #[schema(value_type = Object)]
    pub(crate) amount: Money,
    /// `offered`, `agreed`, `transferred`, `delivered`, `refused`; `unconfirmed`, `credited`.
    pub(crate) state: String,
    /// Why it does not get on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
    /// Since when.
    #[schema(value_type = String)]
    pub(crate) since: Timestamp,
    /// What the receiving node has signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(crate) receipt: Option<Value>,
}

/// Somebody's money on its way between nodes.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Remittances {
    /// To one's home.
    pub(crate) sent: Vec<RemittanceLine>,
    /// From other nodes.
    pub(crate) received: Vec<RemittanceLine>,
}

impl RemittanceLine {
    fn sent(row: SentRow) -> Result<Self, PayError> {
        Ok(Self {
            amount: row.money()?,
            id: row.id.to_string(),
            node: row.node_did,
            broker: row.issuer,
            state: row.state,
            problem: row.problem,
            since: row.created_at,
            receipt: receipt_of(row.receipt.as_deref()),
        })
    }

    fn received(row: ReceivedRow) -> Result<Self, PayError> {
        Ok(Self {
            amount: row.money()?,
            id: row.id.to_string(),
            node: row.from_did,
            broker: row.issuer,
            state: row.state,
            problem: row.problem,
            since: row.received_at,
            receipt: receipt_of(row.receipt.as_deref()),
        })
    }

    /// The line of one of its payees: their own part, and nobody else's.
    fn of_payee(mut self, units: i64) -> Result<Self, PayError> {
        let amount = Amount::from_micros(units).map_err(|error| PayError::Fault(error.to_string()))?;
        self.amount = Money::new(amount, self.amount.asset);
        self.receipt = None;
        self.problem = None;
        Ok(self)
    }
}

fn receipt_of(text: Option<&str>) -> Option<Value> {
    text.and_then(|text| serde_json::from_str(text).ok())
}

/// Everything that is owed by and to other nodes.
pub(crate) fn peers_view(conn: &mut Conn, context: &Context, trusted: &[String]) -> Result<PeersView, PayError> {
    let mut brokers = Vec::new();
    for issuer in trusted {
        for asset in assets_of(conn, issuer)? {
            let account = account_fetch(conn, &context.sealer, &receivable(issuer, asset))?;
            let owed = account.map_or(0, |account| account.balance_units.saturating_neg());
            brokers.push(BrokerLine {
                broker: issuer.clone(),
                owes: money(owed, asset)?,
                free: money(funds(conn, context, issuer, asset)?, asset)?,
            });
        }
    }
    let open: Vec<CaptureRow> = visa_captures::table
        .filter(
            visa_captures::state.eq_any(
                [
                    CaptureState::Held,
                    CaptureState::Owed,
                    CaptureState::Accepted,
                    CaptureState::Unpaid,
                ]
                .map(CaptureState::as_str),
            ),
        )
        .order_by(visa_captures::created_at)
        .limit(LINES_MAX)
        .select(CaptureRow::as_select())
        .load(conn)?;
    let promise = |row: CaptureRow| {
        let row = row.intact(&context.sealer)?;
        Ok(PromiseLine {
            amount: row.money()?,
            broker: row.issuer,
            receipt: row.receipt_id.to_string(),
            state: row.state,
            problem: row.problem,
            since: row.created_at,
        })
    };
    let sent: Vec<SentRow> = remittances_out::table
        .order_by(remittances_out::id.desc())
        .limit(LINES_MAX)
        .select(SentRow::as_select())
        .load(conn)?;
    let received: Vec<ReceivedRow> = remittances_in::table
        .order_by(remittances_in::received_at.desc())
        .limit(LINES_MAX)
        .select(ReceivedRow::as_select())
        .load(conn)?;
    let sent = sent
        .into_iter()
        .map(|row| RemittanceLine::sent(row.intact(&context.sealer)?));
    let received = received
        .into_iter()
        .map(|row| RemittanceLine::received(row.intact(&context.sealer)?));
    Ok(PeersView {
        brokers,
        promises: open.into_iter().map(promise).collect::<Result<_, PayError>>()?,
        sent: sent.collect::<Result<_, PayError>>()?,
        received: received.collect::<Result<_, PayError>>()?,
    })
}

fn money(units: i64, asset: Asset) -> Result<Money, PayError> {
    let amount = Amount::from_micros(units.max(0)).map_err(|error| PayError::Fault(error.to_string()))?;
    Ok(Money::new(amount, asset))
}

/// What of remittances is these people's.
pub(crate) fn remittances_of(
    conn: &mut Conn,
    context: &Context,
    dids: &[Did],
    limit: i64,
) -> Result<Remittances, PayError> {
    let names: Vec<String> = dids.iter().map(|did| did.canonical().to_string()).collect();
    let own = context.keyring.node_did().canonical().to_string();
    let legs: Vec<RemittanceLegRow> = remittance_legs::table
        .filter(remittance_legs::did.eq_any(names))
        .order_by(remittance_legs::remittance_id.desc())
        .limit(limit)
        .select(RemittanceLegRow::as_select())
        .load(conn)?;
    let mut found = Remittances::default();
    for leg in legs {
        let leg = leg.intact(&context.sealer)?;
        if leg.from_did == own {
            let row: SentRow = remittances_out::table
                .find(leg.remittance_id)
                .select(SentRow::as_select())
                .first(conn)?;
            let line = RemittanceLine::sent(row.intact(&context.sealer)?)?;
            found.sent.push(line.of_payee(leg.units)?);
        } else {
            let row: ReceivedRow = remittances_in::table
                .find((&leg.from_did, leg.remittance_id))
                .select(ReceivedRow::as_select())
                .first(conn)?;
            let row = row.intact(&context.sealer)?;
            let receipt = payee_receipt(context, &row, &leg)?;
            let mut line = RemittanceLine::received(row)?.of_payee(leg.units)?;
            line.receipt = receipt;
            found.received.push(line);
        }
    }
    Ok(found)
}

/// The receipt of one payee: what was signed about the whole, for their own part alone, signed when somebody asks for
/// it and always the same.
fn payee_receipt(context: &Context, row: &ReceivedRow, leg: &RemittanceLegRow) -> Result<Option<Value>, PayError> {
    let whole: Option<SignedMessage<RemittanceReceipt>> =
        row.receipt.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let Some(whole) = whole.filter(|_| row.state == CREDITED) else {
        return Ok(None);
    };
    let mut body = whole.payload;
    body.legs.retain(|part| part.did.canonical().as_str() == leg.did);
    let Some(part) = body.legs.first() else { return Ok(None) };
    let payee = part.did.clone();
    body.amount = Money::new(part.amount, body.amount.asset);
    let (keyring, time) = (&context.keyring, body.time);
    let own = keyring.node_did().clone();
    let signed = SignedMessage::sign(keyring.node_key(), own, RECEIPT_KIND, Some(payee), time, body)?;
    let value = serde_json::to_value(signed);
    value.map(Some).map_err(|error| PayError::Fault(error.to_string()))
}
