use clap::{Args, Subcommand};
use imajin_broker_api::{
    AccountView, BalancesView, DepositAsk, DepositView, DisputeView, Page, RedemptionView, VisaView,
};
use imajin_money::Money;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::broker_dispute::{DisputeCommand, word};
use super::output::table;
use super::{CommandError, KeyArg, NodeArg, Output};

/// A broker: its accounts, visas and redemptions, and money for agents.
#[derive(Debug, Subcommand)]
pub(super) enum BrokerCommand {
    /// Put money into an agent's account.
    Deposit(DepositArgs),
    /// Show what you have at the broker: what was redeemed, and what others have passed on to you.
    Balance(WhoArgs),
    /// Show the accounts of agents, as the operator.
    Accounts(PageArgs),
    /// Show all visas, as the operator, newest first.
    Visas(PageArgs),
    /// Show what publishers have redeemed, as the operator, newest first.
    Redemptions(PageArgs),
    /// Show what agents object to, as the operator or the arbiter, newest first.
    Disputes(PageArgs),
    /// Look at a dispute, answer it, decide it.
    #[command(subcommand)]
    Dispute(DisputeCommand),
    /// Have another key sign visas, as the operator: it is published now and signs in an hour.
    RotateKeys(WhoArgs),
}

#[derive(Debug, Args)]
pub(super) struct WhoArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
}

#[derive(Debug, Args)]
pub(super) struct DepositArgs {
    #[command(flatten)]
    who: WhoArgs,
    /// The agent: its domain, `agent.example`. It must have an account.
    agent: String,
    /// How much, `10.00 USD`. The address to pay at is printed.
    amount: Money,
    /// Makes it safe to run the command again after a lost answer.
    #[arg(long, value_name = "TEXT")]
    idempotency_key: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct PageArgs {
    #[command(flatten)]
    who: WhoArgs,
    /// At most so many, up to 200.
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Where the last page ended.
    #[arg(long)]
    cursor: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Rotated {
    rotated: bool,
}

impl BrokerCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::Deposit(args) => args.run(output).await,
            Self::Balance(args) => args.balance(output).await,
            Self::Accounts(args) => args.list(output, "/broker/api/agents?", account_row).await,
            Self::Visas(args) => args.list(output, "/broker/api/visas?all=true&", visa_row).await,
            Self::Redemptions(args) => {
                let path = "/broker/api/redemptions?all=true&";
                args.list(output, path, redemption_row).await
            }
            Self::Disputes(args) => args.list(output, "/broker/api/disputes?all=true&", dispute_row).await,
            Self::Dispute(command) => command.run(output).await,
            Self::RotateKeys(args) => args.rotate(output).await,
        }
    }
}

impl WhoArgs {
    async fn balance(self, output: Output) -> Result<(), CommandError> {
        let client = self.node.signing(&self.key)?;
        let session = client.login().await?;
        let balances: BalancesView = client.get_own(&session, "/broker/api/accounts/me").await?;
        output.result(&balances, |balances| {
            if balances.balances.is_empty() {
                return "Nothing is yours at this broker.".to_owned();
            }
            let lines: Vec<String> = balances.balances.iter().map(Money::to_string).collect();
            lines.join("\n")
        });
        Ok(())
    }

    async fn rotate(self, output: Output) -> Result<(), CommandError> {
        let client = self.node.signing(&self.key)?;
        let rotated: Rotated = client.send("POST", "/broker/api/keys/rotate", &json!({}), None).await?;
        output.result(&rotated, |rotated| {
            let text = if rotated.rotated {
                "Another key is published, and signs visas in an hour."
            } else {
                "There is no key that another could follow now: none has signed yet, or the next one waits."
            };
            text.to_owned()
        });
        Ok(())
    }
}

impl DepositArgs {
    async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.who.node.signing(&self.who.key)?;
        let key = self.idempotency_key.as_deref();
        let ask = DepositAsk {
            agent_id: Some(self.agent),
            amount: self.amount,
        };
        let deposit: DepositView = client.send("POST", "/broker/api/deposits", &ask, key).await?;
        output.result(&deposit, |deposit| {
            let place = deposit.url.as_deref().unwrap_or("nowhere any more");
            format!("{} for {}: pay at {place}", deposit.amount, deposit.agent_id)
        });
        Ok(())
    }
}

impl PageArgs {
    async fn list<T: Serialize + DeserializeOwned>(
        self,
        output: Output,
        path: &str,
        row: impl Fn(&T) -> Vec<String>,
    ) -> Result<(), CommandError> {
        let client = self.who.node.signing(&self.who.key)?;
        let session = client.login().await?;
        let cursor = self
            .cursor
            .map(|cursor| format!("&cursor={cursor}"))
            .unwrap_or_default();
        let path = format!("{path}limit={}{cursor}", self.limit);
        let page: Page<T> = client.get_own(&session, &path).await?;
        output.result(&page, |page| {
            if page.items.is_empty() {
                return "There are none.".to_owned();
            }
            let text = table(&page.items.iter().map(row).collect::<Vec<_>>());
            match &page.cursor {
                Some(cursor) => format!("{text}\nMore: --cursor {cursor}"),
                None => text,
            }
        });
        Ok(())
    }
}

fn account_row(account: &AccountView) -> Vec<String> {
    let contact = account.contact.clone().unwrap_or_default();
    vec![account.agent_id.clone(), account.created_at.to_string(), contact]
}

fn visa_row(visa: &VisaView) -> Vec<String> {
    vec![
        visa.jti.to_string(),
        visa.agent_id.clone(),
        visa.publisher.clone(),
        visa.max_amount.to_string(),
        visa.credited.to_string(),
        visa.state.clone(),
    ]
}

fn redemption_row(redemption: &RedemptionView) -> Vec<String> {
    vec![
        redemption.id.to_string(),
        redemption.jti.to_string(),
        redemption.amount.to_string(),
        word(&redemption.state),
        redemption.node.to_string(),
    ]
}

fn dispute_row(dispute: &DisputeView) -> Vec<String> {
    vec![
        dispute.id.to_string(),
        word(&dispute.state),
        dispute.amount.to_string(),
        dispute.url.clone(),
        dispute.reason.clone(),
    ]
}
