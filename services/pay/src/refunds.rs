//! Refunds that sellers and operators ask for.

use imajin_kernel::id::RefundId;
use imajin_pay_api::{Reader, RefundView};
use imajin_web::Tier;

use crate::domain::holds::MoneyRequest;
use crate::domain::refund_list;
use crate::domain::sale_refund::{self, RefundWish};
use crate::{Pay, PayError};

/// The action in the mutation log.
pub(crate) const REFUND_REQUEST: &str = "refund.request";

impl Pay {
    /// Sends a payment back, whole or in part, once for each idempotency key. Answers when it is booked.
    pub(crate) async fn refund_request(
        &self,
        request: MoneyRequest,
        wish: RefundWish,
    ) -> Result<(RefundView, bool), PayError> {
        let caller = Reader {
            did: request.verified.did().clone(),
            operator: request.verified.tier() == Tier::Operator,
        };
        let made = self
            .write(move |conn, context| {
                let owner = caller.did.clone();
                if let Some(body) = request.key.replayed(conn, context, &owner)? {
                    context.nonce_spend(conn, &request.verified)?;
                    let id: RefundId = String::from_utf8_lossy(&body)
                        .parse()
                        .map_err(|_unreadable| PayError::Fault("a kept answer cannot be read".to_owned()))?;
                    let row = refund_list::refund_find(conn, context, id)?.ok_or(PayError::NotFound("refund"))?;
                    return Ok((row.view()?, true));
                }
                let row = sale_refund::refund_make(conn, context, &caller, &wish)?;
                let id = row.id.to_string();
                context.signed_append(conn, &request.verified, REFUND_REQUEST, &id, &request.body)?;
                request.key.store(conn, context, &owner, 201, id.as_bytes())?;
                Ok((row.view()?, false))
            })
            .await?;
        self.wake.notify_one();
        Ok(made)
    }
}
