//! What goes on beside the requests.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt;
use futures::future::BoxFuture;
use imajin_kernel::id::{CheckoutId, RailMessageId};
use imajin_kernel::{Code, Problem};
use imajin_ledger::{checkpoint_sign, tree_sign};
use imajin_pay_api::{CheckoutState, Delivery, DeliveryOutcome};
use imajin_rails::RailFee;
use imajin_store::outbox::{self, OutboxRow};
use imajin_store::{idempotency, mutation, nonce};
use tokio_util::sync::CancellationToken;

use crate::domain::balance::is_paid_here;
use crate::domain::checkout::{CloseOrder, RAIL_CLOSE};
use crate::domain::checkout_find;
use crate::domain::goods_back::GOODS_RETURN;
use crate::domain::message::{self, DELIVER, RELEASE};
use crate::domain::notices::NOTICE;
use crate::domain::payment;
use crate::domain::payout::RAIL_TRANSFER;
use crate::domain::refund::{RAIL_REFUND, checkout_refund};
use crate::domain::remit_in::REMIT_CONFIRM;
use crate::domain::remit_out::REMIT;
use crate::domain::settle_prepare::SettleWish;
use crate::domain::visa::VISA_REDEEM;
use crate::lanes::Lane;
use crate::rows::CheckoutRow;
use crate::{Pay, PayError, Step};

/// Items that are taken from the outbox at a time.
const ITEMS: i64 = 256;
/// Deliveries under way at once.
const CONCURRENT: usize = 64;
/// Messages that rails are asked about at once.
const MESSAGES_CONCURRENT: usize = 8;
/// Items that have arrived are forgotten after this time.
const OUTBOX_KEPT: imajin_kernel::Span = imajin_kernel::Span::days(7);
/// Ledger heads are signed every so many sweeps.
const SWEEPS_PER_CHECKPOINT: u32 = 60;

pub(crate) async fn sweeps_run(pay: &Pay, stop: &CancellationToken) {
    let mut sweeps: u32 = 0;
    match pay.shares_backfill().await {
        Ok(0) => {}
        Ok(written) => tracing::info!(written, "shares from before their table was there wait now"),
        Err(error) => tracing::error!(%error, "shares from before their table was there could not be written down"),
    }
    loop {
        if let Err(problem) = pay.sweep().await {
            tracing::warn!(%problem, "what has expired could not be ended");
        }
        if sweeps.is_multiple_of(SWEEPS_PER_CHECKPOINT) {
            pay.housekeeping().await;
            if let Err(problem) = pay.payouts_batch().await {
                tracing::warn!(%problem, "payouts that are due could not be looked for");
            }
            if let Err(problem) = pay.remittances_batch().await {
                tracing::warn!(%problem, "what people of other nodes have here could not be sent to them");
            }
        }
        sweeps = sweeps.wrapping_add(1);
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(pay.context.config.sweep_every.to_std()) => {}
        }
    }
    // Signed heads on the way out: a tail cut off while the node is down shows.
    pay.housekeeping().await;
}

/// Compares the rails with the ledger, beside everything else: a rail that is slow holds nothing up.
pub(crate) async fn reconcile_run(pay: &Pay, stop: &CancellationToken) {
    let pause = pay
        .context
        .config
        .sweep_every
        .to_std()
        .saturating_mul(SWEEPS_PER_CHECKPOINT);
    let compare = async {
        loop {
            pay.reconcile_tick().await;
            tokio::time::sleep(pause).await;
        }
    };
    // Each step is a transaction of its own: what is cut off goes on after the next start.
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = compare => {}
    }
}

impl Pay {
    /// Does everything that is due: processes stored messages, delivers, settles, refunds. Returns how many items of
    /// the outbox were handled. The background calls it, again and again; a test calls it when it wants to.
    ///
    /// # Errors
    /// When the database does not answer. What fails for one payment is retried, and is no error here.
    pub async fn drive(&self) -> Result<usize, Problem> {
        self.messages_process().await?;
        self.items_drive(Lane::ALL.into_iter().flat_map(Lane::topics).copied().collect())
            .await
    }

    pub(crate) async fn items_drive(&self, topics: Vec<&'static str>) -> Result<usize, Problem> {
        let mut seen = HashSet::new();
        loop {
            let (now, topics) = (self.context.now(), topics.clone());
            let due = self
                .read(move |conn, context| Ok(outbox::due_intact(conn, &context.sealer, &topics, now, ITEMS)?))
                .await?;
            for id in due.damaged {
                self.damaged_tell("outbox", id.as_str(), &"it was changed outside the node");
            }
            let mut due = due.items;
            // Each item is done or put back to later. One that could not even be put back is left for another time.
            due.retain(|item| seen.insert(item.id));
            if due.is_empty() {
                return Ok(seen.len());
            }
            let (redeem, due): (Vec<_>, Vec<_>) = due.into_iter().partition(|item| item.topic == VISA_REDEEM);
            // A broker that is slow holds no delivery up.
            let others: BoxFuture<'_, ()> = Box::pin(self.items_handle(due));
            let redeemed: BoxFuture<'_, ()> = Box::pin(self.visas_redeem(redeem));
            futures::future::join(others, redeemed).await;
        }
    }

    async fn items_handle(&self, items: Vec<OutboxRow>) {
        futures::stream::iter(items)
            .for_each_concurrent(CONCURRENT, |item| self.item_handle(item))
            .await;
    }

    /// Goes through all stored messages, page by page: however many wait, those that came after them have their turn.
    pub(crate) async fn messages_process(&self) -> Result<usize, Problem> {
        let now = self.context.now();
        let done = AtomicUsize::new(0);
        let mut after = RailMessageId::from_bytes([0; 16]);
        loop {
            let ids = self
                .read(move |conn, _context| message::unprocessed_list(conn, after, ITEMS))
                .await?;
            let Some(last) = ids.last() else {
                return Ok(done.into_inner());
            };
            after = *last;
            let due = ids.into_iter().filter(|id| self.later.is_due(*id, now));
            futures::stream::iter(due)
                .for_each_concurrent(MESSAGES_CONCURRENT, async |id| {
                    if self.message_try(id).await {
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                })
                .await;
        }
    }

    async fn message_try(&self, id: RailMessageId) -> bool {
        let now = self.context.now();
        let processed = self.message_process(id).await;
        match &processed {
            Ok(true) => {
                self.later.forget(id);
                tracing::info!(message = %id, "a stored message was processed");
            }
            Ok(false) => self.later.put_back(id, now),
            Err(error) => {
                self.later.put_back(id, now);
                tracing::error!(message = %id, %error, "a stored message could not be processed");
            }
        }
        processed.unwrap_or(false)
    }

    pub(crate) async fn item_handle(&self, item: OutboxRow) {
        if self.context.config.interrupt.at(Step::MessageProcessed).is_err() {
            return;
        }
        let handled = match item.topic.as_str() {
            DELIVER => self.deliver(&item).await,
            RELEASE => self.release(&item).await,
            RAIL_REFUND => self.refund(&item).await,
            GOODS_RETURN => self.goods_return(&item).await,
            RAIL_TRANSFER => self.transfer_send(&item).await.map_err(Handling::from),
            RAIL_CLOSE => self.rail_close(&item).await,
            NOTICE => self.news_tell(&item).await,
            REMIT => self.remit(&item).await,
            REMIT_CONFIRM => self.remit_confirm(&item).await,
            _ => Err(Handling::Failed(Problem::internal())),
        };
        self.ended.notify_waiters();
        let reason = match handled {
            Ok(()) | Err(Handling::Cut) => return,
            Err(Handling::Waits(reason)) => reason.to_owned(),
            Err(Handling::Failed(problem)) => {
                tracing::warn!(item = %item.id, topic = item.topic, key = item.key, %problem, "will be tried again");
                problem.detail
            }
        };
        self.item_put_back(&item, reason).await;
    }

    /// Puts an item back to later.
    pub(crate) async fn item_put_back(&self, item: &OutboxRow, reason: String) {
        let id = item.id;
        let retried =
            self.write(move |conn, context| Ok(outbox::retry(conn, &context.sealer, &id, context.now(), &reason)?));
        if let Err(error) = retried.await {
            tracing::warn!(item = %id, %error, "could not be put back");
        }
    }

    /// Notes that nothing is left to do about an item.
    pub(crate) async fn item_done(&self, item: &OutboxRow) -> Result<(), Handling> {
        let id = item.id;
        let done = self.write(move |conn, context| Ok(outbox::done(conn, &context.sealer, &id, context.now())?));
        Ok(done.await?)
    }

    /// Asks the seller to hand the goods over, and books what follows from the answer.
    async fn deliver(&self, item: &OutboxRow) -> Result<(), Handling> {
        let interrupt = &self.context.config.interrupt;
        interrupt.at(Step::DeliveryTaken).map_err(|_cut| Handling::Cut)?;
        let id = item
            .parse()
            .map_err(|error| PayError::Fault(format!("a delivery cannot be read: {error}")))?;
        let row = self.read(move |conn, context| checkout_find(conn, context, id)).await?;
        let row = row.ok_or(PayError::NotFound("checkout"))?;
        if row.state()? != CheckoutState::Paid {
            return self.item_done(item).await;
        }
        let broken = || PayError::damaged("checkouts", &id.to_string(), "it is paid, and has no receipt reserved");
        let delivery = Delivery {
            goods: row.goods(),
            checkout: id,
            receipt: row.receipt_id.ok_or_else(broken)?,
            payer: row.buyer()?,
            gross: row.price()?,
            paid_at: row.paid_at.unwrap_or(row.updated_at),
        };
        let outcome = match self.goods_hand_over(delivery).await {
            Ok(outcome) => outcome,
            Err(problem) if is_final(problem.code) => DeliveryOutcome::Refused { reason: problem.detail },
            Err(problem) => return Err(Handling::Failed(problem)),
        };
        interrupt.at(Step::DeliveryAnswered).map_err(|_cut| Handling::Cut)?;
        let item = item.id;
        match outcome {
            DeliveryOutcome::Delivered { references } => {
                self.fee_require(&row).await?;
                let wish = SettleWish {
                    checkout: id,
                    delivered: references,
                    measured: self.goods_measured(&row).await?,
                    item: Some(item),
                };
                self.settler.settle(wish).await.map_err(Handling::Failed)?;
                // What was told about the payment since may have waited for this.
                self.later.clear();
                interrupt.at(Step::Settled).map_err(|_cut| Handling::Cut)
            }
            DeliveryOutcome::Refused { reason } => {
                self.write(move |conn, context| checkout_refund(conn, context, id, &reason, item))
                    .await?;
                self.later.clear();
                interrupt.at(Step::RefundBooked).map_err(|_cut| Handling::Cut)
            }
        }
    }

    /// Before a payment is split, its rail must have said what it keeps. The goods are with the buyer already.
    async fn fee_require(&self, row: &CheckoutRow) -> Result<(), Handling> {
        if is_paid_here(&row.rail) {
            return Ok(());
        }
        let checkout = row.clone();
        let known = self.read(move |conn, context| payment::fee_of(conn, context, &checkout));
        if known.await? != RailFee::Unknown {
            return Ok(());
        }
        let reference = row.rail_reference.clone().unwrap_or_default();
        let asked = self
            .context
            .rail(&row.rail)?
            .fee(&reference)
            .await
            .map_err(PayError::from)?;
        let RailFee::Known(fee) = asked else {
            return Err(Handling::Waits("The rail has not said yet what it takes."));
        };
        let rail = row.rail.clone();
        let note = self.write(move |conn, context| payment::fee_note(conn, context, &rail, &reference, fee));
        note.await?;
        Ok(())
    }

    /// Splits the money of a paid checkout whose goods were handed over, and issues the receipt; once, however often
    /// it is asked. Answers when it is durable. Many callers share the work.
    ///
    /// # Errors
    /// When there is no such checkout, or it is not paid; the database's.
    pub async fn settle(&self, checkout: CheckoutId, delivered: Vec<String>) -> Result<(), Problem> {
        let wish = SettleWish {
            checkout,
            delivered,
            measured: None,
            item: None,
        };
        self.settler.settle(wish).await.map(drop)
    }

    /// Tells the seller that nobody pays for the goods any more. A seller that does not know them has nothing to free.
    async fn release(&self, item: &OutboxRow) -> Result<(), Handling> {
        let goods = item
            .parse()
            .map_err(|error| PayError::Fault(format!("a release cannot be read: {error}")))?;
        match self.goods_free(goods).await {
            Err(problem) if !is_final(problem.code) => return Err(Handling::Failed(problem)),
            Ok(()) | Err(_) => {}
        }
        self.item_done(item).await
    }

    /// Ends a checkout at its rail. A rail that is not configured any more cannot be asked.
    async fn rail_close(&self, item: &OutboxRow) -> Result<(), Handling> {
        let order: CloseOrder = item
            .parse()
            .map_err(|error| PayError::Fault(format!("a closing cannot be read: {error}")))?;
        if let Ok(rail) = self.context.rail(&order.rail) {
            rail.close(&order.reference).await.map_err(PayError::from)?;
        }
        self.item_done(item).await
    }

    /// Signs the heads of the chains, and forgets what has served its time. The background calls it.
    pub async fn housekeeping(&self) {
        let kept = self.write(|conn, context| {
            let now = context.now();
            checkpoint_sign(conn, &context.ledger, &context.keyring)?;
            while tree_sign(conn, &context.ledger, &context.keyring)? {}
            mutation::checkpoint(conn, &context.writer)?;
            nonce::purge(conn, now)?;
            idempotency::purge(conn, now)?;
            outbox::purge(conn, now.minus(OUTBOX_KEPT))?;
            Ok(())
        });
        if let Err(error) = kept.await {
            tracing::warn!(%error, "the heads of the chains were not signed");
        }
    }
}

/// Why an item is not done.
pub(crate) enum Handling {
    /// A test has cut the power: nothing more may be written.
    Cut,
    /// It is tried again later.
    Failed(Problem),
    /// Nothing is wrong; it is not time yet.
    Waits(&'static str),
}

impl From<PayError> for Handling {
    fn from(error: PayError) -> Self {
        Self::Failed(error.into())
    }
}

/// Whether a seller that answers so will never deliver: there is nothing to deliver, or not any more. Everything else
/// may pass, and a payment is not sent back because somebody was away.
pub(crate) const fn is_final(code: Code) -> bool {
    matches!(
        code,
        Code::NotFound | Code::Gone | Code::Conflict | Code::SoldOut | Code::HoldExpired
    )
}
