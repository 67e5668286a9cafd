use imajin_did::Did;
use imajin_money::{Amount, Money};
use imajin_pay_api::ReceiptView;
use imajin_ui::{ReceiptDirection, ReceiptRow};

use super::{moment, money_text};

/// A receipt in the list of `reader`, who paid, was paid, or runs the node.
pub(crate) fn receipt_row(receipt: &ReceiptView, reader: &Did) -> ReceiptRow {
    let body = &receipt.message.payload;
    let reader = reader.canonical();
    let is_payer = receipt
        .message
        .to
        .as_ref()
        .is_some_and(|payer| payer.canonical() == reader);
    let legs = body
        .legs
        .iter()
        .filter(|leg| leg.did.canonical() == reader)
        .map(|leg| leg.amount);
    let fees = body
        .fees
        .iter()
        .filter(|fee| fee.did.canonical() == reader)
        .map(|fee| fee.amount);
    let parts: Vec<Amount> = legs.chain(fees).collect();
    let direction = match (is_payer, parts.is_empty()) {
        (true, _) => ReceiptDirection::Paid,
        (false, false) => ReceiptDirection::Received,
        (false, true) => ReceiptDirection::Observed,
    };
    // The parts of one receipt never sum to more than its gross.
    let part = Amount::sum(parts)
        .ok()
        .filter(|_part| direction == ReceiptDirection::Received);
    ReceiptRow {
        id: body.id.to_string(),
        time: moment(body.time),
        title: body.title.clone(),
        gross: money_text(&body.gross),
        direction,
        part: part.map(|part| money_text(&Money::new(part, body.gross.asset))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{did, receipt_sample};

    #[test]
    fn the_reader_sees_their_own_side() {
        let receipt = receipt_sample();
        let paid = receipt_row(&receipt, &did(1));
        assert_eq!((paid.direction, paid.part.is_none()), (ReceiptDirection::Paid, true));
        assert_eq!(paid.gross.plain(), "10.00 TEST-USD");
        let received = receipt_row(&receipt, &did(2));
        assert_eq!(received.direction, ReceiptDirection::Received);
        assert_eq!(received.part.unwrap().plain(), "7.00 TEST-USD");
        assert_eq!(receipt_row(&receipt, &did(9)).direction, ReceiptDirection::Observed);
    }
}
