//! Redemptions, over the domain and pay.

use imajin_imagxp::broker::{REDEMPTIONS_MAX, RedemptionBatch, RedemptionList};
use imajin_kernel::Problem;
use imajin_pay_api::PurseCapture;

use crate::context::Change;
use crate::domain::redemption;
use crate::rows::{RedemptionRow, Standing, VisaRow};
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

    /// Pays what nobody has objected to in time, or was right about, and gives the rest back.
    pub(crate) async fn redemptions_book(&self) -> Result<usize, Problem> {
        let due = self
            .read(|conn, context| redemption::redemptions_due(conn, context, BATCH))
            .await?;
        let mut booked: usize = 0;
        for (row, visa) in due {
            let id = row.id;
            match self.redemption_book(row, &visa).await {
                Ok(()) => booked = booked.saturating_add(1),
                Err(error) => tracing::warn!(redemption = %id, %error, "a redemption was not booked"),
            }
        }
        if booked > 0 {
            self.wake.notify_one();
        }
        Ok(booked)
    }

    /// Pays the publisher, or the agent that was right. Either has the name of the redemption, so only one of them
    /// happens.
    async fn redemption_book(&self, row: RedemptionRow, visa: &VisaRow) -> Result<(), BrokerError> {
        let is_back = row.standing()? == Standing::Reversing;
        let (payee, why) = if is_back {
            (&visa.agent_did, "won dispute about visa")
        } else {
            (&row.node_did, "visa")
        };
        let capture = PurseCapture {
            hold: visa.hold_id,
            key: row.id.to_string(),
            payee: payee.clone(),
            amount: row.money()?,
            reference: format!("{why} {} receipt {}", row.jti, row.receipt),
        };
        self.purse.purse_capture(capture).await?;
        self.write(move |conn, context| redemption::redemption_booked(conn, context, (row.jti, row.receipt.as_str())))
            .await
    }
}
