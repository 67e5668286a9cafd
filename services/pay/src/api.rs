//! What other services may ask.

use async_trait::async_trait;
use imajin_kernel::Problem;
use imajin_pay_api::{
    BalanceList, BalanceView, CheckoutCreate, CheckoutFetch, CheckoutView, PayApi, ReceiptFetch, ReceiptList,
    ReceiptView, SalesSummary, SalesSummaryRequest,
};

use crate::Pay;
use crate::domain::{checkout, checkout_find, lists, sales};
use crate::opening::OpeningWish;

#[async_trait]
impl PayApi for Pay {
    async fn checkout_create(&self, request: CheckoutCreate) -> Result<CheckoutView, Problem> {
        let CheckoutCreate {
            goods,
            buyer,
            success_url,
            cancel_url,
        } = request;
        let wish = OpeningWish {
            goods,
            buyer,
            success_url,
            cancel_url,
            request: None,
        };
        Ok(self.checkout_begin(wish).await?.view)
    }

    async fn checkout_fetch(&self, request: CheckoutFetch) -> Result<Option<CheckoutView>, Problem> {
        let found = self.read(move |conn, context| {
            let row = checkout_find(conn, context, request.id)?;
            row.map(|row| row.view(context.now())).transpose()
        });
        Ok(found.await?)
    }

    async fn checkout_cancel(&self, request: CheckoutFetch) -> Result<CheckoutView, Problem> {
        let cancelled = self.write(move |conn, context| {
            let row = checkout::checkout_cancel(conn, context, request.id, "The seller withdrew the goods.")?;
            row.view(context.now())
        });
        Ok(cancelled.await?)
    }

    async fn receipt_fetch(&self, request: ReceiptFetch) -> Result<Option<ReceiptView>, Problem> {
        let found = self.read(move |conn, context| lists::receipt_fetch(conn, context, request.id, &request.reader));
        Ok(found.await?)
    }

    async fn receipt_list(&self, request: ReceiptList) -> Result<Vec<ReceiptView>, Problem> {
        Ok(self
            .read(move |conn, context| lists::receipt_list(conn, context, &request))
            .await?)
    }

    async fn balance_list(&self, request: BalanceList) -> Result<Vec<BalanceView>, Problem> {
        Ok(self
            .read(move |conn, context| lists::balance_list(conn, context, &request.owner))
            .await?)
    }

    async fn sales_summary(&self, _request: SalesSummaryRequest) -> Result<SalesSummary, Problem> {
        Ok(self.read(sales::sales_summary).await?)
    }
}
