//! Properties of declarations and of their evaluation, against slow and obvious models.

use imajin_consent::{ContentRef, Declaration, IntendedUse, Refusal, Settlement, WorkAsked, evaluate};
use imajin_kernel::id::ReceiptId;
use imajin_money::{Amount, Asset, Money};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::{NOW, config, draft, key, verified, work};

fn any_use() -> impl Strategy<Value = IntendedUse> {
    prop::sample::select(IntendedUse::ALL.to_vec())
}

/// A term as JSON, and what the model knows of it: whether it is prohibited, its price in micros, its consent word.
fn any_term() -> impl Strategy<Value = (Option<&'static str>, Option<i64>, Option<&'static str>)> {
    let price = prop::sample::select(vec![None, Some("free"), Some("prohibited"), Some("price")]);
    let consent = prop::sample::select(vec![
        None,
        Some("implicit"),
        Some("explicit"),
        Some("declared"),
        Some("written"),
    ]);
    (price, 0_i64..4, consent).prop_map(|(price, micros, consent)| (price, Some(micros), consent))
}

fn money(micros: i64) -> Money {
    Money::new(Amount::from_micros(micros).unwrap(), "USD".parse::<Asset>().unwrap())
}

fn term_json((price, micros, consent): (Option<&str>, Option<i64>, Option<&str>)) -> Value {
    let mut term = Map::new();
    match price {
        Some("price") => {
            term.insert("price".to_owned(), json!(money(micros.unwrap()).decimal()));
            term.insert("currency".to_owned(), json!("USD"));
        }
        Some(word) => drop(term.insert("price".to_owned(), json!(word))),
        None => {}
    }
    if let Some(word) = consent {
        term.insert("consent".to_owned(), json!(word));
    }
    Value::Object(term)
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn what_is_signed_is_read_back_and_no_byte_of_it_can_be_changed(
        intended in any_use(),
        scope in prop::option::of("[ -~äé\u{1f600}]{1,40}"),
        nonce in "[!-~]{1,128}",
        at in 0_usize..4_000,
        bit in 0_u8..7,
    ) {
        let mut draft = draft("fair_example01".parse().unwrap(), intended);
        draft.scope = scope.filter(|text| !text.trim().is_empty());
        draft.nonce = nonce;
        let declaration = draft.sign(&key(2)).unwrap();
        let bytes = declaration.canonical_bytes().unwrap();
        let read = Declaration::parse(&bytes).unwrap();
        prop_assert_eq!(&read, &declaration);
        prop_assert_eq!((read.scope(), read.nonce()), (draft.scope.as_deref(), draft.nonce.as_str()));
        prop_assert!(read.verify(&[key(2).public()], NOW).is_ok());

        let mut changed = bytes.clone();
        let place = at % changed.len();
        changed[place] ^= 1 << bit;
        if let Ok(other) = Declaration::parse(&changed) {
            // Another case of a hex digit is the same signature; everything else is another document.
            let hex = |one: &Declaration| one.to_value()["signature"].as_str().unwrap().to_ascii_lowercase();
            let same = other.signed_bytes() == declaration.signed_bytes() && hex(&other) == hex(&declaration);
            prop_assert_eq!(other.verify(&[key(2).public()], NOW).is_ok(), same);
        }
    }

    #[test]
    fn the_decision_is_that_of_the_obvious_rules(
        declared in any_use(),
        wanted in any_use(),
        term in prop::option::of(any_term()),
        same_work: bool,
        offered in prop::option::of(0_i64..4),
        named in prop::option::of(0_i64..4),
        captured in prop::option::of(0_i64..4),
    ) {
        let mut terms = Map::new();
        if let Some(term) = term {
            terms.insert(wanted.action().as_str().to_owned(), term_json(term));
        }
        let manifest = work(&Value::Object(terms));
        let content = if same_work { manifest.id.clone() } else { "fair_example01".parse().unwrap() };
        let asked = WorkAsked {
            manifest: &manifest,
            wanted,
            scope: None,
            price_named: named.map(money),
            offered: offered.map(money),
        };
        let decision = evaluate(&verified(&draft(ContentRef::Fair(content), declared)), &asked);

        let (price_word, micros, consent) = term.unwrap_or((None, None, None));
        let met = same_work
            && declared == wanted
            && (term.is_some() || matches!(wanted, IntendedUse::Read | IntendedUse::Query))
            && price_word != Some("prohibited")
            && consent != Some("written");
        let due = match price_word {
            Some("price") => micros.unwrap(),
            Some(_) => 0,
            None => named.unwrap_or(0),
        };
        let paid = due == 0 || offered.is_some_and(|offered| offered >= due);
        match (&decision, met, paid) {
            (Err(Refusal::Unmet { .. }), false, _) | (Err(Refusal::Unpaid { .. }), true, false) => {}
            (Ok(permit), true, true) => prop_assert_eq!(permit.price(), (due > 0).then(|| money(due))),
            _ => prop_assert!(false, "{:?} with met {} and paid {}", decision, met, paid),
        }
        if let Ok(permit) = decision {
            let settlement = match captured {
                Some(micros) => {
                    let receipt = ReceiptId::generate(NOW, [1; 10]);
                    Settlement::Settled { amount: money(micros), receipt }
                }
                None => Settlement::NotDue,
            };
            let holds = match captured {
                Some(micros) => due > 0 && micros <= due,
                None => due == 0,
            };
            prop_assert_eq!(permit.conclude(settlement).is_ok(), holds);
        }
    }
}
