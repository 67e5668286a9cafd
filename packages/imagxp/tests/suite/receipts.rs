//! What an agent believes of a receipt.

use imajin_did::{Did, PublicKey, SecretKey};
use imajin_imagxp::{CheckedReceipt, ReceiptError, ReceiptExpectation};
use imajin_kernel::Timestamp;
use imajin_money::Money;
use imajin_proof::{ProofError, SignedMessage};
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::from_millis(1_772_323_200_250);
const ID: &str = "rcp_1";

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

fn payer() -> Did {
    Did::from_web_authority("bot.example.org").unwrap()
}

fn author() -> Did {
    Did::from_key(&SecretKey::from_seed([2; 32]).public())
}

fn body() -> Value {
    json!({
        "id": ID, "gross": money("0.10 USD"), "testMoney": false, "title": "Reading a page",
        "fees": [{"name": "node", "did": author(), "amount": money("0.01 USD").amount}],
        "legs": [{"did": author(), "role": "author", "amount": money("0.08 USD").amount, "path": []}],
        "railFee": money("0.01 USD").amount,
    })
}

fn signed(kind: &str, to: Did, body: Value) -> Value {
    let key = SecretKey::from_seed([1; 32]);
    let message = SignedMessage::sign(&key, Did::from_key(&key.public()), kind, Some(to), NOW, body).unwrap();
    serde_json::to_value(message).unwrap()
}

fn check(document: &Value, keys: &[PublicKey]) -> Result<CheckedReceipt, ReceiptError> {
    let expect = ReceiptExpectation {
        keys,
        id: ID,
        payer: &payer(),
        price: money("0.10 USD"),
    };
    CheckedReceipt::check(document.to_string().as_bytes(), &expect)
}

fn publisher() -> Vec<PublicKey> {
    vec![SecretKey::from_seed([1; 32]).public()]
}

#[test]
fn a_receipt_says_where_the_money_went() {
    let document = signed("receipt", payer(), body());
    for document in [document.clone(), json!({"message": document, "jwt": "x"})] {
        let receipt = check(&document, &publisher()).unwrap();
        assert_eq!((receipt.gross, receipt.is_test_money), (money("0.10 USD"), false));
        let parts: Vec<_> = receipt
            .parts
            .iter()
            .map(|part| (part.role.as_str(), part.amount))
            .collect();
        assert_eq!(
            parts,
            [("author", money("0.08 USD").amount), ("node", money("0.01 USD").amount)]
        );
    }
}

#[test]
fn what_is_no_receipt_for_this_payment_is_not_believed() {
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut body = body();
        change(&mut body);
        signed("receipt", payer(), body)
    };
    let other = Did::from_web_authority("other.example").unwrap();
    let mut altered = signed("receipt", payer(), body());
    altered["payload"]["legs"][0]["did"] = json!(payer());
    let huge = json!("9223372036854.775807");
    for (document, error) in [
        (json!("none"), ReceiptError::Malformed),
        (signed("receipt", payer(), json!({"id": ID})), ReceiptError::Malformed),
        (altered, ReceiptError::Signature(ProofError::BadSignature)),
        (signed("receipt", other, body()), ReceiptError::Other),
        (changed(&|body| body["id"] = json!("rcp_2")), ReceiptError::Other),
        (
            changed(&|body| body["gross"] = json!(money("0.09 USD"))),
            ReceiptError::Price(money("0.09 USD")),
        ),
        (changed(&|body| body["railFee"] = json!("0")), ReceiptError::Sum),
        (changed(&|body| body["legs"] = json!([])), ReceiptError::Sum),
        (
            changed(&|body| body["legs"][0]["amount"] = huge.clone()),
            ReceiptError::Sum,
        ),
    ] {
        assert_eq!(check(&document, &publisher()), Err(error), "{document}");
    }
    let ticket = signed("ticket", payer(), body());
    assert!(matches!(check(&ticket, &publisher()), Err(ReceiptError::Signature(_))));
    let receipt = signed("receipt", payer(), body());
    assert!(matches!(check(&receipt, &[]), Err(ReceiptError::Signature(_))));
    assert!(matches!(
        check(&receipt, &[SecretKey::from_seed([3; 32]).public()]),
        Err(ReceiptError::Signature(_))
    ));
}
