//! Commands that are booked together or not at all.

use std::collections::BTreeMap;

use crate::book::{AccountState, Book, HoldSlot};
use crate::rows::HeadRow;
use crate::{AccountId, Command, LedgerError, Outcome, Refusal};

/// What a group of commands can change of a book, as it was before.
struct Before {
    head: HeadRow,
    accounts: Vec<(AccountId, AccountState)>,
    holds: Vec<(String, HoldSlot)>,
    entries: usize,
    lines: usize,
}

impl Book<'_> {
    /// Does all commands of a group, or says why one of them cannot be done; then nothing of any is left in the book.
    pub(crate) fn evaluate_linked(&mut self, group: &[Command]) -> Result<Result<Vec<Outcome>, Refusal>, LedgerError> {
        // One command alone leaves no trace when it is refused.
        let before = (group.len() > 1).then(|| self.before(group));
        let mut outcomes = Vec::with_capacity(group.len());
        for command in group {
            match self.evaluate(command)? {
                Ok(outcome) => outcomes.push(outcome),
                Err(refusal) => {
                    if let Some(before) = before {
                        self.undo(before);
                    }
                    return Ok(Err(refusal));
                }
            }
        }
        Ok(Ok(outcomes))
    }

    fn before(&self, group: &[Command]) -> Before {
        let mut wanted = BTreeMap::new();
        for command in group {
            self.accounts_of(command, &mut wanted);
        }
        let account = |id: AccountId| self.accounts.get(&id).map(|state| (id, state.clone()));
        Before {
            head: self.head.clone(),
            accounts: wanted.into_keys().filter_map(account).collect(),
            holds: self.holds.iter().map(|(id, slot)| (id.clone(), slot.clone())).collect(),
            entries: self.entries.len(),
            lines: self.lines.len(),
        }
    }

    fn undo(&mut self, before: Before) {
        for entry in self.entries.drain(before.entries.min(self.entries.len())..) {
            self.known.remove(&entry.key);
        }
        self.lines.truncate(before.lines);
        self.accounts.extend(before.accounts);
        self.holds = before.holds.into_iter().collect();
        self.head = before.head;
    }
}
