//! Stripe counts in minor units of lower-case currencies.

use imajin_money::{Amount, Asset, Money};

use crate::RailError;

/// Currencies without a minor unit at Stripe, whatever ISO 4217 says.
const WHOLE: [&str; 15] = [
    "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf",
];
/// Currencies with three decimal places.
const THOUSANDTHS: [&str; 5] = ["bhd", "jod", "kwd", "omr", "tnd"];
const TEST_PREFIX: &str = "TEST-";

/// The currency of an asset; none when it is no national currency.
fn currency(asset: Asset) -> Option<String> {
    let code = asset.as_str();
    let code = code.strip_prefix(TEST_PREFIX).unwrap_or(code);
    (code.len() == 3 && asset.scale() == 6 && code.bytes().all(|letter| letter.is_ascii_uppercase()))
        .then(|| code.to_ascii_lowercase())
}

/// Whether an asset is a national currency.
pub(super) fn is_currency(asset: Asset) -> bool {
    currency(asset).is_some()
}

/// How many of an amount's units one of Stripe's is.
fn units_per_minor(currency: &str) -> i64 {
    if WHOLE.contains(&currency) {
        1_000_000
    } else if THOUSANDTHS.contains(&currency) {
        1_000
    } else {
        10_000
    }
}

/// An amount as Stripe counts it.
///
/// # Errors
/// [`RailError::Refused`] when it is no currency of Stripe's, or finer than its minor unit.
pub(super) fn to_minor(money: Money) -> Result<(i64, String), RailError> {
    let refused = |text: &str| RailError::Refused(format!("{money} cannot be paid by card: {text}"));
    let currency = currency(money.asset).ok_or_else(|| refused("it is no national currency"))?;
    let (units, step) = (money.amount.micros(), units_per_minor(&currency));
    if units.checked_rem(step) != Some(0) {
        return Err(refused("it is finer than the smallest coin"));
    }
    let minor = units.checked_div(step).unwrap_or_default();
    // Of three decimal places the last one is always 0.
    if THOUSANDTHS.contains(&currency.as_str()) && minor.checked_rem(10) != Some(0) {
        return Err(refused("the third decimal place must be 0"));
    }
    Ok((minor, currency))
}

/// The part of an amount that is whole coins; nothing of what is no currency of Stripe's.
pub(super) fn payable(money: Money) -> Money {
    let step = currency(money.asset).map(|currency| match units_per_minor(&currency) {
        // Of three decimal places the last one is always 0.
        1_000 => 10_000,
        step => step,
    });
    let units = money.amount.micros();
    let over = step.and_then(|step| units.checked_rem(step)).unwrap_or(units);
    let whole = Amount::from_micros(units.saturating_sub(over)).unwrap_or(Amount::ZERO);
    Money::new(whole, money.asset)
}

/// What Stripe says, in our units: test money under a test key.
///
/// # Errors
/// [`RailError::Malformed`] when it is below zero, too large, or in no currency.
pub(super) fn from_minor(minor: i64, currency: &str, is_test: bool) -> Result<Money, RailError> {
    let malformed = || RailError::Malformed(format!("{minor} {currency} is no amount"));
    let prefix = if is_test { TEST_PREFIX } else { "" };
    let asset = format!("{prefix}{}", currency.to_ascii_uppercase())
        .parse()
        .map_err(|_unknown| malformed())?;
    let units = minor.checked_mul(units_per_minor(currency)).ok_or_else(malformed)?;
    let amount = Amount::from_micros(units).map_err(|_negative| malformed())?;
    Ok(Money::new(amount, asset))
}

/// What Stripe says that it holds, which may be below zero, in our units.
///
/// # Errors
/// [`RailError::Malformed`] when it is too large, or in no currency.
pub(super) fn signed_from_minor(minor: i64, currency: &str, is_test: bool) -> Result<(Asset, i64), RailError> {
    let size = from_minor(minor.checked_abs().unwrap_or(i64::MAX), currency, is_test)?;
    let units = size.amount.micros();
    Ok((size.asset, if minor < 0 { units.saturating_neg() } else { units }))
}

/// A fee that was taken in the currency of the account, in the currency of the charge: the same part of it, rounded up
/// to a whole minor unit, so that nobody is split what is not there.
pub(super) fn fee_in_charge(fee: i64, settled: i64, charged: i64) -> Option<i64> {
    if settled <= 0 {
        return None;
    }
    let (fee, settled, charged) = (i128::from(fee), i128::from(settled), i128::from(charged));
    let product = fee.checked_mul(charged)?;
    let up = product.checked_add(settled)?.checked_sub(1)?.checked_div(settled)?;
    i64::try_from(up).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_go_to_minor_units_and_back() {
        for (text, minor, currency, is_test) in [
            ("10.00 TEST-USD", 1_000, "usd", true),
            ("0.01 EUR", 1, "eur", false),
            ("500 JPY", 500, "jpy", false),
            ("1.250 TEST-KWD", 1_250, "kwd", true),
            // Two places at Stripe, none in ISO 4217.
            ("700 ISK", 70_000, "isk", false),
        ] {
            let money: Money = text.parse().unwrap();
            assert_eq!(to_minor(money), Ok((minor, currency.to_owned())), "{text}");
            assert_eq!(from_minor(minor, currency, is_test), Ok(money), "{text}");
        }
    }

    #[test]
    fn payouts_are_whole_coins() {
        for (text, whole) in [
            ("6.587 USD", "6.58 USD"),
            ("500.9 JPY", "500 JPY"),
            ("1.259 KWD", "1.25 KWD"),
            ("1 USDC", "0 USDC"),
            ("3 SOL", "0 SOL"),
        ] {
            assert_eq!(payable(text.parse().unwrap()), whole.parse().unwrap(), "{text}");
        }
    }

    #[test]
    fn what_has_no_coin_is_refused() {
        for text in ["10.001 USD", "0.5 JPY", "1.255 KWD", "1 USDC", "1 SOL"] {
            assert!(
                matches!(to_minor(text.parse().unwrap()), Err(RailError::Refused(_))),
                "{text}"
            );
        }
        assert!(from_minor(-1, "usd", true).is_err());
        assert!(from_minor(i64::MAX, "usd", true).is_err());
    }

    #[test]
    fn a_fee_in_another_currency_is_the_same_part_rounded_up() {
        assert_eq!(fee_in_charge(59, 1_000, 1_000), Some(59));
        assert_eq!(fee_in_charge(50, 920, 1_000), Some(55));
        assert_eq!(fee_in_charge(1, 0, 1_000), None);
    }
}
