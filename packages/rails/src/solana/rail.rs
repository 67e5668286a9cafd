//! The rail: everything of this module behind [`Rail`], with its state in a [`SolanaStore`].

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use imajin_did::Keyring;
use imajin_kernel::id::CheckoutId;
use imajin_kernel::{Env, Span, Timestamp};
use imajin_money::{Amount, Money};
use tokio::sync::Mutex;

use super::keep::{RailMessage, SolanaStore};
use super::message::{Messages, events};
use super::{
    Address, Coin, EndpointAnswer, EndpointInfo, EndpointRequest, Form, Network, Payer, Payment, Payout, PayoutLimits,
    PayoutState, PlanInput, Priority, Report, Rpc, RpcError, Share, Shown, SolanaError, Standing, Wallet, Watch,
    Watched, endpoint_answer, reference, transaction_request_url, transfer_request_url,
};
use crate::solana_config::{SOLANA, SolanaConfig, SolanaSetupError};
use crate::{FactPage, Headers, Opened, Rail, RailCheckout, RailError, RailEvent, RailRefund, Refunded};

/// So many watches and so many payouts get on in one [`SolanaRail::tick`].
const PER_TICK: usize = 32;

/// The rail that takes USDC and SOL.
pub struct SolanaRail {
    config: SolanaConfig,
    network: Network,
    rpc: Rpc,
    keyring: Keyring,
    wallet: Wallet,
    messages: Messages,
    store: Arc<dyn SolanaStore>,
    env: Env,
    /// Payouts are made one after the other: each must know what the ones before have left of the limit. Several
    /// processes on one database pay nothing twice, and may together go above the limit by what they sign at once.
    paying: Mutex<()>,
}

/// What the payment page shows of a checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentView {
    /// For the wallet, as a link and as a QR code: the transaction that may split.
    pub transaction_url: String,
    /// For wallets that know plain transfers only: everything to the node.
    pub transfer_url: String,
    /// Split or not, and why not.
    pub form: Form,
    /// Whether something is on the chain that is not final yet.
    pub is_settling: bool,
    /// The watch, with what was found so far.
    pub watch: Watch,
}

/// What a tick has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ticked {
    /// How many watches and payouts got on.
    pub steps: usize,
    /// What was in the way of the others, each said once.
    pub problems: BTreeSet<String>,
}

impl SolanaRail {
    /// The rail of a configuration; asks nobody.
    ///
    /// # Errors
    /// [`SolanaSetupError::Setting`] when a setting cannot be right.
    pub fn new(
        config: SolanaConfig,
        keyring: Keyring,
        wallet: Wallet,
        store: Arc<dyn SolanaStore>,
        env: Env,
    ) -> Result<Self, SolanaSetupError> {
        let wrong = |text: String| SolanaSetupError::Setting(text);
        let network = Network::of_config(&config)?;
        for limit in &config.payout_limits {
            let asset = limit.per_transaction.asset;
            let fits = network.coin(asset).is_ok() && limit.per_day.asset == asset;
            if !fits {
                return Err(wrong(format!(
                    "`rails.solana.payout_limits`: {asset} is no coin of this network"
                )));
            }
        }
        let rpc = Rpc::new(config.rpc_address()?).map_err(|error| wrong(error.to_string()))?;
        Ok(Self {
            messages: Messages::new(&keyring, env.clone()),
            config,
            network,
            rpc,
            keyring,
            wallet,
            store,
            env,
            paying: Mutex::new(()),
        })
    }

    /// Where the node is paid.
    pub fn address(&self) -> Address {
        self.wallet.address()
    }

    /// The network, with the tokens to show.
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// Asks the RPC server which chain it is on.
    ///
    /// # Errors
    /// [`RailError::Refused`] on another chain than the configured one; [`RailError::Unavailable`].
    pub async fn chain_check(&self) -> Result<(), RailError> {
        let genesis = self.rpc.genesis().await.map_err(SolanaError::from)?;
        Ok(self.network.genesis_check(&genesis)?)
    }

    /// Opens a checkout whose payees are paid on the chain as far as they can be. The shares sum to the price.
    ///
    /// # Errors
    /// [`RailError::Refused`] for what cannot be paid here; [`RailError::Unavailable`].
    pub async fn open_split(&self, checkout: &RailCheckout, shares: &[Share]) -> Result<Opened, RailError> {
        // A payment on another chain would be worth something else.
        self.chain_check().await?;
        let coin = self.network.coin(checkout.price.asset)?;
        let payable = shares.iter().filter(|share| !share.held);
        let owners: BTreeSet<Address> = payable
            .filter_map(|share| share.address)
            .chain([self.address()])
            .collect();
        // More than fit a transaction are not paid on the chain anyway: only the node's own account matters then.
        let asked: Vec<Address> = if owners.len() > super::PAYEES_MAX.saturating_add(1) {
            vec![self.address()]
        } else {
            owners.into_iter().collect()
        };
        let holdings = self.rpc.holdings(&coin, &asked).await?;
        let input = PlanInput {
            checkout: checkout.id,
            reference: reference(&self.keyring, checkout.id),
            coin,
            gross: checkout.price.amount,
            shares,
            node: self.address(),
            priority: self.priority(),
            standing: &|account| {
                holdings
                    .get(account)
                    .map_or(Standing::Missing, |holding| holding.standing)
            },
        };
        let payment = Payment::plan(&input)?;
        let watch = Watch::new(payment, checkout.expires_at, self.env.now());
        let opened = Opened {
            url: format!("{}/checkout/{}", self.config.pay_url, checkout.id),
            reference: Some(watch.payment.reference.to_string()),
        };
        if self.store.watch_fetch(checkout.id).await?.is_none() {
            self.store.watch_save(&watch, &[]).await?;
        }
        Ok(opened)
    }

    /// What the payment page shows.
    ///
    /// # Errors
    /// [`RailError::Refused`] for a checkout of another rail; the store's own.
    pub async fn payment_view(&self, checkout: CheckoutId, message: &str) -> Result<PaymentView, RailError> {
        let watch = self.watch(checkout).await?;
        let shown = Shown {
            label: &self.config.label,
            message,
        };
        Ok(PaymentView {
            transaction_url: transaction_request_url(&format!("{}/solana/{checkout}", self.config.pay_url)),
            transfer_url: transfer_request_url(&watch.payment, &shown),
            form: watch.payment.form,
            is_settling: watch.is_settling(),
            watch,
        })
    }

    /// What `GET <pay>/solana/<checkout>` answers a wallet.
    pub fn endpoint_info(&self) -> EndpointInfo {
        EndpointInfo {
            label: self.config.label.clone(),
            icon: self.config.icon_url.clone(),
        }
    }

    /// What `POST <pay>/solana/<checkout>` answers a wallet.
    ///
    /// # Errors
    /// [`RailError::Refused`] when it is paid or has ended, or the account cannot sign; [`RailError::Unavailable`].
    pub async fn endpoint_answer(
        &self,
        checkout: CheckoutId,
        request: &EndpointRequest,
        message: &str,
    ) -> Result<EndpointAnswer, RailError> {
        let watch = self.watch(checkout).await?;
        let refused = |text: &str| Err(RailError::Refused(text.to_owned()));
        if watch.paid_by.is_some() || watch.is_settling() {
            return refused("this checkout is being paid already");
        }
        if self.env.now() > watch.expires_at {
            return refused("the time to pay for this checkout has passed: start again at the seller");
        }
        let recent = self.rpc.recent().await.map_err(SolanaError::from)?;
        Ok(endpoint_answer(&watch.payment, request, &recent.blockhash, message)?)
    }

    /// Orders a payout; it is made by [`SolanaRail::tick`]. The same key is the same payout, for ever.
    ///
    /// # Errors
    /// [`RailError::Refused`] when the key belongs to another payout, or the asset is none of this network.
    pub async fn payout(&self, key: &str, to: Address, money: Money) -> Result<Payout, RailError> {
        let coin = self.network.coin(money.asset)?;
        let new = Payout::new(key, to, coin, money.amount, self.env.now());
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

    /// Gets on with what is due: asks the chain about payments, and sends payouts. Called again and again.
    ///
    /// # Errors
    /// The store's own. What the chain or its server does not do is in the answer.
    pub async fn tick(&self) -> Result<Ticked, RailError> {
        let mut ticked = Ticked::default();
        for watch in self.store.watches_due(self.env.now(), PER_TICK).await? {
            let problem = self.watch_step(&watch).await?;
            let is_away = problem.as_ref().is_some_and(RpcError::is_away);
            ticked.count(problem.map(|error| error.to_string()));
            if is_away {
                // Every other question would wait as long for its answer.
                return Ok(ticked);
            }
        }
        let one_at_a_time = self.paying.lock().await;
        for payout in self.store.payouts_due(self.env.now(), PER_TICK).await? {
            let problem = self.payout_step(&payout).await?;
            let is_away = matches!(&problem, Some(SolanaError::Rpc(error)) if error.is_away());
            ticked.count(problem.map(|error| format!("payout {}: {error}", payout.key)));
            if is_away {
                break;
            }
        }
        drop(one_at_a_time);
        Ok(ticked)
    }

    async fn watch_step(&self, watch: &Watch) -> Result<Option<RpcError>, RailError> {
        let Watched {
            watch,
            reports,
            problem,
        } = watch.step(&self.rpc, self.env.now()).await;
        let mut messages = Vec::new();
        for report in reports {
            if let Report::Final(sighting) = report {
                for event in events(&self.network, &self.address(), &watch, &sighting) {
                    let body = self.messages.write(&event)?;
                    messages.push(RailMessage { event, body });
                }
            }
        }
        self.store.watch_save(&watch, &messages).await?;
        Ok(problem)
    }

    async fn payout_step(&self, payout: &Payout) -> Result<Option<SolanaError>, RailError> {
        let now = self.env.now();
        let others = self.store.payouts_signed(now.minus(Span::hours(24))).await?;
        let payer = Payer {
            keyring: &self.keyring,
            wallet: &self.wallet,
            limits: self.limits(&payout.coin),
            priority: self.priority(),
        };
        let stepped = payout.step(&self.rpc, &payer, &others, now).await;
        // When another process was faster, this step never was: nothing that it signed is stored, so nothing is sent.
        let _was_first = self.store.payout_save(Some(payout), &stepped.payout).await?;
        Ok(stepped.problem)
    }

    fn limits(&self, coin: &Coin) -> PayoutLimits {
        let limits = self.config.payout_limits.iter();
        let limit = limits.clone().find(|limit| limit.per_transaction.asset == coin.asset);
        PayoutLimits {
            per_transaction: limit.map_or(Amount::ZERO, |limit| limit.per_transaction.amount),
            per_day: limit.map_or(Amount::ZERO, |limit| limit.per_day.amount),
        }
    }

    const fn priority(&self) -> Priority {
        Priority {
            price_microlamports: self.config.price_microlamports,
            units_max: None,
        }
    }

    async fn watch(&self, checkout: CheckoutId) -> Result<Watch, RailError> {
        let watch = self.store.watch_fetch(checkout).await?;
        watch.ok_or_else(|| RailError::Refused("this checkout is not paid with Solana".to_owned()))
    }

    /// Who sent the node the money that goes back.
    async fn sender(&self, refund: &RailRefund) -> Result<Address, RailError> {
        let watch = self.watch(refund.checkout).await?;
        let coin = self.network.coin(refund.amount.asset)?;
        let landed = self.rpc.landed(&refund.reference).await.map_err(SolanaError::from)?;
        let landed = landed.ok_or_else(|| RailError::Unavailable("it does not know the payment now".to_owned()))?;
        let node = self.address();
        let moves = landed.moves.into_iter().filter(|moved| {
            moved.owner == node && moved.mint == coin.mint && moved.references.contains(&watch.payment.reference)
        });
        let senders: BTreeSet<Address> = moves.map(|moved| moved.from).collect();
        let only = |text: &str| RailError::Refused(text.to_owned());
        match (senders.len(), senders.first()) {
            (1, Some(sender)) => Ok(*sender),
            (0, _) => Err(only(
                "the payees received this payment themselves, and only they can send it back",
            )),
            _ => Err(only("several people sent this payment: send it back by hand")),
        }
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

    /// Everything goes to the node; [`SolanaRail::open_split`] pays the payees.
    async fn open(&self, checkout: &RailCheckout) -> Result<Opened, RailError> {
        let all = Share {
            did: self.keyring.node_did().clone(),
            amount: checkout.price.amount,
            address: None,
            held: false,
        };
        self.open_split(checkout, &[all]).await
    }

    fn verify(&self, message: &[u8], _headers: &Headers) -> Result<Option<RailEvent>, RailError> {
        self.messages.read(message).map(Some)
    }

    fn lists(&self) -> bool {
        true
    }

    async fn facts(&self, since: Timestamp, cursor: Option<&str>) -> Result<FactPage, RailError> {
        super::facts::facts_page(&*self.store, since, cursor).await
    }

    /// Sends money back to who sent it. Until that is final the answer is [`RailError::Unavailable`]: ask again.
    async fn refund(&self, refund: &RailRefund) -> Result<Refunded, RailError> {
        let key = format!("refund/{}", refund.key);
        let payout = match self.store.payout_fetch(&key).await? {
            Some(payout) => payout,
            None => self.payout(&key, self.sender(refund).await?, refund.amount).await?,
        };
        match payout.state {
            PayoutState::Paid { .. } => Ok(Refunded {
                reference: payout.signatures.last().cloned().unwrap_or_default(),
            }),
            PayoutState::Failed { why } => Err(RailError::Refused(why)),
            PayoutState::Planned | PayoutState::Signed { .. } => Err(RailError::Unavailable(
                "the money is on its way back and not final yet".to_owned(),
            )),
        }
    }
}

impl Ticked {
    fn count(&mut self, problem: Option<String>) {
        match problem {
            None => self.steps = self.steps.saturating_add(1),
            Some(text) => {
                self.problems.insert(text);
            }
        }
    }
}
