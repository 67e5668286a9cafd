//! What each command does, decided in memory.

use imajin_kernel::id::HoldId;
use imajin_money::Asset;
use imajin_store::{Finding, SealedRow};

use crate::book::{Book, HoldSlot};
use crate::booking::{Draft, money};
use crate::entry::content_digest;
use crate::hold::credits_total;
use crate::rows::HoldRow;
use crate::{
    AccountId, AccountKey, Command, EntryKind, HoldCapture, HoldPlace, HoldRelease, HoldState, LedgerError, Note,
    Outcome, Posted, Posting, Purpose, Refusal, Release,
};

/// Either kind of no, so that `?` works on both.
pub(crate) enum No {
    Refused(Refusal),
    Failed(LedgerError),
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<LedgerError> for No {
    fn from(error: LedgerError) -> Self {
        Self::Failed(error)
    }
}

impl Book<'_> {
    /// Does one command, or says why not; then nothing of it is left in the book.
    pub(crate) fn evaluate(&mut self, command: &Command) -> Result<Result<Outcome, Refusal>, LedgerError> {
        let answer = match command {
            Command::Post(posting) => self.post(posting),
            Command::Note(note) => self.note(note),
            Command::Place(place) => self.place(place),
            Command::Capture(capture) => self.capture(capture),
            Command::Release(release) => self.release(release),
        };
        match answer {
            Ok(outcome) => Ok(Ok(outcome)),
            Err(No::Refused(refusal)) => Ok(Err(refusal)),
            Err(No::Failed(error)) => Err(error),
        }
    }

    fn post(&mut self, posting: &Posting) -> Result<Outcome, No> {
        let moves: Vec<_> = posting
            .movements
            .iter()
            .map(|each| (each.account.id(), each.units))
            .collect();
        let digest = content_digest(posting.kind, &posting.reference, None, &moves);
        if let Some(outcome) = self.replay(&posting.key, &digest)? {
            return Ok(outcome);
        }
        if posting
            .movements
            .iter()
            .any(|each| each.account.purpose == Purpose::Held)
        {
            return Err(Refusal::HeldAccount.into());
        }
        let balanced = sums_to_zero(posting.movements.iter().map(|each| (each.account.asset, each.units)));
        if !balanced {
            return Err(Refusal::Unbalanced.into());
        }
        let (kind, reference) = (posting.kind, posting.reference.as_str());
        self.book(&Draft {
            key: &posting.key,
            kind,
            reference,
            hold: None,
            digest,
            moves,
        })
    }

    fn note(&mut self, note: &Note) -> Result<Outcome, No> {
        let digest = content_digest(note.kind, &note.reference, None, &[]);
        if let Some(outcome) = self.replay(&note.key, &digest)? {
            return Ok(outcome);
        }
        self.enter(&Draft {
            key: &note.key,
            kind: note.kind,
            reference: &note.reference,
            hold: None,
            digest,
            moves: Vec::new(),
        })
    }

    fn place(&mut self, place: &HoldPlace) -> Result<Outcome, No> {
        let held = AccountKey::new(place.owner.clone(), place.source.asset, Purpose::Held);
        let units = place.amount.micros();
        let moves = vec![(place.source.id(), units.saturating_neg()), (held.id(), units)];
        let kind = if place.source.owner.may_be_negative() {
            EntryKind::Payment
        } else {
            EntryKind::Hold
        };
        let digest = content_digest(kind, &place.reference, None, &moves);
        if let Some(outcome) = self.replay(&place.key, &digest)? {
            return Ok(outcome);
        }
        if place.source.purpose == Purpose::Held || place.owner.may_be_negative() {
            return Err(Refusal::HeldAccount.into());
        }
        let draft = Draft {
            key: &place.key,
            kind,
            reference: &place.reference,
            hold: Some(place.id),
            digest,
            moves,
        };
        let mut outcome = self.book(&draft)?;
        let row = HoldRow {
            id: place.id.to_string(),
            account_id: held.id().to_string(),
            source_id: place.source.id().to_string(),
            owner: place.owner.to_string(),
            asset: place.source.asset.to_string(),
            amount: units,
            captured: 0,
            released: 0,
            state: HoldState::Open.as_str().to_owned(),
            reference: place.reference.clone(),
            expires_at: place.expires_at,
            created_at: self.now,
            updated_at: self.now,
            row_seal: Vec::new(),
        };
        outcome.hold = Some(row.view(self.ledger.sealer.service())?);
        let slot = HoldSlot {
            row,
            stored: false,
            dirty: true,
        };
        self.holds.insert(slot.row.id.clone(), slot);
        Ok(outcome)
    }

    fn capture(&mut self, capture: &HoldCapture) -> Result<Outcome, No> {
        let credits: Vec<_> = capture
            .credits
            .iter()
            .map(|each| (each.account.id(), each.units))
            .collect();
        let digest = content_digest(
            capture.kind,
            &capture.reference,
            Some((capture.hold, capture.release_rest)),
            &credits,
        );
        if let Some(outcome) = self.replay(&capture.key, &digest)? {
            return Ok(outcome);
        }
        let (row, asset) = self.open_hold(capture.hold)?;
        if row.expires_at.is_some_and(|end| end <= self.now) {
            return Err(Refusal::HoldExpired.into());
        }
        if capture.credits.iter().any(|each| each.account.purpose == Purpose::Held) {
            return Err(Refusal::HeldAccount.into());
        }
        let total = credits_total(&capture.credits, asset)?;
        let remaining = row.remaining();
        if total > remaining {
            let (remaining, wanted) = (money(remaining, asset), money(total, asset));
            return Err(Refusal::HoldTooSmall { remaining, wanted }.into());
        }
        let rest = if capture.release_rest {
            remaining.saturating_sub(total)
        } else {
            0
        };
        let (held, source) = self.hold_accounts(&row)?;
        let mut moves = Vec::with_capacity(credits.len().saturating_add(2));
        moves.push((held, total.saturating_add(rest).saturating_neg()));
        moves.extend(credits);
        if rest > 0 {
            moves.push((source, rest));
        }
        let (kind, reference, of_hold) = (capture.kind, capture.reference.as_str(), Some(capture.hold));
        let outcome = self.book(&Draft {
            key: &capture.key,
            kind,
            reference,
            hold: of_hold,
            digest,
            moves,
        })?;
        let ended = (total.saturating_add(rest) == remaining).then_some(HoldState::Captured);
        self.hold_change(capture.hold, total, rest, ended, outcome)
    }

    fn release(&mut self, release: &HoldRelease) -> Result<Outcome, No> {
        let (kind, state) = match release.why {
            Release::Void => (EntryKind::Void, HoldState::Voided),
            Release::Expire => (EntryKind::Expiry, HoldState::Expired),
            Release::Refund => (EntryKind::Refund, HoldState::Voided),
        };
        let digest = content_digest(kind, &release.reference, Some((release.hold, true)), &[]);
        if let Some(outcome) = self.replay(&release.key, &digest)? {
            return Ok(outcome);
        }
        let (row, _asset) = self.open_hold(release.hold)?;
        if release.why == Release::Expire && row.expires_at.is_none_or(|end| end > self.now) {
            return Err(Refusal::HoldNotExpired.into());
        }
        let rest = row.remaining();
        let (held, source) = self.hold_accounts(&row)?;
        let moves = vec![(held, rest.saturating_neg()), (source, rest)];
        let (reference, of_hold) = (release.reference.as_str(), Some(release.hold));
        let outcome = self.book(&Draft {
            key: &release.key,
            kind,
            reference,
            hold: of_hold,
            digest,
            moves,
        })?;
        // What was captured before stays captured; the state says how the hold ended.
        let ended = if row.captured > 0 && release.why != Release::Expire {
            HoldState::Captured
        } else {
            state
        };
        self.hold_change(release.hold, 0, rest, Some(ended), outcome)
    }

    /// The answer to a key that was used before, by this batch or earlier.
    fn replay(&self, key: &str, digest: &[u8; 32]) -> Result<Option<Outcome>, No> {
        let Some(entry) = self.known.get(key) else {
            return Ok(None);
        };
        if entry.content_digest != digest {
            return Err(Refusal::KeyReused.into());
        }
        let service = self.ledger.sealer.service();
        let damaged = || LedgerError::Damaged(Finding::changed(service, "ledger_entries", entry.id.as_str()));
        let hash: [u8; 32] = entry.computed_hash();
        if entry.hash != hash {
            return Err(damaged().into());
        }
        let legs = serde_json::from_str(&entry.legs).map_err(|_unreadable| damaged())?;
        let hold = entry.hold_id.as_ref().and_then(|id| self.holds.get(id));
        let hold = hold.map(|slot| slot.row.view(service)).transpose()?;
        let id = entry.id.parse().map_err(|_unreadable| damaged())?;
        let posted = Posted {
            id,
            seq: entry.seq,
            hash,
            posted_at: entry.posted_at,
            replayed: true,
        };
        Ok(Some(Outcome {
            entry: posted,
            legs,
            hold,
        }))
    }

    fn open_hold(&self, id: HoldId) -> Result<(HoldRow, Asset), No> {
        let slot = self.holds.get(&id.to_string()).ok_or(Refusal::HoldUnknown)?;
        let hold = slot.row.view(self.ledger.sealer.service())?;
        if hold.state != HoldState::Open {
            return Err(Refusal::HoldEnded { state: hold.state }.into());
        }
        Ok((slot.row.clone(), hold.amount.asset))
    }

    fn hold_accounts(&self, row: &HoldRow) -> Result<(AccountId, AccountId), LedgerError> {
        let service = self.ledger.sealer.service();
        let damaged = || LedgerError::Damaged(Finding::changed(service, HoldRow::TABLE, row.id.as_str()));
        let id = |text: &str| text.parse::<AccountId>().map_err(|_unknown| damaged());
        Ok((id(&row.account_id)?, id(&row.source_id)?))
    }

    fn hold_change(
        &mut self,
        id: HoldId,
        captured: i64,
        released: i64,
        ended: Option<HoldState>,
        mut outcome: Outcome,
    ) -> Result<Outcome, No> {
        let now = self.now;
        let service = self.ledger.sealer.service();
        let slot = self.holds.get_mut(&id.to_string()).ok_or(Refusal::HoldUnknown)?;
        slot.row.captured = slot.row.captured.saturating_add(captured);
        slot.row.released = slot.row.released.saturating_add(released);
        if let Some(state) = ended {
            state.as_str().clone_into(&mut slot.row.state);
        }
        slot.row.updated_at = now;
        slot.dirty = true;
        outcome.hold = Some(slot.row.view(service)?);
        Ok(outcome)
    }
}

fn sums_to_zero(units: impl Iterator<Item = (Asset, i64)>) -> bool {
    let mut sums: std::collections::BTreeMap<Asset, i128> = std::collections::BTreeMap::new();
    for (asset, units) in units {
        let sum = sums.entry(asset).or_default();
        *sum = sum.saturating_add(i128::from(units));
    }
    sums.values().all(|sum| *sum == 0)
}
