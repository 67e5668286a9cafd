//! What `imajin verify` checks in the database of the broker.

use diesel::prelude::*;
use imajin_did::{Did, Keyring, Method};
use imajin_imagxp::broker::{TransferAsked, VisaOrder};
use imajin_imagxp::key_from_spki;
use imajin_kernel::Env;
use imajin_kernel::id::VisaId;
use imajin_proof::digest::{content_digest_verify, sha256_hex};
use imajin_proof::http_sig;
use imajin_store::mutation::{self, Keys, Logged, Writer};
use imajin_store::{Conn, Finding, SealedRow, Sealer, StoreError};

use crate::domain::visa::purpose_text;
use crate::domain::{deposit, transfer, visa};
use crate::log::AgentSigned;
use crate::rows::{
    AccountRow, DepositRow, DisputeRow, KeyRow, PublisherRow, RedemptionRow, Standing, TransferRow, VisaRow, VisaState,
};
use crate::schema::{accounts, deposits, redemptions, signing_keys, transfers, visas};
use crate::{SERVICE, keys, log};

mod disputes;

/// How many rows are looked at together: the memory does not grow with the tables.
const PAGE: i64 = 256;

/// Recomputes everything that the database of the broker can show about itself:
///
/// - the seal of every row, and the mutation log with its proofs, those of agents among them;
/// - each visa, deposit and transfer against what somebody has signed for it;
/// - of each visa, that what was redeemed, paid and given back is what its redemptions say, and that all of it together
///   is what was set aside;
/// - of each dispute, that every step was signed by whoever took it, and that its money went the way that it ended;
/// - that the keys for visas open, and are those that are published.
///
/// # Errors
/// For what stopped the audit; what is wrong with a row is a finding.
pub fn audit(conn: &mut Conn, keyring: &Keyring, env: &Env, known: Keys<'_>) -> Result<Vec<Finding>, StoreError> {
    let sealer = Sealer::for_service(keyring, SERVICE);
    let mut findings = Vec::new();
    AccountRow::audit(conn, &sealer, &mut findings)?;
    DepositRow::audit(conn, &sealer, &mut findings)?;
    VisaRow::audit(conn, &sealer, &mut findings)?;
    RedemptionRow::audit(conn, &sealer, &mut findings)?;
    DisputeRow::audit(conn, &sealer, &mut findings)?;
    TransferRow::audit(conn, &sealer, &mut findings)?;
    PublisherRow::audit(conn, &sealer, &mut findings)?;
    KeyRow::audit(conn, &sealer, &mut findings)?;
    let writer = Writer::new(SERVICE, keyring.clone(), sealer, env.clone());
    imajin_store::audit(conn, &writer, known, &mut findings)?;
    // A row that was changed is named above; one that cannot be read would stop what follows.
    if findings.is_empty() {
        accounts_check(conn, &mut findings)?;
        visas_check(conn, &mut findings)?;
        disputes::disputes_check(conn, &mut findings)?;
        transfers_check(conn, &mut findings)?;
        deposits_check(conn, &mut findings)?;
        let rows: Vec<KeyRow> = signing_keys::table.select(KeyRow::as_select()).load(conn)?;
        for row in rows.iter().filter(|row| !keys::key_fits(keyring, row)) {
            let problem = "the sealed key is not the published one";
            findings.push(Finding::new(SERVICE, KeyRow::TABLE, row.kid.clone(), problem));
        }
    }
    Ok(findings)
}

fn find(findings: &mut Vec<Finding>, table: &str, row: &impl ToString, problem: &str) {
    findings.push(Finding::new(SERVICE, table, row.to_string(), problem));
}

/// What the buyer of a visa has signed: an agent, or a DID whose proof the log has checked itself.
fn buyer_said(logged: &Logged, buyer: &Did) -> Option<Vec<u8>> {
    if buyer.method() == Method::Web {
        return agent_said(logged, buyer);
    }
    logged.body.clone().filter(|_| logged.owner_did == buyer.as_str())
}

/// What an agent has signed, if it has: with the key that the log names, over this body.
fn agent_said(logged: &Logged, agent: &Did) -> Option<Vec<u8>> {
    let signed: AgentSigned = serde_json::from_slice(logged.body.as_ref()?).ok()?;
    let key = key_from_spki(&signed.key).ok()?;
    let said = http_sig::audit(&signed.base, &signed.signature, &[key]).ok()?;
    let body = signed.body.into_bytes();
    content_digest_verify(&said.content_digest, &body).ok()?;
    let by_agent = said.did == *agent && logged.owner_did == agent.as_str();
    by_agent.then_some(body)
}

fn accounts_check(conn: &mut Conn, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let rows: Vec<AccountRow> = accounts::table
            .filter(accounts::agent_id.gt(&after))
            .order_by(accounts::agent_id)
            .limit(PAGE)
            .select(AccountRow::as_select())
            .load(conn)?;
        let Some(last) = rows.last() else { break };
        after.clone_from(&last.agent_id);
        for row in rows {
            let logged = mutation::last_body(conn, &format!("{}{}", log::ACCOUNT_PREFIX, row.agent_id))?;
            if logged.and_then(|logged| agent_said(&logged, &row.did)).is_none() {
                find(findings, AccountRow::TABLE, &row.did, "the agent has not signed for it");
            }
        }
    }
    logged_check(conn, log::ACCOUNT_PREFIX, findings, |conn, name| {
        accounts::table
            .filter(accounts::agent_id.eq(name))
            .count()
            .get_result(conn)
    })
}

/// Whatever was logged has its row.
fn logged_check(
    conn: &mut Conn,
    prefix: &str,
    findings: &mut Vec<Finding>,
    count: impl Fn(&mut Conn, &str) -> QueryResult<i64>,
) -> Result<(), StoreError> {
    let mut after: Option<String> = None;
    loop {
        let page = mutation::last_bodies(conn, prefix, after.as_deref(), PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.object.clone());
        for logged in &page {
            let name = logged.object.strip_prefix(prefix).unwrap_or_default();
            if count(conn, name)? == 0 {
                find(findings, prefix.trim_end_matches('/'), &name, "the row is missing");
            }
        }
    }
}

fn visas_check(conn: &mut Conn, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let mut after: Option<VisaId> = None;
    loop {
        let rows: Vec<VisaRow> = visas::table
            .filter(visas::jti.gt(after.map(|jti| jti.to_string()).unwrap_or_default()))
            .order_by(visas::jti)
            .limit(PAGE)
            .select(VisaRow::as_select())
            .load(conn)?;
        let Some(last) = rows.last() else { break };
        after = Some(last.jti);
        for row in rows {
            let logged = mutation::last_body(conn, &visa::object(row.jti))?;
            let said = logged.and_then(|logged| buyer_said(&logged, &row.agent_did));
            if !said.is_some_and(|body| visa_agrees(&row, &body)) {
                find(
                    findings,
                    VisaRow::TABLE,
                    &row.jti,
                    "the agent has signed something else",
                );
            }
            if !sums_agree(conn, &row)? {
                find(
                    findings,
                    VisaRow::TABLE,
                    &row.jti,
                    "its redemptions sum up to something else",
                );
            }
        }
    }
    logged_check(conn, log::VISA_PREFIX, findings, |conn, name| {
        visas::table.filter(visas::jti.eq(name)).count().get_result(conn)
    })
}

fn visa_agrees(row: &VisaRow, body: &[u8]) -> bool {
    let Ok(order) = serde_json::from_slice::<VisaOrder>(body) else {
        return false;
    };
    row.request_digest == sha256_hex(body)
        && row.publisher == order.publisher
        && row.max().is_ok_and(|max| max == order.max_amount)
        && row.uses == i64::from(order.uses.unwrap_or(1))
        && purpose_text(&order).is_ok_and(|purpose| purpose == row.purpose)
        && row.expires_at.since(row.created_at).as_seconds() == i64::from(order.ttl)
}

/// Paid and returned are together what was set aside, and never more is redeemed than that.
fn sums_agree(conn: &mut Conn, row: &VisaRow) -> Result<bool, StoreError> {
    let all: Vec<(String, i64, String)> = redemptions::table
        .filter(redemptions::jti.eq(row.jti))
        .select((redemptions::state, redemptions::amount, redemptions::asset))
        .load(conn)?;
    let sum = |wanted: &[Standing]| {
        let of = |(state, ..): &&(String, i64, String)| wanted.iter().any(|one| one.as_str() == state);
        all.iter().filter(of).map(|(_, amount, _)| *amount).sum::<i64>()
    };
    let credited = sum(&[Standing::Credited]);
    let reversed = sum(&[Standing::Reversed]);
    let waits = sum(&[Standing::Accepted, Standing::Disputed, Standing::Reversing]);
    let redeemed = credited.saturating_add(reversed).saturating_add(waits);
    let closed = row.state == VisaState::Closed.as_str();
    Ok(row.credited_micros == credited
        && row.reversed_micros.unwrap_or(0) == reversed
        && row.redeemed_micros == redeemed
        && redeemed <= row.max_micros
        && i64::try_from(all.len()).is_ok_and(|uses| uses == row.redeemed_uses && uses <= row.uses)
        && all.iter().all(|(.., asset)| *asset == row.asset)
        && row.returned_micros == closed.then(|| row.left_micros()))
}

/// Transfers are named by their senders, so each is logged once.
fn transfers_check(conn: &mut Conn, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let rows: Vec<TransferRow> = transfers::table
            .filter(transfers::reference.gt(&after))
            .order_by(transfers::reference)
            .limit(PAGE)
            .select(TransferRow::as_select())
            .load(conn)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after.clone_from(&last.reference);
        for row in rows {
            let logged = mutation::last_body(conn, &transfer::object(&row.reference))?;
            let agrees = logged.is_some_and(|logged| {
                let asked = logged
                    .body
                    .and_then(|body| serde_json::from_slice::<TransferAsked>(&body).ok());
                logged.owner_did == row.from_did.as_str()
                    && asked.is_some_and(|asked| {
                        asked.to.canonical() == row.to_did && row.money().is_ok_and(|money| money == asked.amount)
                    })
            });
            if !agrees {
                find(
                    findings,
                    TransferRow::TABLE,
                    &row.reference,
                    "its sender has signed something else",
                );
            }
        }
    }
}

fn deposits_check(conn: &mut Conn, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let rows: Vec<DepositRow> = deposits::table
            .filter(deposits::id.gt(&after))
            .order_by(deposits::id)
            .limit(PAGE)
            .select(DepositRow::as_select())
            .load(conn)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.id.to_string();
        for row in rows {
            let history = mutation::history(conn, &deposit::object(row.id))?;
            let asked = history
                .first()
                .is_some_and(|logged| logged.action == log::DEPOSIT_ASK && logged.owner_did == row.owner_did.as_str());
            let paid = history.iter().any(|logged| logged.action == log::DEPOSIT_PAID);
            if !asked || paid != row.receipt_id.is_some() {
                find(
                    findings,
                    DepositRow::TABLE,
                    &row.id,
                    "the log says something else about it",
                );
            }
        }
    }
}
