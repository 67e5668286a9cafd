//! The rail: everything of this module behind [`Rail`], with its state in a [`SolanaStore`].

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};

use imajin_did::Keyring;
use imajin_kernel::id::CheckoutId;
use imajin_kernel::{Env, Span, Timestamp};
use tokio::sync::Mutex;

use super::keep::SolanaStore;
use super::message::events;
use super::{
    Address, EndpointAnswer, EndpointInfo, EndpointRequest, Form, Network, Payer, Payment, Payout, PlanInput, Priority,
    Recent, Report, Rpc, RpcError, Share, Shown, SolanaError, Standing, Wallet, Watch, Watched, endpoint_answer,
    reference, transaction_request_url, transfer_request_url,
};
use crate::solana_config::SolanaConfig;
use crate::{Opened, RailCheckout, RailError, RailHealth, RailMessage, RailSetupError, SolanaMessages};

/// So many watches and so many payouts get on in one [`SolanaRail::tick`].
const PER_TICK: usize = 32;
/// How old the block may be that a wallet's transaction is built on; it is good for a minute or more.
const RECENT_FOR: Span = Span::seconds(5);

/// The rail that takes USDC and SOL.
pub struct SolanaRail {
    pub(super) config: SolanaConfig,
    pub(super) network: Network,
    pub(super) rpc: Rpc,
    pub(super) keyring: Keyring,
    wallet: Wallet,
    pub(super) messages: SolanaMessages,
    pub(super) store: Arc<dyn SolanaStore>,
    pub(super) env: Env,
    /// Payouts are made one after the other: each must know what the ones before have left of the limit. Several
    /// processes on one database pay nothing twice, and may together go above the limit by what they sign at once.
    paying: Mutex<()>,
    /// Whether the server was asked which chain it is on, and it was the right one.
    chain_known: AtomicBool,
    /// The newest block, and when it was asked for: wallets that ask often do not make the node ask as often.
    recent: Mutex<Option<(Timestamp, Recent)>>,
    pub(super) health: StdMutex<RailHealth>,
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
    /// [`RailSetupError::Setting`] when a setting cannot be right.
    pub fn new(
        config: SolanaConfig,
        keyring: Keyring,
        wallet: Wallet,
        store: Arc<dyn SolanaStore>,
        env: Env,
    ) -> Result<Self, RailSetupError> {
        let wrong = |text: String| RailSetupError::Setting(text);
        let network = Network::of_config(&config)?;
        for limit in &config.payout_limits {
            let asset = limit.per_transaction.asset;
            let fits = network.coin(asset).is_ok()
                && [limit.per_day, limit.payee_per_day, limit.refund_per_day]
                    .iter()
                    .all(|part| part.asset == asset);
            if !fits {
                return Err(wrong(format!(
                    "`rails.solana.payout_limits`: {asset} is no coin of this network"
                )));
            }
        }
        let rpc = Rpc::new(config.rpc_addresses()?, config.rpc_agree).map_err(|error| wrong(error.to_string()))?;
        Ok(Self {
            messages: SolanaMessages::new(&keyring, env.clone()),
            config,
            network,
            rpc,
            keyring,
            wallet,
            store,
            env,
            paying: Mutex::new(()),
            chain_known: AtomicBool::new(false),
            recent: Mutex::new(None),
            health: StdMutex::new(RailHealth::default()),
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

    /// Asks an RPC server which chain it is on; another one is only used once it has said the same.
    ///
    /// # Errors
    /// [`RailError::Refused`] on another chain than the configured one; [`RailError::Unavailable`].
    pub async fn chain_check(&self) -> Result<(), RailError> {
        let genesis = self.rpc.genesis().await.map_err(SolanaError::from)?;
        self.network.genesis_check(&genesis)?;
        self.rpc.chain_expect(genesis);
        self.chain_known.store(true, Ordering::Release);
        Ok(())
    }

    /// Opens a checkout whose payees are paid on the chain as far as they can be. The shares sum to the price.
    ///
    /// # Errors
    /// [`RailError::Refused`] for what cannot be paid here; [`RailError::Unavailable`].
    pub async fn open_shares(&self, checkout: &RailCheckout, shares: &[Share]) -> Result<Opened, RailError> {
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
            reference: Some(checkout.id.to_string()),
        };
        // Opened before, it stays as it was.
        let _is_new = self.store.watch_save(None, &watch, &[]).await?;
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
        let recent = self.recent().await?;
        Ok(endpoint_answer(&watch.payment, request, &recent.blockhash, message)?)
    }

    /// Gets on with what is due: asks the chain about payments, and sends payouts. Called again and again.
    ///
    /// # Errors
    /// The store's own. What the chain or its server does not do is in the answer.
    pub async fn tick(&self) -> Result<Ticked, RailError> {
        let ticked = self.due_step().await?;
        if ticked.steps > 0 || !ticked.problems.is_empty() {
            self.health_note(ticked.problems.first().cloned());
        }
        Ok(ticked)
    }

    async fn due_step(&self) -> Result<Ticked, RailError> {
        let mut ticked = Ticked::default();
        let watches = self.store.watches_due(self.env.now(), PER_TICK).await?;
        let payouts = self.store.payouts_due(self.env.now(), PER_TICK).await?;
        if watches.is_empty() && payouts.is_empty() {
            return Ok(ticked);
        }
        // The setting may have been another one when they were stored.
        if !self.chain_known.load(Ordering::Acquire)
            && let Err(error) = self.chain_check().await
        {
            ticked.count(Some(error.to_string()));
            return Ok(ticked);
        }
        for watch in watches {
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
            watch: after,
            reports,
            problem,
        } = watch.step(&self.rpc, self.env.now()).await;
        let mut messages = Vec::new();
        for report in reports {
            if let Report::Final(sighting) = report {
                for (event, direct) in events(&self.network, &self.address(), &after, &sighting) {
                    let body = self.messages.write(&event, direct)?;
                    messages.push(RailMessage { event, body });
                }
            }
        }
        // When another process was faster, it has found the same.
        let _was_first = self.store.watch_save(Some(watch), &after, &messages).await?;
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
            account_min: self.config.account_min,
        };
        let stepped = payout.step(&self.rpc, &payer, &others, now).await;
        // When another process was faster, this step never was: nothing that it signed is stored, so nothing is sent.
        let _was_first = self.store.payout_save(Some(payout), &stepped.payout).await?;
        Ok(stepped.problem)
    }

    const fn priority(&self) -> Priority {
        Priority {
            price_microlamports: self.config.price_microlamports,
            units_max: None,
        }
    }

    /// A block that is new enough to build on.
    async fn recent(&self) -> Result<Recent, RailError> {
        let mut kept = self.recent.lock().await;
        let now = self.env.now();
        match *kept {
            Some((at, recent)) if now.since(at) < RECENT_FOR => Ok(recent),
            _ => {
                let recent = self.rpc.recent().await.map_err(SolanaError::from)?;
                *kept = Some((now, recent));
                Ok(recent)
            }
        }
    }

    pub(super) fn health_note(&self, problem: Option<String>) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        health.works = Some(problem.is_none());
        health.asked_at = Some(self.env.now());
        health.problem = problem;
    }

    pub(super) async fn watch(&self, checkout: CheckoutId) -> Result<Watch, RailError> {
        let watch = self.store.watch_fetch(checkout).await?;
        watch.ok_or_else(|| RailError::Refused("this checkout is not paid with Solana".to_owned()))
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
