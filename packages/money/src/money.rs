use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Amount, AmountError, Asset, AssetError};

/// An amount and what it counts.
///
/// Text: `10.00 TEST-USD`. JSON: `{"amount":"10.00","currency":"TEST-USD"}`. Both use the asset's own scale and show at
/// least its minor digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    /// How much.
    pub amount: Amount,
    /// Of what.
    pub asset: Asset,
}

/// Why something is no money, or an operation on money has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The two sides count different things; nothing converts between them.
    #[error("{left} and {right} cannot be reckoned together")]
    OtherAsset {
        /// The asset of the left side.
        left: Asset,
        /// The asset of the right side.
        right: Asset,
    },
    /// The text is not an amount, a space and a currency code.
    #[error("not money: write an amount and a currency code, for example 10.00 USD")]
    Malformed,
    /// The amount is wrong.
    #[error(transparent)]
    Amount(#[from] AmountError),
    /// The currency code is wrong.
    #[error(transparent)]
    Asset(#[from] AssetError),
}

impl Money {
    /// Puts an amount and its asset together.
    pub const fn new(amount: Amount, asset: Asset) -> Self {
        Self { amount, asset }
    }

    /// Nothing of the asset.
    pub const fn zero(asset: Asset) -> Self {
        Self::new(Amount::ZERO, asset)
    }

    /// Reads the amount at the asset's own scale.
    pub fn parse_decimal(amount: &str, asset: Asset) -> Result<Self, AmountError> {
        Amount::parse_scaled(amount, asset.scale()).map(|amount| Self::new(amount, asset))
    }

    /// The amount alone as decimal text, at the asset's own scale: `10.00`.
    pub fn decimal(&self) -> String {
        self.amount.to_scaled(self.asset.scale(), self.asset.minor_digits())
    }

    /// Whether there is no money.
    pub const fn is_zero(&self) -> bool {
        self.amount.is_zero()
    }

    /// The sum; refuses another asset.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.same_asset(other)?;
        Ok(Self::new(self.amount.checked_add(other.amount)?, self.asset))
    }

    /// The difference; refuses another asset and a result below zero.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.same_asset(other)?;
        Ok(Self::new(self.amount.checked_sub(other.amount)?, self.asset))
    }

    /// The price of `quantity` pieces.
    pub fn checked_mul(self, quantity: u32) -> Result<Self, MoneyError> {
        Ok(Self::new(self.amount.checked_mul(quantity)?, self.asset))
    }

    /// Whether it is no more than `most`, and of the same asset: another asset is never at most anything.
    pub fn is_at_most(self, most: Self) -> bool {
        self.asset == most.asset && self.amount <= most.amount
    }

    fn same_asset(self, other: Self) -> Result<(), MoneyError> {
        if self.asset == other.asset {
            return Ok(());
        }
        Err(MoneyError::OtherAsset {
            left: self.asset,
            right: other.asset,
        })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.decimal(), self.asset)
    }
}

impl FromStr for Money {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let (amount, code) = text.split_once(' ').ok_or(MoneyError::Malformed)?;
        Ok(Self::parse_decimal(amount, code.parse()?)?)
    }
}

#[derive(Serialize, Deserialize)]
struct Wire {
    amount: String,
    currency: Asset,
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let wire = Wire {
            amount: self.decimal(),
            currency: self.asset,
        };
        wire.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        Self::parse_decimal(&wire.amount, wire.currency).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str) -> Money {
        text.parse().unwrap()
    }

    #[test]
    fn json_is_decimal_text_and_a_currency() {
        let json = r#"{"amount":"10.00","currency":"TEST-USD"}"#;
        let price: Money = serde_json::from_str(json).unwrap();
        assert_eq!(price, money("10.00 TEST-USD"));
        assert_eq!(serde_json::to_string(&price).unwrap(), json);
        for wrong in [
            r#"{"amount":10.00,"currency":"USD"}"#,
            r#"{"amount":"10.00"}"#,
            r#"{"amount":"-1","currency":"USD"}"#,
            r#"{"amount":"1","currency":"usd"}"#,
        ] {
            assert!(serde_json::from_str::<Money>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_asset_has_its_own_scale_and_least_digits() {
        assert_eq!(money("0.000000001 SOL").amount.micros(), 1);
        assert_eq!(money("1 SOL").to_string(), "1.00 SOL");
        assert_eq!(money("100 JPY").to_string(), "100 JPY");
        assert_eq!(money("100.5 JPY").to_string(), "100.5 JPY");
        assert_eq!(money("1 KWD").to_string(), "1.000 KWD");
        assert_eq!(
            "0.0000001 USD".parse::<Money>(),
            Err(AmountError::TooFine { places: 6 }.into())
        );
        assert_eq!("1.00".parse::<Money>(), Err(MoneyError::Malformed));
        assert_eq!("1.00  USD".parse::<Money>(), Err(AssetError.into()));
    }

    #[test]
    fn at_most_is_of_the_same_asset() {
        assert!(money("1.00 USD").is_at_most(money("1.00 USD")));
        assert!(money("0.99 USD").is_at_most(money("1.00 USD")));
        assert!(!money("1.01 USD").is_at_most(money("1.00 USD")));
        assert!(!money("0.01 TEST-USD").is_at_most(money("1.00 USD")));
    }

    #[test]
    fn money_of_two_assets_is_never_reckoned_together() {
        let refused = MoneyError::OtherAsset {
            left: Asset::USD,
            right: Asset::TEST_USD,
        };
        assert_eq!(money("1 USD").checked_add(money("1 TEST-USD")), Err(refused.clone()));
        assert_eq!(money("1 USD").checked_sub(money("1 TEST-USD")), Err(refused));
        assert_eq!(money("1 USD").checked_add(money("0.5 USD")), Ok(money("1.50 USD")));
        assert_eq!(
            money("1 USD").checked_sub(money("2 USD")),
            Err(AmountError::Negative.into())
        );
        assert_eq!(money("3.33 USD").checked_mul(3), Ok(money("9.99 USD")));
    }
}
