//! Spending a balance, and filling it.

use std::time::Duration;

use clap::Args;
use imajin_kernel::id::{CheckoutId, ReceiptId};
use imajin_money::Money;
use imajin_pay_api::CheckoutState;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::client::{IdentityClient, unexpected};
use super::{CommandError, KeyArg, NodeArg, Output};

/// How often and how long a command looks whether a payment has ended.
const POLL_EVERY: Duration = Duration::from_millis(200);
const POLLS_MAX: u32 = 150;

/// Put money into your balance.
#[derive(Debug, Args)]
pub(super) struct TopupArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
    /// How much, `10.00 TEST-USD`. Test money is paid at once; for real money the address to pay at is printed.
    amount: Money,
    /// Makes it safe to run the command again after a lost answer.
    #[arg(long, value_name = "TEXT")]
    idempotency_key: Option<String>,
}

/// Give somebody money from your balance.
#[derive(Debug, Args)]
pub(super) struct TipArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
    /// Whom: a DID, or a work, `cnt_…`, for everybody behind it.
    whom: String,
    /// How much, `1.00 TEST-USD`.
    amount: Money,
}

/// What was paid.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Paid {
    pub(super) quote: CheckoutId,
    pub(super) price: Money,
    pub(super) receipt: ReceiptId,
}

#[derive(Deserialize)]
struct Quote {
    id: CheckoutId,
    price: Money,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Checkout {
    id: CheckoutId,
    state: CheckoutState,
    url: Option<String>,
    form_token: Option<String>,
    receipt: Option<ReceiptId>,
    reason: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Opened {
    checkout: CheckoutId,
    amount: Money,
    /// Where to pay, while it is not paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<ReceiptId>,
}

/// Asks for a quote and pays it from the balance, if it is not more than `max`.
pub(super) async fn quote_settle(
    client: &IdentityClient,
    body: &Value,
    max: Option<Money>,
) -> Result<Paid, CommandError> {
    let quote: Quote = client.send("POST", "/pay/api/quote", body, None).await?;
    let fits = max.is_none_or(|max| quote.price.is_at_most(max));
    if !fits {
        let text = format!("it costs {} now: nothing was paid", quote.price);
        return Err(CommandError::Local(text));
    }
    // The quote is paid once: its own name makes the request safe to repeat.
    let key = quote.id.to_string();
    let settle = json!({"quoteId": quote.id, "means": "balance"});
    let mut settled: Checkout = client.send("POST", "/pay/api/settle", &settle, Some(&key)).await?;
    if settled.state == CheckoutState::Paid {
        settled = ended_wait(client, quote.id).await?;
    }
    match (settled.state, settled.receipt) {
        (CheckoutState::Settled, Some(receipt)) => Ok(Paid {
            quote: quote.id,
            price: quote.price,
            receipt,
        }),
        (CheckoutState::Refunded, _) => {
            let reason = settled.reason.unwrap_or_default();
            Err(CommandError::Local(format!(
                "the money is back in your balance: {reason}"
            )))
        }
        _ => Err(unexpected("The receipt")),
    }
}

/// Pays a checkout with test money.
pub(super) async fn test_money_pay(client: &IdentityClient, id: CheckoutId) -> Result<ReceiptId, CommandError> {
    let paid = match checkout_press(client, id).await? {
        open if open.state.is_final() => open,
        _ => {
            let detail =
                "this is no test money: pay it from a balance, or at the address that is printed without --key";
            return Err(CommandError::Local(detail.to_owned()));
        }
    };
    paid.receipt.ok_or_else(|| unexpected("The receipt"))
}

/// Presses the button of the page where test money is paid, and waits for what follows; another checkout is only looked
/// at.
async fn checkout_press(client: &IdentityClient, id: CheckoutId) -> Result<Checkout, CommandError> {
    let session = client.login().await?;
    let mut state: Checkout = client.get_own(&session, &format!("/pay/api/checkout/{id}")).await?;
    let Some(token) = state.form_token.take() else {
        return Ok(state);
    };
    let url = client.node().url(&format!("/pay/checkout/{id}/pay"))?;
    client.node().form_post(url, &[("token", &token)]).await?;
    ended_wait(client, id).await
}

async fn ended_wait(client: &IdentityClient, id: CheckoutId) -> Result<Checkout, CommandError> {
    let session = client.login().await?;
    for _ in 0..POLLS_MAX {
        let checkout: Checkout = client.get_own(&session, &format!("/pay/api/checkout/{id}")).await?;
        if checkout.state.is_final() {
            return Ok(checkout);
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
    Err(CommandError::Local(format!(
        "payment {id} is still being processed; look again later"
    )))
}

impl TopupArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.node.signing(&self.key)?;
        let fresh = hex::encode(client.node().env().random_bytes::<16>());
        let key = self.idempotency_key.as_deref().unwrap_or(&fresh);
        let body = json!({"amount": self.amount});
        let opened: Checkout = client.send("POST", "/pay/api/topup", &body, Some(key)).await?;
        let state = checkout_press(&client, opened.id).await?;
        let opened = Opened {
            checkout: opened.id,
            amount: self.amount,
            url: state.url.filter(|_| !state.state.is_final()),
            receipt: state.receipt,
        };
        output.result(&opened, |opened| match (&opened.url, &opened.receipt) {
            (_, Some(receipt)) => format!("{} are in your balance.\nreceipt {receipt}", opened.amount),
            (Some(url), None) => format!("Pay {} at {url}", opened.amount),
            (None, None) => format!("Nothing was paid: {}", opened.checkout),
        });
        Ok(())
    }
}

impl TipArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.node.signing(&self.key)?;
        let body = json!({"goods": {"type": "tip", "id": self.whom}, "amount": self.amount});
        let paid = quote_settle(&client, &body, Some(self.amount)).await?;
        output.result(&paid, |paid| {
            format!("Gave {} to {}.\nreceipt {}", paid.price, self.whom, paid.receipt)
        });
        Ok(())
    }
}
