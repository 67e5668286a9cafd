//! What other services may ask of events.

use async_trait::async_trait;
use imajin_events_api::{
    EventFetch, EventList, EventPage, EventSales, EventView, EventsApi, OrderFetch, OrderList, OrderView, SalesList,
    TicketFetch, TicketList, TicketView,
};
use imajin_kernel::{Code, Problem};
use imajin_pay_api::{Delivery, DeliveryOutcome, GoodsQuote, GoodsRef, GoodsReturn, Released, Returned, SellerApi};
use imajin_proof::http_sig::SignedRequest;
use imajin_store::Conn;
use imajin_web::{Authorised, Signer};

use crate::checkout::checkout_parse;
use crate::context::Context;
use crate::domain::{list, order, quote, take_back, views};
use crate::{Events, EventsError};

/// Where a checkout is posted on the node's main listener: what a relayed request must be signed for.
const CHECKOUT_PATH: &str = "/events/api/checkout";

#[async_trait]
impl EventsApi for Events {
    async fn event_list(&self, request: EventList) -> Result<EventPage, Problem> {
        Ok(self
            .read(move |conn, context| list::event_list(conn, context, &request))
            .await?)
    }

    async fn event_fetch(&self, request: EventFetch) -> Result<Option<EventView>, Problem> {
        let EventFetch { id, reader } = request;
        Ok(self
            .read(move |conn, context| list::event_fetch(conn, context, id, reader.as_ref()))
            .await?)
    }

    async fn checkout(&self, request: SignedRequest) -> Result<OrderView, Problem> {
        let target_uri = self.site.public.absolute(CHECKOUT_PATH);
        let verified = Authorised::admit(self.site.verify(&request, "POST", &target_uri).await?)?;
        let body = serde_json::from_slice(&request.body)
            .map_err(|error| Problem::new(Code::MalformedBody, format!("The JSON body was not accepted: {error}.")))?;
        Ok(self
            .checkout_open(verified, checkout_parse(body)?, &request)
            .await?
            .order)
    }

    async fn order_fetch(&self, request: OrderFetch) -> Result<Option<OrderView>, Problem> {
        let OrderFetch { id, reader } = request;
        self.read_as_any(&reader, move |conn, context, reader| {
            views::order_fetch(conn, context, id, reader)
        })
        .await
    }

    async fn order_list(&self, request: OrderList) -> Result<Vec<OrderView>, Problem> {
        Ok(self
            .read(move |conn, context| views::order_list(conn, context, &request))
            .await?)
    }

    async fn ticket_list(&self, request: TicketList) -> Result<Vec<TicketView>, Problem> {
        self.tickets_of(request).await
    }

    async fn ticket_fetch(&self, request: TicketFetch) -> Result<Option<TicketView>, Problem> {
        let TicketFetch { id, reader } = request;
        self.read_as_any(&reader, move |conn, _context, reader| {
            views::ticket_fetch(conn, id, reader)
        })
        .await
    }

    async fn sales_list(&self, request: SalesList) -> Result<Vec<EventSales>, Problem> {
        Ok(self
            .read(move |conn, context| list::sales_list(conn, &request, context.env.now()))
            .await?)
    }
}

#[async_trait]
impl SellerApi for Events {
    async fn goods_quote(&self, request: GoodsRef) -> Result<GoodsQuote, Problem> {
        let quote = self
            .read(move |conn, context| quote::goods_quote(conn, context, &request))
            .await?;
        let sources = self.goods_sources(&quote.manifest).await?;
        Ok(GoodsQuote { sources, ..quote })
    }

    async fn goods_deliver(&self, request: Delivery) -> Result<DeliveryOutcome, Problem> {
        Ok(self.deliver(request).await?)
    }

    async fn goods_return(&self, request: GoodsReturn) -> Result<Returned, Problem> {
        self.write(move |conn, context| take_back::goods_return(conn, context, &request))
            .await?;
        Ok(Returned {})
    }

    async fn goods_release(&self, request: GoodsRef) -> Result<Released, Problem> {
        let id = quote::order_of(&request).ok_or(EventsError::NotFound("order"))?;
        let withdraw = move |conn: &mut Conn, context: &Context| {
            order::order_withdraw(conn, context, id, "The buyer left the payment page.")
        };
        self.write(withdraw).await?;
        Ok(Released {})
    }
}
