//! Stripe: Checkout, refunds, Connect.
//!
//! A message only says that something happened; what happened is read from Stripe by the object's identifier, with our
//! own key, before anything is booked. Every request that changes something has an idempotency key that follows from
//! what it is for, so that asking again after a lost answer does nothing twice. The API version is pinned.

mod client;
mod connect;
mod disputes;
mod facts;
mod money;
mod objects;
mod payments;
mod webhook;

use async_trait::async_trait;
use imajin_kernel::{Env, Timestamp};
use imajin_money::{Asset, Money};

use crate::config::StripeConfig;
use crate::{
    Confirmed, FactPage, Headers, Opened, Rail, RailBalance, RailCheckout, RailError, RailEvent, RailFee, RailHealth,
    RailPayee, RailRefund, RailSetupError, RailTransfer, Refunded, STRIPE,
};
use client::Client;
use webhook::Webhook;

/// The version of the API whose objects this crate reads.
pub const API_VERSION: &str = "2026-10-28.endive";

/// In the metadata of everything that belongs to a checkout.
const CHECKOUT_MEMBER: &str = "imajin_checkout";
/// In the metadata of a transfer: the payout that it is a part of.
const PAYOUT_MEMBER: &str = "imajin_payout";
/// In the metadata of a refund: what it was asked for with.
const REFUND_MEMBER: &str = "imajin_refund";

/// The rail that takes cards through Stripe.
pub struct StripeRail {
    client: Client,
    webhook: Webhook,
    env: Env,
    is_test: bool,
    node_url: String,
}

impl StripeRail {
    /// The rail of a configuration; asks nobody.
    ///
    /// # Errors
    /// [`RailSetupError`] when a setting cannot be right.
    pub fn new(config: &StripeConfig, env: Env) -> Result<Self, RailSetupError> {
        let is_test = config.check()?;
        Ok(Self {
            client: Client::new(config, env.clone())?,
            webhook: Webhook::new(&config.webhook_secrets, env.clone()),
            env,
            is_test,
            node_url: config.node_url.trim_end_matches('/').to_owned(),
        })
    }
}

#[async_trait]
impl Rail for StripeRail {
    fn name(&self) -> &'static str {
        STRIPE
    }

    fn is_test(&self) -> bool {
        self.is_test
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn takes(&self, asset: Asset) -> bool {
        self.is_test == asset.is_test() && money::is_currency(asset)
    }

    async fn open(&self, checkout: &RailCheckout) -> Result<Opened, RailError> {
        self.session_open(checkout).await
    }

    fn verify(&self, message: &[u8], headers: &Headers) -> Result<Option<RailEvent>, RailError> {
        let event = self.webhook.verify(message, headers)?;
        self.event_read(event)
    }

    async fn confirm(&self, event: RailEvent) -> Result<Option<Confirmed>, RailError> {
        self.event_confirm(event).await
    }

    async fn fee(&self, reference: &str) -> Result<RailFee, RailError> {
        self.fee_fetch(reference).await
    }

    async fn close(&self, reference: &str) -> Result<(), RailError> {
        self.session_close(reference).await
    }

    async fn refund(&self, refund: &RailRefund) -> Result<Refunded, RailError> {
        self.refund_make(refund).await
    }

    fn pays_out(&self) -> bool {
        true
    }

    fn payable(&self, money: Money) -> Money {
        money::payable(money)
    }

    async fn payee_make(&self, payee: &RailPayee) -> Result<String, RailError> {
        self.account_make(payee).await
    }

    async fn payee_link(&self, account: &str, return_path: &str) -> Result<String, RailError> {
        self.account_link(account, return_path).await
    }

    async fn payee_ready(&self, account: &str) -> Result<bool, RailError> {
        self.account_ready(account).await
    }

    async fn transfer(&self, transfer: &RailTransfer) -> Result<String, RailError> {
        self.transfer_make(transfer).await
    }

    fn lists(&self) -> bool {
        true
    }

    async fn facts(&self, since: Timestamp, cursor: Option<&str>) -> Result<FactPage, RailError> {
        self.facts_list(since, cursor).await
    }

    async fn balances(&self) -> Result<Option<Vec<RailBalance>>, RailError> {
        self.balance_fetch().await.map(Some)
    }

    fn health(&self) -> RailHealth {
        self.client.health()
    }

    async fn probe(&self) -> RailHealth {
        let _answer: Result<objects::Account, _> = self.client.get("account", &[]).await;
        self.client.health()
    }
}
