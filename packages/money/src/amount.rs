use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Decimal places of an amount whose asset is not known from elsewhere.
const MICRO_SCALE: u32 = 6;
/// Places that such an amount always shows.
const MICRO_MINOR_DIGITS: u32 = 2;
const MILLIONTHS: i128 = 1_000_000;
/// More than any amount needs: 19 digits, a point and some leading zeros.
const TEXT_LENGTH_MAX: usize = 40;

/// A quantity of money: a whole number of the asset's smallest counted unit, never negative.
///
/// The unit is a millionth of the asset (a micro-unit) unless [`crate::Asset::scale`] says otherwise. Alone, an amount
/// reads, writes and serializes as decimal text of at most six places; [`crate::Money`] uses its asset's own scale.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(i64);

/// Why something is no amount, or an operation has no amount as its result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// The result or the input is below zero.
    #[error("an amount cannot be less than zero")]
    Negative,
    /// The result or the input does not fit an amount.
    #[error("the amount is too large")]
    TooLarge,
    /// The text is no plain decimal number.
    #[error("not an amount: write digits with an optional point, for example 10.00, without sign or exponent")]
    Malformed,
    /// The text is finer than the asset's smallest unit.
    #[error("an amount has at most {places} decimal places here")]
    TooFine {
        /// How many places there may be.
        places: u32,
    },
    /// A part of an amount cannot be more than all of it.
    #[error("a rate cannot be more than 1")]
    RateAboveOne,
}

impl Amount {
    /// No money.
    pub const ZERO: Self = Self(0);
    /// The most that an amount can be.
    pub const MAX: Self = Self(i64::MAX);

    /// From a number of the smallest units.
    pub const fn from_micros(micros: i64) -> Result<Self, AmountError> {
        if micros < 0 {
            return Err(AmountError::Negative);
        }
        Ok(Self(micros))
    }

    /// The number of smallest units; never negative.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whether there is no money.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, or [`AmountError::TooLarge`].
    pub fn checked_add(self, other: Self) -> Result<Self, AmountError> {
        self.0.checked_add(other.0).map(Self).ok_or(AmountError::TooLarge)
    }

    /// The difference, or [`AmountError::Negative`].
    pub fn checked_sub(self, other: Self) -> Result<Self, AmountError> {
        Self::from_micros(self.0.checked_sub(other.0).ok_or(AmountError::Negative)?)
    }

    /// The price of `quantity` pieces, or [`AmountError::TooLarge`].
    pub fn checked_mul(self, quantity: u32) -> Result<Self, AmountError> {
        self.0
            .checked_mul(i64::from(quantity))
            .map(Self)
            .ok_or(AmountError::TooLarge)
    }

    /// The sum of all, [`Amount::ZERO`] of none.
    pub fn sum(amounts: impl IntoIterator<Item = Self>) -> Result<Self, AmountError> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }

    /// The given millionths of this amount, rounded down to a whole unit.
    pub fn portion_floor(self, rate_micros: u32) -> Result<Self, AmountError> {
        let product = self.product(rate_micros);
        if i128::from(rate_micros) > MILLIONTHS {
            return Err(AmountError::RateAboveOne);
        }
        Self::from_wide(product.div_euclid(MILLIONTHS))
    }

    /// What [`Amount::portion_floor`] cuts off, in millionths of a unit.
    pub(crate) fn portion_remainder(self, rate_micros: u32) -> i128 {
        self.product(rate_micros).rem_euclid(MILLIONTHS)
    }

    /// 63 bits times 32 bits fit 128 bits: this never saturates.
    fn product(self, rate_micros: u32) -> i128 {
        i128::from(self.0).saturating_mul(i128::from(rate_micros))
    }

    fn from_wide(units: i128) -> Result<Self, AmountError> {
        Self::from_micros(i64::try_from(units).or(Err(AmountError::TooLarge))?)
    }

    /// Reads decimal text of at most six places, for example `10.00`; no sign, no exponent, no spaces.
    pub fn parse_decimal(text: &str) -> Result<Self, AmountError> {
        Self::parse_scaled(text, MICRO_SCALE)
    }

    /// Reads decimal text in units of `10^-scale`.
    pub(crate) fn parse_scaled(text: &str, scale: u32) -> Result<Self, AmountError> {
        if text.len() > TEXT_LENGTH_MAX {
            return Err(AmountError::Malformed);
        }
        if let Some(rest) = text.strip_prefix('-') {
            Self::parse_scaled(rest, scale)?;
            return Err(AmountError::Negative);
        }
        let (whole, fraction) = match text.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return Err(AmountError::Malformed),
            None => (text, ""),
        };
        let digits_only = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits_only(whole) || !digits_only(fraction) {
            return Err(AmountError::Malformed);
        }
        let places = usize::try_from(scale).or(Err(AmountError::TooLarge))?;
        if fraction.len() > places {
            return Err(AmountError::TooFine { places: scale });
        }
        let units = format!("{whole}{fraction:0<places$}");
        units.parse().map(Self).or(Err(AmountError::TooLarge))
    }

    /// Decimal text in units of `10^-scale`, without closing zeros beyond the first `digits_min` places.
    pub(crate) fn to_scaled(self, scale: u32, digits_min: u32) -> String {
        let places = usize::try_from(scale).unwrap_or_default();
        let keep = usize::try_from(digits_min).unwrap_or_default().min(places);
        let digits = format!("{:0>width$}", self.0, width = places.saturating_add(1));
        let point = digits.len().saturating_sub(places);
        let (whole, fraction) = digits.split_at_checked(point).unwrap_or((&digits, ""));
        let significant = fraction.trim_end_matches('0').len().max(keep);
        match fraction.get(..significant) {
            Some(shown) if !shown.is_empty() => format!("{whole}.{shown}"),
            _ => whole.to_owned(),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_scaled(MICRO_SCALE, MICRO_MINOR_DIGITS))
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        Self::parse_decimal(text)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(value: i64) -> Amount {
        Amount::from_micros(value).unwrap()
    }

    #[test]
    fn decimal_text_is_exact() {
        for (text, value, shown) in [
            ("10.00", 10_000_000, "10.00"),
            ("0", 0, "0.00"),
            ("0.000001", 1, "0.000001"),
            ("9.99", 9_990_000, "9.99"),
            ("5", 5_000_000, "5.00"),
            ("1.5", 1_500_000, "1.50"),
            ("007.250000", 7_250_000, "7.25"),
            ("9223372036854.775807", i64::MAX, "9223372036854.775807"),
        ] {
            assert_eq!(Amount::parse_decimal(text), Ok(micros(value)), "{text}");
            assert_eq!(micros(value).to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_amount_is_refused_for_its_own_reason() {
        for text in [
            "", ".", "1.", ".5", "+1", "1e3", "1,00", " 1", "1 ", "1.2.3", "٣", "-", "-x", "NaN",
        ] {
            assert_eq!(Amount::parse_decimal(text), Err(AmountError::Malformed), "{text:?}");
        }
        assert_eq!(Amount::parse_decimal(&"0".repeat(41)), Err(AmountError::Malformed));
        assert_eq!(Amount::parse_decimal("-1.00"), Err(AmountError::Negative));
        assert_eq!(
            Amount::parse_decimal("0.0000001"),
            Err(AmountError::TooFine { places: 6 })
        );
        assert_eq!(
            Amount::parse_decimal("9223372036854.775808"),
            Err(AmountError::TooLarge)
        );
        assert_eq!(Amount::from_micros(-1), Err(AmountError::Negative));
    }

    #[test]
    fn arithmetic_is_checked_at_both_ends() {
        assert_eq!(Amount::MAX.checked_add(micros(1)), Err(AmountError::TooLarge));
        assert_eq!(Amount::ZERO.checked_sub(micros(1)), Err(AmountError::Negative));
        assert_eq!(Amount::MAX.checked_mul(2), Err(AmountError::TooLarge));
        assert_eq!(micros(3).checked_mul(4), Ok(micros(12)));
        assert_eq!(Amount::sum([micros(1), micros(2), micros(3)]), Ok(micros(6)));
        assert_eq!(Amount::sum([]), Ok(Amount::ZERO));
        assert_eq!(micros(100_000_000).portion_floor(2_500), Ok(micros(250_000)));
        assert_eq!(Amount::MAX.portion_floor(1_000_000), Ok(Amount::MAX));
        assert_eq!(micros(1).portion_floor(999_999), Ok(Amount::ZERO));
        assert_eq!(micros(1).portion_floor(1_000_001), Err(AmountError::RateAboveOne));
    }
}
