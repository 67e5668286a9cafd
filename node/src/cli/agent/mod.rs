mod crawl;
mod deposit;
mod dispute;
mod fetch;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use imajin_agent::{Agent, AgentHome, Door, Purchase, PurchaseState};
use imajin_imagxp::Purpose;
use imajin_kernel::{Env, Problem};
use imajin_money::Money;
use serde::Serialize;
use serde_json::{Value, json};
use url::Url;

use super::output::table;
use super::{CommandError, Output};
use crate::data_dir::DataDir;
use crawl::CrawlArgs;
use deposit::DepositArgs;
use dispute::DisputeArgs;
use fetch::FetchArgs;

/// An agent that reads the web under its own name, and pays for what it reads.
#[derive(Debug, Subcommand)]
pub(super) enum AgentCommand {
    /// Make, show and change the agent's keys.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Print the manifest, which is to be published at `https://DOMAIN/.well-known/imagxp-agent.json`.
    Manifest(HomeArg),
    /// Print the directory of the agent's keys for Web Bot Auth, which is to be published at
    /// `https://DOMAIN/.well-known/http-message-signatures-directory`.
    Directory(HomeArg),
    /// Show the agent's account at a broker; opens it if need be.
    Account(AccountArgs),
    /// Put money into the agent's account at a broker, or show where to pay it in.
    Deposit(DepositArgs),
    /// Read a page, and pay for it if it costs no more than allowed.
    Fetch(FetchArgs),
    /// Read a site page by page, and pay within one budget. A crawl that was interrupted goes on.
    Crawl(CrawlArgs),
    /// Say what a page was worth that was paid for, or show how the dispute about it stands.
    Dispute(DisputeArgs),
    /// Show what was spent; say how much may be.
    Spend(SpendArgs),
}

/// The agent's keys.
#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Make an agent with its first key.
    New(NewArgs),
    /// Show the key that signs.
    Show(HomeArg),
    /// Make another key, which signs from here on. Publish the manifest again; the old keys stay in it until they are
    /// dropped.
    Rotate(HomeArg),
    /// Forget all keys but the one that signs. Publish the manifest again.
    Drop(HomeArg),
}

/// Which agent.
#[derive(Debug, Clone, Args)]
pub(super) struct HomeArg {
    /// The agent's folder.
    #[arg(long, env = "IMAJIN_AGENT", value_name = "DIR")]
    agent: Option<PathBuf>,
    /// A certificate (PEM) to trust besides the usual ones.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct NewArgs {
    #[command(flatten)]
    home: HomeArg,
    /// The domain that is the agent's name, and where its manifest will be.
    domain: String,
    /// Whom to write to about it.
    #[arg(long, value_name = "TEXT")]
    contact: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct AccountArgs {
    #[command(flatten)]
    home: HomeArg,
    /// The broker, as its visas name it: `https://broker.example/broker`.
    #[arg(long, value_name = "URL")]
    broker: Url,
}

#[derive(Debug, Args)]
pub(super) struct SpendArgs {
    #[command(flatten)]
    home: HomeArg,
    /// The most within any 24 hours, one for each currency.
    #[arg(long, value_name = "AMOUNT", value_parser = amount_parse)]
    per_day: Vec<Money>,
    /// The most in all, one for each currency.
    #[arg(long, value_name = "AMOUNT", value_parser = amount_parse)]
    total: Vec<Money>,
}

/// How the agent says who it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum As {
    /// With a claim of its own for each page, which names the purpose.
    #[default]
    Claim,
    /// With a signature by Web Bot Auth: publish what `imajin agent directory` prints.
    WebBotAuth,
}

impl From<As> for Door {
    fn from(choice: As) -> Self {
        match choice {
            As::Claim => Self::Claim,
            As::WebBotAuth => Self::WebBotAuth,
        }
    }
}

/// An amount; dollars, when no currency is named.
fn amount_parse(text: &str) -> Result<Money, String> {
    let full = if text.contains(' ') {
        text.to_owned()
    } else {
        format!("{text} USD")
    };
    full.parse().map_err(|error| format!("{error}"))
}

fn purpose_parse(text: &str) -> Result<Purpose, String> {
    let wanted = text.to_ascii_uppercase().replace('-', "_");
    let found = Purpose::ALL.into_iter().find(|purpose| purpose.as_str() == wanted);
    let names = || Purpose::ALL.map(Purpose::as_str).join(", ");
    found.ok_or_else(|| format!("there is no such purpose; the purposes are {}", names()))
}

/// What has become of the agent's money.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Spending {
    spent: Vec<Money>,
    last_day: Vec<Money>,
    per_day: Vec<Money>,
    total: Vec<Money>,
    purchases: Vec<Value>,
}

impl HomeArg {
    fn folder(&self) -> PathBuf {
        let default = || DataDir::default_path().with_file_name("imajin-agent");
        self.agent.clone().unwrap_or_else(default)
    }

    fn open(&self) -> Result<AgentHome, Problem> {
        AgentHome::open(&self.folder())
    }

    fn agent(&self) -> Result<Agent, CommandError> {
        let unreadable = |path: &Path| {
            let shown = path.display().to_string();
            move |error| CommandError::Local(format!("{shown}: {error}"))
        };
        let root = self
            .ca
            .as_ref()
            .map(|path| std::fs::read(path).map_err(unreadable(path)));
        Ok(Agent::new(self.open()?, root.transpose()?.as_deref(), Env::system())?)
    }
}

impl AgentCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::Key(command) => command.run(output),
            Self::Manifest(home) => {
                let manifest = home.open()?.manifest()?.to_document();
                output.result(&manifest, |manifest| format!("{manifest:#}"));
                Ok(())
            }
            Self::Directory(home) => {
                let directory = home.open()?.manifest()?.to_directory();
                output.result(&directory, |directory| format!("{directory:#}"));
                Ok(())
            }
            Self::Account(args) => args.run(output).await,
            Self::Deposit(args) => args.run(output).await,
            Self::Fetch(args) => args.run(output).await,
            Self::Crawl(args) => args.run(output).await,
            Self::Dispute(args) => args.run(output).await,
            Self::Spend(args) => args.run(output).await,
        }
    }
}

impl KeyCommand {
    fn run(self, output: Output) -> Result<(), CommandError> {
        let (home, done) = match self {
            Self::New(args) => {
                let home = AgentHome::create(&args.home.folder(), &args.domain, args.contact)?;
                (home, "The agent has its first key.")
            }
            Self::Show(args) => (args.open()?, "The agent signs with this key."),
            Self::Rotate(args) => {
                let mut home = args.open()?;
                home.key_add()?;
                (home, "The agent signs with another key from here on.")
            }
            Self::Drop(args) => {
                let mut home = args.open()?;
                home.keys_drop()?;
                (home, "The agent has one key.")
            }
        };
        let shown = json!({
            "agent": home.id().as_str(), "thumbprint": home.key()?.thumbprint(),
            "keys": home.settings().keys.len(), "manifestUrl": home.id().manifest_url(),
        });
        output.result(&shown, |_| {
            let place = home.id().manifest_url();
            format!("{done} Publish the output of `imajin agent manifest` at {place}.")
        });
        Ok(())
    }
}

impl AccountArgs {
    async fn run(self, output: Output) -> Result<(), CommandError> {
        let mut agent = self.home.agent()?;
        let broker = self.broker.as_str().trim_end_matches('/');
        agent.account_open(broker).await?;
        let balances = agent.balances(broker).await?;
        let shown = json!({"agent": agent.home().id().as_str(), "broker": broker, "balances": balances});
        output.result(&shown, |_| {
            let has: Vec<String> = balances.iter().map(Money::to_string).collect();
            let has = if has.is_empty() {
                "nothing yet".to_owned()
            } else {
                has.join(", ")
            };
            format!("{} has {has} at {broker}.", agent.home().id())
        });
        Ok(())
    }
}

impl SpendArgs {
    async fn run(self, output: Output) -> Result<(), CommandError> {
        let mut agent = self.home.agent()?;
        if !self.per_day.is_empty() || !self.total.is_empty() {
            agent.home_mut().change(|settings| {
                limits_put(&mut settings.limits.per_day, &self.per_day);
                limits_put(&mut settings.limits.total, &self.total);
            })?;
        }
        agent.shown_settle().await?;
        let (journal, limits) = (agent.journal(), agent.home().settings().limits.clone());
        let since = agent.now().minus(imajin_kernel::Span::hours(24));
        let assets = journal.assets();
        let sums = |since| {
            let sums = assets
                .iter()
                .map(|asset| Money::new(journal.spent(*asset, since), *asset));
            sums.collect::<Vec<Money>>()
        };
        let spending = Spending {
            spent: sums(None),
            last_day: sums(Some(since)),
            per_day: limits.per_day,
            total: limits.total,
            purchases: journal.list().into_iter().map(shown).collect(),
        };
        output.result(&spending, |spending| {
            let rows: Vec<Vec<String>> = journal.list().into_iter().map(row).collect();
            let line = |name: &str, sums: &[Money]| {
                let texts: Vec<String> = sums.iter().map(Money::to_string).collect();
                format!(
                    "{name}: {}",
                    if texts.is_empty() {
                        "nothing".to_owned()
                    } else {
                        texts.join(", ")
                    }
                )
            };
            let mut lines = vec![table(&rows), line("Spent", &spending.spent)];
            lines.push(line("Of that in the last 24 hours", &spending.last_day));
            lines.join("\n")
        });
        Ok(())
    }
}

fn limits_put(limits: &mut Vec<Money>, wanted: &[Money]) {
    limits.retain(|known| !wanted.iter().any(|money| money.asset == known.asset));
    limits.extend_from_slice(wanted);
}

/// A purchase, without the visa: whoever holds that and the key could spend it.
fn shown(purchase: &Purchase) -> Value {
    let mut value = json!(purchase);
    if let Some(members) = value.as_object_mut() {
        members.remove("visa");
    }
    value
}

fn row(purchase: &Purchase) -> Vec<String> {
    let state = match &purchase.state {
        PurchaseState::Intended | PurchaseState::Promised { .. } => "on its way".to_owned(),
        PurchaseState::Paid { receipt } => match &purchase.dispute {
            Some(dispute) => format!("paid, {receipt}, {dispute}"),
            None => format!("paid, {receipt}"),
        },
        PurchaseState::Shown { reason, .. } => match &purchase.dispute {
            Some(dispute) => format!("shown, no receipt: {reason}, {dispute}"),
            None => format!("shown, no receipt: {reason}"),
        },
        PurchaseState::Unspent { reason } => format!("not spent: {reason}"),
    };
    vec![
        purchase.at.to_string(),
        purchase.price.to_string(),
        purchase.url.clone(),
        state,
    ]
}
