//! Payees: their accounts, and money on its way to them.
//!
//! A transfer names the payment that its money came with (`source_transaction`), so that it can leave before Stripe has
//! made that money available; all transfers out of one payment are at most what is left of it.

use imajin_kernel::Timestamp;

use super::client::Failed;
use super::money::{from_minor, to_minor};
use super::objects::{Account, AccountLink, Event, Transfer};
use super::payments::{found, segment, text};
use super::{PAYOUT_MEMBER, StripeRail};
use crate::{Confirmed, RailError, RailEvent, RailFee, RailOutcome, RailPayee, RailTransfer};

impl StripeRail {
    pub(super) async fn account_make(&self, payee: &RailPayee) -> Result<String, RailError> {
        let form = [
            ("country", payee.country.clone()),
            ("controller[fees][payer]", "application".to_owned()),
            ("controller[losses][payments]", "application".to_owned()),
            ("controller[stripe_dashboard][type]", "express".to_owned()),
            ("capabilities[transfers][requested]", "true".to_owned()),
            ("metadata[imajin_did]", payee.did.to_string()),
        ];
        let key = format!("account/{}/{}", payee.did, payee.country);
        let account: Account = self.client.post("accounts", &form, &key).await?;
        Ok(account.id)
    }

    pub(super) async fn account_link(&self, account: &str, return_path: &str) -> Result<String, RailError> {
        let back = format!("{}{return_path}", self.node_url);
        let form = [
            ("account", account.to_owned()),
            ("type", "account_onboarding".to_owned()),
            ("refresh_url", back.clone()),
            ("return_url", back),
        ];
        // A link is used once: each request makes a new one.
        let key = format!("link/{}", hex::encode(self.env.random_bytes::<16>()));
        let link: AccountLink = self.client.post("account_links", &form, &key).await?;
        Ok(link.url)
    }

    pub(super) async fn account_ready(&self, account: &str) -> Result<bool, RailError> {
        let path = format!("accounts/{}", segment(account)?);
        let account = found(self.client.get::<Account>(&path, &[]).await)?;
        Ok(account.is_some_and(|account| {
            let transfers = account.capabilities.get("transfers").map(String::as_str);
            account.payouts_enabled && transfers == Some("active")
        }))
    }

    pub(super) fn payee_event(&self, event: &Event, account: &str) -> Result<RailEvent, RailError> {
        Ok(RailEvent {
            id: event.id.clone(),
            checkout: None,
            outcome: RailOutcome::PayeeChanged,
            amount: from_minor(0, "usd", self.is_test)?,
            reference: account.to_owned(),
            time: Timestamp::from_seconds(event.created),
        })
    }

    /// The payee's bank did not take what Stripe sent there.
    pub(super) fn bank_event(&self, event: &Event, account: &str) -> Result<RailEvent, RailError> {
        let object = &event.data.object;
        let amount = object.get("amount").and_then(serde_json::Value::as_i64);
        Ok(RailEvent {
            outcome: RailOutcome::PayoutFailed,
            amount: from_minor(amount.unwrap_or_default(), text(object, "currency"), self.is_test)?,
            ..self.payee_event(event, account)?
        })
    }

    pub(super) async fn payee_confirm(&self, event: RailEvent) -> Result<Option<Confirmed>, RailError> {
        let ready = self.account_ready(&event.reference).await?;
        Ok(Some(Confirmed {
            payee_ready: Some(ready),
            ..Confirmed::plain(event, RailFee::Free)
        }))
    }

    pub(super) async fn transfer_confirm(&self, event: RailEvent) -> Result<Option<Confirmed>, RailError> {
        let path = format!("transfers/{}", segment(&event.reference)?);
        let Some(transfer) = found(self.client.get::<Transfer>(&path, &[]).await)? else {
            return Ok(None);
        };
        let amount = from_minor(transfer.amount_reversed, &transfer.currency, self.is_test)?;
        let event = RailEvent { amount, ..event };
        Ok(Some(Confirmed::plain(event, RailFee::Free)))
    }

    pub(super) async fn transfer_make(&self, transfer: &RailTransfer) -> Result<String, RailError> {
        let (amount, currency) = to_minor(transfer.amount)?;
        // Stripe forgets keys after a day or more, and a part of a payment could be sent twice then: it is asked first.
        if let Some(made) = self.transfer_find(transfer).await? {
            return Ok(made.id);
        }
        let intent = self.intent_fetch(&transfer.source).await?;
        let charge = intent.and_then(|intent| intent.latest_charge?.object().cloned());
        let charge = charge.ok_or_else(|| RailError::Refused(format!("there is no payment {}", transfer.source)))?;
        let settled = charge.balance_transaction.as_ref().and_then(|balance| balance.object());
        if let Some(settled) = settled.filter(|settled| settled.currency != currency) {
            let problem = format!(
                "Stripe has put the payment {} into the node's balance in {}, and sends on no {} from it: give the \
                 account a bank account in that currency",
                transfer.source, settled.currency, currency
            );
            return Err(RailError::Refused(problem));
        }
        let form = [
            ("amount", amount.to_string()),
            ("currency", currency),
            ("destination", transfer.account.clone()),
            ("source_transaction", charge.id),
            ("transfer_group", transfer.payout.clone()),
            ("metadata[imajin_payout]", transfer.key.clone()),
        ];
        let key = format!("transfer/{}", transfer.key);
        let made: Result<Transfer, Failed> = self.client.post("transfers", &form, &key).await;
        match made {
            Ok(made) => Ok(made.id),
            // Perhaps it was this one, sent a moment ago by a request whose answer was lost.
            Err(refused @ Failed::Refused { .. }) => {
                let found = self.transfer_find(transfer).await?;
                found.map(|made| made.id).ok_or_else(|| refused.into())
            }
            Err(failed) => Err(failed.into()),
        }
    }

    /// The transfer, if it was made before.
    async fn transfer_find(&self, transfer: &RailTransfer) -> Result<Option<Transfer>, RailError> {
        let query = [("transfer_group", transfer.payout.clone())];
        let ours = |made: &Transfer| made.metadata.get(PAYOUT_MEMBER) == Some(&transfer.key);
        self.client.find("transfers", &query, |made| &made.id, ours).await
    }
}
