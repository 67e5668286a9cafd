//! Goods whose price is known only once they are handed over, over the domain and their seller.

use std::sync::Arc;

use imajin_kernel::Problem;
use imajin_pay_api::{CheckoutFetch, CheckoutView, GoodsHold, HeldGoods, HoldMeans};

use crate::brokers::VisaAsked;
use crate::domain::measured::{HoldOrder, Measured, delivery_find, goods_hold, held_find, is_measured};
use crate::domain::plan::Split;
use crate::opening::{Means, OpeningWish};
use crate::rows::CheckoutRow;
use crate::{Pay, PayError};

impl Pay {
    pub(crate) async fn measured_hold(&self, request: GoodsHold) -> Result<HeldGoods, PayError> {
        let GoodsHold {
            goods,
            buyer,
            means,
            max,
            evidence,
            due_at,
        } = request;
        let (wanted, by) = (goods.clone(), buyer.clone());
        let found = self.read(move |conn, context| held_find(conn, context, &wanted, &by));
        if let Some(row) = found.await? {
            return held(&row);
        }
        let visa = match means {
            HoldMeans::Balance => None,
            HoldMeans::Visa(token) => {
                let holder = self.thumbprints(&buyer).await?;
                let asked = VisaAsked {
                    token: &token,
                    holder: &holder,
                    audience: None,
                    purpose: None,
                    takes_bearer: false,
                };
                Some(self.brokers.visa_verify(&asked).await?)
            }
        };
        let wish = OpeningWish {
            goods,
            buyer: buyer.clone(),
            success_url: "/".to_owned(),
            cancel_url: "/".to_owned(),
            request: None,
            means: Means::Balance,
            amount: None,
        };
        let opening = self.checkout_begin(wish).await?;
        self.holdings_collect(&buyer).await?;
        let order = HoldOrder {
            checkout: opening.view.id,
            buyer,
            visa,
            max,
            evidence,
            due_at,
        };
        let row = self
            .write(move |conn, context| goods_hold(conn, context, &order))
            .await?;
        held(&row)
    }

    pub(crate) async fn measured_finish(&self, request: CheckoutFetch) -> Result<CheckoutView, Problem> {
        let id = request.id;
        let item = self.read(move |conn, context| delivery_find(conn, context, id)).await?;
        if let Some(item) = item {
            self.item_handle(item).await;
        }
        Ok(self.checkout_row(id).await?.view(self.context.now())?)
    }

    /// What measured goods have cost, from their seller; nothing of goods that have their price.
    pub(crate) async fn goods_measured(&self, row: &CheckoutRow) -> Result<Option<Measured>, PayError> {
        if !is_measured(row) {
            return Ok(None);
        }
        let quote = self.seller.goods_quote(row.goods()).await?;
        self.quote_check(&quote, &row.buyer()?).await?;
        let most = row.price()?;
        if !quote.price.is_at_most(most) || quote.seller.as_str() != row.seller_did {
            let problem = format!("{}: the seller wants {} of {most} that are held", row.id, quote.price);
            return Err(PayError::Fault(problem));
        }
        let name = row.split_id.clone();
        let opened = self.read(move |conn, context| context.splits.fetch(conn, context, &name));
        let split = Split::of(&quote, &opened.await?.document.fees)?;
        Ok(Some(Measured {
            price: quote.price,
            split: Arc::new(split),
        }))
    }
}

fn held(row: &CheckoutRow) -> Result<HeldGoods, PayError> {
    let sent_back = || PayError::State {
        detail: "The money for these goods went back.".to_owned(),
        hint: "Start again at the seller.",
    };
    Ok(HeldGoods {
        checkout: row.id,
        receipt: row.receipt_id.ok_or_else(sent_back)?,
    })
}
