//! From a buyer's signed wish to a checkout at pay.

use imajin_events_api::{CheckoutRequest, OrderState, OrderView};
use imajin_kernel::id::OrderId;
use imajin_kernel::{Code, Problem};
use imajin_pay_api::{CheckoutCreate, CheckoutFetch, CheckoutState};
use imajin_proof::http_sig::SignedRequest;
use imajin_web::{Authorised, SoftTier, Verified};
use serde_json::Value;

use crate::context::idempotency_key;
use crate::domain::hold::{Held, HoldRequest, order_hold};
use crate::domain::{locks, order, quote, views};
use crate::rows::OrderRow;
use crate::{Events, EventsError};

/// Members by which a caller might try to say what something costs.
const PRICE_MEMBERS: [&str; 8] = [
    "price",
    "amount",
    "total",
    "currency",
    "asset",
    "unitPrice",
    "discount",
    "manifest",
];

/// The answer to a checkout.
pub(crate) struct CheckoutAnswer {
    pub(crate) order: OrderView,
    /// Whether an earlier request with the same idempotency key made the order.
    pub(crate) replayed: bool,
}

/// Reads what the buyer wants. A named price has a refusal of its own.
pub(crate) fn checkout_parse(body: Value) -> Result<CheckoutRequest, Problem> {
    let named = body
        .as_object()
        .and_then(|members| PRICE_MEMBERS.iter().find(|name| members.contains_key(**name)));
    if let Some(name) = named {
        let detail = format!("{name}: a checkout cannot name it. Price and split come from the event.");
        return Err(Problem::invalid(detail)
            .with("member", *name)
            .hint("Send only eventId, tierId and quantity; the answer says what it costs."));
    }
    serde_path_to_error::deserialize(body).map_err(|refused| {
        let problem = Problem::invalid(format!("The JSON body was not accepted: {refused}."));
        let is_of_member = refused.path().iter().next().is_some();
        let problem = if is_of_member {
            problem.with("member", refused.path().to_string())
        } else {
            problem
        };
        problem.hint("Send eventId, tierId and quantity.")
    })
}

impl Events {
    /// Reserves places and opens a checkout for them.
    ///
    /// The reservation is durable before pay is asked, and pay is asked outside of any transaction. When pay is away
    /// the reservation stays: the same request with the same idempotency key goes on where this one stopped.
    pub(crate) async fn checkout_open(
        &self,
        verified: Authorised<SoftTier>,
        wish: CheckoutRequest,
        request: &SignedRequest,
    ) -> Result<CheckoutAnswer, Problem> {
        let hold = HoldRequest {
            id: self.context.env.new_id(),
            wish,
            verified,
            body: request.body.clone(),
            idempotency: idempotency_key(request)?,
        };
        let (row, replayed) = match self
            .write(move |conn, context| order_hold(conn, context, &hold))
            .await?
        {
            Held::Fresh(row) => (row, false),
            Held::Replayed(row) => (row, true),
        };
        let order = match row.state_at(self.context.env.now())? {
            OrderState::Held if row.checkout_id.is_none() => self.checkout_create(row).await?,
            OrderState::Expired => return Err(EventsError::HoldExpired.into()),
            _ => {
                self.read(move |conn, context| views::order_view(conn, context, &row))
                    .await?
            }
        };
        Ok(CheckoutAnswer { order, replayed })
    }

    async fn checkout_create(&self, row: OrderRow) -> Result<OrderView, Problem> {
        let create = CheckoutCreate {
            goods: quote::goods_of(row.id),
            buyer: row.buyer_did.clone(),
            success_url: self.site.public.absolute(&format!("/orders/{}", row.id)),
            cancel_url: self.site.public.absolute(&format!("/events/{}", row.event_id)),
        };
        let opened = match self.pay() {
            Ok(pay) => pay.checkout_create(create).await,
            Err(problem) => Err(problem),
        };
        let checkout = match opened {
            Ok(checkout) => checkout,
            Err(problem) => return Err(self.checkout_failed(row.id, problem).await),
        };
        let row = self
            .write(move |conn, context| order::checkout_note(conn, context, row.id, &checkout))
            .await?;
        // Apart from the write: what others may read in parallel does not hold the one writer up.
        Ok(self
            .read(move |conn, context| views::order_view(conn, context, &row))
            .await?)
    }

    /// Pay opened no checkout. When asking again can help, the places stay reserved; otherwise they are given back.
    async fn checkout_failed(&self, id: OrderId, problem: Problem) -> Problem {
        let again = matches!(
            problem.code,
            Code::Unavailable | Code::Timeout | Code::RateLimited | Code::Internal | Code::IdempotencyInFlight
        );
        if again {
            let seconds = problem.retry_after_seconds.unwrap_or(2);
            return Problem::new(
                Code::Unavailable,
                "The places are reserved, but no checkout could be opened yet.",
            )
            .hint("Send the request again with the same Idempotency-Key and a new signature.")
            .retry_after_seconds(seconds)
            .with("orderId", id.to_string());
        }
        let reason = problem.detail.clone();
        let withdrawn = self.write(move |conn, context| order::order_withdraw(conn, context, id, &reason).map(drop));
        if let Err(error) = withdrawn.await {
            tracing::warn!(%error, order = %id, "places that cannot be paid for stay reserved until they lapse");
        }
        problem
    }

    /// The buyer gives the places of an unpaid order back. The checkout is closed first, so that nobody pays for it.
    pub(crate) async fn order_cancel(
        &self,
        id: OrderId,
        verified: Verified,
        body: Vec<u8>,
    ) -> Result<OrderView, Problem> {
        let row = self
            .read(move |conn, context| locks::order_find(conn, context, id))
            .await?;
        let row = row.ok_or(EventsError::NotFound("order"))?;
        // Also the buyer is whoever has claimed the soft identity that ordered.
        let buyers = self.site.identities.holdings(verified.did()).await?;
        order::buyer_require(&row, &buyers)?;
        if let Some(checkout) = row.checkout_id {
            let closed = self.pay()?.checkout_cancel(CheckoutFetch { id: checkout }).await?;
            if matches!(closed.state, CheckoutState::Paid | CheckoutState::Settled) {
                return Err(Problem::new(Code::Conflict, "This order is paid already.")
                    .hint("Its tickets are on their way; ask the organiser for a refund."));
            }
        }
        let cancelled = self.write(move |conn, context| {
            let row = order::order_cancel(conn, context, id, (&verified, &buyers), &body)?;
            views::order_view(conn, context, &row)
        });
        Ok(cancelled.await?)
    }
}
