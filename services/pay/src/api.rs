//! What other services may ask.

use async_trait::async_trait;
use imajin_kernel::Problem;
use imajin_pay_api::{
    BalanceList, BalanceView, CheckoutCreate, CheckoutFetch, CheckoutView, CreditNoteFetch, CreditNoteView, GoodsHold,
    HeldGoods, PayApi, Reader, ReceiptFetch, ReceiptList, ReceiptView, RefundList, RefundSheet, SalesSummary,
    SalesSummaryRequest, VisaCapture, VisaCaptured, VisaCheck, VisaChecked,
};

use crate::Pay;
use crate::domain::credit_note::note_view;
use crate::domain::{checkout, checkout_find, lists, refund_list, sales};
use crate::opening::{Means, OpeningWish};

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
            means: Means::Rail,
            amount: None,
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

    async fn goods_hold(&self, request: GoodsHold) -> Result<HeldGoods, Problem> {
        Ok(Box::pin(self.measured_hold(request)).await?)
    }

    async fn goods_finish(&self, request: CheckoutFetch) -> Result<CheckoutView, Problem> {
        self.measured_finish(request).await
    }

    async fn visa_capture(&self, request: VisaCapture) -> Result<VisaCaptured, Problem> {
        Ok(self.claim_capture(request).await?)
    }

    async fn visa_check(&self, request: VisaCheck) -> Result<VisaChecked, Problem> {
        Ok(self.visa_look(request).await?)
    }

    async fn receipt_fetch(&self, request: ReceiptFetch) -> Result<Option<ReceiptView>, Problem> {
        let dids = self.site.identities.holdings(&request.reader.did).await?;
        let found = self.read(move |conn, context| {
            for did in dids {
                let reader = Reader {
                    did,
                    operator: request.reader.operator,
                };
                if let Some(found) = lists::receipt_fetch(conn, context, request.id, &reader)? {
                    return Ok(Some(found));
                }
            }
            Ok(None)
        });
        Ok(found.await?)
    }

    async fn receipt_list(&self, request: ReceiptList) -> Result<Vec<ReceiptView>, Problem> {
        let Some(owner) = &request.owner else {
            return Ok(self
                .read(move |conn, context| lists::receipt_list(conn, context, &request))
                .await?);
        };
        let owners = self.site.identities.holdings(owner).await?;
        let listed = self.read(move |conn, context| {
            let mut all = Vec::new();
            for owner in owners {
                let list = ReceiptList {
                    owner: Some(owner),
                    ..request.clone()
                };
                all.extend(lists::receipt_list(conn, context, &list)?);
            }
            all.sort_by_key(|receipt| std::cmp::Reverse(receipt.message.payload.id));
            all.dedup_by_key(|receipt| receipt.message.payload.id);
            all.truncate(usize::try_from(request.limit).unwrap_or(usize::MAX));
            Ok(all)
        });
        Ok(listed.await?)
    }

    async fn refund_list(&self, request: RefundList) -> Result<Option<RefundSheet>, Problem> {
        let dids = self.site.identities.holdings(&request.reader.did).await?;
        let found = self.read(move |conn, context| {
            for did in dids {
                let operator = request.reader.operator;
                let found = refund_list::refund_sheet(conn, context, request.receipt, &Reader { did, operator })?;
                if found.is_some() {
                    return Ok(found);
                }
            }
            Ok(None)
        });
        Ok(found.await?)
    }

    async fn credit_note_fetch(&self, request: CreditNoteFetch) -> Result<Option<CreditNoteView>, Problem> {
        let row = self
            .read(move |conn, context| refund_list::refund_find(conn, context, request.id))
            .await?;
        let Some(row) = row else { return Ok(None) };
        let receipt = ReceiptFetch {
            id: row.receipt_id,
            reader: request.reader,
        };
        if self.receipt_fetch(receipt).await?.is_none() {
            return Ok(None);
        }
        Ok(note_view(&self.context.keyring, &row)?)
    }

    async fn balance_list(&self, request: BalanceList) -> Result<Vec<BalanceView>, Problem> {
        let owners = self.holdings_collect(&request.owner).await?;
        Ok(self
            .read(move |conn, context| lists::balances_of(conn, context, &owners))
            .await?)
    }

    async fn sales_summary(&self, _request: SalesSummaryRequest) -> Result<SalesSummary, Problem> {
        Ok(self.read(sales::sales_summary).await?)
    }
}
