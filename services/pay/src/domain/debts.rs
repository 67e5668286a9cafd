//! What somebody owes: how it comes to be, and how it is paid. The one place for both.
//!
//! Money that has to come back is taken from what its owner has. What is not there any more becomes the owner's debt:
//! an account of its own, below zero, that everybody concerned can see. Whatever the owner gets next pays it first.

use std::collections::{BTreeMap, BTreeSet};

use imajin_did::Did;
use imajin_ledger::{
    AccountKey, Command, EntryKind, Movement, Outcome, Owner, Posting, Purpose, account_fetch, account_lock,
    accounts_fetch, entry_find,
};
use imajin_money::Asset;
use imajin_store::Conn;

use crate::PayError;
use crate::context::Context;

/// The movements of an entry that takes back or gives back: one for each account.
#[derive(Debug)]
pub(crate) struct Moves {
    asset: Asset,
    sums: BTreeMap<AccountKey, i64>,
    /// What was in an account before this entry.
    balances: BTreeMap<AccountKey, i64>,
}

impl Moves {
    pub(crate) const fn new(asset: Asset) -> Self {
        Self {
            asset,
            sums: BTreeMap::new(),
            balances: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, key: AccountKey, units: i64) {
        let sum = self.sums.entry(key).or_default();
        *sum = sum.saturating_add(units);
    }

    /// What an account has after the movements so far; locked until the transaction ends.
    fn balance(&mut self, conn: &mut Conn, context: &Context, key: &AccountKey) -> Result<i64, PayError> {
        let before = if let Some(known) = self.balances.get(key) {
            *known
        } else {
            let account = account_lock(conn, &context.sealer, key)?;
            let units = account.map_or(0, |account| account.balance_units);
            self.balances.insert(key.clone(), units);
            units
        };
        Ok(before.saturating_add(self.sums.get(key).copied().unwrap_or(0)))
    }

    /// Takes units out of an account as far as they are there; the rest becomes its owner's debt.
    pub(crate) fn take(
        &mut self,
        conn: &mut Conn,
        context: &Context,
        key: &AccountKey,
        units: i64,
    ) -> Result<(), PayError> {
        let there = units.min(self.balance(conn, context, key)?.max(0));
        self.add(key.clone(), there.saturating_neg());
        self.add(self.debt_of(&key.owner), there.saturating_sub(units));
        Ok(())
    }

    /// Gives units to the owner of an account: first what they owe, then the account.
    pub(crate) fn give(
        &mut self,
        conn: &mut Conn,
        context: &Context,
        key: &AccountKey,
        units: i64,
    ) -> Result<(), PayError> {
        let debt = self.debt_of(&key.owner);
        let owed = units.min(self.balance(conn, context, &debt)?.saturating_neg().max(0));
        self.add(debt, owed);
        self.add(key.clone(), units.saturating_sub(owed));
        Ok(())
    }

    fn debt_of(&self, owner: &Owner) -> AccountKey {
        AccountKey::new(owner.clone(), self.asset, Purpose::Debt)
    }

    /// What all of it is in.
    pub(crate) const fn asset(&self) -> Asset {
        self.asset
    }

    /// Who gets into debt, or deeper, and by how much.
    pub(crate) fn indebted(&self) -> Vec<(Did, i64)> {
        let debts = self
            .sums
            .iter()
            .filter(|(key, units)| key.purpose == Purpose::Debt && **units < 0);
        let owed = debts.filter_map(|(key, units)| match &key.owner {
            Owner::Did(did) => Some((did.clone(), units.saturating_neg())),
            _ => None,
        });
        owed.collect()
    }

    /// The movements; none of nothing.
    pub(crate) fn finish(self) -> Vec<Movement> {
        let moved = self.sums.into_iter().filter(|(_, units)| *units != 0);
        moved.map(|(key, units)| Movement::new(key, units)).collect()
    }
}

/// What people owe who are about to get something.
#[derive(Debug, Default)]
pub(crate) struct Debts(BTreeMap<AccountKey, i64>);

/// The debt of somebody beside what they may spend.
fn debt_of(account: &AccountKey) -> Option<AccountKey> {
    let AccountKey { owner, asset, purpose } = account;
    let is_spendable = *purpose == Purpose::Available && matches!(owner, Owner::Did(_));
    is_spendable.then(|| AccountKey::new(owner.clone(), *asset, Purpose::Debt))
}

/// What commands bring to those who are credited by them, and take from them again.
pub(crate) fn income_of(commands: &[Command]) -> impl Iterator<Item = &Movement> {
    commands.iter().flat_map(|command| match command {
        Command::Post(posting) => posting.movements.iter(),
        Command::Capture(capture) => capture.credits.iter(),
        Command::Note(_) | Command::Place(_) | Command::Release(_) => [].iter(),
    })
}

impl Debts {
    /// Reads what the owners of these movements owe. Whoever owes nothing is not among them, as nearly everybody.
    pub(crate) fn load<'a>(
        conn: &mut Conn,
        context: &Context,
        movements: impl Iterator<Item = &'a Movement>,
    ) -> Result<Self, PayError> {
        let income = movements.filter(|movement| movement.units > 0);
        let keys: BTreeSet<AccountKey> = income.filter_map(|movement| debt_of(&movement.account)).collect();
        let keys: Vec<AccountKey> = keys.into_iter().collect();
        let found = accounts_fetch(conn, &context.sealer, &keys)?;
        let owed = found.into_iter().filter(|account| account.balance_units < 0);
        Ok(Self(
            owed.map(|account| (account.key, account.balance_units.saturating_neg()))
                .collect(),
        ))
    }

    /// The command that pays debts from what these movements bring; to be booked with them or not at all. None when
    /// nobody owes anything.
    pub(crate) fn repayment<'a>(
        &mut self,
        key: &str,
        reference: &str,
        movements: impl Iterator<Item = &'a Movement>,
    ) -> Option<Command> {
        if self.0.is_empty() {
            return None;
        }
        let mut income: BTreeMap<AccountKey, i64> = BTreeMap::new();
        for movement in movements {
            if let Some(debt) = debt_of(&movement.account) {
                let sum = income.entry(debt).or_default();
                *sum = sum.saturating_add(movement.units);
            }
        }
        let mut moves = Vec::new();
        for (debt, units) in income {
            let Some(owed) = self.0.get_mut(&debt) else { continue };
            // What a rail has paid to the payee itself has come and gone: it pays no debt here.
            let paid = units.max(0).min(*owed);
            *owed = owed.saturating_sub(paid);
            if paid > 0 {
                moves.push(Movement::new(
                    AccountKey::new(debt.owner.clone(), debt.asset, Purpose::Available),
                    paid.saturating_neg(),
                ));
                moves.push(Movement::new(debt, paid));
            }
        }
        (!moves.is_empty()).then(|| {
            Command::Post(Posting {
                key: format!("repay/{key}"),
                kind: EntryKind::Repayment,
                reference: reference.to_owned(),
                movements: moves,
            })
        })
    }
}

/// Adds to each settlement what its payees owe: it is paid from what they get.
pub(crate) fn debts_add(conn: &mut Conn, context: &Context, groups: &mut [Vec<Command>]) -> Result<(), PayError> {
    let mut debts = Debts::load(conn, context, groups.iter().flat_map(|group| income_of(group)))?;
    for group in groups {
        let Some(Command::Capture(capture)) = group.first() else {
            continue;
        };
        let repayment = debts.repayment(&capture.key, &capture.reference, income_of(group));
        group.extend(repayment);
    }
    Ok(())
}

/// Books what brings somebody something; what they owe is paid from it at once. A command that was booked before is
/// answered as before, whatever is owed by now.
pub(crate) fn income_book(
    conn: &mut Conn,
    context: &Context,
    key: &str,
    reference: &str,
    command: Command,
) -> Result<Outcome, PayError> {
    if entry_find(conn, &context.sealer, key)?.is_some() {
        return Ok(context.ledger.execute_one(conn, &command)??);
    }
    let mut commands = vec![command];
    let repayment = {
        let income: Vec<&Movement> = income_of(&commands).collect();
        Debts::load(conn, context, income.iter().copied())?.repayment(key, reference, income.into_iter())
    };
    commands.extend(repayment);
    let answers = context.ledger.execute_linked(conn, &[commands])?;
    let booked = answers.into_iter().next().transpose()?.unwrap_or_default();
    let first = booked.into_iter().next();
    first.ok_or_else(|| PayError::Fault(format!("{key} was booked, and there is no entry")))
}

/// Pays what somebody owes from what they have, before the rest of it leaves or is set aside. Nearly nobody owes
/// anything, and that is asked first.
pub(crate) fn debt_repay(
    conn: &mut Conn,
    context: &Context,
    owner: &Did,
    asset: Asset,
    why: &str,
) -> Result<(), PayError> {
    let debt = account_fetch(conn, &context.sealer, &AccountKey::of(owner, asset, Purpose::Debt))?;
    let Some(debt) = debt.filter(|account| account.balance_units < 0) else {
        return Ok(());
    };
    let mut debts = Debts(BTreeMap::from([(debt.key, debt.balance_units.saturating_neg())]));
    let own = AccountKey::of(owner, asset, Purpose::Available);
    let units = account_fetch(conn, &context.sealer, &own)?.map_or(0, |account| account.balance_units);
    let all = [Movement::new(own, units)];
    if let Some(repayment) = debts.repayment(why, why, all.iter()) {
        context.ledger.execute_one(conn, &repayment)??;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use imajin_did::SecretKey;

    use super::*;

    /// What is left to repay of an income that came and, in part, went on at once.
    fn repaid(owed: i64, units: &[i64]) -> i64 {
        let account = AccountKey::of(
            &SecretKey::from_seed([1; 32]).did(),
            Asset::TEST_USD,
            Purpose::Available,
        );
        let movements: Vec<Movement> = units
            .iter()
            .map(|units| Movement::new(account.clone(), *units))
            .collect();
        let mut debts = Debts(debt_of(&account).map(|debt| (debt, owed)).into_iter().collect());
        match debts.repayment("settle/1", "1", movements.iter()) {
            Some(Command::Post(posting)) => posting.movements[1].units,
            _ => 0,
        }
    }

    #[test]
    fn a_debt_is_paid_from_what_stays() {
        assert_eq!(repaid(5, &[3]), 3);
        assert_eq!(repaid(5, &[9]), 5);
        assert_eq!(repaid(5, &[9, -7]), 2, "a rail has paid seven of it itself");
        assert_eq!(repaid(5, &[9, -9]), 0);
        assert_eq!(repaid(5, &[-1]), 0);
    }
}
