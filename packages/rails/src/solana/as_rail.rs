//! Everything that every rail does: messages, refunds, payouts, how it is.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use async_trait::async_trait;
use imajin_kernel::{Span, Timestamp};
use imajin_money::{Amount, Asset, Money};

use super::payout::REFUND_PREFIX;
use super::{Address, Coin, Payout, PayoutLimits, PayoutState, Share, SolanaError, SolanaRail, history};
use crate::{
    FactPage, Headers, Opened, PayoutLimit, Rail, RailBalance, RailCheckout, RailError, RailEvent, RailHealth,
    RailRefund, RailShare, RailTransfer, Refunded, SOLANA,
};

/// With less SOL than this (lamports) the wallet cannot pay fees and make accounts for long.
const LAMPORTS_LOW: u64 = 10_000_000;

/// How often a refund that has failed is made again, and the longest that is waited before: an hour after the first
/// time, and twice as long after each further one.
const REFUND_ATTEMPTS_MAX: u32 = 10;
const REFUND_AGAIN_AFTER: Span = Span::days(7);

impl SolanaRail {
    /// Orders a payout; it is made by [`SolanaRail::tick`]. The same key is the same payout, for ever.
    ///
    /// # Errors
    /// [`RailError::Refused`] when the key belongs to another payout, or the asset is none of this network.
    pub async fn payout(&self, key: &str, to: Address, money: Money) -> Result<Payout, RailError> {
        self.payout_into(key, to, None, money).await
    }

    /// The same, into this account and no other, if one is named.
    async fn payout_into(
        &self,
        key: &str,
        to: Address,
        account: Option<Address>,
        money: Money,
    ) -> Result<Payout, RailError> {
        let coin = self.network.coin(money.asset)?;
        let new = Payout {
            account,
            ..Payout::new(key, to, coin, money.amount, self.env.now())
        };
        if self.store.payout_save(None, &new).await? {
            return Ok(new);
        }
        let known = self.store.payout_fetch(key).await?;
        let known = known.ok_or_else(|| RailError::Unavailable("the payout has disappeared".to_owned()))?;
        if (known.to, known.coin, known.amount) != (to, coin, money.amount) {
            return Err(RailError::Refused("this key belongs to another payout".to_owned()));
        }
        Ok(known)
    }

    /// Orders a payout, or asks how it does: its transaction once it is final. Until then the answer is
    /// [`RailError::Unavailable`]: ask again.
    async fn payout_done(&self, key: &str, to: Address, money: Money) -> Result<String, RailError> {
        payout_answer(self.payout(key, to, money).await?)
    }

    /// The key of the attempt at a refund that counts now. One that has failed is made again after a while, for who
    /// still asks: under its own key it has failed for ever.
    async fn refund_key(&self, refund: &RailRefund) -> Result<(String, Option<Payout>), RailError> {
        let (mut key, mut known) = (format!("{REFUND_PREFIX}{}", refund.key), None);
        for attempt in 0..REFUND_ATTEMPTS_MAX {
            if attempt > 0 {
                key = format!("{REFUND_PREFIX}{}/{attempt}", refund.key);
            }
            let Some(payout) = self.store.payout_fetch(&key).await? else {
                return Ok((key, known));
            };
            let rest = REFUND_AGAIN_AFTER.min(Span::hours(1_i64 << attempt.min(10)));
            let is_past =
                matches!(payout.state, PayoutState::Failed { .. }) && payout.next_at.plus(rest) <= self.env.now();
            if !is_past {
                return Ok((key, Some(payout)));
            }
            known = Some(payout);
        }
        Ok((key, known))
    }

    pub(super) fn limits(&self, coin: &Coin) -> PayoutLimits {
        let limits = self.config.payout_limits.iter();
        let limit = limits.clone().find(|limit| limit.per_transaction.asset == coin.asset);
        let amount = |of: fn(&PayoutLimit) -> Money| limit.map_or(Amount::ZERO, |limit| of(limit).amount);
        PayoutLimits {
            per_transaction: amount(|limit| limit.per_transaction),
            per_day: amount(|limit| limit.per_day),
            payee_per_day: amount(|limit| limit.payee_per_day),
            refund_per_day: amount(|limit| limit.refund_per_day),
        }
    }

    /// Who sent the money that goes back: whoever made the transfers that carry the checkout's reference, to the node
    /// or to payees. How much goes back is for the caller to say.
    async fn sender(&self, refund: &RailRefund) -> Result<(Address, Option<Address>), RailError> {
        let watch = self.watch(refund.checkout).await?;
        let coin = self.network.coin(refund.amount.asset)?;
        let landed = self.rpc.landed(&refund.reference).await.map_err(SolanaError::from)?;
        let landed = landed.ok_or_else(|| RailError::Unavailable("it does not know the payment now".to_owned()))?;
        let moves = landed.moves.into_iter();
        let moves = moves.filter(|moved| moved.mint == coin.mint && moved.references == [watch.payment.reference]);
        // It goes back into the account that it came from: to make another one would cost the node more than a
        // stranger's cent is worth.
        let senders: BTreeSet<(Address, Option<Address>)> = moves.map(|moved| (moved.from, moved.source)).collect();
        let only = |text: &str| RailError::Refused(text.to_owned());
        match (senders.len(), senders.first()) {
            (1, Some(sender)) => Ok(*sender),
            (0, _) => Err(only("nobody sent anything for this checkout with this transaction")),
            _ => Err(only("several people sent this payment: send it back by hand")),
        }
    }

    /// What the operator has still to do, as far as the server says.
    async fn missing(&self) -> Result<Vec<String>, RailError> {
        let mut missing = Vec::new();
        if self.config.payout_limits.is_empty() {
            missing.push(
                "Nothing can leave the wallet, not even what has to go back: set `rails.solana.payout_limits`."
                    .to_owned(),
            );
        }
        if !self.config.pay_url.starts_with("https://") {
            missing.push("Wallets ask by https only: give the node a public https address.".to_owned());
        }
        let (servers, away) = self.rpc.away();
        if away > 0 {
            missing.push(format!(
                "{away} of {servers} RPC servers did not answer when they were asked last."
            ));
        }
        let sol = self.network.tokens().into_iter().find(|token| token.mint.is_none());
        if let Some(asset) = sol.and_then(|token| token.settles_as) {
            let coin = self.network.coin(asset)?;
            let held = self.rpc.holdings(&coin, &[self.address()]).await?;
            let lamports = held.get(&self.address()).map_or(0, |holding| holding.units);
            if lamports < LAMPORTS_LOW {
                missing.push(format!(
                    "The wallet {} has too little SOL for fees and for making accounts: send it 0.05 SOL.",
                    self.address()
                ));
            }
        }
        Ok(missing)
    }
}

/// How a payout does: its transaction once it is final.
fn payout_answer(payout: Payout) -> Result<String, RailError> {
    match payout.state {
        PayoutState::Paid { .. } => Ok(payout.signatures.last().cloned().unwrap_or_default()),
        PayoutState::Failed { why } => Err(RailError::Refused(why)),
        PayoutState::Planned | PayoutState::Signed { .. } => Err(RailError::Unavailable(
            "the money is on its way and not final yet".to_owned(),
        )),
    }
}

#[async_trait]
impl Rail for SolanaRail {
    fn name(&self) -> &'static str {
        SOLANA
    }

    fn is_test(&self) -> bool {
        self.network.is_test()
    }

    fn takes(&self, asset: Asset) -> bool {
        self.network.coin(asset).is_ok()
    }

    fn splits(&self) -> bool {
        true
    }

    /// Everything goes to the node; [`Rail::open_split`] pays the payees.
    async fn open(&self, checkout: &RailCheckout) -> Result<Opened, RailError> {
        let all = Share {
            did: self.keyring.node_did().clone(),
            amount: checkout.price.amount,
            address: None,
            held: false,
        };
        self.open_shares(checkout, &[all]).await
    }

    async fn open_split(&self, checkout: &RailCheckout, shares: &[RailShare]) -> Result<Opened, RailError> {
        let share = |share: &RailShare| Share {
            did: share.did.clone(),
            amount: share.amount,
            address: share.address.as_deref().and_then(|text| text.parse().ok()),
            held: share.held,
        };
        let shares: Vec<Share> = shares.iter().map(share).collect();
        self.open_shares(checkout, &shares).await
    }

    /// Wallets are given no transaction any more. What comes all the same is told, and is late.
    async fn close(&self, reference: &str) -> Result<(), RailError> {
        let checkout = reference.parse();
        let checkout = checkout.map_err(|_unreadable| RailError::Refused("there is no such checkout".to_owned()))?;
        let Some(before) = self.store.watch_fetch(checkout).await? else {
            return Ok(());
        };
        let mut after = before.clone();
        after.close(self.env.now());
        if after == before || self.store.watch_save(Some(&before), &after, &[]).await? {
            return Ok(());
        }
        Err(RailError::Unavailable(
            "the checkout has just changed: try again".to_owned(),
        ))
    }

    fn lists(&self) -> bool {
        true
    }

    async fn facts(&self, since: Timestamp, cursor: Option<&str>) -> Result<FactPage, RailError> {
        match cursor.and_then(history::place_of) {
            Some(place) => self.history_page(since, place?).await,
            None => super::facts::facts_page(&*self.store, since, cursor).await,
        }
    }

    /// What is in the wallet, by the chain.
    async fn balances(&self) -> Result<Option<Vec<RailBalance>>, RailError> {
        self.wallet_balances().await.map(Some)
    }

    fn verify(&self, message: &[u8], _headers: &Headers) -> Result<Option<RailEvent>, RailError> {
        self.messages.read(message).map(|(event, _direct)| Some(event))
    }

    /// Sends money back to who sent it. Until that is final the answer is [`RailError::Unavailable`]: ask again.
    async fn refund(&self, refund: &RailRefund) -> Result<Refunded, RailError> {
        let (key, known) = self.refund_key(refund).await?;
        let (to, account) = match known {
            Some(payout) => (payout.to, payout.account),
            None => self.sender(refund).await?,
        };
        let reference = payout_answer(self.payout_into(&key, to, account, refund.amount).await?)?;
        Ok(Refunded { reference })
    }

    fn pays_out(&self) -> bool {
        true
    }

    fn pools(&self) -> bool {
        true
    }

    fn payable(&self, money: Money) -> Money {
        let limit = self.network.coin(money.asset);
        let limit = limit.map_or(Amount::ZERO, |coin| self.limits(&coin).per_transaction);
        Money::new(money.amount.min(limit), money.asset)
    }

    async fn transfer(&self, transfer: &RailTransfer) -> Result<String, RailError> {
        let to = transfer.account.parse();
        let to: Address = to.map_err(|_unreadable| RailError::Refused("the payee's address is none".to_owned()))?;
        self.payout_done(&format!("transfer/{}", transfer.key), to, transfer.amount)
            .await
    }

    fn health(&self) -> RailHealth {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn probe(&self) -> RailHealth {
        let asked = async {
            self.chain_check().await?;
            self.missing().await
        };
        match asked.await {
            Ok(missing) => {
                self.health_note(None);
                self.health.lock().unwrap_or_else(PoisonError::into_inner).missing = missing;
            }
            Err(error) => self.health_note(Some(error.to_string())),
        }
        self.health()
    }
}
