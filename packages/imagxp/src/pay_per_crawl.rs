//! The headers of pay-per-crawl: a price, how much a crawler would pay, and what it was charged.

use http::{HeaderMap, HeaderName};
use imajin_money::Money;

/// The price, in an answer with 402.
pub const PRICE: HeaderName = HeaderName::from_static("crawler-price");
/// The price that the crawler agrees with.
pub const EXACT_PRICE: HeaderName = HeaderName::from_static("crawler-exact-price");
/// The most that the crawler pays.
pub const MAX_PRICE: HeaderName = HeaderName::from_static("crawler-max-price");
/// What was charged.
pub const CHARGED: HeaderName = HeaderName::from_static("crawler-charged");
/// Why nothing was sold.
pub const ERROR: HeaderName = HeaderName::from_static("crawler-error");

/// How much a crawler would pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// This much, and neither more nor less.
    Exact(Money),
    /// At most this much.
    Max(Money),
}

/// Why an offer does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CrawlerError {
    /// No currency and amount.
    #[error("a price is a currency and an amount, for example USD 0.01")]
    InvalidCrawlerPriceValue,
    /// Both headers.
    #[error("send crawler-exact-price or crawler-max-price, and not both")]
    ConflictingPriceHeaders,
    /// The price is another one.
    #[error("the price is another one than crawler-exact-price says")]
    InvalidCrawlerExactPrice,
    /// The price is higher.
    #[error("the price is higher than crawler-max-price allows")]
    InvalidCrawlerMaxPrice,
}

impl CrawlerError {
    /// The value of [`ERROR`].
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidCrawlerPriceValue => "InvalidCrawlerPriceValue",
            Self::ConflictingPriceHeaders => "ConflictingPriceHeaders",
            Self::InvalidCrawlerExactPrice => "InvalidCrawlerExactPrice",
            Self::InvalidCrawlerMaxPrice => "InvalidCrawlerMaxPrice",
        }
    }

    /// The status of the answer.
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidCrawlerPriceValue | Self::ConflictingPriceHeaders => 400,
            Self::InvalidCrawlerExactPrice | Self::InvalidCrawlerMaxPrice => 402,
        }
    }
}

impl Offer {
    /// The offer of a request, if it has one.
    ///
    /// # Errors
    /// [`CrawlerError`] when it cannot be read.
    pub fn read(headers: &HeaderMap) -> Result<Option<Self>, CrawlerError> {
        let value = |name: &HeaderName| {
            let mut values = headers.get_all(name).iter();
            let first = values.next().map(|value| value.to_str().map_err(|_error| ()));
            match (first, values.next()) {
                (None, _) => Ok(None),
                (Some(Ok(text)), None) => price_read(text).map(Some),
                _ => Err(CrawlerError::InvalidCrawlerPriceValue),
            }
        };
        match (value(&EXACT_PRICE)?, value(&MAX_PRICE)?) {
            (Some(_), Some(_)) => Err(CrawlerError::ConflictingPriceHeaders),
            (Some(price), None) => Ok(Some(Self::Exact(price))),
            (None, Some(price)) => Ok(Some(Self::Max(price))),
            (None, None) => Ok(None),
        }
    }

    /// Whether the crawler agrees with a price.
    ///
    /// # Errors
    /// [`CrawlerError`] when not; another currency is another price.
    pub fn agrees(&self, price: Money) -> Result<(), CrawlerError> {
        match self {
            Self::Exact(exact) if *exact == price => Ok(()),
            Self::Exact(_) => Err(CrawlerError::InvalidCrawlerExactPrice),
            Self::Max(max) if price.is_at_most(*max) => Ok(()),
            Self::Max(_) => Err(CrawlerError::InvalidCrawlerMaxPrice),
        }
    }
}

/// A price as these headers write it: `USD 0.01`.
pub fn price_text(price: Money) -> String {
    format!("{} {}", price.asset, price.decimal())
}

/// Reads a price.
///
/// # Errors
/// [`CrawlerError::InvalidCrawlerPriceValue`].
pub fn price_read(text: &str) -> Result<Money, CrawlerError> {
    let wrong = CrawlerError::InvalidCrawlerPriceValue;
    let (asset, amount) = text.trim().split_once(' ').ok_or(wrong)?;
    let asset = asset.parse().or(Err(wrong))?;
    Money::parse_decimal(amount.trim(), asset).or(Err(wrong))
}
