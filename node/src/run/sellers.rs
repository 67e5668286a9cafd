use std::collections::BTreeMap;
use std::sync::RwLock;

use async_trait::async_trait;
use imajin_kernel::{Code, Problem};
use imajin_pay_api::{
    Delivery, DeliveryOutcome, GoodsQuote, GoodsRef, GoodsReturn, Released, Returned, SellerApi, SellerClient,
};

/// Sends pay's questions to the service that sells the goods.
///
/// Pay and its sellers ask each other, so one of them has to start first: pay gets this switch, and the sellers are
/// plugged in once they run.
#[derive(Default)]
pub(super) struct SellerSwitch(RwLock<BTreeMap<String, SellerClient>>);

impl SellerSwitch {
    pub(super) fn plug(&self, goods_kind: &str, seller: SellerClient) {
        self.0
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .insert(goods_kind.to_owned(), seller);
    }

    fn seller(&self, goods: &GoodsRef) -> Result<SellerClient, Problem> {
        let sellers = self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        sellers.get(&goods.kind).cloned().ok_or_else(|| {
            Problem::new(
                Code::InvalidRequest,
                format!("Nothing of the kind `{}` is sold here.", goods.kind),
            )
        })
    }
}

#[async_trait]
impl SellerApi for SellerSwitch {
    async fn goods_quote(&self, request: GoodsRef) -> Result<GoodsQuote, Problem> {
        self.seller(&request)?.goods_quote(request).await
    }

    async fn goods_deliver(&self, request: Delivery) -> Result<DeliveryOutcome, Problem> {
        self.seller(&request.goods)?.goods_deliver(request).await
    }

    async fn goods_return(&self, request: GoodsReturn) -> Result<Returned, Problem> {
        self.seller(&request.goods)?.goods_return(request).await
    }

    async fn goods_release(&self, request: GoodsRef) -> Result<Released, Problem> {
        self.seller(&request)?.goods_release(request).await
    }
}
