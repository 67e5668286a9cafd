//! A sale that was split, line by line, and what was taken back of each line.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::id::CheckoutId;
use imajin_ledger::{AccountKey, Leg, Purpose, entry_find};
use imajin_money::Asset;
use imajin_pay_api::{ReceiptBody, ReceiptLeg};
use imajin_store::{Conn, SealedRow};

use crate::PayError;
use crate::context::Context;
use crate::rows::{CheckoutRow, ReceiptRow, Reversal, ReversalRow};
use crate::schema::{receipts, reversals};

/// A line of a receipt: its fees, its legs, then the rail's own fee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    Fee(usize),
    Leg(usize),
    /// The processor keeps it, whatever goes back: the seller bears it.
    Rail,
}

/// Names a part of a line: the line, and which part of a share that was released along contracts.
pub(crate) type PartKey = (usize, Option<usize>);

/// A sale, with everything that was ever taken back of it.
#[derive(Debug)]
pub(crate) struct Sale {
    pub(crate) checkout: CheckoutRow,
    pub(crate) body: ReceiptBody,
    pub(crate) seller: Did,
    /// The lines, with what each of them is worth.
    pub(crate) lines: Vec<(Line, i64)>,
    /// The accounts that they went to, in the same order.
    pub(crate) accounts: Vec<AccountKey>,
    pub(crate) reversals: Vec<(String, Reversal)>,
}

impl Sale {
    /// A settled sale. The caller has locked the checkout when it is going to change something.
    pub(crate) fn load(conn: &mut Conn, context: &Context, checkout: CheckoutRow) -> Result<Self, PayError> {
        let name = checkout.id.to_string();
        let missing = || PayError::damaged(CheckoutRow::TABLE, &name, "its settlement is missing");
        let receipt = checkout.receipt_id.ok_or_else(missing)?;
        let receipt: ReceiptRow = receipts::table
            .find(receipt)
            .select(ReceiptRow::as_select())
            .first(conn)?;
        let body = receipt.intact(&context.sealer)?.message()?.payload;
        let entry = entry_find(conn, &context.sealer, &format!("settle/{name}"))?.ok_or_else(missing)?;
        let legs: Vec<Leg> = entry.legs.into_iter().skip(1).collect();
        let mut lines = Vec::with_capacity(legs.len());
        let mut accounts = Vec::with_capacity(legs.len());
        for (place, leg) in legs.iter().enumerate() {
            let (line, account) = line_of(&body, place, leg).ok_or_else(missing)?;
            lines.push((line, leg.units()));
            accounts.push(account);
        }
        let seller = body.seller.canonical();
        let reversals = reversals_of(conn, context, checkout.id)?;
        Ok(Self {
            checkout,
            body,
            seller,
            lines,
            accounts,
            reversals,
        })
    }

    pub(crate) fn asset(&self) -> Asset {
        self.body.gross.asset
    }

    /// What was taken of each part of each line, and not given back.
    pub(crate) fn taken(&self) -> BTreeMap<PartKey, i64> {
        let mut taken: BTreeMap<PartKey, i64> = BTreeMap::new();
        for back in self.reversals.iter().flat_map(|(_, reversal)| &reversal.lines) {
            let sum = taken.entry((back.line, back.part)).or_default();
            *sum = sum.saturating_add(back.units);
        }
        taken
    }

    /// What is left of each line.
    pub(crate) fn left(&self) -> Vec<i64> {
        let taken = self.taken();
        let of_line = |line: usize| -> i64 {
            let parts = taken.range((line, None)..=(line, Some(usize::MAX)));
            parts.map(|(_, units)| *units).fold(0, i64::saturating_add)
        };
        let lines = self.lines.iter().enumerate();
        lines
            .map(|(place, (_, units))| units.saturating_sub(of_line(place)).max(0))
            .collect()
    }

    /// What is left of all of it: what can still be sent back.
    pub(crate) fn left_units(&self) -> i64 {
        self.left().into_iter().fold(0, i64::saturating_add)
    }

    pub(crate) fn leg(&self, number: usize) -> Option<&ReceiptLeg> {
        self.body.legs.get(number)
    }

    /// Everybody whose contracts led to a part of it.
    pub(crate) fn profiles(&self) -> BTreeSet<String> {
        profiles_of(&self.body.legs)
    }
}

pub(crate) fn profiles_of(legs: &[ReceiptLeg]) -> BTreeSet<String> {
    let hops = legs.iter().flat_map(|leg| &leg.contracts);
    hops.map(|hop| hop.profile.to_string()).collect()
}

/// Which line of the receipt a leg of its entry is, and to which account it went.
fn line_of(body: &ReceiptBody, place: usize, leg: &Leg) -> Option<(Line, AccountKey)> {
    let asset = body.gross.asset;
    let found = |did: &Did, purposes: &[Purpose]| {
        let mut keys = purposes.iter().map(|purpose| AccountKey::of(did, asset, *purpose));
        keys.find(|key| key.id() == leg.account())
    };
    if let Some(fee) = body.fees.get(place) {
        return Some((Line::Fee(place), found(&fee.did, &[Purpose::Fees, Purpose::Available])?));
    }
    let number = place.checked_sub(body.fees.len())?;
    if let Some(part) = body.legs.get(number) {
        let purposes = [Purpose::Available, Purpose::Pending, Purpose::Accrued];
        return Some((Line::Leg(number), found(&part.did, &purposes)?));
    }
    let rail = AccountKey::rail(&body.rail, asset);
    (rail.id() == leg.account()).then_some((Line::Rail, rail))
}

/// What was taken and given back of a sale, in the order in which it was booked.
fn reversals_of(conn: &mut Conn, context: &Context, id: CheckoutId) -> Result<Vec<(String, Reversal)>, PayError> {
    let rows: Vec<ReversalRow> = reversals::table
        .filter(reversals::checkout_id.eq(id))
        .order_by((reversals::booked_at, reversals::key))
        .select(ReversalRow::as_select())
        .load(conn)?;
    let read = |row: ReversalRow| {
        let row = row.intact(&context.sealer)?;
        let reversal = row.reversal()?;
        Ok((row.key, reversal))
    };
    rows.into_iter().map(read).collect()
}

/// What of a share was sent back while it waited for its contributor.
pub(crate) fn share_returned(
    conn: &mut Conn,
    context: &Context,
    receipt: &ReceiptBody,
    leg: i64,
) -> Result<i64, PayError> {
    let reversals = reversals_of(conn, context, receipt.checkout)?;
    Ok(held_back(reversals.iter().map(|(_, reversal)| reversal), receipt, leg))
}

/// [`share_returned`] from what is known already.
pub(crate) fn held_back<'a>(reversals: impl Iterator<Item = &'a Reversal>, receipt: &ReceiptBody, leg: i64) -> i64 {
    let line = usize::try_from(leg).map(|leg| leg.saturating_add(receipt.fees.len()));
    let backs = reversals.flat_map(|reversal| &reversal.lines);
    let held = backs.filter(|back| back.held && Ok(back.line) == line);
    held.map(|back| back.units).fold(0, i64::saturating_add)
}

/// Divides units over what is left of several lines, in proportion: each gets its part rounded down, and the units left
/// over go to the largest remainders, among equal ones to the earlier line. No line gives more than it has, everything
/// adds up, and when all that is left goes, each line gives exactly what it has.
pub(crate) fn apportion(units: i64, left: &[i64]) -> Vec<i64> {
    let whole: i128 = left.iter().map(|each| i128::from(*each)).sum();
    let units = i128::from(units).clamp(0, whole);
    let share = |each: i64| {
        let product = units.saturating_mul(i128::from(each));
        let floor = product.checked_div(whole).unwrap_or(0);
        let rest = product.checked_rem(whole).unwrap_or(0);
        (i64::try_from(floor).unwrap_or(0), rest)
    };
    let shares: Vec<(i64, i128)> = left.iter().map(|each| share(*each)).collect();
    let given: i128 = shares.iter().map(|(floor, _)| i128::from(*floor)).sum();
    let over = usize::try_from(units.saturating_sub(given)).unwrap_or(0);
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by_key(|place| std::cmp::Reverse(shares.get(*place).map_or(0, |(_, rest)| *rest)));
    let lucky: BTreeSet<usize> = order.into_iter().take(over).collect();
    let parts = shares.iter().enumerate();
    parts
        .map(|(place, (floor, _))| floor.saturating_add(i64::from(lucky.contains(&place))))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_add_up_and_no_line_gives_more_than_it_has(
            mut left in prop::collection::vec(0_i64..1_000_000_000, 1..40),
            steps in prop::collection::vec(0_i64..2_000_000_000, 1..12),
        ) {
            let before = left.clone();
            let mut given = vec![0_i64; left.len()];
            let whole: i64 = left.iter().sum();
            for step in steps.into_iter().chain([i64::MAX]) {
                let rest: i64 = left.iter().sum();
                let step = step.min(rest);
                let parts = apportion(step, &left);
                prop_assert_eq!(parts.iter().sum::<i64>(), step);
                for (place, part) in parts.iter().enumerate() {
                    prop_assert!((0..=left[place]).contains(part));
                    left[place] -= part;
                    given[place] += part;
                }
                if step < whole {
                    // In proportion: never a whole unit away from the exact part of what was left.
                    for (part, had) in parts.iter().zip(left.iter().zip(&parts).map(|(left, part)| left + part)) {
                        let exact = i128::from(step) * i128::from(had);
                        prop_assert!((i128::from(*part) * i128::from(rest.max(1)) - exact).abs() <= i128::from(rest));
                    }
                }
            }
            prop_assert_eq!(given, before);
        }
    }

    #[test]
    fn what_is_left_over_goes_to_the_largest_remainder_and_then_to_the_earlier_line() {
        assert_eq!(apportion(1, &[5, 5]), [1, 0]);
        assert_eq!(apportion(2, &[1, 1, 1]), [1, 1, 0]);
        assert_eq!(apportion(1, &[3, 4, 3]), [0, 1, 0]);
        assert_eq!(apportion(7, &[0, 0]), [0, 0]);
        assert_eq!(apportion(i64::MAX, &[i64::MAX, 1]), [i64::MAX - 1, 1]);
    }
}
