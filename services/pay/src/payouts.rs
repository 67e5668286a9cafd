//! Accounts of payees at a rail, and balances on their way there.

use std::collections::BTreeSet;
use std::sync::Arc;

use imajin_did::Did;
use imajin_kernel::id::PayoutId;
use imajin_ledger::{Owner, Purpose, account_list, accounts_above};
use imajin_money::{Amount, Asset, Money};
use imajin_rails::{Rail, RailError, RailPayee, RailTransfer};
use imajin_store::Conn;
use imajin_store::outbox::OutboxRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::context::Context;
use crate::domain::address::{AddressView, address_find, addressees};
use crate::domain::holds::MoneyRequest;
use crate::domain::payee::{bank_problem, payee_find, payee_keep, payee_note, payees_ready};
use crate::domain::payout::{self, TransferOrder};
use crate::domain::payout_list::{self, PayoutView};
use crate::domain::payout_parts::rests_until;
use crate::domain::promised::promised_units;
use crate::rows::PayeeRow;
use crate::{Pay, PayError};

/// Payees that are looked at in one go.
const PAYEES: i64 = 500;

/// An account at a rail as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PayeeView {
    /// The rail.
    pub(crate) rail: String,
    /// Its country.
    pub(crate) country: String,
    /// Whether it can be paid.
    pub(crate) ready: bool,
    /// Where it is completed; each request makes a new link, which works once and for some minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    /// What went wrong there last: the payee's bank did not take what the rail sent on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
}

impl PayeeView {
    fn of(row: &PayeeRow, url: Option<String>) -> Self {
        Self {
            rail: row.rail.clone(),
            country: row.country.clone(),
            ready: row.ready,
            url,
            problem: None,
        }
    }
}

impl Pay {
    /// The rail at which payees have accounts.
    fn rail_onboarding(&self) -> Result<&Arc<dyn Rail>, PayError> {
        let mut rails = self.context.rails.paying_out();
        rails.find(|rail| rail.onboards()).ok_or_else(nothing_pays)
    }

    /// The rail that sends an asset to payees.
    fn rail_paying(&self, asset: Asset) -> Result<&Arc<dyn Rail>, PayError> {
        let mut rails = self.context.rails.paying_out().peekable();
        if rails.peek().is_none() {
            return Err(nothing_pays());
        }
        rails.find(|rail| rail.takes(asset)).ok_or_else(|| PayError::NoRail {
            asset: asset.to_string(),
        })
    }

    /// Makes somebody's account at the rail, once, and a link where they complete it.
    pub(crate) async fn payee_onboard(
        &self,
        did: Did,
        country: String,
        return_path: &str,
        request: (imajin_web::Verified, Vec<u8>),
    ) -> Result<PayeeView, PayError> {
        let rail = Arc::clone(self.rail_onboarding()?);
        let (name, who) = (rail.name(), did.clone());
        let known = self
            .read(move |conn, context| payee_find(conn, context, name, &who))
            .await?;
        let account = if let Some(row) = known {
            row.account
        } else {
            let (did, country) = (did.clone(), country.clone());
            rail.payee_make(&RailPayee { did, country }).await?
        };
        let row = self
            .write(move |conn, context| {
                let row = payee_keep(conn, context, name, &did, &account, &country)?;
                context.signed_append(conn, &request.0, "payee.onboard", &row.account, &request.1)?;
                Ok(row)
            })
            .await?;
        let url = rail.payee_link(&row.account, return_path).await?;
        // They may have completed it long ago, and the message about that may have been lost.
        let ready = rail.payee_ready(&row.account).await?;
        let row = PayeeRow { ready, ..row };
        let account = row.account.clone();
        self.write(move |conn, context| payee_note(conn, context, name, &account, ready))
            .await?;
        Ok(PayeeView::of(&row, Some(url)))
    }

    /// Somebody's account at the rail.
    pub(crate) async fn payee_view(&self, did: Did) -> Result<Option<PayeeView>, PayError> {
        let Ok(rail) = self.rail_onboarding() else {
            return Ok(None);
        };
        let name = rail.name();
        let view = self.read(move |conn, context| {
            let Some(row) = payee_find(conn, context, name, &did)? else {
                return Ok(None);
            };
            let problem = bank_problem(conn, context, &row)?;
            Ok(Some(PayeeView {
                problem,
                ..PayeeView::of(&row, None)
            }))
        });
        view.await
    }

    /// Somebody's address on the chain.
    pub(crate) async fn address_view(&self, did: Did) -> Result<Option<AddressView>, PayError> {
        let row = self.read(move |conn, context| address_find(conn, context, &did));
        Ok(row.await?.as_ref().map(AddressView::of))
    }

    /// Sends the signer's balance on its way, once for each idempotency key.
    pub(crate) async fn payout(
        &self,
        request: MoneyRequest,
        wanted: Money,
        all: bool,
    ) -> Result<(PayoutView, bool), PayError> {
        let rail = Arc::clone(self.rail_paying(wanted.asset)?);
        let made = self
            .write(move |conn, context| {
                let owner = request.verified.did().clone();
                if let Some(body) = request.key.replayed(conn, context, &owner)? {
                    context.nonce_spend(conn, &request.verified)?;
                    let id: PayoutId = String::from_utf8_lossy(&body)
                        .parse()
                        .map_err(|_unreadable| PayError::Fault("a kept answer cannot be read".to_owned()))?;
                    return Ok((payout_list::payout_fetch(conn, context, id)?, true));
                }
                let amount = (!all).then_some(wanted);
                let view = payout::payout_make(conn, context, rail.as_ref(), &owner, wanted.asset, amount)?;
                let id = view.id.to_string();
                context.signed_append(conn, &request.verified, "payout.request", &id, &request.body)?;
                request.key.store(conn, context, &owner, 201, id.as_bytes())?;
                Ok((view, false))
            })
            .await?;
        self.wake.notify_one();
        Ok(made)
    }

    /// Somebody's payouts.
    pub(crate) async fn payouts_of(&self, did: Did) -> Result<Vec<PayoutView>, PayError> {
        self.read(move |conn, context| payout_list::payout_list(conn, context, &did))
            .await
    }

    /// Sends on its way what has come to at least the threshold, for everybody who can be paid.
    ///
    /// # Errors
    /// When the database does not answer; what fails for one payee is logged.
    pub async fn payouts_batch(&self) -> Result<usize, imajin_kernel::Problem> {
        let Some(threshold) = self.context.config.rails.payout_threshold else {
            return Ok(0);
        };
        let rails: Vec<Arc<dyn Rail>> = self.context.rails.paying_out().cloned().collect();
        let mut made: usize = 0;
        for rail in rails {
            made = made.saturating_add(self.payouts_batch_of(&rail, threshold).await?);
        }
        if made > 0 {
            self.wake.notify_one();
        }
        Ok(made)
    }

    async fn payouts_batch_of(&self, rail: &Arc<dyn Rail>, threshold: Amount) -> Result<usize, PayError> {
        let (name, pools) = (rail.name(), rail.pools());
        let (mut made, mut after): (usize, Option<String>) = (0, Some(String::new()));
        while let Some(from) = after.take() {
            let page = self.read(move |conn, context| payees_page(conn, context, (name, pools), threshold, &from));
            let (payees, next) = page.await?;
            after = next;
            for payee in payees {
                made = made.saturating_add(self.payee_pay(rail, payee, threshold).await);
            }
        }
        Ok(made)
    }

    /// Sends on its way what somebody has, as far as it is enough. What fails is logged.
    async fn payee_pay(&self, rail: &Arc<dyn Rail>, payee: Did, threshold: Amount) -> usize {
        // Whoever may not act at this node is not paid by itself either.
        if self.site.identities.caller_keys(&payee).await.is_err() {
            return 0;
        }
        let (rail, did) = (Arc::clone(rail), payee.clone());
        let sent = self
            .write(move |conn, context| payee_batch(conn, context, rail.as_ref(), &did, threshold))
            .await;
        sent.unwrap_or_else(|error| {
            tracing::warn!(%payee, %error, "a payout was not made");
            0
        })
    }

    /// Has the rail make a transfer.
    pub(crate) async fn transfer_send(&self, item: &OutboxRow) -> Result<(), PayError> {
        let order: TransferOrder = item
            .parse()
            .map_err(|error| PayError::Fault(format!("a transfer cannot be read: {error}")))?;
        let (payout, part) = (order.payout, order.part);
        let (payout, part) = self
            .read(move |conn, context| payout::part_find(conn, context, payout, part))
            .await?;
        let transfer = RailTransfer {
            key: item.id.to_string(),
            payout: payout.id.to_string(),
            account: payout.account.clone(),
            source: part.payment,
            amount: Money::new(
                Amount::from_micros(part.amount).map_err(|error| PayError::Fault(error.to_string()))?,
                payout.money()?.asset,
            ),
        };
        let made = match self.context.rail(&payout.rail)?.transfer(&transfer).await {
            Ok(reference) => Ok(reference),
            Err(RailError::Refused(problem)) => Err(problem),
            Err(error) => return Err(error.into()),
        };
        let item = item.id;
        let end = move |conn: &mut Conn, context: &Context| {
            payout::part_end(conn, context, &order, &made)?;
            Ok(imajin_store::outbox::done(conn, &context.sealer, &item, context.now())?)
        };
        self.write(end).await?;
        // That it came back may be told already.
        self.later.clear();
        Ok(())
    }
}

fn nothing_pays() -> PayError {
    PayError::State {
        detail: "Nothing at this node sends money to payees.".to_owned(),
        hint: "Ask the node's operator to set up a rail that does.",
    }
}

/// A threshold in the units of an asset: some are finer than a millionth.
fn threshold_of(threshold: Amount, asset: Asset) -> Amount {
    let finer = asset.scale().saturating_sub(6);
    let units = 10_i64.saturating_pow(finer).saturating_mul(threshold.micros());
    Amount::from_micros(units).unwrap_or(Amount::MAX)
}

/// Those of a page of payees who have enough of something, and where the next page begins.
fn payees_page(
    conn: &mut Conn,
    context: &Context,
    (rail, pools): (&str, bool),
    threshold: Amount,
    after: &str,
) -> Result<(BTreeSet<Did>, Option<String>), PayError> {
    let dids = if pools {
        addressees(conn, after, PAYEES)?
    } else {
        payees_ready(conn, rail, after, PAYEES)?
    };
    let owner = |did: &String| did.parse::<Did>().ok().map(|did| Owner::Did(did.canonical()));
    let owners: Vec<Owner> = dids.iter().filter_map(owner).collect();
    let least = threshold.micros().max(1);
    let above = accounts_above(conn, &context.sealer, &owners, Purpose::Available, least)?;
    let payees = above.into_iter().filter_map(|account| match account.key.owner {
        Owner::Did(did) => Some(did),
        Owner::Rail(_) | Owner::Node => None,
    });
    Ok((payees.collect(), dids.into_iter().next_back()))
}

fn payee_batch(
    conn: &mut Conn,
    context: &Context,
    rail: &dyn Rail,
    payee: &Did,
    threshold: Amount,
) -> Result<usize, PayError> {
    let accounts = account_list(conn, &context.sealer, &Owner::Did(payee.canonical()))?;
    let mut made: usize = 0;
    for account in accounts {
        let asset = account.key.asset;
        if account.key.purpose != Purpose::Available || !rail.takes(asset) {
            continue;
        }
        let debt = payout::balance(conn, context, payee, asset, Purpose::Debt)?;
        let promised = promised_units(conn, payee, asset)?;
        let left = account.balance_units.saturating_add(debt).saturating_sub(promised);
        let left = Amount::from_micros(left.max(0)).unwrap_or(Amount::ZERO);
        let payable = rail.payable(Money::new(left, asset));
        if payable.is_zero() || left < threshold_of(threshold, asset) {
            continue;
        }
        let rests_until = rests_until(conn, rail.name(), payee, asset)?;
        if rests_until.is_some_and(|until| until > context.now()) {
            continue;
        }
        payout::payout_make(conn, context, rail, payee, asset, None)?;
        made = made.saturating_add(1);
    }
    Ok(made)
}
