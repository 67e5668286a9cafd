//! Distribution contracts applied to settlements.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use diesel::prelude::*;
use futures::StreamExt;
use imajin_did::{Did, Method};
use imajin_fair::distribution::{
    AccrualKey, Contract, Distribution, DistributionInput, History, Outcome, Release, distribute,
};
use imajin_fair::plan::Plan;
use imajin_kernel::{Code, Timestamp};
use imajin_ledger::{AccountKey, Command, EntryKind, MOVEMENTS_MAX, Movement, Posting, Purpose};
use imajin_money::{Amount, Asset};
use imajin_store::{Conn, SealedRow, Sealer};
use imajin_web::Identities;

use super::contract::{contract_in_effect, contracts_lock};
use crate::PayError;
use crate::context::Context;
use crate::rows::FlowRow;
use crate::schema::contract_flows;

/// Recipients that are asked about at once.
const REACH_CONCURRENT: usize = 16;
/// How long all recipients of a settlement have to answer.
const REACH_TIMEOUT: Duration = Duration::from_secs(2);

/// The contracts that decide a settlement, read before its transaction: those that were in effect when it was paid, so
/// none that is signed meanwhile is among them.
#[derive(Debug, Clone)]
pub(crate) struct Contracts {
    pub(crate) at: Timestamp,
    /// Everybody who was asked for, with the contract in effect, if there is one.
    asked: BTreeMap<Did, Option<Contract>>,
    /// Recipients who cannot be paid.
    pub(crate) unreachable: BTreeSet<Did>,
    /// Payees who have received their shares at the rail: what they sign while they are being paid comes too late.
    pub(crate) direct: BTreeSet<Did>,
}

impl Contracts {
    /// No contract of anybody.
    pub(crate) const fn none() -> Self {
        Self::at(Timestamp::from_seconds(0))
    }

    /// The contracts in effect at a moment; none is read yet.
    pub(crate) const fn at(at: Timestamp) -> Self {
        Self {
            at,
            asked: BTreeMap::new(),
            unreachable: BTreeSet::new(),
            direct: BTreeSet::new(),
        }
    }

    /// Reads the contracts that a plan leads to. `owners` are those of its payees who have one at all.
    pub(crate) fn gather(
        conn: &mut Conn,
        sealer: &Sealer,
        plan: &Plan,
        at: Timestamp,
        owners: &BTreeSet<Did>,
        direct: BTreeSet<Did>,
    ) -> Result<Self, PayError> {
        let payees: BTreeSet<&Did> = plan.legs.iter().map(|leg| &leg.did).collect();
        let mut contracts = Self { direct, ..Self::at(at) };
        if payees.is_disjoint(&owners.iter().collect()) {
            return Ok(contracts);
        }
        let find = |conn: &mut Conn, did: &Did| {
            if payees.contains(did) && !owners.contains(did) {
                return Ok(None);
            }
            contract_in_effect(conn, sealer, did, at)
        };
        // Once with everybody payable: more contracts than are asked for when somebody is not, never fewer that count.
        let _all = contracts.reckon(plan, &|_key| Amount::ZERO, &mut |did| find(conn, did))?;
        Ok(contracts)
    }

    /// Whether any contract is applied.
    pub(crate) fn is_empty(&self) -> bool {
        self.asked.values().all(Option::is_none)
    }

    /// Everybody whose contract is applied.
    pub(crate) fn profiles(&self) -> BTreeSet<String> {
        let owners = self.asked.iter().filter(|(_, contract)| contract.is_some());
        owners.map(|(did, _)| did.to_string()).collect()
    }

    /// Everybody whom a contract names as a recipient or as its overflow.
    pub(crate) fn recipients(&self) -> BTreeSet<Did> {
        let named = self.asked.values().flatten().flat_map(|contract| {
            let allocated = contract.allocations.iter().map(|allocation| &allocation.recipient);
            allocated.chain(&contract.overflow)
        });
        named.map(Did::canonical).collect()
    }

    /// Applies the contracts; `find` gives those that were not asked for before.
    pub(crate) fn reckon(
        &mut self,
        plan: &Plan,
        accrued: &dyn Fn(&AccrualKey) -> Amount,
        find: &mut dyn FnMut(&Did) -> Result<Option<Contract>, PayError>,
    ) -> Result<Distribution, PayError> {
        let (asked, failed) = (RefCell::new(std::mem::take(&mut self.asked)), RefCell::new(None));
        let find = RefCell::new(find);
        let direct = &self.direct;
        let lookup = |did: &Did| {
            if direct.contains(&did.canonical()) {
                return None;
            }
            let known = asked.borrow().get(did).cloned();
            let contract = known.unwrap_or_else(|| {
                let found = find.borrow_mut()(did).unwrap_or_else(|error| {
                    *failed.borrow_mut() = Some(error);
                    None
                });
                asked.borrow_mut().insert(did.clone(), found.clone());
                found
            });
            History::excerpt(vec![contract?]).ok()
        };
        let reckoned = distribute(&DistributionInput {
            plan,
            at: self.at,
            contracts: &lookup,
            payable: &|did| !self.unreachable.contains(did),
            accrued,
        });
        self.asked = asked.into_inner();
        if let Some(error) = failed.into_inner() {
            return Err(error);
        }
        let distribution = reckoned.map_err(|error| PayError::Fault(error.to_string()))?;
        // A split of so many parts that they fit no entry goes to the payees themselves.
        if distribution.parts.len().saturating_add(plan.fees.len()) >= MOVEMENTS_MAX {
            return Ok(Distribution::direct(plan));
        }
        Ok(distribution)
    }
}

/// Whether money for a DID reaches anybody: a mailbox can be claimed, everybody else must be known and in command of
/// their identity. Whoever is merely away now is paid all the same.
pub(crate) async fn is_payable(identities: &dyn Identities, did: &Did) -> bool {
    if did.method() == Method::Email {
        return true;
    }
    match identities.caller_keys(did).await {
        Ok(keys) => !keys.keys.is_empty(),
        Err(problem) => matches!(
            problem.code,
            Code::Unavailable | Code::Timeout | Code::Internal | Code::RateLimited
        ),
    }
}

/// Who of these cannot be paid. All of them are asked beside each other, and whoever has not answered in time is merely
/// away: a contract may name as many hosts that hang as it has room for.
pub(crate) async fn unreachable_of(identities: &dyn Identities, recipients: BTreeSet<Did>) -> BTreeSet<Did> {
    let mut unreachable = BTreeSet::new();
    let asked = futures::stream::iter(recipients)
        .map(|did| async move { (is_payable(identities, &did).await, did) })
        .buffer_unordered(REACH_CONCURRENT);
    let all = asked.for_each(|(is_payable, did)| {
        if !is_payable {
            unreachable.insert(did);
        }
        futures::future::ready(())
    });
    if tokio::time::timeout(REACH_TIMEOUT, all).await.is_err() {
        tracing::info!("some recipients of a distribution contract do not answer, and count as payable");
    }
    unreachable
}

/// Names a flow: profile, label, recipient, asset.
pub(crate) type FlowKey = (String, String, String, String);

fn flow_key(profile: &Did, label: &str, recipient: &Did, asset: Asset) -> FlowKey {
    (
        profile.to_string(),
        label.to_owned(),
        recipient.to_string(),
        asset.to_string(),
    )
}

/// What a distribution adds to each flow: to the total, and to what waits.
pub(crate) fn flow_changes(distribution: &Distribution, asset: Asset) -> BTreeMap<FlowKey, (i64, i64)> {
    let mut changes: BTreeMap<FlowKey, (i64, i64)> = BTreeMap::new();
    for part in &distribution.parts {
        let next = part.route.iter().skip(1).map(|hop| &hop.profile).chain([&part.to]);
        let last = part.route.len().saturating_sub(1);
        for (place, (hop, to)) in part.route.iter().zip(next).enumerate() {
            let units = part.amount.micros();
            let change = changes
                .entry(flow_key(&hop.profile, &hop.label, to, asset))
                .or_default();
            change.0 = change.0.saturating_add(units);
            if part.outcome == Outcome::Accrued && place == last {
                change.1 = change.1.saturating_add(units);
            }
        }
    }
    for release in &distribution.releases {
        let from = &release.from;
        let key = flow_key(&from.profile, &from.label, &from.recipient, asset);
        let change = changes.entry(key).or_default();
        change.1 = change.1.saturating_sub(release.amount.micros());
    }
    changes
}

/// The flows that a batch of settlements touches, as they stand within it.
#[derive(Default)]
pub(crate) struct Flows {
    rows: BTreeMap<FlowKey, (FlowRow, bool)>,
    loaded: BTreeSet<(String, String)>,
}

impl Flows {
    /// Whether no contract was applied.
    pub(crate) fn is_empty(&self) -> bool {
        self.loaded.is_empty()
    }

    /// Reads the flows of these profiles, locked until the transaction ends.
    pub(crate) fn load(
        &mut self,
        conn: &mut Conn,
        context: &Context,
        profiles: &BTreeSet<String>,
        asset: Asset,
    ) -> Result<(), PayError> {
        let asset = asset.to_string();
        let missing = profiles
            .iter()
            .filter(|did| !self.loaded.contains(&((*did).clone(), asset.clone())));
        let missing: BTreeSet<String> = missing.cloned().collect();
        if missing.is_empty() {
            return Ok(());
        }
        contracts_lock(conn, &missing)?;
        let rows: Vec<FlowRow> = contract_flows::table
            .filter(contract_flows::profile_did.eq_any(&missing))
            .filter(contract_flows::asset.eq(&asset))
            .select(FlowRow::as_select())
            .load(conn)?;
        for row in rows {
            let row = row.intact(&context.sealer)?;
            self.rows.insert(key_of(&row), (row, true));
        }
        self.loaded.extend(missing.into_iter().map(|did| (did, asset.clone())));
        Ok(())
    }

    /// What waits at a place.
    pub(crate) fn waiting(&self, key: &AccrualKey, asset: Asset) -> Amount {
        let row = self
            .rows
            .get(&flow_key(&key.profile, &key.label, &key.recipient, asset));
        let waiting = row.and_then(|(row, _)| Amount::from_micros(row.waiting).ok());
        waiting.unwrap_or_default()
    }

    pub(crate) fn apply(&mut self, changes: BTreeMap<FlowKey, (i64, i64)>) -> Result<(), PayError> {
        for (key, (total, waiting)) in changes {
            let empty = || {
                let (profile_did, label, recipient_did, asset) = key.clone();
                let row = FlowRow {
                    profile_did,
                    label,
                    recipient_did,
                    asset,
                    total: 0,
                    waiting: 0,
                    row_seal: Vec::new(),
                };
                (row, false)
            };
            let (row, _stored) = self.rows.entry(key.clone()).or_insert_with(empty);
            let overflow = || PayError::Fault("the sums of a distribution contract are too large".to_owned());
            row.total = row.total.checked_add(total).ok_or_else(overflow)?;
            row.waiting = row.waiting.checked_add(waiting).ok_or_else(overflow)?;
        }
        Ok(())
    }

    /// Writes every flow back.
    pub(crate) fn write(self, conn: &mut Conn, context: &Context) -> Result<(), PayError> {
        for (row, is_stored) in self.rows.into_values() {
            if is_stored {
                row.save(conn, &context.sealer)?;
            } else {
                row.insert(conn, &context.sealer)?;
            }
        }
        Ok(())
    }
}

pub(crate) fn key_of(row: &FlowRow) -> FlowKey {
    (
        row.profile_did.clone(),
        row.label.clone(),
        row.recipient_did.clone(),
        row.asset.clone(),
    )
}

/// The command that pays what has waited; none when nothing leaves.
pub(crate) fn release_command(releases: &[Release], asset: Asset, key: &str, reference: &str) -> Option<Command> {
    if releases.is_empty() {
        return None;
    }
    let movements = releases.iter().flat_map(|release| {
        let account = |purpose| AccountKey::of(&release.from.recipient, asset, purpose);
        let units = release.amount.micros();
        [
            Movement::new(account(Purpose::Accrued), units.saturating_neg()),
            Movement::new(account(Purpose::Available), units),
        ]
    });
    Some(Command::Post(Posting {
        key: format!("accrual/{key}"),
        kind: EntryKind::Accrual,
        reference: reference.to_owned(),
        movements: movements.collect(),
    }))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use imajin_kernel::Problem;
    use imajin_web::macro_support::async_trait;
    use imajin_web::{CallerKeys, SessionView};

    use super::*;

    /// Hosts that hang, and one that knows nobody.
    struct Hanging;

    #[async_trait]
    impl Identities for Hanging {
        async fn caller_keys(&self, did: &Did) -> Result<CallerKeys, Problem> {
            if did.as_str() == "did:web:a.example" {
                return Err(Problem::not_found("identity"));
            }
            tokio::time::sleep(Duration::from_mins(1)).await;
            Err(Problem::not_found("identity"))
        }

        async fn session_view(&self, _token: &str) -> Result<Option<SessionView>, Problem> {
            Ok(None)
        }
    }

    #[tokio::test]
    async fn hosts_that_hang_are_waited_for_once_and_not_for_long() {
        let hosts = (0..64).map(|number| format!("did:web:host{number}.example"));
        let dids = hosts.chain(["did:web:a.example".to_owned()]);
        let begun = Instant::now();
        let unreachable = unreachable_of(&Hanging, dids.map(|did| did.parse().unwrap()).collect()).await;
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        let unreachable: Vec<String> = unreachable.iter().map(Did::to_string).collect();
        assert_eq!(
            unreachable,
            ["did:web:a.example"],
            "whoever does not answer is merely away"
        );
    }
}
