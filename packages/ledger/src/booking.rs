//! From a decided command to its entry, its lines and the new balances.

use std::collections::BTreeMap;

use imajin_kernel::id::{EntryId, HoldId};
use imajin_money::{Amount, Asset, AssetError, Money};
use imajin_store::Finding;

use crate::book::Book;
use crate::evaluate::No;
use crate::ledger::TEXT_BYTES_MAX;
use crate::limits::Chosen;
use crate::rows::{EntryRow, LineRow};
use crate::{AccountId, EntryKind, LedgerError, Leg, MOVEMENTS_MAX, Outcome, Posted, Refusal};

/// An entry about to be booked.
pub(crate) struct Draft<'a> {
    pub(crate) key: &'a str,
    pub(crate) kind: EntryKind,
    pub(crate) reference: &'a str,
    pub(crate) hold: Option<HoldId>,
    pub(crate) digest: [u8; 32],
    pub(crate) moves: Vec<(AccountId, i64)>,
}

impl Book<'_> {
    /// Applies the movements and appends the entry; a refusal leaves no trace.
    pub(crate) fn book(&mut self, draft: &Draft<'_>) -> Result<Outcome, No> {
        if draft.moves.len() < 2 || draft.moves.iter().any(|(_, units)| *units == 0) {
            return Err(Refusal::Empty.into());
        }
        if draft.moves.len() > MOVEMENTS_MAX {
            return Err(Refusal::TooManyMovements { max: MOVEMENTS_MAX }.into());
        }
        self.enter(draft)
    }

    /// As [`Book::book`], also for an entry that moves nothing.
    pub(crate) fn enter(&mut self, draft: &Draft<'_>) -> Result<Outcome, No> {
        check_texts(&[draft.key, draft.reference])?;
        let legs = self.legs_of(draft.kind, &draft.moves)?;
        let seq = self.head.seq.saturating_add(1);
        let text = serde_json::to_string(&legs)
            .map_err(|error| LedgerError::from(diesel::result::Error::SerializationError(Box::new(error))))?;
        let id: EntryId = self.ledger.env.new_id();
        let mut entry = EntryRow {
            chain: self.ledger.chain.clone(),
            seq,
            id: id.to_string(),
            kind: draft.kind.as_str().to_owned(),
            key: draft.key.to_owned(),
            reference: draft.reference.to_owned(),
            hold_id: draft.hold.map(|hold| hold.to_string()),
            legs: text,
            content_digest: draft.digest.to_vec(),
            posted_at: self.now,
            prev_hash: self.head.hash.clone(),
            hash: Vec::new(),
        };
        let hash = entry.computed_hash();
        entry.hash = hash.to_vec();
        self.append(draft.kind, &legs, seq)?;
        self.head.seq = seq;
        self.head.hash.clone_from(&entry.hash);
        let posted = Posted {
            id,
            seq,
            hash,
            posted_at: self.now,
            replayed: false,
        };
        self.known.insert(entry.key.clone(), entry.clone());
        self.entries.push(entry);
        Ok(Outcome {
            entry: posted,
            legs,
            hold: None,
        })
    }

    /// What the legs would be; nothing is changed yet.
    fn legs_of(&self, kind: EntryKind, moves: &[(AccountId, i64)]) -> Result<Vec<Leg>, No> {
        let mut legs: Vec<Leg> = Vec::with_capacity(moves.len());
        // The accounts that this entry has touched already; few, except for very long splits.
        let mut touched: BTreeMap<AccountId, (i64, i64)> = BTreeMap::new();
        // Nearly always empty.
        let mut limited: BTreeMap<AccountId, Chosen> = BTreeMap::new();
        for (id, units) in moves {
            let account = self.accounts.get(id).ok_or_else(|| self.account_missing(*id))?;
            let (seq, balance) = touched
                .get(id)
                .copied()
                .unwrap_or((account.row.legs, account.row.balance));
            let after = balance.checked_add(*units).ok_or(Refusal::TooLarge)?;
            if after < 0 && !account.may_be_negative {
                let asset = account
                    .row
                    .asset
                    .parse()
                    .map_err(|_unknown: AssetError| self.account_missing(*id))?;
                let (available, wanted) = (money(balance, asset), money(units.saturating_neg(), asset));
                return Err(Refusal::Insufficient { available, wanted }.into());
            }
            let seq = seq.saturating_add(1);
            touched.insert(*id, (seq, after));
            legs.push(Leg(*id, seq, *units, after));
            if account.row.limited_at.is_some() {
                limited.entry(*id).or_default().add(&account.row, kind, *units);
            }
        }
        for (id, chosen) in limited {
            let account = self.accounts.get(&id).ok_or_else(|| self.account_missing(id))?;
            let after = touched.get(&id).map_or(account.row.balance, |(_, after)| *after);
            account.row.limits_check(chosen, after, self.now)?;
        }
        Ok(legs)
    }

    /// A hold names an account that is not there, or whose name is none.
    fn account_missing(&self, id: AccountId) -> LedgerError {
        let service = self.ledger.sealer.service();
        LedgerError::Damaged(Finding::new(
            service,
            "ledger_accounts",
            id.to_string(),
            "the account is missing",
        ))
    }

    fn append(&mut self, kind: EntryKind, legs: &[Leg], entry_seq: i64) -> Result<(), LedgerError> {
        for (index, leg) in legs.iter().enumerate() {
            let missing = self.account_missing(leg.account());
            let account = self.accounts.get_mut(&leg.account()).ok_or(missing)?;
            account.row.balance = leg.balance_after();
            account.row.legs = leg.account_seq();
            account.row.updated_at = self.now;
            account.row.day_count(kind, leg.units(), self.now);
            account.dirty = true;
            self.lines.push(LineRow {
                account_id: account.row.id.clone(),
                account_seq: leg.account_seq(),
                chain: self.ledger.chain.clone(),
                entry_seq,
                leg: i32::try_from(index).unwrap_or(i32::MAX),
            });
        }
        Ok(())
    }
}

pub(crate) fn money(units: i64, asset: Asset) -> Money {
    Money::new(Amount::from_micros(units.max(0)).unwrap_or(Amount::ZERO), asset)
}

fn check_texts(texts: &[&str]) -> Result<(), Refusal> {
    if texts.iter().any(|text| text.is_empty() || text.len() > TEXT_BYTES_MAX) {
        return Err(Refusal::BadText);
    }
    Ok(())
}
