//! Redemptions, over the domain and pay.

use imajin_imagxp::broker::{REDEMPTIONS_MAX, RedemptionBatch, RedemptionList};
use imajin_kernel::Problem;
use imajin_kernel::id::VisaId;
use imajin_pay_api::PurseCapture;

use crate::context::Change;
use crate::domain::redemption::{self, DueRedemption};
use crate::rows::Standing;
use crate::{Broker, BrokerError};

/// So many redemptions are paid in one go.
const BATCH: i64 = 100;

impl Broker {
    /// Takes a batch of a publisher, and answers how each of it stands.
    pub(crate) async fn redeem(&self, change: Change, batch: RedemptionBatch) -> Result<RedemptionList, BrokerError> {
        let batch = batch.redemptions;
        if batch.is_empty() || batch.len() > REDEMPTIONS_MAX {
            let problem = format!("must have 1 to {REDEMPTIONS_MAX} of them");
            return Err(BrokerError::invalid("redemptions", problem));
        }
        let node = change.caller.verified()?.did().canonical();
        let named = batch.clone();
        let publishers = self
            .read(move |conn, _context| redemption::publishers_of(conn, &named))
            .await?;
        let hosts = self.hosts_of(&node, publishers).await?;
        let taken = self
            .write(move |conn, context| redemption::batch_take(conn, context, &change, (&batch, &hosts)))
            .await?;
        // Where agents have no time to object, it is paid at once.
        self.redemptions_book().await?;
        let redemptions = self
            .read(move |conn, context| redemption::answers_again(conn, context, taken))
            .await?;
        Ok(RedemptionList { redemptions })
    }

    /// Pays what nobody has objected to in time, or was right about, and gives the rest back. What fails for one, a
    /// damaged row among them, holds no other up.
    pub(crate) async fn redemptions_book(&self) -> Result<usize, Problem> {
        let (mut booked, mut after): (usize, Option<DueRedemption>) = (0, None);
        loop {
            let from = after.take();
            let due = self
                .read(move |conn, context| redemption::redemptions_due(conn, context.now(), from, BATCH))
                .await?;
            after = due.last().cloned();
            for (_, jti, receipt) in due {
                match self.redemption_book(jti, receipt.clone()).await {
                    Ok(()) => booked = booked.saturating_add(1),
                    Err(error) => tracing::warn!(%jti, receipt, %error, "a redemption was not booked"),
                }
            }
            if after.is_none() {
                break;
            }
        }
        if booked > 0 {
            self.wake.notify_one();
        }
        Ok(booked)
    }

    /// Pays the publisher, or the agent that was right. Either has the name of the redemption, so only one of them
    /// happens.
    async fn redemption_book(&self, jti: VisaId, receipt: String) -> Result<(), BrokerError> {
        let (row, visa) = self
            .read(move |conn, context| redemption::redemption_find(conn, context, (jti, &receipt)))
            .await?;
        let is_back = row.standing()? == Standing::Reversing;
        let (payee, why) = if is_back {
            (visa.agent_did, "won dispute about visa")
        } else {
            (row.node_did.clone(), "visa")
        };
        let capture = PurseCapture {
            hold: visa.hold_id,
            key: row.id.to_string(),
            payee,
            amount: row.money()?,
            reference: format!("{why} {} receipt {}", row.jti, row.receipt),
        };
        self.purse.purse_capture(capture).await?;
        self.write(move |conn, context| redemption::redemption_booked(conn, context, (row.jti, row.receipt.as_str())))
            .await
    }
}
