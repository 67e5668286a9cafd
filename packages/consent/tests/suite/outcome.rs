use imajin_consent::{ConsentInForce, ContentRef, IntendedUse, Settlement, Void, WorkAsked, evaluate};
use imajin_kernel::id::ReceiptId;
use imajin_money::Money;
use serde_json::json;

use crate::{NOW, draft, verified, work};

fn receipt() -> ReceiptId {
    ReceiptId::generate(NOW, [7; 10])
}

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

/// What becomes of a permit for a work of this price, with 0.10 USD offered.
fn conclude(price: &str, settlement: Settlement) -> Result<ConsentInForce, Void> {
    let manifest = work(&json!({"read": {"price": price, "currency": "USD"}}));
    let declared = verified(&draft(ContentRef::Fair(manifest.id.clone()), IntendedUse::Read));
    let asked = WorkAsked {
        manifest: &manifest,
        wanted: IntendedUse::Read,
        scope: None,
        price_named: None,
        offered: Some(money("0.10 USD")),
    };
    evaluate(&declared, &asked).unwrap().conclude(settlement)
}

fn settled(amount: &str) -> Settlement {
    Settlement::Settled {
        amount: money(amount),
        receipt: receipt(),
    }
}

#[test]
fn consent_is_void_when_the_settlement_fails() {
    assert_eq!(conclude("0.08", Settlement::Failed), Err(Void::Unsettled));
    assert_eq!(conclude("free", Settlement::Failed), Err(Void::Unsettled));
}

#[test]
fn consent_is_void_when_what_is_due_was_not_settled() {
    assert_eq!(conclude("0.08", Settlement::NotDue), Err(Void::Unpaid));
}

#[test]
fn consent_is_void_when_more_was_taken_than_it_covers() {
    for amount in ["0.080001 USD", "0.11 USD", "0.08 EUR"] {
        assert_eq!(conclude("0.08", settled(amount)), Err(Void::Overcharged), "{amount}");
    }
    assert_eq!(conclude("free", settled("0.01 USD")), Err(Void::Overcharged));
}

#[test]
fn settled_consent_holds_and_names_its_receipt() {
    let consent = conclude("0.08", settled("0.05 USD")).unwrap();
    assert_eq!(
        (consent.paid, consent.receipt),
        (Some(money("0.05 USD")), Some(receipt()))
    );
    assert_eq!(consent.declaration.len(), 64);
    let json = serde_json::to_value(&consent).unwrap();
    assert_eq!(serde_json::from_value::<ConsentInForce>(json).unwrap(), consent);
    let free = conclude("free", Settlement::NotDue).unwrap();
    assert_eq!((free.paid, free.receipt), (None, None));
}
