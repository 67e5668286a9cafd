use std::time::Duration;

use clap::{Args, Subcommand};
use imajin_money::{Asset, Money};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::client::{IdentityClient, unexpected};
use super::output::table;
use super::payout_address::AddressCommand;
use super::{CommandError, KeyArg, NodeArg, Output};

/// How often, and how long, the rail's answer is waited for.
const POLL_EVERY: Duration = Duration::from_millis(250);
const POLLS_MAX: u32 = 40;

/// Being paid what is yours.
#[derive(Debug, Subcommand)]
pub(super) enum PayoutCommand {
    /// Send what you have, or a part of it, to your account at the rail or to your address.
    Send(SendArgs),
    /// Where you are paid, and what was.
    List(ListArgs),
    /// Set up an account at the rail that pays people, or get a new link to complete it.
    Onboard(OnboardArgs),
    /// Your address on Solana: shares and payouts go there.
    #[command(subcommand)]
    Address(AddressCommand),
}

#[derive(Debug, Args)]
pub(super) struct SendArgs {
    /// How much, for example "5.00 EUR".
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    amount: Option<Money>,
    /// All that there is of this currency, for example EUR; less than a coin stays.
    #[arg(long, value_name = "CURRENCY")]
    all: Option<Asset>,
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
    /// Makes the request safe to repeat: the same key pays out once.
    #[arg(long)]
    idempotency_key: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
}

#[derive(Debug, Args)]
pub(super) struct OnboardArgs {
    /// Where you live: an ISO 3166 country in two capital letters. It cannot be changed later.
    country: String,
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
}

/// A payout as the node shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payout {
    id: String,
    rail: String,
    amount: Money,
    state: String,
    returned: Money,
    created_at: String,
}

/// An account at a rail.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    rail: String,
    country: String,
    ready: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Paid {
    account: Option<Account>,
    address: Option<Value>,
    payouts: Vec<Payout>,
}

impl PayoutCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::Send(args) => {
                let payout = args.run().await?;
                output.result(&payout, Payout::text);
                // What came back is still in the balance: whoever scripts this has not paid it out.
                if payout.state == "failed" {
                    return Err(CommandError::Negative);
                }
            }
            Self::List(args) => {
                let client = args.node.signing(&args.key)?;
                output.result(&payouts(&client).await?, Paid::text);
            }
            Self::Onboard(args) => {
                let client = args.node.signing(&args.key)?;
                let body = json!({"country": args.country});
                let account: Account = client.send("POST", "/pay/api/connect/onboard", &body, None).await?;
                output.result(&account, Account::text);
            }
            Self::Address(command) => command.run(output).await?,
        }
        Ok(())
    }
}

async fn payouts(client: &IdentityClient) -> Result<Paid, CommandError> {
    let session = client.login().await?;
    client.get_own(&session, "/pay/api/payouts").await
}

impl SendArgs {
    /// Asks for the payout, and waits a while until the rail has taken or refused it.
    async fn run(self) -> Result<Payout, CommandError> {
        let client = self.node.signing(&self.key)?;
        let body = match (self.amount, self.all) {
            (Some(amount), _) => json!({"amount": amount}),
            (None, currency) => json!({"currency": currency}),
        };
        let random = || hex::encode(client.node().env().random_bytes::<16>());
        let key = self.idempotency_key.unwrap_or_else(random);
        let mut payout: Payout = client.send("POST", "/pay/api/payout", &body, Some(&key)).await?;
        let session = client.login().await?;
        for _ in 0..POLLS_MAX {
            if payout.state != "under_way" {
                break;
            }
            tokio::time::sleep(POLL_EVERY).await;
            let all: Paid = client.get_own(&session, "/pay/api/payouts").await?;
            let found = all.payouts.into_iter().find(|each| each.id == payout.id);
            payout = found.ok_or_else(|| unexpected("the payout that was asked for"))?;
        }
        Ok(payout)
    }
}

impl Payout {
    fn text(&self) -> String {
        let Self {
            id,
            rail,
            amount,
            returned,
            ..
        } = self;
        match self.state.as_str() {
            "paid" => format!("{amount} was sent through {rail}: {id}"),
            "under_way" => format!("{amount} is on its way through {rail}: {id}. See: imajin payout list"),
            "failed" => format!("{rail} has sent nothing: {amount} is in your balance again ({id})"),
            "partly" => {
                format!("{returned} of {amount} came back to your balance, the rest was sent through {rail}: {id}")
            }
            state => format!("{amount}, {state}: {id}"),
        }
    }
}

impl Account {
    fn text(&self) -> String {
        let Self { rail, country, .. } = self;
        let mut lines = vec![if self.ready {
            format!("You are paid through {rail} ({country}).")
        } else {
            format!("Your account at {rail} ({country}) is not complete: it cannot be paid yet.")
        }];
        lines.extend(self.problem.clone());
        match &self.url {
            Some(url) => lines.push(format!("Complete or change it here, within some minutes: {url}")),
            None if !self.ready => lines.push(format!("A new link: imajin payout onboard {country}")),
            None => {}
        }
        lines.join("\n")
    }
}

impl Paid {
    fn text(&self) -> String {
        let mut parts = Vec::new();
        parts.extend(self.account.as_ref().map(Account::text));
        let address = self.address.as_ref().and_then(|bound| bound.get("address"));
        let address = address.and_then(Value::as_str);
        parts.extend(address.map(|address| format!("You are paid on Solana at {address}.")));
        if parts.is_empty() {
            parts.push(
                "Nobody can pay you yet: imajin payout onboard COUNTRY, or imajin payout address set.".to_owned(),
            );
        }
        let row = |payout: &Payout| {
            vec![
                payout.created_at.clone(),
                payout.amount.to_string(),
                payout.state.replace('_', " "),
                payout.rail.clone(),
                payout.id.clone(),
            ]
        };
        parts.push(match self.payouts.as_slice() {
            [] => "No payouts.".to_owned(),
            payouts => table(&payouts.iter().map(row).collect::<Vec<_>>()),
        });
        parts.join("\n")
    }
}
