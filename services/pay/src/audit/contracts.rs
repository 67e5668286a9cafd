//! Distribution contracts: signed by whose money they divide, and applied as the receipts say.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use imajin_did::Did;
use imajin_fair::distribution::{AccrualKey, Contract, Distribution, End, Outcome, Release};
use imajin_fair::plan::Plan;
use imajin_kernel::Timestamp;
use imajin_ledger::{AccountKey, EntryKind, Movement, Purpose, account_fetch, entry_find};
use imajin_money::{Amount, Asset};
use imajin_pay_api::{ReceiptLeg, ReceiptRelease};
use imajin_rails::RailDirect;
use imajin_store::mutation::{self, Keys};
use imajin_store::{Conn, SealedRow, StoreError};

use super::{Auditor, PAGE, from_ledger};
use crate::PayError;
use crate::domain::contract::{CONTRACT_SET, contract_in_effect, contract_object};
use crate::domain::distribute::{Contracts, flow_changes, key_of, release_command};
use crate::rows::{ContractRow, FlowRow};
use crate::schema::{contract_flows, contracts};

/// What the domain found; a damaged row is a finding already, and is as good as missing here.
fn undamaged<T>(found: Result<Option<T>, PayError>) -> Result<Option<T>, StoreError> {
    match found {
        Ok(found) => Ok(found),
        Err(PayError::Store(error)) if !matches!(error, StoreError::Damaged(_)) => match error {
            StoreError::Database(diesel::result::Error::DeserializationError(_)) => Ok(None),
            error => Err(error),
        },
        Err(_damaged) => Ok(None),
    }
}

/// What a document says has become of a payment.
pub(super) struct Said<'a> {
    /// Where the document stands, for findings.
    pub(super) table: &'static str,
    pub(super) row: &'a str,
    pub(super) legs: &'a [ReceiptLeg],
    pub(super) releases: &'a [ReceiptRelease],
    /// When it was paid.
    pub(super) at: Timestamp,
    /// The ledger's key and reference of the entry.
    pub(super) key: &'a str,
    pub(super) reference: &'a str,
    /// What payees had received already.
    pub(super) direct: &'a [RailDirect],
}

impl Auditor {
    /// Every version is what its owner signed, follows the one before it, and is the one that was logged.
    pub(super) fn contracts_check(&mut self, conn: &mut Conn, keys: Keys<'_>) -> Result<(), StoreError> {
        let mut last = (String::new(), 0_i64);
        loop {
            let page: Vec<(String, i64)> = contracts::table
                .filter(
                    contracts::owner_did
                        .gt(&last.0)
                        .or(contracts::owner_did.eq(&last.0).and(contracts::version.gt(last.1))),
                )
                .order_by((contracts::owner_did, contracts::version))
                .limit(PAGE)
                .select((contracts::owner_did, contracts::version))
                .load(conn)?;
            if page.is_empty() {
                break;
            }
            for (owner, version) in page {
                let due = if owner == last.0 { last.1.saturating_add(1) } else { 1 };
                if version != due {
                    let row = format!("{owner}/{version}");
                    self.find(ContractRow::TABLE, row, "a version before it is missing");
                }
                let row = contracts::table
                    .find((&owner, version))
                    .select(ContractRow::as_select())
                    .first(conn);
                if let Some(row) = self.readable::<ContractRow>(row)? {
                    self.contract_check(conn, &row, keys)?;
                }
                last = (owner, version);
            }
        }
        self.logged_check(conn, "contract/", ContractRow::TABLE, |conn, name| {
            let (owner, version) = name.rsplit_once('/').unwrap_or_default();
            let version: i64 = version.parse().unwrap_or_default();
            contracts::table
                .filter(contracts::owner_did.eq(owner))
                .filter(contracts::version.eq(version))
                .count()
                .get_result(conn)
        })
    }

    fn contract_check(&mut self, conn: &mut Conn, row: &ContractRow, keys: Keys<'_>) -> Result<(), StoreError> {
        let name = row.row_key();
        let Ok(contract) = row.contract() else {
            self.find(ContractRow::TABLE, name, "the document cannot be read");
            return Ok(());
        };
        let owner = contract.profile_did.canonical();
        let fits = owner.as_str() == row.owner_did
            && i64::from(contract.version) == row.version
            && contract.effective_at.at() == row.effective_at
            && row.received_at < row.effective_at;
        if !fits {
            self.find(ContractRow::TABLE, &name, "the columns are not those of the document");
        }
        let signed = owner.public_key().into_iter().chain(keys(&owner));
        if !signed.into_iter().any(|key| contract.verify_signature(&key).is_ok()) {
            self.find(
                ContractRow::TABLE,
                &name,
                "the document does not carry its owner's signature",
            );
        }
        let object = contract_object(&row.owner_did, row.version);
        let logged = match mutation::last_body(conn, &object) {
            Ok(logged) => logged.filter(|logged| logged.action == CONTRACT_SET),
            // A row of the log that cannot be read is a finding of the log's own audit.
            Err(diesel::result::Error::DeserializationError(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let Some(logged) = logged else {
            self.find(ContractRow::TABLE, name, "the log does not know of it");
            return Ok(());
        };
        if logged
            .body
            .is_some_and(|body| Contract::parse(&body).ok() != Some(contract))
        {
            self.find(ContractRow::TABLE, name, "it is not the contract that was logged");
        }
        Ok(())
    }

    /// What a receipt's payment was distributed to, reckoned again from the contracts in effect when it was paid; who
    /// could not be paid then, and what had waited, is taken from the receipt. None with a damaged contract.
    pub(super) fn distribution_again(
        &mut self,
        conn: &mut Conn,
        said: &Said<'_>,
        plan: &Plan,
    ) -> Result<Option<Distribution>, StoreError> {
        let at = said.at;
        let sealer = self.sealer.clone();
        let mut contracts = Contracts::at(at);
        contracts.direct = said.direct.iter().map(|part| part.did.clone()).collect();
        contracts.unreachable = self.unreachable_of(conn, said.legs, at)?;
        let reckoned = contracts.reckon(plan, &|_key| Amount::ZERO, &mut |did| {
            contract_in_effect(conn, &sealer, did, at)
        });
        let Some(mut distribution) = undamaged(reckoned.map(Some))? else {
            return Ok(None);
        };
        for (part, leg) in distribution.parts.iter_mut().zip(said.legs) {
            if part.end == End::Minimum {
                part.outcome = if leg.accrued { Outcome::Accrued } else { Outcome::Paid };
            }
        }
        distribution.releases = said.releases.iter().map(release_of).collect();
        for (key, change) in flow_changes(&distribution, plan.gross.asset) {
            let tally = self.flows.entry(key).or_default();
            tally.0 = tally.0.saturating_add(change.0);
            tally.1 = tally.1.saturating_add(change.1);
        }
        self.releases_check(conn, said, &distribution, plan.gross.asset)?;
        Ok(Some(distribution))
    }

    fn unreachable_of(&self, conn: &mut Conn, legs: &[ReceiptLeg], at: Timestamp) -> Result<BTreeSet<Did>, StoreError> {
        let mut unreachable = BTreeSet::new();
        for leg in legs {
            for hop in leg.contracts.iter().filter(|hop| hop.overflowed) {
                unreachable.insert(hop.recipient.clone());
                let contract = undamaged(contract_in_effect(conn, &self.sealer, &hop.profile, at))?;
                let overflow = contract
                    .and_then(|contract| contract.overflow)
                    .map(|did| did.canonical());
                unreachable.extend(overflow.filter(|did| *did != leg.did));
            }
        }
        Ok(unreachable)
    }

    /// What left with a receipt is booked.
    fn releases_check(
        &mut self,
        conn: &mut Conn,
        said: &Said<'_>,
        distribution: &Distribution,
        asset: Asset,
    ) -> Result<(), StoreError> {
        let command = release_command(&distribution.releases, asset, said.key, said.reference);
        let due: Vec<_> = match &command {
            Some(imajin_ledger::Command::Post(posting)) => posting.movements.iter().map(leg_due).collect(),
            _ => Vec::new(),
        };
        let entry = from_ledger(entry_find(conn, &self.sealer, &format!("accrual/{}", said.key)))?;
        let booked: Vec<_> = entry
            .filter(|entry| entry.kind == EntryKind::Accrual)
            .map(|entry| entry.legs.iter().map(|leg| (leg.account(), leg.units())).collect())
            .unwrap_or_default();
        if due != booked {
            let problem = "what left with it is not what the ledger has booked";
            self.find(said.table, said.row, problem);
        }
        Ok(())
    }

    /// The sums of each flow are those of the receipts, and what waits is in the recipients' accounts.
    pub(super) fn flows_check(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let keys: Vec<(String, String, String, String)> = contract_flows::table
            .select((
                contract_flows::profile_did,
                contract_flows::label,
                contract_flows::recipient_did,
                contract_flows::asset,
            ))
            .load(conn)?;
        let mut due = std::mem::take(&mut self.flows);
        let mut waiting: BTreeMap<(String, String), i64> = BTreeMap::new();
        for key in keys {
            let row = contract_flows::table.find(key).select(FlowRow::as_select()).first(conn);
            let Some(row) = self.readable::<FlowRow>(row)? else {
                continue;
            };
            if due.remove(&key_of(&row)).unwrap_or_default() != (row.total, row.waiting) {
                self.find(FlowRow::TABLE, row.row_key(), "the sums are not those of the receipts");
            }
            let sum = waiting.entry((row.recipient_did, row.asset)).or_default();
            *sum = sum.saturating_add(row.waiting);
        }
        for key in due.into_keys() {
            let row = [key.0, key.1, key.2, key.3].join("/");
            self.find(FlowRow::TABLE, row, "the sums are missing");
        }
        for ((did, asset), units) in waiting {
            let (Ok(did), Ok(asset)) = (did.parse::<Did>(), asset.parse()) else {
                continue;
            };
            let account = AccountKey::of(&did, asset, Purpose::Accrued);
            let found = from_ledger(account_fetch(conn, &self.sealer, &account))?;
            if found.map_or(0, |account| account.balance_units) != units {
                let problem = format!("{did} has another sum waiting than the contracts say");
                self.find(FlowRow::TABLE, format!("{did}/{asset}"), problem);
            }
        }
        Ok(())
    }
}

fn leg_due(movement: &Movement) -> (imajin_ledger::AccountId, i64) {
    (movement.account.id(), movement.units)
}

fn release_of(release: &ReceiptRelease) -> Release {
    Release {
        from: AccrualKey {
            profile: release.profile.clone(),
            label: release.label.clone(),
            recipient: release.did.clone(),
        },
        amount: release.amount,
    }
}
