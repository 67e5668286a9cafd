//! What an account may do at most, where its operator has said so.
//!
//! A limit holds for choices: setting money aside, paying from it, moving it between balances, sending it out through a
//! rail. What has happened already is booked whatever the limits say: a payment that came in, a settlement, a refund, a
//! dispute, a debt that is repaid, money that came back.

use diesel::prelude::*;
use imajin_kernel::{Span, Timestamp};
use imajin_money::Money;
use imajin_store::{Conn, SealedRow, Sealer, for_update, row_insert_missing};

use crate::account::RAIL_PREFIX;
use crate::booking::money;
use crate::queries::account_of;
use crate::rows::AccountRow;
use crate::schema::ledger_accounts;
use crate::{Account, AccountKey, EntryKind, Ledger, LedgerError, Owner, Purpose, Refusal, statement_between};

/// More entries than one account has in a day.
const DAY_LINES_MAX: i64 = 100_000;

/// The limits of an account, in the smallest units of its asset; what is not set is not limited.
///
/// What *leaves* an account of somebody is what is taken from it. A rail's account counts the other way round: what
/// goes out through the rail is added to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// What must stay. Without it, an account of somebody must not fall below zero: its debits never exceed its
    /// credits.
    pub balance_min: Option<i64>,
    /// What it may come to. Zero for a rail: no more goes out through it than came in.
    pub balance_max: Option<i64>,
    /// What may leave with one entry.
    pub entry_max: Option<i64>,
    /// What may leave in a day, counted in UTC.
    pub day_max: Option<i64>,
}

impl Limits {
    /// Whether nothing is limited.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Which limit an entry would break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// [`Limits::balance_min`].
    BalanceMin,
    /// [`Limits::balance_max`].
    BalanceMax,
    /// [`Limits::entry_max`].
    EntryMax,
    /// [`Limits::day_max`].
    DayMax,
}

impl Limit {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BalanceMin => "balanceMin",
            Self::BalanceMax => "balanceMax",
            Self::EntryMax => "entryMax",
            Self::DayMax => "dayMax",
        }
    }

    /// What it says, before the amount.
    pub(crate) const fn says(self) -> &'static str {
        match self {
            Self::BalanceMin => "the account must keep at least",
            Self::BalanceMax => "the account may come to at most",
            Self::EntryMax => "what may leave the account at once is at most",
            Self::DayMax => "what may leave the account in a day is at most",
        }
    }
}

/// Whether units of an entry are a choice. What comes back from a rail is none.
fn is_choice(kind: EntryKind, is_rail: bool, units: i64) -> bool {
    match kind {
        EntryKind::Hold | EntryKind::Capture | EntryKind::Transfer => true,
        EntryKind::Payout => (units > 0) == is_rail,
        _ => false,
    }
}

/// What of an entry a limited account has to answer for, leg by leg.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Chosen {
    net: i64,
    out: i64,
}

impl Chosen {
    pub(crate) fn add(&mut self, row: &AccountRow, kind: EntryKind, units: i64) {
        if is_choice(kind, row.is_rail(), units) {
            self.net = self.net.saturating_add(units);
            self.out = self.out.saturating_add(row.leaving(kind, units));
        }
    }
}

impl AccountRow {
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            balance_min: self.balance_min,
            balance_max: self.balance_max,
            entry_max: self.entry_max,
            day_max: self.day_max,
        }
    }

    fn is_rail(&self) -> bool {
        self.owner.starts_with(RAIL_PREFIX)
    }

    /// What leaves by choice with a leg.
    fn leaving(&self, kind: EntryKind, units: i64) -> i64 {
        let is_rail = self.is_rail();
        let leaves = if is_rail { units } else { units.saturating_neg() };
        if is_choice(kind, is_rail, units) {
            leaves.max(0)
        } else {
            0
        }
    }

    /// What has left on the day of a moment.
    pub(crate) fn day_out_at(&self, at: Timestamp) -> i64 {
        let is_today = self.day == Some(at.as_days());
        self.day_out.filter(|_| is_today).unwrap_or(0)
    }

    /// Counts a leg that is booked.
    pub(crate) fn day_count(&mut self, kind: EntryKind, units: i64, now: Timestamp) {
        let leaves = self.leaving(kind, units);
        if self.day_max.is_some() && leaves > 0 {
            self.day_out = Some(self.day_out_at(now).saturating_add(leaves));
            self.day = Some(now.as_days());
        }
    }

    /// Refuses what would break a limit: `after` is the balance afterwards.
    pub(crate) fn limits_check(&self, chosen: Chosen, after: i64, now: Timestamp) -> Result<(), Refusal> {
        let day = self.day_out_at(now).saturating_add(chosen.out);
        let (takes, adds, leaves) = (chosen.net < 0, chosen.net > 0, chosen.out > 0);
        let broken = [
            (Limit::EntryMax, self.entry_max, chosen.out, leaves),
            (Limit::DayMax, self.day_max, day, leaves),
            (Limit::BalanceMax, self.balance_max, after, adds),
        ]
        .into_iter()
        .find_map(|(limit, max, would_be, applies)| {
            let max = max.filter(|max| applies && would_be > *max)?;
            Some((limit, max, would_be))
        });
        let low = self.balance_min.filter(|min| takes && after < *min);
        match broken.or(low.map(|min| (Limit::BalanceMin, min, after))) {
            None => Ok(()),
            Some((limit, allowed, would_be)) => {
                let asset = self.asset.parse().map_err(|_unknown| Refusal::TooLarge)?;
                Err(Refusal::Limited {
                    limit,
                    allowed: money(allowed, asset),
                    would_be: money(would_be, asset),
                })
            }
        }
    }
}

/// What has left an account today, and how far its limits go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitedAccount {
    /// The account, with its limits.
    pub account: Account,
    /// What has left today; counted only where a day has a limit.
    pub day_out: Money,
    /// When the limits were last set.
    pub limited_at: Timestamp,
}

fn limited_of(row: AccountRow, sealer: &Sealer, now: Timestamp) -> Result<Option<LimitedAccount>, LedgerError> {
    let (day_out, limited_at) = (row.day_out_at(now), row.limited_at);
    let account = account_of(row, sealer)?;
    let day_out = money(day_out, account.key.asset);
    Ok(limited_at.map(|limited_at| LimitedAccount {
        account,
        day_out,
        limited_at,
    }))
}

/// Accounts that have limits, by identifier, from the one after `after` on.
///
/// # Errors
/// [`LedgerError::Damaged`] for an account that is not as the ledger left it.
pub fn limited_page(
    conn: &mut Conn,
    sealer: &Sealer,
    now: Timestamp,
    after: &str,
    limit: i64,
) -> Result<Vec<LimitedAccount>, LedgerError> {
    let rows: Vec<AccountRow> = ledger_accounts::table
        .filter(ledger_accounts::limited_at.is_not_null())
        .filter(ledger_accounts::id.gt(after))
        .order_by(ledger_accounts::id)
        .limit(limit)
        .select(AccountRow::as_select())
        .load(conn)?;
    let limited = rows.into_iter().map(|row| limited_of(row, sealer, now).transpose());
    limited.flatten().collect()
}

/// The limits of an account, if it has any.
///
/// # Errors
/// As [`limited_page`].
pub fn limits_fetch(
    conn: &mut Conn,
    sealer: &Sealer,
    now: Timestamp,
    key: &AccountKey,
) -> Result<Option<LimitedAccount>, LedgerError> {
    let row: Option<AccountRow> = ledger_accounts::table
        .find(key.id().to_string())
        .select(AccountRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| limited_of(row, sealer, now)).transpose()?.flatten())
}

impl Ledger {
    /// Sets the limits of an account, all of them at once; [`Limits::default`] takes them away. An account that nothing
    /// was posted to yet is opened.
    ///
    /// What has left earlier on the same day counts for the limit of the day.
    ///
    /// # Errors
    /// The inner one when the account can have no such limits; [`LedgerError`] when they could not be written.
    pub fn limits_set(
        &self,
        conn: &mut Conn,
        key: &AccountKey,
        limits: Limits,
    ) -> Result<Result<(), Refusal>, LedgerError> {
        if let Err(refusal) = check(key, limits) {
            return Ok(Err(refusal));
        }
        let now = self.now();
        let empty = AccountRow::empty(key, now).sealed(&self.sealer)?;
        row_insert_missing!(conn, ledger_accounts, &empty)?;
        let row: AccountRow = for_update!(
            &mut *conn,
            ledger_accounts::table.find(&empty.id).select(AccountRow::as_select()) => first
        )?;
        let mut row = row.intact(&self.sealer)?;
        let left = limits
            .day_max
            .map(|_max| self.left_today(conn, &row, now))
            .transpose()?;
        row.limited_at = (!limits.is_none()).then_some(now);
        row.balance_min = limits.balance_min;
        row.balance_max = limits.balance_max;
        row.entry_max = limits.entry_max;
        row.day_max = limits.day_max;
        row.day = left.map(|_units| now.as_days());
        row.day_out = left;
        row.save(conn, &self.sealer)?;
        Ok(Ok(()))
    }

    fn left_today(&self, conn: &mut Conn, row: &AccountRow, now: Timestamp) -> Result<i64, LedgerError> {
        let account = account_of(row.clone(), &self.sealer)?;
        let from = Timestamp::from_days(now.as_days());
        let until = from.plus(Span::days(1));
        let lines = statement_between(conn, &self.sealer, &account, (from, until), DAY_LINES_MAX)?;
        let leaving = lines.iter().map(|line| row.leaving(line.kind, line.units));
        Ok(leaving.fold(0, i64::saturating_add))
    }
}

/// Refuses limits that an account cannot have, or that nothing could keep.
fn check(key: &AccountKey, limits: Limits) -> Result<(), Refusal> {
    let is_rail = matches!(key.owner, Owner::Rail(_));
    let has_limits = match key.purpose {
        Purpose::Available => !is_rail,
        Purpose::Settlement => is_rail,
        _ => false,
    };
    let all = [limits.balance_min, limits.balance_max, limits.entry_max, limits.day_max];
    let is_negative = all.into_iter().flatten().any(|units| units < 0);
    let is_empty = limits
        .balance_min
        .zip(limits.balance_max)
        .is_some_and(|(min, max)| min > max);
    // What came in through a rail stands there below zero: it has no floor to keep.
    let has_floor = is_rail && limits.balance_min.is_some();
    if !has_limits || is_negative || is_empty || has_floor {
        return Err(Refusal::NoLimits);
    }
    Ok(())
}
