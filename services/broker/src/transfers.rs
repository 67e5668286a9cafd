//! Money that is passed on, over the domain and pay.

use imajin_did::Did;
use imajin_imagxp::broker::{TransferAsked, Transferred};
use imajin_kernel::Code;
use imajin_pay_api::PurseTransfer;

use crate::context::Change;
use crate::domain::transfer;
use crate::{Broker, BrokerError};

impl Broker {
    /// Passes money on. The same reference is the same transfer, whatever became of the answer.
    pub(crate) async fn transfer(&self, change: Change, asked: TransferAsked) -> Result<Transferred, BrokerError> {
        let (from, wanted) = (change.caller.verified()?.did().canonical(), asked.clone());
        let is_known = self
            .read(move |conn, context| transfer::transfer_check(conn, context, &from, &wanted))
            .await?;
        if !is_known {
            self.funds_require(change.caller.did(), asked.amount).await?;
        }
        let row = self
            .write(move |conn, context| transfer::transfer_begin(conn, context, &change, &asked))
            .await?;
        if row.booked_at.is_some() {
            return row.view();
        }
        let (reference, amount) = (row.reference.clone(), row.money()?);
        let moved = PurseTransfer {
            key: format!("{}/{reference}", row.from_did),
            from: row.from_did,
            to: row.to_did,
            amount,
            reference: format!("transfer {reference}"),
        };
        match self.purse.purse_transfer(moved).await {
            Ok(_moved) => {
                let booked = self
                    .write(move |conn, context| transfer::transfer_booked(conn, context, &reference))
                    .await?;
                booked.view()
            }
            Err(problem) if problem.code == Code::PaymentRequired => {
                self.write(move |conn, context| transfer::transfer_drop(conn, context, &reference))
                    .await?;
                Err(BrokerError::Short(amount))
            }
            Err(problem) => Err(problem.into()),
        }
    }

    /// A transfer, for its two sides.
    pub(crate) async fn transfer_find(&self, reference: String, reader: Did) -> Result<Transferred, BrokerError> {
        let row = self
            .read(move |conn, context| transfer::transfer_find(conn, context, &reference, &reader))
            .await?;
        row.view()
    }
}
