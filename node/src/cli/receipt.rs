use clap::Subcommand;
use imajin_kernel::id::ReceiptId;
use imajin_pay_api::ReceiptView;

use super::output::table;
use super::{CommandError, KeyArg, NodeArg, Output};

/// Receipts.
#[derive(Debug, Subcommand)]
pub(super) enum ReceiptCommand {
    /// Show where each part of a payment went. Only its payer, its payees and the operator can.
    Show {
        /// The receipt.
        receipt: ReceiptId,
        #[command(flatten)]
        node: NodeArg,
        #[command(flatten)]
        key: KeyArg,
    },
}

impl ReceiptCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let Self::Show { receipt, node, key } = self;
        let client = node.signing(&key)?;
        let session = client.login().await?;
        let receipt: ReceiptView = client
            .get_own(&session, &format!("/pay/api/receipts/{receipt}"))
            .await?;
        if let Some(node_key) = receipt.message.from.public_key() {
            receipt
                .message
                .verify("receipt", &node_key)
                .map_err(|error| CommandError::Local(format!("the receipt's signature does not hold: {error}")))?;
        }
        output.result(&receipt, text);
        Ok(())
    }
}

fn text(receipt: &ReceiptView) -> String {
    let body = &receipt.message.payload;
    let currency = body.gross.asset.as_str();
    let mut rows = vec![vec![body.gross.to_string(), "paid".to_owned(), body.title.clone()]];
    for fee in &body.fees {
        rows.push(vec![
            format!("{} {currency}", fee.amount),
            format!("fee: {}", fee.name),
            fee.did.to_string(),
        ]);
    }
    if let Some(kept) = body.rail_fee {
        let name = format!("kept by {}", body.rail);
        rows.push(vec![format!("{kept} {currency}"), name, body.rail_reference.clone()]);
    }
    for leg in &body.legs {
        let role = if leg.held {
            format!("{} (held until accepted)", leg.role)
        } else {
            leg.role.clone()
        };
        rows.push(vec![format!("{} {currency}", leg.amount), role, leg.did.to_string()]);
    }
    let test = if body.test_money {
        "\nTEST MONEY: worth nothing."
    } else {
        ""
    };
    format!(
        "Receipt {} of {}\n{}\nsigned by {}\nmanifest {}\nledger entry {} {}{test}",
        body.id,
        body.time,
        table(&rows),
        receipt.message.from,
        body.manifest.id,
        body.ledger_entry.id,
        body.ledger_entry.hash
    )
}
