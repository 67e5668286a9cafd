//! Redemptions, over the domain and pay.

use imajin_imagxp::broker::{REDEMPTIONS_MAX, RedemptionBatch, RedemptionList};
use imajin_kernel::Problem;
use imajin_pay_api::PurseCapture;

use crate::context::Change;
use crate::domain::redemption;
use crate::rows::{RedemptionRow, VisaRow};
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
        self.redemptions_credit().await?;
        let redemptions = self
            .read(move |conn, context| redemption::answers_again(conn, context, taken))
            .await?;
        Ok(RedemptionList { redemptions })
    }

    /// Pays what nobody has objected to in time.
    pub(crate) async fn redemptions_credit(&self) -> Result<usize, Problem> {
        let due = self
            .read(|conn, context| redemption::redemptions_due(conn, context, BATCH))
            .await?;
        let mut credited: usize = 0;
        for (row, visa) in due {
            let id = row.id;
            match self.redemption_credit(row, &visa).await {
                Ok(()) => credited = credited.saturating_add(1),
                Err(error) => tracing::warn!(redemption = %id, %error, "a publisher was not paid"),
            }
        }
        if credited > 0 {
            self.wake.notify_one();
        }
        Ok(credited)
    }

    async fn redemption_credit(&self, row: RedemptionRow, visa: &VisaRow) -> Result<(), BrokerError> {
        let capture = PurseCapture {
            hold: visa.hold_id,
            key: row.id.to_string(),
            payee: row.node_did.clone(),
            amount: row.money()?,
            reference: format!("visa {} receipt {}", row.jti, row.receipt),
        };
        self.purse.purse_capture(capture).await?;
        self.write(move |conn, context| redemption::redemption_credited(conn, context, (row.jti, row.receipt.as_str())))
            .await
    }
}
