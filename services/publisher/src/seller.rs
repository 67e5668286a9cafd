//! What publisher sells: works, to anybody who pays, and accesses to sites behind a gate, to agents.

use async_trait::async_trait;
use imajin_kernel::Problem;
use imajin_pay_api::{Delivery, DeliveryOutcome, GoodsQuote, GoodsRef, GoodsReturn, Released, Returned, SellerApi};

use crate::Publisher;
use crate::domain::access::{access_deliver, refused};
use crate::domain::charge::{charge_deliver, charge_return};
use crate::gate::access_of;
use crate::works::content_of;

/// Why somebody who had paid reads no more.
const MONEY_BACK: &str = "The money went back to the reader.";

#[async_trait]
impl SellerApi for Publisher {
    async fn goods_quote(&self, request: GoodsRef) -> Result<GoodsQuote, Problem> {
        if let Some(id) = access_of(&request) {
            return self.access_quote(id).await;
        }
        let id = content_of(&request).ok_or_else(|| Problem::not_found("work"))?;
        self.content_quote(id).await
    }

    async fn goods_deliver(&self, request: Delivery) -> Result<DeliveryOutcome, Problem> {
        if let Some(id) = access_of(&request.goods) {
            let delivered = self.write(move |conn, context| charge_deliver(conn, context, id, &request));
            return Ok(delivered.await?);
        }
        let Some(id) = content_of(&request.goods) else {
            return Ok(refused("There is no such work."));
        };
        Ok(self
            .write(move |conn, context| access_deliver(conn, context, id, &request))
            .await?)
    }

    /// Whoever has the whole of their money back reads no more; a part of it changes nothing.
    async fn goods_return(&self, request: GoodsReturn) -> Result<Returned, Problem> {
        if let Some(id) = access_of(&request.goods) {
            if request.whole {
                self.write(move |conn, context| charge_return(conn, context, id))
                    .await?;
            }
            return Ok(Returned {});
        }
        if request.whole {
            self.access_revoke(&request.goods, request.checkout, MONEY_BACK.to_owned())
                .await?;
        }
        Ok(Returned {})
    }

    /// Nothing is reserved: there are as many copies as readers.
    async fn goods_release(&self, _request: GoodsRef) -> Result<Released, Problem> {
        Ok(Released {})
    }
}
