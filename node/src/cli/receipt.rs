use std::path::{Path, PathBuf};

use clap::Subcommand;
use imajin_did::Did;
use imajin_fair::ManifestId;
use imajin_kernel::id::ReceiptId;
use imajin_pay_api::{ReceiptBody, ReceiptLeg, ReceiptView};
use imajin_proof::SignedMessage;
use imajin_proof::inclusion::InclusionProof;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::fair::{file_read, file_write_new, local};
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
    /// Save a receipt together with the proof that its entry is in the node's ledger.
    Save {
        /// The receipt.
        receipt: ReceiptId,
        #[command(flatten)]
        node: NodeArg,
        #[command(flatten)]
        key: KeyArg,
        /// Where to write it; the file must not exist yet.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Check a saved receipt, without any node: who signed it, and that its entry is in the ledger.
    ///
    /// Ends with 0 when it holds, and with 1 when it does not.
    Verify {
        /// What `imajin receipt save` has written.
        file: PathBuf,
        /// The node that must have signed it; whoever did, if not said.
        #[arg(long, value_name = "DID")]
        signer: Option<Did>,
    },
}

/// A receipt that shows by itself that it is in the ledger.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SavedReceipt {
    /// The signed document.
    receipt: SignedMessage<ReceiptBody>,
    /// That its entry is in the ledger of whoever signed it.
    proof: InclusionProof,
}

impl SavedReceipt {
    fn verify(&self, signer: Option<&Did>) -> Result<(), String> {
        let from = &self.receipt.from;
        if let Some(signer) = signer
            && signer.canonical() != from.canonical()
        {
            return Err(format!("it was signed by {from}, not by {signer}"));
        }
        let key = from.public_key();
        let key = key.ok_or_else(|| format!("the key of {from} is not in its name, so it cannot be checked alone"))?;
        let verified = self.receipt.verify("receipt", &key);
        verified.map_err(|error| format!("the receipt's signature does not hold: {error}"))?;
        if self.proof.signer() != from {
            return Err("the receipt and the proof were signed by different nodes".to_owned());
        }
        if self.proof.hash != self.receipt.payload.ledger_entry.hash {
            return Err("the proof is of another entry than the receipt's".to_owned());
        }
        let included = self.proof.verify(&key);
        included.map_err(|error| format!("the entry is not proven to be in the ledger: {error}"))
    }
}

impl ReceiptCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let (receipt, node, key) = match self {
            Self::Show { receipt, node, key } => (receipt, node, key),
            Self::Save {
                receipt,
                node,
                key,
                out,
            } => return save(receipt, &node, &key, &out, output).await,
            Self::Verify { file, signer } => return verify(&file, signer.as_ref(), output),
        };
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

async fn save(
    receipt: ReceiptId,
    node: &NodeArg,
    key: &KeyArg,
    out: &Path,
    output: Output,
) -> Result<(), CommandError> {
    let client = node.signing(key)?;
    let session = client.login().await?;
    let path = format!("/pay/api/receipts/{receipt}");
    let receipt = client.get_own::<ReceiptView>(&session, &path).await?.message;
    let path = format!("/pay/api/entries/{}/proof", receipt.payload.ledger_entry.id);
    let proof: InclusionProof = client.get_own(&session, &path).await?;
    let saved = SavedReceipt { receipt, proof };
    saved.verify(None).map_err(CommandError::Local)?;
    file_write_new(out, &(serde_json::to_string_pretty(&saved).map_err(local)? + "\n"))?;
    output.result(&saved, |_saved| format!("Saved to {}.", out.display()));
    Ok(())
}

fn verify(file: &Path, signer: Option<&Did>, output: Output) -> Result<(), CommandError> {
    let wrong = |what: &dyn std::fmt::Display| local(format!("{}: {what}", file.display()));
    let saved: SavedReceipt = serde_json::from_slice(&file_read(file)?).map_err(|error| wrong(&error))?;
    let verdict = saved.verify(signer);
    let body = &saved.receipt.payload;
    let document = json!({
        "valid": verdict.is_ok(), "problem": verdict.as_ref().err(), "receipt": body.id, "signer": saved.receipt.from,
        "time": body.time, "gross": body.gross, "entry": body.ledger_entry.id,
    });
    output.result(&document, |_document| match &verdict {
        Ok(()) => format!(
            "It holds: receipt {} over {}, signed by {}, is in its ledger at place {}.",
            body.id, body.gross, saved.receipt.from, saved.proof.seq
        ),
        Err(problem) => format!("It does not hold: {problem}."),
    });
    verdict.map_err(|_told| CommandError::Negative)
}

/// The works and the contracts between the goods and the payee; nothing when the goods' own manifest names the payee.
fn way(leg: &ReceiptLeg) -> String {
    let sources = leg.path.iter().skip(1).map(ManifestId::to_string);
    let contracts = leg
        .contracts
        .iter()
        .map(|hop| format!("{} ({})", hop.profile, hop.label));
    let steps: Vec<String> = sources.chain(contracts).collect();
    match (steps.is_empty(), leg.accrued) {
        (true, _) => String::new(),
        (false, false) => format!("through {}", steps.join(" → ")),
        (false, true) => format!("through {}; waits for the minimum", steps.join(" → ")),
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
        rows.push(vec![
            format!("{} {currency}", leg.amount),
            role,
            leg.did.to_string(),
            way(leg),
        ]);
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
