use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use imajin_did::{Did, SecretKey};
use serde_json::{Value, json};

use super::{CommandError, KeyArg, NodeArg, Output};

const PATH: &str = "/pay/api/connect/solana";

/// An address on Solana.
#[derive(Debug, Subcommand)]
pub(super) enum AddressCommand {
    /// Show the address in force.
    Show(WhoArgs),
    /// Print the text that the wallet of an address signs to prove that it is yours; it is good for ten minutes.
    Text(TextArgs),
    /// Bind an address, with the wallet's key file or with its signature over the text.
    Set(SetArgs),
    /// Take the address away: what is yours stays at the node again.
    Remove(WhoArgs),
}

#[derive(Debug, Args)]
pub(super) struct WhoArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
}

#[derive(Debug, Args)]
pub(super) struct TextArgs {
    #[command(flatten)]
    who: WhoArgs,
    /// The address of your wallet, in Base58.
    address: String,
}

#[derive(Debug, Args)]
pub(super) struct SetArgs {
    #[command(flatten)]
    who: WhoArgs,
    /// The address of your wallet, in Base58.
    address: String,
    /// The wallet's key, as `solana-keygen` writes it: signs here, and is sent nowhere.
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "signature",
        conflicts_with = "signature"
    )]
    wallet: Option<PathBuf>,
    /// The wallet's signature over the text, in Base58 or hex.
    #[arg(long, requires_all = ["nonce", "issued_at"])]
    signature: Option<String>,
    /// The nonce that `text` gave.
    #[arg(long)]
    nonce: Option<String>,
    /// The time that `text` gave.
    #[arg(long)]
    issued_at: Option<String>,
}

impl AddressCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::Show(who) => {
                let answer = who.read(None).await?;
                output.result(&answer, |answer| match answer.pointer("/bound/address") {
                    Some(Value::String(address)) => format!("You are paid at {address}."),
                    _ => "You have bound no address: what is yours stays at the node.".to_owned(),
                });
            }
            Self::Text(args) => {
                let challenge = args.who.challenge(&args.address).await?;
                output.result(&challenge, |challenge| {
                    format!(
                        "Sign this text with the wallet, exactly as it stands between the lines:\n\n---\n{}\n---\n\n\
                         Then: imajin payout address set {} --nonce {} --issued-at {} --signature …",
                        text(challenge, "message"),
                        text(challenge, "address"),
                        text(challenge, "nonce"),
                        text(challenge, "issuedAt"),
                    )
                });
            }
            Self::Set(args) => {
                let bound = args.bind().await?;
                output.result(&bound, |bound| {
                    format!("You are paid at {} from now on.", text(bound, "address"))
                });
            }
            Self::Remove(who) => {
                let client = who.node.signing(&who.key)?;
                client.send_empty("DELETE", PATH, Some(&Value::Null)).await?;
                output.result(&json!({"removed": true}), |_removed| {
                    "The address is taken away. What is yours stays at the node.".to_owned()
                });
            }
        }
        Ok(())
    }
}

impl WhoArgs {
    async fn read(&self, address: Option<&str>) -> Result<Value, CommandError> {
        let client = self.node.signing(&self.key)?;
        let session = client.login().await?;
        let query = address.map(|address| {
            let encoded: String = url::form_urlencoded::byte_serialize(address.as_bytes()).collect();
            format!("?address={encoded}")
        });
        client
            .get_own(&session, &format!("{PATH}{}", query.unwrap_or_default()))
            .await
    }

    /// The text that the wallet of an address is to sign, if it is the one that it should be.
    async fn challenge(&self, address: &str) -> Result<Value, CommandError> {
        let mut answer = self.read(Some(address)).await?;
        let challenge = answer.get_mut("challenge").map(Value::take);
        let challenge = challenge.ok_or_else(|| super::client::unexpected("a text to sign"))?;
        let client = self.node.signing(&self.key)?;
        let node = client.node().base.origin().ascii_serialization();
        if is_expected(&challenge, &node, &client.did().canonical(), address) {
            return Ok(challenge);
        }
        Err(CommandError::Local(
            "the node asks the wallet to sign another text than it should, so nothing was signed".to_owned(),
        ))
    }
}

/// Whether a text says what it should, and nothing else: a wallet's signature over another one may move money.
fn is_expected(challenge: &Value, node: &str, did: &Did, address: &str) -> bool {
    let (nonce, issued_at) = (text(challenge, "nonce"), text(challenge, "issuedAt"));
    let is_plain = |text: &str| text.len() <= 64 && text.bytes().all(|byte| matches!(byte, b'-'..=b':' | b'A'..=b'z'));
    let message = format!(
        "{node} asks you to confirm:\n\nPay what I earn as\n{did}\nto my Solana address\n{address}\n\n\
         This moves no money.\nNonce: {nonce}\nIssued: {issued_at}"
    );
    is_plain(nonce) && is_plain(issued_at) && text(challenge, "message") == message
}

impl SetArgs {
    async fn bind(&self) -> Result<Value, CommandError> {
        let body = match (&self.wallet, &self.signature) {
            (Some(file), _) => {
                let challenge = self.who.challenge(&self.address).await?;
                let signature = wallet_read(file)?.sign(text(&challenge, "message").as_bytes());
                json!({
                    "address": self.address,
                    "nonce": text(&challenge, "nonce"),
                    "issuedAt": text(&challenge, "issuedAt"),
                    "signature": signature.to_hex(),
                })
            }
            (None, signature) => json!({
                "address": self.address,
                "nonce": self.nonce,
                "issuedAt": self.issued_at,
                "signature": signature,
            }),
        };
        let client = self.who.node.signing(&self.who.key)?;
        client.send("PUT", PATH, &body, None).await
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The key in a file of `solana-keygen`: a JSON array of 64 numbers, the secret half first.
fn wallet_read(path: &Path) -> Result<SecretKey, CommandError> {
    let wrong = |text: String| CommandError::Local(format!("{}: {text}", path.display()));
    let content = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let none = || wrong("it is no key of `solana-keygen`: a JSON array of 64 numbers is needed".to_owned());
    let bytes: Vec<u8> = serde_json::from_str(&content).map_err(|_unreadable| none())?;
    match bytes.split_first_chunk::<32>() {
        Some((secret, public)) if public.len() == 32 => Ok(SecretKey::from_seed(*secret)),
        _ => Err(none()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wallet_signs_only_the_text_of_its_own_address() {
        let did = SecretKey::from_seed([9; 32]).did();
        let node = "https://node.example";
        let expected = format!(
            "{node} asks you to confirm:\n\nPay what I earn as\n{did}\nto my Solana address\nabc\n\n\
             This moves no money.\nNonce: 00ff\nIssued: 2027-01-15T08:00:00Z"
        );
        let issued_at = "2027-01-15T08:00:00Z";
        let challenge = |message: &str, nonce: &str| json!({"message": message, "nonce": nonce, "issuedAt": issued_at});
        assert!(is_expected(&challenge(&expected, "00ff"), node, &did, "abc"));
        assert!(!is_expected(&challenge(&expected, "00ff"), node, &did, "abd"));
        assert!(!is_expected(
            &challenge(&expected, "00ff"),
            "https://other.example",
            &did,
            "abc"
        ));
        let nonce = "00ff\nand so on";
        let longer = expected.replace("00ff", nonce);
        assert!(!is_expected(&challenge(&longer, nonce), node, &did, "abc"));
    }
}
