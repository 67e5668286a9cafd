//! The rails of a node: which there are, and which of them take new payments.

use std::collections::BTreeMap;
use std::sync::Arc;

use imajin_kernel::Env;
use imajin_money::{Amount, Asset};
use imajin_rails::{Rail, RailSetupError, SandboxRail, SolanaConfig, SolanaDesk, StripeConfig, stripe_rail};

/// When the sandbox takes new payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SandboxUse {
    /// Unless a rail takes real money.
    #[default]
    Auto,
    /// Always: for tests and for development.
    On,
    /// Never.
    Off,
}

/// Which rails a node has.
#[derive(Debug, Clone, Default)]
pub struct RailsConfig {
    /// The sandbox.
    pub sandbox: SandboxUse,
    /// Stripe, if it is set up.
    pub stripe: Option<StripeConfig>,
    /// Solana, if it is set up.
    pub solana: Option<SolanaConfig>,
    /// Balances of at least this much, in any currency, are paid out by themselves to those who can be paid; without
    /// it, only when their owners ask.
    pub payout_threshold: Option<Amount>,
}

/// The rails by name, and the order in which they are offered.
#[derive(Clone)]
pub(crate) struct Rails {
    all: Arc<BTreeMap<&'static str, Arc<dyn Rail>>>,
    /// Those that take new payments, the preferred ones first.
    open: Arc<Vec<&'static str>>,
}

impl Rails {
    pub(crate) fn new(
        config: &RailsConfig,
        sandbox: Arc<SandboxRail>,
        solana: Option<Arc<dyn SolanaDesk>>,
        env: &Env,
    ) -> Result<Self, RailSetupError> {
        let mut all: BTreeMap<&'static str, Arc<dyn Rail>> = BTreeMap::new();
        let mut open = Vec::new();
        if let Some(solana) = solana {
            open.push(solana.name());
            all.insert(solana.name(), solana);
        }
        if let Some(stripe) = &config.stripe {
            let rail = stripe_rail(stripe, env.clone())?;
            open.push(rail.name());
            all.insert(rail.name(), rail);
        }
        let has_real = all.values().any(|rail| !rail.is_test());
        let sandbox_open = match config.sandbox {
            SandboxUse::Auto => !has_real,
            SandboxUse::On => true,
            SandboxUse::Off => false,
        };
        // What came through it earlier can go back even when it takes nothing new.
        if sandbox_open {
            open.push(sandbox.name());
        }
        all.insert(sandbox.name(), sandbox);
        Ok(Self {
            all: Arc::new(all),
            open: Arc::new(open),
        })
    }

    /// The same with further rails, which are preferred.
    pub(crate) fn with(self, more: Vec<Arc<dyn Rail>>) -> Self {
        if more.is_empty() {
            return self;
        }
        let (mut all, mut open) = (BTreeMap::clone(&self.all), Vec::clone(&self.open));
        open.splice(0..0, more.iter().map(|rail| rail.name()));
        all.extend(more.into_iter().map(|rail| (rail.name(), rail)));
        Self {
            all: Arc::new(all),
            open: Arc::new(open),
        }
    }

    /// A rail, also one that takes no new payments.
    pub(crate) fn get(&self, name: &str) -> Option<&Arc<dyn Rail>> {
        self.all.get(name)
    }

    /// All rails, by name.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<dyn Rail>> {
        self.all.values()
    }

    /// Whether a rail takes new payments.
    pub(crate) fn is_open(&self, name: &str) -> bool {
        self.open.contains(&name)
    }

    fn open(&self) -> impl Iterator<Item = &Arc<dyn Rail>> {
        self.open.iter().filter_map(|name| self.all.get(name))
    }

    /// The rails that send money to payees.
    pub(crate) fn paying_out(&self) -> impl Iterator<Item = &Arc<dyn Rail>> {
        self.open().filter(|rail| rail.pays_out())
    }

    /// The rail that takes an asset: test money never meets real money.
    pub(crate) fn taking(&self, asset: Asset) -> Option<&Arc<dyn Rail>> {
        self.open().find(|rail| rail.takes(asset))
    }
}
