use imajin_mjn::{Means, SettlementInstruction};
use serde_json::{Value, json};

use crate::settlement;

fn read(value: Value) -> Result<SettlementInstruction, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

#[test]
fn every_means_is_written_and_read() {
    let money = |text: &str| text.parse().unwrap();
    for (max, means) in [
        ("0 TEST-USD", Means::Free),
        ("0.05 TEST-USD", Means::Balance),
        ("1 EUR", Means::Visa("a.b.c".to_owned())),
        ("1 EUR", Means::Checkout("chk_1".to_owned())),
        ("0.000000001 SOL", Means::Solana("5x".to_owned())),
    ] {
        let instruction = SettlementInstruction { max: money(max), means };
        let value = serde_json::to_value(&instruction).unwrap();
        assert_eq!(read(value), Ok(instruction));
    }
    let expected = json!({"max_amount": "0.05", "currency": "TEST-USD", "means": "balance"});
    assert_eq!(serde_json::to_value(settlement()).unwrap(), expected);
}

#[test]
fn an_instruction_that_leaves_a_doubt_is_refused() {
    for (value, reason) in [
        (
            json!({"max_amount": "0.05", "currency": "USD", "means": "cash"}),
            "the means are",
        ),
        (
            json!({"max_amount": "0.05", "currency": "USD", "means": "free"}),
            "has the max_amount 0",
        ),
        (
            json!({"max_amount": "0.05", "currency": "USD", "means": "visa"}),
            "need their credential",
        ),
        (
            json!({"max_amount": "0.05", "currency": "USD", "means": "balance", "credential": "x"}),
            "have no credential",
        ),
        (
            json!({"max_amount": "0.05", "currency": "USD", "means": "visa", "credential": "a b"}),
            "visible ASCII",
        ),
        (
            json!({"max_amount": "-1", "currency": "USD", "means": "balance"}),
            "X-MJN-Settlement",
        ),
        (
            json!({"max_amount": 1, "currency": "USD", "means": "balance"}),
            "invalid type",
        ),
        (
            json!({"max_amount": "1", "currency": "USD", "means": "balance", "min_amount": "1"}),
            "unknown field",
        ),
    ] {
        let error = read(value).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn a_credential_does_not_get_into_a_log() {
    let text = format!("{:?}", Means::Visa("secret.visa".to_owned()));
    assert_eq!(text, "visa");
}
