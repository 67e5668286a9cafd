//! Money and tickets agree: what no service can see alone.

use std::collections::VecDeque;

use imajin_events::{FulfilledOrder, fulfilled_order_list};
use imajin_pay::{PaidGoods, paid_goods_list};
use imajin_store::{Conn, Db, Finding, StoreError};

/// Rows that are read at a time: both sides are walked in step, however long they are.
const PAGE: i64 = 1_000;

/// The goods that events sells.
const ORDER_GOODS: &str = "order";

/// One side of the comparison, in the order of the identifiers.
struct Side<T> {
    db: Db,
    page_read: fn(&mut Conn, &str) -> Result<Vec<T>, StoreError>,
    id_of: fn(&T) -> String,
    page: VecDeque<T>,
    last: String,
}

impl<T: Send + 'static> Side<T> {
    fn new(db: &Db, page_read: fn(&mut Conn, &str) -> Result<Vec<T>, StoreError>, id_of: fn(&T) -> String) -> Self {
        Self {
            db: db.clone(),
            page_read,
            id_of,
            page: VecDeque::new(),
            last: String::new(),
        }
    }

    /// The identifier of the next row; `None` at the end.
    async fn peek(&mut self) -> Result<Option<String>, StoreError> {
        if self.page.is_empty() {
            let (page_read, last) = (self.page_read, self.last.clone());
            self.page = self.db.read(move |conn| page_read(conn, &last)).await?.into();
        }
        Ok(self.page.front().map(self.id_of))
    }

    fn take(&mut self) -> Option<T> {
        let row = self.page.pop_front()?;
        self.last = (self.id_of)(&row);
        Some(row)
    }
}

/// No ticket without money, no split money without tickets, and the same receipt on both sides.
pub(super) async fn compare(events: &Db, pay: &Db) -> Result<Vec<Finding>, StoreError> {
    let mut orders = Side::new(
        events,
        |conn, after| Ok(fulfilled_order_list(conn, after, PAGE)?),
        |order: &FulfilledOrder| order.id.to_string(),
    );
    let mut goods = Side::new(
        pay,
        |conn, after| Ok(paid_goods_list(conn, ORDER_GOODS, after, PAGE)?),
        |goods: &PaidGoods| goods.goods_id.clone(),
    );
    let mut findings = Vec::new();
    loop {
        let (order_id, goods_id) = (orders.peek().await?, goods.peek().await?);
        let (order_first, goods_first) = match (&order_id, &goods_id) {
            (None, None) => return Ok(findings),
            (Some(_), None) => (true, false),
            (None, Some(_)) => (false, true),
            (Some(order), Some(goods)) => (order <= goods, goods <= order),
        };
        let order = if order_first { orders.take() } else { None };
        let paid = if goods_first { goods.take() } else { None };
        findings.extend(pair_check(order, paid));
    }
}

fn pair_check(order: Option<FulfilledOrder>, paid: Option<PaidGoods>) -> Option<Finding> {
    let order_finding = |order: &FulfilledOrder, what| Finding::new("events", "orders", order.id.to_string(), what);
    match (order, paid) {
        (Some(order), None) => Some(order_finding(
            &order,
            "its tickets are issued, and pay knows no payment for it",
        )),
        (Some(order), Some(paid)) if order.receipt != paid.receipt => {
            Some(order_finding(&order, "it names another receipt than pay's checkout"))
        }
        (None, Some(paid)) if paid.settled => {
            let what = format!(
                "the money for order {} is split, and events issued no tickets for it",
                paid.goods_id
            );
            let row = paid.receipt.map(|receipt| receipt.to_string()).unwrap_or_default();
            Some(Finding::new("pay", "receipts", row, what))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use imajin_kernel::id::{OrderId, ReceiptId};

    use super::*;

    fn order(receipt: u8) -> FulfilledOrder {
        FulfilledOrder {
            id: OrderId::from_bytes([1; 16]),
            receipt: Some(ReceiptId::from_bytes([receipt; 16])),
        }
    }

    fn paid(receipt: u8, settled: bool) -> PaidGoods {
        let receipt = Some(ReceiptId::from_bytes([receipt; 16]));
        PaidGoods {
            goods_id: order(0).id.to_string(),
            receipt,
            settled,
        }
    }

    #[test]
    fn money_and_tickets_must_agree() {
        assert_eq!(pair_check(Some(order(1)), Some(paid(1, true))), None);
        assert_eq!(pair_check(Some(order(1)), Some(paid(1, false))), None, "on its way");
        assert_eq!(pair_check(None, Some(paid(1, false))), None, "on its way");
        assert!(pair_check(Some(order(1)), None).is_some(), "a ticket without money");
        assert!(
            pair_check(None, Some(paid(1, true))).is_some(),
            "money without a ticket"
        );
        assert!(
            pair_check(Some(order(1)), Some(paid(2, true))).is_some(),
            "another receipt"
        );
    }
}
