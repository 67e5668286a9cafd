use std::cmp::Reverse;

use crate::{Amount, AmountError, Share};

/// One part of a whole, and what decides who gets a leftover unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weighted<'a> {
    /// How much of the whole.
    pub share: Share,
    /// Whom or what the part is for: the `did` or `fair` of a manifest's entry.
    pub key: &'a str,
    /// In which role.
    pub role: &'a str,
}

/// Why an amount cannot be split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// The shares are not the whole.
    #[error("the shares sum to {millionths} millionths, not to 1 000 000")]
    NotWhole {
        /// What they sum to.
        millionths: u64,
    },
    /// A sum left the range of amounts.
    #[error(transparent)]
    Amount(#[from] AmountError),
}

/// Splits an amount along shares that sum to exactly 1; the parts are in the order of `weights`.
///
/// Each part is first rounded down to a whole unit. The units left over, fewer than there are parts, go one each to the
/// parts that lost most by the rounding; of equals, to the larger share, then by ascending bytes of the key, then of
/// the role. The parts always sum to `amount`, and none is negative.
pub fn split(amount: Amount, weights: &[Weighted<'_>]) -> Result<Vec<Amount>, SplitError> {
    let millionths = weights.iter().fold(0_u64, |sum, part| {
        sum.saturating_add(u64::from(part.share.millionths()))
    });
    if millionths != u64::from(Share::ONE.millionths()) {
        return Err(SplitError::NotWhole { millionths });
    }
    let mut parts = weights
        .iter()
        .map(|part| amount.portion_floor(part.share.millionths()))
        .collect::<Result<Vec<_>, _>>()?;
    let mut left = amount.checked_sub(Amount::sum(parts.iter().copied())?)?;

    let mut by_claim: Vec<_> = weights.iter().zip(parts.iter_mut()).collect();
    // A stable sort: entries that agree in everything keep their order, and are due the same anyway.
    by_claim.sort_by_cached_key(|(weight, _part)| {
        let millionths = weight.share.millionths();
        let lost = amount.portion_remainder(millionths);
        (Reverse(lost), Reverse(millionths), weight.key, weight.role)
    });
    let unit = Amount::from_micros(1)?;
    for (_weight, part) in by_claim {
        if left.is_zero() {
            break;
        }
        *part = part.checked_add(unit)?;
        left = left.checked_sub(unit)?;
    }
    Ok(parts)
}
