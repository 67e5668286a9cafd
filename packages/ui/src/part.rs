//! Small pieces of markup that many pages share.

use askama::Template;
use askama::filters::HtmlSafe;

/// An amount and its currency, both already written for reading.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "part/money.html")]
pub struct MoneyText {
    /// Such as `10.00`.
    pub amount: String,
    /// Such as `TEST-USD`.
    pub currency: String,
}

impl MoneyText {
    /// An amount of a currency.
    pub fn new(amount: impl Into<String>, currency: impl Into<String>) -> Self {
        Self {
            amount: amount.into(),
            currency: currency.into(),
        }
    }

    /// Both in one line, for a label or a description that holds no markup.
    pub fn plain(&self) -> String {
        format!("{} {}", self.amount, self.currency)
    }
}

// The template escapes both values itself.
impl HtmlSafe for MoneyText {}

/// A moment, written for people and for machines.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "part/when.html")]
pub struct When {
    /// RFC 3339, for the `datetime` attribute.
    pub iso: String,
    /// Such as `Sat 21 November 2026, 20:00 CET`.
    pub text: String,
    /// Day of the month, such as `21`: the big figure on a ticket. Empty where there is no room for a date block.
    pub day: String,
    /// Short name of the month, such as `Nov`.
    pub month: String,
}

impl When {
    /// A moment without a date block.
    pub fn new(iso: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            iso: iso.into(),
            text: text.into(),
            day: String::new(),
            month: String::new(),
        }
    }
}

// The template escapes both values itself.
impl HtmlSafe for When {}
