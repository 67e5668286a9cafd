use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Amount, AmountError};

const ONE: u32 = 1_000_000;
const PLACES: u32 = 6;
/// Places of a percentage: a ten-thousandth of a percent is a millionth.
const PERCENT_PLACES: u32 = 4;

/// A part of a whole in millionths: more than 0, at most 1.
///
/// Text and JSON number: a decimal of at most six places. A JSON number is read by its shortest decimal text, so `0.7`
/// is exactly seven tenths.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u32);

/// Why something is no share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// It is zero, negative or more than one.
    #[error("a share is more than 0 and at most 1")]
    OutOfRange,
    /// It has more than six decimal places.
    #[error("a share has at most 6 decimal places: write 0.333333 and 0.333334 for thirds")]
    TooFine,
    /// It is no plain decimal number.
    #[error("not a share: write a decimal number, for example 0.7")]
    Malformed,
}

impl Share {
    /// The whole.
    pub const ONE: Self = Self(ONE);

    /// From millionths, 1 to 1 000 000.
    pub const fn from_millionths(millionths: u32) -> Result<Self, ShareError> {
        if millionths == 0 || millionths > ONE {
            return Err(ShareError::OutOfRange);
        }
        Ok(Self(millionths))
    }

    /// From decimal text whose unit of the last of `places` places is a millionth.
    fn parse_places(text: &str, places: u32) -> Result<Self, ShareError> {
        let millionths = Amount::parse_scaled(text, places).map_err(|error| match error {
            AmountError::Negative | AmountError::TooLarge | AmountError::RateAboveOne => ShareError::OutOfRange,
            AmountError::TooFine { .. } => ShareError::TooFine,
            AmountError::Malformed => ShareError::Malformed,
        })?;
        let millionths = u32::try_from(millionths.micros()).or(Err(ShareError::OutOfRange))?;
        Self::from_millionths(millionths)
    }

    /// The number of millionths, 1 to 1 000 000.
    pub const fn millionths(self) -> u32 {
        self.0
    }

    /// From a JSON number, by its shortest decimal text.
    pub fn from_number(number: &serde_json::Number) -> Result<Self, ShareError> {
        match (number.as_u64(), number.as_f64()) {
            (Some(1), _) => Ok(Self::ONE),
            (None, Some(value)) => value.to_string().parse(),
            _ => Err(ShareError::OutOfRange),
        }
    }

    /// From a JSON number of percent, by its shortest decimal text: more than 0, at most 100, at most four places.
    pub fn from_percentage(number: &serde_json::Number) -> Result<Self, ShareError> {
        let text = match (number.as_u64(), number.as_f64()) {
            (Some(whole), _) => whole.to_string(),
            (None, Some(value)) => value.to_string(),
            _ => return Err(ShareError::OutOfRange),
        };
        Self::parse_places(&text, PERCENT_PLACES)
    }

    /// The JSON number of percent that [`Share::from_percentage`] reads back; whole percents are integers, as RFC 8785
    /// writes them.
    pub fn to_percentage(self) -> serde_json::Number {
        let amount = Amount::from_micros(i64::from(self.0)).unwrap_or(Amount::ZERO);
        let text = amount.to_scaled(PERCENT_PLACES, 0);
        let nearest = || text.parse().ok().and_then(serde_json::Number::from_f64);
        let whole = text.parse::<u64>().ok().map(serde_json::Number::from);
        whole.or_else(nearest).unwrap_or_else(|| serde_json::Number::from(0_u8))
    }

    /// The JSON number that [`Share::from_number`] reads back; the whole is the integer 1, as RFC 8785 writes it.
    pub fn to_number(self) -> serde_json::Number {
        let nearest = self.to_string().parse().ok().and_then(serde_json::Number::from_f64);
        match nearest {
            Some(number) if self != Self::ONE => number,
            _ => serde_json::Number::from(1_u8),
        }
    }
}

impl FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, ShareError> {
        Self::parse_places(text, PLACES)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = Amount::from_micros(i64::from(self.0)).unwrap_or(Amount::ZERO);
        f.pad(&amount.to_scaled(PLACES, 0))
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_number().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        Self::from_number(&number).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_share_survives_json_exactly() {
        // Each millionth, not a sample: the claim is that no share is lost to binary fractions.
        for millionths in 1..=ONE {
            let share = Share::from_millionths(millionths).unwrap();
            let value = serde_json::to_value(share).unwrap();
            assert_eq!(serde_json::from_value::<Share>(value).unwrap(), share);
            // The same digits two places to the left: a sample is enough.
            if millionths % 97 == 0 || millionths < 10_000 {
                assert_eq!(Share::from_percentage(&share.to_percentage()).unwrap(), share);
            }
        }
    }

    #[test]
    fn a_number_is_read_by_its_shortest_decimal_text() {
        for (json, millionths) in [
            ("0.7", 700_000),
            ("0.70", 700_000),
            ("7e-1", 700_000),
            ("1e-6", 1),
            ("0.333334", 333_334),
            ("1", ONE),
            ("1.0", ONE),
        ] {
            let share: Share = serde_json::from_str(json).unwrap();
            assert_eq!(share.millionths(), millionths, "{json}");
        }
        assert_eq!(serde_json::to_string(&Share::ONE).unwrap(), "1");
        assert_eq!(Share(700_000).to_string(), "0.7");
        assert_eq!(Share::ONE.to_string(), "1");
    }

    #[test]
    fn a_percentage_has_four_places() {
        for (json, millionths) in [
            ("100", ONE),
            ("12.5", 125_000),
            ("0.0001", 1),
            ("33.3333", 333_333),
            ("50.0", 500_000),
        ] {
            let number = serde_json::from_str(json).unwrap();
            assert_eq!(Share::from_percentage(&number), Ok(Share(millionths)), "{json}");
        }
        assert_eq!(Share(500_000).to_percentage().to_string(), "50");
        assert_eq!(Share(125_000).to_percentage().to_string(), "12.5");
        for (json, reason) in [
            ("0", ShareError::OutOfRange),
            ("-1", ShareError::OutOfRange),
            ("100.0001", ShareError::OutOfRange),
            ("33.33333", ShareError::TooFine),
        ] {
            let number = serde_json::from_str(json).unwrap();
            assert_eq!(Share::from_percentage(&number), Err(reason), "{json}");
        }
    }

    #[test]
    fn what_is_no_share_is_refused_for_its_own_reason() {
        for (json, reason) in [
            ("0", ShareError::OutOfRange),
            ("0.0", ShareError::OutOfRange),
            ("-0.5", ShareError::OutOfRange),
            ("-1", ShareError::OutOfRange),
            ("2", ShareError::OutOfRange),
            ("1.000001", ShareError::OutOfRange),
            ("1e30", ShareError::OutOfRange),
            ("1e300", ShareError::Malformed),
            ("0.3333333", ShareError::TooFine),
            ("1e-7", ShareError::TooFine),
        ] {
            let number = serde_json::from_str(json).unwrap();
            assert_eq!(Share::from_number(&number), Err(reason), "{json}");
        }
        assert!(serde_json::from_str::<Share>("\"0.7\"").is_err());
        assert_eq!("0,7".parse::<Share>(), Err(ShareError::Malformed));
    }
}
