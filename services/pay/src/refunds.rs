//! Refunds that sellers and operators ask for.

use imajin_kernel::id::RefundId;
use imajin_pay_api::{Reader, RefundView};
use imajin_rails::{RailError, RailRefund, Refunded};
use imajin_store::Conn;
use imajin_store::outbox::OutboxRow;
use imajin_web::Tier;

use crate::context::Context;
use crate::domain::balance::BALANCE;
use crate::domain::holds::MoneyRequest;
use crate::domain::refund::{RefundOrder, refund_note};
use crate::domain::refund_list;
use crate::domain::sale_refund::{self, RefundWish};
use crate::worker::{Handling, is_final};
use crate::{Pay, PayError, Step};

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

    /// Has the rail send money back that the ledger has sent back.
    pub(crate) async fn refund(&self, item: &OutboxRow) -> Result<(), Handling> {
        let order: RefundOrder = item
            .parse()
            .map_err(|error| PayError::Fault(format!("a refund cannot be read: {error}")))?;
        let refund = RailRefund {
            key: item.id.to_string(),
            checkout: order.checkout,
            reference: order.reference,
            amount: order.amount,
        };
        let made = match order.rail.as_str() {
            // The ledger has put it there already.
            BALANCE => Ok(Refunded { reference: refund.key }),
            rail => self.context.rail(rail)?.refund(&refund).await,
        };
        let answer = match (made, order.refund) {
            (Err(RailError::Refused(problem)), Some(_)) => Err(problem),
            (Ok(made), Some(_)) if made.is_by_dispute() => {
                Err("The buyer's bank has taken the payment back itself.".to_owned())
            }
            (Ok(made), _) => Ok(made),
            (Err(error), _) => return Err(PayError::from(error).into()),
        };
        self.context
            .config
            .interrupt
            .at(Step::RefundAnswered)
            .map_err(|_cut| Handling::Cut)?;
        let item = item.id;
        let note = move |conn: &mut Conn, context: &Context| match (order.refund, order.message, &answer) {
            (Some(id), _, Ok(made)) => sale_refund::refund_sent(conn, context, id, &made.reference, item),
            (Some(id), _, Err(problem)) => sale_refund::refund_refused(conn, context, id, problem, item),
            (None, Some(message), Ok(made)) => refund_note(conn, context, message, &made.reference, item),
            (None, ..) => Err(PayError::Fault("a refund of nothing".to_owned())),
        };
        self.write(note).await?;
        // The seller is told next.
        self.wake.notify_one();
        // A dispute of the same payment may have waited for this.
        self.later.clear();
        Ok(())
    }

    /// Tells the seller what went back. A seller that does not know the goods has nothing to take back.
    pub(crate) async fn goods_return(&self, item: &OutboxRow) -> Result<(), Handling> {
        let told = item
            .parse()
            .map_err(|error| PayError::Fault(format!("a return of goods cannot be read: {error}")))?;
        match self.goods_take_back(told).await {
            Err(problem) if !is_final(problem.code) => return Err(Handling::Failed(problem)),
            Ok(()) | Err(_) => {}
        }
        self.item_done(item).await
    }
}
