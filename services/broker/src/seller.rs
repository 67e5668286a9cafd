//! What the broker sells: money in an agent's account, at its own price.

use async_trait::async_trait;
use imajin_fair::{Contributor, Manifest, Payee};
use imajin_kernel::id::DepositId;
use imajin_kernel::{Problem, Span};
use imajin_money::Share;
use imajin_pay_api::{
    DEPOSIT, Delivery, DeliveryOutcome, GoodsQuote, GoodsRef, GoodsReturn, Released, Returned, SellerApi,
};

use crate::domain::deposit;
use crate::rows::{AccountRow, DepositRow};
use crate::{Broker, BrokerError};

/// How long a deposit can be paid for.
const OPEN_FOR: Span = Span::minutes(30);

fn deposit_id(goods: &GoodsRef) -> Option<DepositId> {
    goods.id.parse().ok().filter(|_| goods.kind == DEPOSIT)
}

impl Broker {
    /// The whole price is the agent's.
    fn quote(&self, account: &AccountRow, row: &DepositRow) -> Result<GoodsQuote, BrokerError> {
        let (node, now) = (self.context.keyring.node_did(), self.context.now());
        let fault = |error: &dyn std::fmt::Display| BrokerError::Fault(format!("an offer of the broker: {error}"));
        let agent = Contributor::new(Payee::Did(account.did.clone()), "agent", Share::ONE);
        let mut manifest = Manifest::new(vec![agent]).map_err(|error| fault(&error))?;
        let title = format!("Money for the agent {}", account.agent_id);
        manifest.title = Some(title.clone());
        manifest.author = Some(node.clone());
        let manifest = manifest
            .sign(self.context.keyring.node_key(), node.clone(), now)
            .map_err(|error| fault(&error))?;
        Ok(GoodsQuote {
            title,
            price: row.money()?,
            buyer: Some(row.owner_did.clone()),
            seller: node.clone(),
            manifest,
            accepted: vec![account.did.clone()],
            sources: Vec::new(),
            expires_at: now.plus(OPEN_FOR),
        })
    }
}

#[async_trait]
impl SellerApi for Broker {
    async fn goods_quote(&self, request: GoodsRef) -> Result<GoodsQuote, Problem> {
        let id = deposit_id(&request).ok_or_else(|| Problem::not_found("deposit"))?;
        let (account, row) = self
            .read(move |conn, context| deposit::deposit_of(conn, context, id))
            .await?;
        Ok(self.quote(&account, &row)?)
    }

    async fn goods_deliver(&self, request: Delivery) -> Result<DeliveryOutcome, Problem> {
        let Some(id) = deposit_id(&request.goods) else {
            return Ok(DeliveryOutcome::Refused {
                reason: "There is no such deposit.".to_owned(),
            });
        };
        let delivered = self
            .write(move |conn, context| deposit::deposit_deliver(conn, context, id, &request))
            .await;
        Ok(delivered?)
    }

    /// The money leaves the account in pay's ledger; here is nothing to take back.
    async fn goods_return(&self, _request: GoodsReturn) -> Result<Returned, Problem> {
        Ok(Returned {})
    }

    async fn goods_release(&self, request: GoodsRef) -> Result<Released, Problem> {
        if let Some(id) = deposit_id(&request) {
            self.write(move |conn, context| deposit::deposit_leave(conn, context, id))
                .await?;
        }
        Ok(Released {})
    }
}
