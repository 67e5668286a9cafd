use std::path::PathBuf;

use clap::{Args, ValueEnum};
use imajin_agent::Agent;
use imajin_broker_api::{DepositAsk, DepositView};
use imajin_kernel::id::{CheckoutId, ReceiptId};
use imajin_money::Money;
use serde::Serialize;
use serde_json::json;
use url::Url;

use super::super::client::{IdentityClient, unexpected};
use super::super::spend::{quote_settle, test_money_pay};
use super::super::{CommandError, KeyArg, NodeArg, Output};
use super::{HomeArg, amount_parse};

#[derive(Debug, Args)]
pub(in super::super) struct DepositArgs {
    #[command(flatten)]
    home: HomeArg,
    /// How much: `10.00`, or `10.00 EUR`.
    #[arg(value_parser = amount_parse)]
    amount: Money,
    /// The broker, as its visas name it: `https://broker.example/broker`.
    #[arg(long, value_name = "URL")]
    broker: Url,
    /// The key file of somebody who has an identity at the broker's node, and who pays. Without it, the address is
    /// printed where anybody can pay.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// What this identity pays with.
    #[arg(long, value_enum, default_value_t = Means::Balance, requires = "key")]
    from: Means,
    /// Makes it safe to run the command again after a lost answer.
    #[arg(long, value_name = "TEXT")]
    idempotency_key: Option<String>,
}

/// What pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Means {
    /// The balance at the broker's node.
    Balance,
    /// Test money, which is paid at once.
    Sandbox,
}

/// How a deposit stands.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Deposited {
    #[serde(flatten)]
    deposit: DepositView,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<ReceiptId>,
}

impl DepositArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let agent = self.home.agent()?;
        let broker = self.broker.as_str().trim_end_matches('/');
        let (deposit, receipt) = match &self.key {
            None => {
                let key = self.idempotency_key.as_deref();
                let asked = agent.deposit_ask(broker, self.amount, key).await?;
                (understood(asked)?, None)
            }
            Some(key) => {
                let place = NodeArg {
                    node: origin_of(&self.broker)?,
                    ca: self.home.ca.clone(),
                };
                let client = place.signing(&KeyArg { key: key.clone() })?;
                let (deposit, receipt) = self.pay(&agent, &client).await?;
                (deposit, Some(receipt))
            }
        };
        let deposited = Deposited { deposit, receipt };
        output.result(&deposited, |deposited| {
            let Deposited { deposit, receipt } = deposited;
            let (amount, agent) = (deposit.amount, &deposit.agent_id);
            match (receipt, &deposit.url) {
                (Some(receipt), _) => format!("{amount} are in the account of {agent}.\nreceipt {receipt}"),
                (None, Some(url)) => format!("{amount} for {agent}: pay at {url}"),
                (None, None) => format!("{amount} for {agent}: {}", deposit.state),
            }
        });
        Ok(())
    }

    /// Asks for the deposit as the person who pays it, and pays.
    async fn pay(&self, agent: &Agent, client: &IdentityClient) -> Result<(DepositView, ReceiptId), CommandError> {
        let ask = DepositAsk {
            agent_id: Some(agent.home().id().to_string()),
            amount: self.amount,
        };
        let fresh = hex::encode(client.node().env().random_bytes::<16>());
        let key = self.idempotency_key.as_deref().unwrap_or(&fresh);
        let mut deposit: DepositView = client.send("POST", "/broker/api/deposits", &ask, Some(key)).await?;
        let receipt = match self.from {
            Means::Balance => {
                let body = json!({"goods": {"type": "deposit", "id": deposit.id}});
                quote_settle(client, &body, Some(self.amount)).await?.receipt
            }
            Means::Sandbox => {
                let checkout = deposit.url.as_deref().and_then(checkout_of);
                let checkout = checkout.ok_or_else(|| unexpected("The address to pay at"))?;
                test_money_pay(client, checkout).await?
            }
        };
        // Where it could have been paid leads nowhere any more.
        (deposit.url, deposit.state) = (None, "paid".to_owned());
        Ok((deposit, receipt))
    }
}

fn understood(asked: serde_json::Value) -> Result<DepositView, CommandError> {
    serde_json::from_value(asked)
        .map_err(|error| CommandError::Local(format!("the broker's answer could not be understood: {error}")))
}

/// The node of a broker.
fn origin_of(broker: &Url) -> Result<Url, CommandError> {
    broker
        .join("/")
        .map_err(|error| CommandError::Local(format!("{broker}: {error}")))
}

/// The checkout behind an address to pay at.
fn checkout_of(url: &str) -> Option<CheckoutId> {
    Url::parse(url).ok()?.path_segments()?.next_back()?.parse().ok()
}
