use std::time::Duration;

use clap::Args;
use imajin_kernel::id::{CheckoutId, RailMessageId, ReceiptId, RefundId};
use imajin_money::Money;
use imajin_pay_api::{RefundSheet, RefundView};
use serde_json::{Value, json};

use super::{CommandError, KeyArg, NodeArg, Output};

/// How often, and how long, the rail's answer is waited for.
const POLL_EVERY: Duration = Duration::from_millis(250);
const POLLS_MAX: u32 = 40;

/// Send a payment back, whole or in part, as its seller or as the operator of the node.
#[derive(Debug, Args)]
pub(super) struct RefundArgs {
    /// The receipt (`rcp_…`) or the checkout (`chk_…`) of the sale; with `--by-hand`, what the reconciliation names:
    /// the refund (`rfd_…`) or the message (`rlm_…`).
    sale: String,
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
    /// How much, for example "5.00 USD"; all that is left, if not said.
    #[arg(long)]
    amount: Option<Money>,
    /// Why: it stands on the credit note.
    #[arg(long)]
    reason: Option<String>,
    /// Makes the request safe to repeat: the same key refunds once.
    #[arg(long)]
    idempotency_key: Option<String>,
    /// As the operator: the rail could not do it, and the money was sent in another way, which this proves.
    #[arg(long, value_name = "REFERENCE", conflicts_with_all = ["amount", "reason", "idempotency_key"])]
    by_hand: Option<String>,
}

impl RefundArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.node.signing(&self.key)?;
        if let Some(reference) = &self.by_hand {
            let body = self.made_by_hand(reference)?;
            let noted: Value = client.send("POST", "/pay/api/refund/by-hand", &body, None).await?;
            output.result(&noted, |_noted| {
                format!("{} counts as sent back: {reference}", self.sale)
            });
            return Ok(());
        }
        let mut body = self.sale_named()?;
        if let Value::Object(members) = &mut body {
            members.extend(self.amount.map(|amount| ("amount".to_owned(), json!(amount))));
            members.extend(self.reason.map(|reason| ("reason".to_owned(), json!(reason))));
        }
        let random = || hex::encode(client.node().env().random_bytes::<16>());
        let key = self.idempotency_key.unwrap_or_else(random);
        let mut refund: RefundView = client.send("POST", "/pay/api/refund", &body, Some(&key)).await?;
        let session = client.login().await?;
        let path = format!("/pay/api/refunds/{}", refund.receipt);
        for _ in 0..POLLS_MAX {
            if refund.state != "under_way" {
                break;
            }
            tokio::time::sleep(POLL_EVERY).await;
            let sheet: RefundSheet = client.get_own(&session, &path).await?;
            refund = sheet
                .refunds
                .into_iter()
                .find(|each| each.id == refund.id)
                .unwrap_or(refund);
        }
        output.result(&refund, text);
        Ok(())
    }

    fn made_by_hand(&self, reference: &str) -> Result<Value, CommandError> {
        // As the reconciliation writes it, too.
        let name = self.sale.rsplit('/').next().unwrap_or_default();
        if let Ok(refund) = name.parse::<RefundId>() {
            return Ok(json!({"refund": refund, "reference": reference}));
        }
        if let Ok(message) = name.parse::<RailMessageId>() {
            return Ok(json!({"message": message, "reference": reference}));
        }
        Err(CommandError::Local(format!(
            "{name} is neither a refund nor a message: `imajin reconcile` names those that hang"
        )))
    }

    fn sale_named(&self) -> Result<Value, CommandError> {
        if let Ok(receipt) = self.sale.parse::<ReceiptId>() {
            return Ok(json!({"receipt": receipt}));
        }
        if let Ok(checkout) = self.sale.parse::<CheckoutId>() {
            return Ok(json!({"checkout": checkout}));
        }
        let sale = &self.sale;
        Err(CommandError::Local(format!(
            "{sale} is no receipt (rcp_…) and no checkout (chk_…)"
        )))
    }
}

fn text(refund: &RefundView) -> String {
    let (id, amount) = (refund.id, refund.amount);
    match (refund.state.as_str(), &refund.problem) {
        ("sent", _) => format!("{amount} went back. Credit note: {id}"),
        ("under_way", _) => format!("{amount} is on its way back: {id}"),
        (_, Some(problem)) => format!("{amount}, {}: {problem}", refund.state),
        (state, None) => format!("{amount}, {state}: {id}"),
    }
}
