//! Distribution contracts: kept in every version, in effect from their time on.

use std::collections::BTreeSet;

use diesel::prelude::*;
use imajin_did::Did;
use imajin_fair::distribution::{Contract, History};
use imajin_kernel::Timestamp;
use imajin_money::Money;
use imajin_store::{Conn, SealedRow, Sealer, for_update, intact_all};
use imajin_web::Verified;
use serde::Serialize;
use utoipa::ToSchema;

use crate::PayError;
use crate::context::Context;
use crate::rows::{ContractRow, FlowRow, json_text, money};
use crate::schema::{contract_flows, contracts};

/// The action in the mutation log.
pub(crate) const CONTRACT_SET: &str = "contract.set";

/// How often somebody may change their mind: a bound on what one identity can store.
const VERSIONS_MAX: i64 = 1_000;
/// More labels and recipients than anyone pays.
const FLOWS_MAX: i64 = 10_000;

/// How a version is called in the mutation log.
pub(crate) fn contract_object(owner: &str, version: i64) -> String {
    format!("contract/{owner}/{version}")
}

/// One version on the wire.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContractVersion {
    /// The contract, as it was signed.
    #[schema(value_type = Object)]
    pub(crate) contract: Contract,
    /// When this node got it.
    #[schema(value_type = String)]
    pub(crate) received_at: Timestamp,
}

/// All versions of somebody's contract.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContractVersions {
    /// Whose money it divides.
    #[schema(value_type = String)]
    pub(crate) owner: Did,
    /// The version that governs now; none before the first takes effect.
    pub(crate) in_effect: Option<u32>,
    /// All versions, newest first.
    pub(crate) versions: Vec<ContractVersion>,
}

/// What has gone to one label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LabelSum {
    /// The label.
    pub(crate) label: String,
    /// How much so far.
    #[schema(value_type = Object)]
    pub(crate) total: Money,
}

/// What everybody may know of a contract whose owner has opted in.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContractAggregates {
    /// Whose contract.
    #[schema(value_type = String)]
    pub(crate) owner: Did,
    /// The version in effect.
    pub(crate) version: u32,
    /// What has gone to each label so far; who got it is not said.
    pub(crate) labels: Vec<LabelSum>,
}

/// The version of somebody's contract that governs a transaction at a moment.
pub(crate) fn contract_in_effect(
    conn: &mut Conn,
    sealer: &Sealer,
    owner: &Did,
    at: Timestamp,
) -> Result<Option<Contract>, PayError> {
    let row: Option<ContractRow> = contracts::table
        .filter(contracts::owner_did.eq(owner.canonical().to_string()))
        .filter(contracts::effective_at.le(at))
        .order_by(contracts::version.desc())
        .select(ContractRow::as_select())
        .first(conn)
        .optional()?;
    row.map(|row| row.intact(sealer)?.contract()).transpose()
}

/// Which of these DIDs have a contract at all: almost nobody, so one question spares the others.
pub(crate) fn contract_owners(conn: &mut Conn, dids: &BTreeSet<Did>) -> Result<BTreeSet<Did>, PayError> {
    const KEYS_PER_QUERY: usize = 500;
    let texts: Vec<String> = dids.iter().map(|did| did.canonical().to_string()).collect();
    let mut owners = BTreeSet::new();
    for chunk in texts.chunks(KEYS_PER_QUERY) {
        let found: Vec<String> = contracts::table
            .filter(contracts::owner_did.eq_any(chunk))
            .filter(contracts::version.eq(1))
            .select(contracts::owner_did)
            .load(conn)?;
        owners.extend(found.iter().filter_map(|did| did.parse().ok()));
    }
    Ok(owners)
}

/// Keeps other processes from distributing along these contracts until the transaction ends.
pub(crate) fn contracts_lock(conn: &mut Conn, profiles: &BTreeSet<String>) -> Result<(), PayError> {
    let _locked: Vec<i64> = for_update!(
        conn,
        contracts::table
            .filter(contracts::owner_did.eq_any(profiles))
            .filter(contracts::version.eq(1))
            .order_by(contracts::owner_did)
            .select(contracts::version) => load
    )?;
    Ok(())
}

fn rows_of(conn: &mut Conn, context: &Context, owner: &Did) -> Result<Vec<ContractRow>, PayError> {
    let rows: Vec<ContractRow> = contracts::table
        .filter(contracts::owner_did.eq(owner.canonical().to_string()))
        .order_by(contracts::version)
        .select(ContractRow::as_select())
        .load(conn)?;
    Ok(intact_all(rows, &context.sealer)?)
}

/// All versions of somebody's contract.
pub(crate) fn contract_list(conn: &mut Conn, context: &Context, owner: &Did) -> Result<ContractVersions, PayError> {
    let rows = rows_of(conn, context, owner)?;
    let versions: Result<Vec<ContractVersion>, PayError> = rows.iter().rev().map(version_of).collect();
    let in_effect = contract_in_effect(conn, &context.sealer, owner, context.now())?;
    Ok(ContractVersions {
        owner: owner.canonical(),
        in_effect: in_effect.map(|contract| contract.version),
        versions: versions?,
    })
}

fn version_of(row: &ContractRow) -> Result<ContractVersion, PayError> {
    Ok(ContractVersion {
        contract: row.contract()?,
        received_at: row.received_at,
    })
}

/// Keeps the next version. Its signature is verified. The same version again changes nothing; `true` says so.
pub(crate) fn contract_set(
    conn: &mut Conn,
    context: &Context,
    verified: &Verified,
    contract: &Contract,
    body: &[u8],
) -> Result<(ContractVersion, bool), PayError> {
    let (owner, now) = (verified.did().canonical(), context.now());
    contracts_lock(conn, &BTreeSet::from([owner.to_string()]))?;
    let rows = rows_of(conn, context, &owner)?;
    let version = i64::from(contract.version);
    if let Some(row) = rows.iter().find(|row| row.version == version)
        && row.contract()? == *contract
    {
        context.nonce_spend(conn, verified)?;
        return Ok((version_of(row)?, true));
    }
    if i64::try_from(rows.len()).unwrap_or(i64::MAX) >= VERSIONS_MAX {
        let detail = format!("There are {VERSIONS_MAX} versions of this contract, and no more can be kept.");
        let hint = "Ask the operator of the node.";
        return Err(PayError::State { detail, hint });
    }
    let versions: Result<Vec<Contract>, PayError> = rows.iter().map(ContractRow::contract).collect();
    let mut history = History::excerpt(versions?).map_err(PayError::from)?;
    history.append(contract.clone(), now)?;
    if contract.effective_at.at() <= now {
        // What has just been paid may be settled in this very moment.
        return Err(imajin_fair::distribution::HistoryError::Retroactive {
            version: contract.version,
        }
        .into());
    }
    let row = ContractRow {
        owner_did: owner.to_string(),
        version,
        effective_at: contract.effective_at.at(),
        received_at: now,
        document: json_text(contract)?,
        row_seal: Vec::new(),
    };
    let object = contract_object(&row.owner_did, version);
    context.signed_append(conn, verified, CONTRACT_SET, &object, body)?;
    let row = row.insert(conn, &context.sealer)?;
    Ok((version_of(&row)?, false))
}

/// The sums by label of somebody who shows them to everybody.
pub(crate) fn contract_aggregates(
    conn: &mut Conn,
    context: &Context,
    owner: &Did,
) -> Result<ContractAggregates, PayError> {
    let contract = contract_in_effect(conn, &context.sealer, owner, context.now())?;
    let contract = contract.filter(|contract| contract.aggregates_public == Some(true));
    let contract = contract.ok_or(PayError::NotFound("public distribution contract"))?;
    let rows: Vec<FlowRow> = contract_flows::table
        .filter(contract_flows::profile_did.eq(owner.canonical().to_string()))
        .order_by((contract_flows::label, contract_flows::asset))
        .limit(FLOWS_MAX)
        .select(FlowRow::as_select())
        .load(conn)?;
    let mut labels: Vec<LabelSum> = Vec::new();
    for row in rows {
        let row = row.intact(&context.sealer)?;
        let total = money(FlowRow::TABLE, &row.row_key(), row.total, &row.asset)?;
        match labels.last_mut() {
            Some(last) if last.label == row.label && last.total.asset == total.asset => {
                let sum = last.total.checked_add(total);
                last.total = sum.map_err(|error| PayError::Fault(error.to_string()))?;
            }
            _ => labels.push(LabelSum {
                label: row.label,
                total,
            }),
        }
    }
    Ok(ContractAggregates {
        owner: owner.canonical(),
        version: contract.version,
        labels,
    })
}
