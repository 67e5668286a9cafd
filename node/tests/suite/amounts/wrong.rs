//! What is no amount, no currency and no rate.

use serde_json::{Value, json};

use super::{Amount, Changed, FOREIGN, Foreign, Kind, Must, Zero};

/// Text that is no amount of money with six places.
const TEXTS: &[&str] = &[
    "-1.00",
    "-0.000001",
    "-0",
    "9223372036854.775808",
    "99999999999999999999999999",
    "1e30",
    "1E2",
    "0.0000001",
    "1.00000000",
    "NaN",
    "nan",
    "Infinity",
    "-Infinity",
    "",
    " ",
    "1.",
    ".5",
    "+1.00",
    " 1.00",
    "1,000.00",
    "1 000",
    "0x10",
    "\u{ff11}.00",
    "1.00 TEST-USD",
    "null",
];

/// Text that is no currency.
const CURRENCIES: &[&str] = &[
    "",
    "usd",
    "test-usd",
    "X",
    "US$",
    "TEST-",
    "ABCDEFGHIJK",
    "USD ",
    "\u{dc}SD",
];

/// What stands where text belongs.
fn no_texts() -> Vec<Value> {
    vec![
        json!(5),
        json!(-1),
        json!(1.5),
        json!(1e30),
        json!(true),
        json!([]),
        json!({}),
    ]
}

/// What stands where an amount with its currency belongs.
fn no_money() -> Vec<Value> {
    let mut all = no_texts();
    all.extend([
        json!("1.00 TEST-USD"),
        json!({"amount": "1.00"}),
        json!({"currency": "TEST-USD"}),
        json!({"amount": null, "currency": "TEST-USD"}),
        json!({"amount": "1.00", "currency": null}),
    ]);
    all
}

/// What is no whole number of anything.
fn no_wholes() -> Vec<Value> {
    let numbers = [
        json!(-1),
        json!(1.5),
        json!(1e30),
        json!(4_294_967_296_u64),
        json!(u64::MAX),
    ];
    numbers.into_iter().chain(no_numbers()).collect()
}

/// What is no percentage.
fn no_percentages() -> Vec<Value> {
    let numbers = [json!(-1), json!(-0.0001), json!(100.0001), json!(99.99999), json!(1e30)];
    numbers.into_iter().chain(no_numbers()).collect()
}

fn no_numbers() -> Vec<Value> {
    vec![json!("1"), json!("NaN"), json!(""), json!(true), json!([]), json!({})]
}

/// Every way in which an amount is none.
pub(super) fn all(amount: &Amount) -> Vec<Changed> {
    let named = |at: &str, to: Value| Changed {
        at: format!("{}{at}", amount.at),
        to,
        must: Must::NameTheMember,
    };
    let texts = |at: &str, texts: &[&str]| -> Vec<Changed> {
        let each = texts.iter().map(|text| json!(text)).chain(no_texts());
        each.map(|to| named(at, to)).collect()
    };
    let whole = |values: Vec<Value>| -> Vec<Changed> { values.into_iter().map(|to| named("", to)).collect() };
    let mut all = match amount.kind {
        Kind::Money => {
            let mut all = texts("/amount", TEXTS);
            all.extend(texts("/currency", CURRENCIES));
            all.extend(whole(no_money()));
            all
        }
        Kind::Text => texts("", TEXTS),
        Kind::Currency => texts("", CURRENCIES),
        Kind::Whole => whole(no_wholes()),
        Kind::Percent => whole(no_percentages()),
    };
    if amount.zero == Zero::Refused {
        all.push(match amount.kind {
            Kind::Money => named("/amount", json!("0.00")),
            Kind::Whole | Kind::Percent => named("", json!(0)),
            Kind::Text | Kind::Currency => named("", json!("0")),
        });
    }
    all
}

/// Money of another kind, where nobody has any or takes it.
pub(super) fn foreign(amount: &Amount) -> Option<Changed> {
    let is_refused = amount.kind == Kind::Money && amount.foreign == Foreign::Refused;
    is_refused.then(|| Changed {
        at: format!("{}/currency", amount.at),
        to: json!(FOREIGN),
        must: Must::BeRefused,
    })
}
