use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use imajin_did::SecretKey;
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
                let answer = args.who.read(Some(&args.address)).await?;
                let challenge = challenge(&answer)?;
                output.result(challenge, |challenge| {
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
}

impl SetArgs {
    async fn bind(&self) -> Result<Value, CommandError> {
        let body = match (&self.wallet, &self.signature) {
            (Some(file), _) => {
                let answer = self.who.read(Some(&self.address)).await?;
                let challenge = challenge(&answer)?;
                let signature = wallet_read(file)?.sign(text(challenge, "message").as_bytes());
                json!({
                    "address": self.address,
                    "nonce": text(challenge, "nonce"),
                    "issuedAt": text(challenge, "issuedAt"),
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

fn challenge(answer: &Value) -> Result<&Value, CommandError> {
    let challenge = answer.get("challenge");
    challenge.ok_or_else(|| super::client::unexpected("a text to sign"))
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
