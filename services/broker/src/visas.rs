//! Visas, over the domain and pay.

use imajin_did::Did;
use imajin_imagxp::broker::{VisaIssued, VisaOrder};
use imajin_imagxp::visa::VisaDraft;
use imajin_kernel::id::VisaId;
use imajin_kernel::{Code, Problem, Timestamp};
use imajin_money::Money;
use imajin_pay_api::{PurseBalances, PurseReserve, PurseReturn};

use crate::context::Change;
use crate::domain::visa::{self, Due};
use crate::rows::{VisaRow, VisaState};
use crate::{Broker, BrokerError};

/// So many visas are looked at in one go.
const BATCH: i64 = 100;

impl Broker {
    /// Sets the amount aside and signs the visa. The same request, by its idempotency key, gets a visa of the same
    /// name, and nothing is set aside twice.
    pub(crate) async fn visa_issue(
        &self,
        change: Change,
        (order, holder): (VisaOrder, String),
    ) -> Result<VisaIssued, BrokerError> {
        let agent = change.caller.name();
        let (asked, wanted) = (change.clone(), order.clone());
        let is_known = self
            .read(move |conn, context| visa::visa_check(conn, context, &asked, &wanted))
            .await?;
        if !is_known {
            self.funds_require(change.caller.did(), order.max_amount).await?;
        }
        let row = self
            .write(move |conn, context| visa::visa_begin(conn, context, &change, (&order, &holder)))
            .await?;
        let row = self.visa_reserve(row).await?;
        let key = self.signing_key().await?;
        let draft = VisaDraft {
            issuer: &self.context.issuer,
            publisher: &row.publisher,
            agent: &agent,
            holder: &row.holder,
            jti: row.jti.as_str(),
            now: row.created_at,
            lifetime: row.expires_at.since(row.created_at),
            max: row.max()?,
            uses: row.uses()?,
            purpose: row.purpose()?,
        };
        let token = draft.issue(&key);
        let token = token.map_err(|error| BrokerError::Fault(format!("a visa could not be signed: {error}")))?;
        Ok(VisaIssued::new(token))
    }

    /// Refuses who has less than that. Pay says so again when it moves the money; asked before, it keeps whoever has
    /// nothing from filling the tables with what they cannot pay.
    pub(crate) async fn funds_require(&self, owner: &Did, wanted: Money) -> Result<(), BrokerError> {
        let owner = owner.canonical();
        let balances = self.purse.purse_balances(PurseBalances { owner }).await?;
        let own = balances.iter().find(|balance| balance.asset == wanted.asset);
        if own.is_some_and(|own| own.amount >= wanted.amount) {
            return Ok(());
        }
        Err(BrokerError::Short(wanted))
    }

    /// Has pay set the amount aside, unless it has.
    async fn visa_reserve(&self, row: VisaRow) -> Result<VisaRow, BrokerError> {
        match row.state()? {
            VisaState::Reserving => {}
            VisaState::Refused => return Err(BrokerError::Short(row.max()?)),
            VisaState::Open | VisaState::Closing | VisaState::Closed => return Ok(row),
        }
        let (jti, max) = (row.jti, row.max()?);
        let reserve = PurseReserve {
            hold: row.hold_id,
            owner: row.agent_did,
            amount: max,
            reference: format!("visa {jti} for {}", row.publisher),
        };
        match self.purse.purse_reserve(reserve).await {
            Ok(_reserved) => {
                self.write(move |conn, context| visa::visa_opened(conn, context, jti))
                    .await
            }
            Err(problem) if is_refusal(problem.code) => {
                self.write(move |conn, context| visa::visa_refused(conn, context, jti))
                    .await?;
                Err(match problem.code {
                    Code::PaymentRequired => BrokerError::Short(max),
                    _ => problem.into(),
                })
            }
            Err(problem) => Err(problem.into()),
        }
    }

    /// Gives back what is left of visas whose time is over, and goes on with those whose agents got no answer. What
    /// fails for one holds no other up.
    pub(crate) async fn visas_close(&self) -> Result<usize, Problem> {
        let (mut closed, mut after): (usize, Option<(Timestamp, VisaId)>) = (0, None);
        loop {
            let due = self
                .read(move |conn, context| visa::visas_due(conn, context.now(), after, BATCH))
                .await?;
            after = due.last().copied();
            for (_, jti) in due {
                match self.visa_close(jti).await {
                    Ok(()) => closed = closed.saturating_add(1),
                    Err(BrokerError::Short(_)) => {}
                    Err(error) => {
                        tracing::warn!(%jti, %error, "what is left of a visa was not returned");
                        self.visa_put_back(jti).await;
                    }
                }
            }
            if after.is_none() {
                return Ok(closed);
            }
        }
    }

    async fn visa_put_back(&self, jti: VisaId) {
        let put_back = self.write(move |conn, context| visa::visa_put_back(conn, context, jti));
        if let Err(error) = put_back.await {
            tracing::warn!(%jti, %error, "a visa could not be put back");
        }
    }

    async fn visa_close(&self, jti: VisaId) -> Result<(), BrokerError> {
        let due = self
            .write(move |conn, context| visa::visa_close_begin(conn, context, jti))
            .await?;
        match due {
            Due::Nothing => Ok(()),
            Due::Resume(row) => self.visa_reserve(row).await.map(drop),
            Due::Return(row) => {
                let give_back = PurseReturn {
                    hold: row.hold_id,
                    reference: format!("rest of visa {jti}"),
                };
                let returned = self.purse.purse_return(give_back).await?.returned;
                self.write(move |conn, context| visa::visa_closed(conn, context, jti, returned))
                    .await
                    .map(drop)
            }
        }
    }
}

/// Whether pay says no for good: it will not set the amount aside, however often it is asked.
const fn is_refusal(code: Code) -> bool {
    matches!(
        code,
        Code::PaymentRequired | Code::Forbidden | Code::NotFound | Code::Gone | Code::Conflict | Code::InvalidRequest
    )
}
