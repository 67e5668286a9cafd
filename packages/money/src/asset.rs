use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Room for the longest code and at least one closing NUL.
const CODE_BYTES: usize = 16;
const TEST_PREFIX: &str = "TEST-";
const BASE_LENGTH_MIN: usize = 2;
const BASE_LENGTH_MAX: usize = 10;

/// Currencies whose minor unit is the unit itself (ISO 4217, exponent 0).
const WHOLE_UNITS: &[&str] = &[
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF",
];
/// Currencies with a thousandth as minor unit (ISO 4217, exponent 3).
const THOUSANDTHS: &[&str] = &["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

/// What an amount counts: `USD`, `EUR`, `USDC`, `SOL`, or test money such as `TEST-USD`.
///
/// A test asset is an asset of its own: nothing converts between `USD` and `TEST-USD`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asset {
    /// The code in ASCII, filled up with NUL; the order of the bytes is the order of the codes.
    code: [u8; CODE_BYTES],
}

impl Asset {
    /// United States dollar.
    pub const USD: Self = Self {
        code: *b"USD\0\0\0\0\0\0\0\0\0\0\0\0\0",
    };
    /// Euro.
    pub const EUR: Self = Self {
        code: *b"EUR\0\0\0\0\0\0\0\0\0\0\0\0\0",
    };
    /// USD Coin.
    pub const USDC: Self = Self {
        code: *b"USDC\0\0\0\0\0\0\0\0\0\0\0\0",
    };
    /// The native coin of Solana, counted in lamports.
    pub const SOL: Self = Self {
        code: *b"SOL\0\0\0\0\0\0\0\0\0\0\0\0\0",
    };
    /// Test money of the sandbox rail.
    pub const TEST_USD: Self = Self {
        code: *b"TEST-USD\0\0\0\0\0\0\0\0",
    };

    /// The code as written on the wire.
    pub fn as_str(&self) -> &str {
        let end = self.code.iter().position(|byte| *byte == 0).unwrap_or(CODE_BYTES);
        let bytes = self.code.get(..end).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// How many decimal places one unit of an [`crate::Amount`] has: 6, except 9 for SOL (lamports).
    pub fn scale(&self) -> u32 {
        if self.base() == "SOL" { 9 } else { 6 }
    }

    /// How many decimal places a price always shows, for money with a minor unit that unit's (ISO 4217).
    pub fn minor_digits(&self) -> u32 {
        let base = self.base();
        if WHOLE_UNITS.contains(&base) {
            0
        } else if THOUSANDTHS.contains(&base) {
            3
        } else {
            2
        }
    }

    /// Whether this is test money, which is worth nothing.
    pub fn is_test(&self) -> bool {
        self.as_str().starts_with(TEST_PREFIX)
    }

    /// The code without the mark of test money.
    fn base(&self) -> &str {
        let code = self.as_str();
        code.strip_prefix(TEST_PREFIX).unwrap_or(code)
    }
}

/// The text is no code of an asset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a currency code: write 2 to 10 capital letters or digits, for example USD, or TEST-USD for test money")]
pub struct AssetError;

impl FromStr for Asset {
    type Err = AssetError;

    fn from_str(text: &str) -> Result<Self, AssetError> {
        let base = text.strip_prefix(TEST_PREFIX).unwrap_or(text);
        let length_fits = (BASE_LENGTH_MIN..=BASE_LENGTH_MAX).contains(&base.len());
        let starts_with_letter = base.starts_with(|first: char| first.is_ascii_uppercase());
        let plain = base
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if !(length_fits && starts_with_letter && plain) {
            return Err(AssetError);
        }
        let mut code = [0; CODE_BYTES];
        for (place, byte) in code.iter_mut().zip(text.bytes()) {
            *place = byte;
        }
        Ok(Self { code })
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Asset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Asset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constants_are_what_their_codes_parse_to() {
        for (constant, code) in [
            (Asset::USD, "USD"),
            (Asset::EUR, "EUR"),
            (Asset::USDC, "USDC"),
            (Asset::SOL, "SOL"),
            (Asset::TEST_USD, "TEST-USD"),
        ] {
            assert_eq!(code.parse(), Ok(constant));
            assert_eq!(constant.to_string(), code);
        }
    }

    #[test]
    fn only_upper_case_codes_are_assets() {
        let wrong = [
            "",
            "U",
            "usd",
            "USD ",
            "1USD",
            "TEST-",
            "TEST-U",
            "TEST-TEST-USD",
            "test-USD",
            "USD\0",
            "ÄÖÜ",
            "ABCDEFGHIJK",
        ];
        for text in wrong {
            assert_eq!(text.parse::<Asset>(), Err(AssetError), "{text:?}");
        }
        assert_eq!("TEST-ABCDEFGHIJ".parse::<Asset>().unwrap().as_str(), "TEST-ABCDEFGHIJ");
    }

    #[test]
    fn test_money_has_the_scale_of_what_it_stands_for_and_is_not_it() {
        let test_yen: Asset = "TEST-JPY".parse().unwrap();
        assert_eq!((test_yen.scale(), test_yen.minor_digits()), (6, 0));
        assert_eq!("TEST-SOL".parse::<Asset>().unwrap().scale(), 9);
        assert_eq!("KWD".parse::<Asset>().unwrap().minor_digits(), 3);
        assert!(Asset::TEST_USD.is_test() && !Asset::USD.is_test());
        assert_ne!(Asset::TEST_USD, Asset::USD);
    }
}
