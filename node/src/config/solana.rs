//! USDC and SOL: which chain, whose server, how much may leave.

use std::collections::BTreeMap;
use std::path::PathBuf;

use imajin_money::{Amount, Asset, Money};
use imajin_pay::{PayoutLimit, SolanaConfig};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::ConfigError;
use super::rails::{contradiction, secret};

/// USDC and SOL on Solana. Without a network there are none.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SolanaSettings {
    /// `mainnet`: real money; `devnet`, `local`: test money.
    pub network: Option<String>,
    /// On `local` only: the token that stands for USDC.
    pub usdc_mint: Option<String>,
    /// The RPC servers, in the order in which they are asked, with spaces or line ends between them; providers put a
    /// secret into the address.
    pub rpc_url: Option<SecretString>,
    /// A file with the addresses in it, instead.
    pub rpc_url_file: Option<PathBuf>,
    /// How many of the servers must show the same transaction before money counts as paid.
    pub rpc_agree: usize,
    /// The key of the wallet, as `solana-keygen` writes it; without one the node makes a wallet at the first start.
    pub wallet_key: Option<SecretString>,
    /// A file with the key in it, instead.
    pub wallet_key_file: Option<PathBuf>,
    /// What is offered to validators for each compute unit, in millionths of a lamport.
    pub price_microlamports: u64,
    /// How many of the wallet's newest transactions are read, for each coin, to compare the wallet with the ledger.
    pub history_max: usize,
    /// The least of a token that a payee's account is made for: that costs the wallet 0.002 SOL.
    pub account_min: String,
    /// How much may leave the wallet by itself, for each coin. Nothing leaves of a coin that is not named.
    pub payout_limits: BTreeMap<String, LimitSettings>,
}

/// How much of a coin may leave the wallet by itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitSettings {
    /// At once, `50.00`.
    pub per_transaction: String,
    /// To payees, in any 24 hours.
    pub per_day: String,
    /// Of that, to one address: half of it, if not said, but never less than at once.
    pub payee_per_day: Option<String>,
    /// Back to buyers, in any 24 hours: as much as `per_day`, if not said.
    pub refund_per_day: Option<String>,
}

/// How many transactions of a coin may be read in one comparison.
const HISTORY: std::ops::RangeInclusive<usize> = 100..=100_000;

/// Secrets are in these keys.
pub(super) const SECRET_KEYS: [&str; 2] = ["rails.solana.rpc_url", "rails.solana.wallet_key"];

impl SolanaSettings {
    /// The rail, if it is set up. `node_url` is where people reach the node, `node_name` what wallets call it.
    pub(super) fn resolve(&self, node_url: &Url, node_name: &str) -> Result<Option<SolanaConfig>, ConfigError> {
        let rpc_url = secret(
            "rails.solana.rpc_url",
            self.rpc_url.as_ref(),
            self.rpc_url_file.as_deref(),
        )?;
        let wallet_key = secret(
            "rails.solana.wallet_key",
            self.wallet_key.as_ref(),
            self.wallet_key_file.as_deref(),
        )?;
        let network = self.network.clone().filter(|network| !network.is_empty());
        let (network, rpc_url) = match (network, rpc_url) {
            (Some(network), Some(rpc_url)) => (network, rpc_url),
            (None, None) if wallet_key.is_none() => return Ok(None),
            (Some(_), None) => {
                return Err(contradiction(
                    "`rails.solana.network` is set and `rails.solana.rpc_url` is not".to_owned(),
                ));
            }
            (None, _) => {
                return Err(contradiction(
                    "`rails.solana.network` is not set: it must be mainnet, devnet or local".to_owned(),
                ));
            }
        };
        if !["mainnet", "devnet", "local"].contains(&network.as_str()) {
            return Err(contradiction(
                "`rails.solana.network` must be mainnet, devnet or local".to_owned(),
            ));
        }
        if !HISTORY.contains(&self.history_max) {
            return Err(contradiction(
                "`rails.solana.history_max` must be 100 to 100000".to_owned(),
            ));
        }
        let node = node_url.as_str().trim_end_matches('/');
        let config = SolanaConfig {
            network,
            usdc_mint: self.usdc_mint.clone().filter(|mint| !mint.is_empty()),
            rpc_url: rpc_url.expose_secret().trim().into(),
            rpc_agree: self.rpc_agree,
            pay_url: format!("{node}/pay"),
            label: node_name.to_owned(),
            icon_url: format!("{node}/assets/icon.svg"),
            price_microlamports: self.price_microlamports,
            wallet_key,
            history_max: self.history_max,
            account_min: Amount::parse_decimal(&self.account_min)
                .map_err(|error| contradiction(format!("`rails.solana.account_min`: {error}")))?,
            payout_limits: self.limits()?,
        };
        config
            .rpc_addresses()
            .map_err(|error| contradiction(error.to_string()))?;
        Ok(Some(config))
    }

    fn limits(&self) -> Result<Vec<PayoutLimit>, ConfigError> {
        let limits = self.payout_limits.iter().map(|(code, limit)| {
            let wrong =
                |error: &dyn std::fmt::Display| contradiction(format!("`rails.solana.payout_limits.{code}`: {error}"));
            let asset: Asset = code.to_uppercase().parse().map_err(|error| wrong(&error))?;
            let money = |text: &str| -> Result<Money, ConfigError> {
                format!("{text} {asset}").parse().map_err(|error| wrong(&error))
            };
            let mut found = PayoutLimit::new(money(&limit.per_transaction)?, money(&limit.per_day)?);
            if let Some(text) = &limit.payee_per_day {
                found.payee_per_day = money(text)?;
            }
            if let Some(text) = &limit.refund_per_day {
                found.refund_per_day = money(text)?;
            }
            let once: Amount = found.per_transaction.amount;
            for (name, day) in [
                ("per_day", found.per_day),
                ("payee_per_day", found.payee_per_day),
                ("refund_per_day", found.refund_per_day),
            ] {
                if once > day.amount {
                    return Err(wrong(&format!("`per_transaction` is more than `{name}`")));
                }
            }
            Ok(found)
        });
        limits.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> SolanaSettings {
        let limit = LimitSettings {
            per_transaction: "50".to_owned(),
            per_day: "200.00".to_owned(),
            payee_per_day: None,
            refund_per_day: Some("80".to_owned()),
        };
        SolanaSettings {
            network: Some("mainnet".to_owned()),
            usdc_mint: None,
            rpc_url: Some("https://rpc.example/?key=hunter2".into()),
            rpc_url_file: None,
            rpc_agree: 1,
            wallet_key: None,
            wallet_key_file: None,
            price_microlamports: 10_000,
            history_max: 2_000,
            account_min: "1.00".to_owned(),
            payout_limits: BTreeMap::from([("usdc".to_owned(), limit)]),
        }
    }

    fn node() -> Url {
        "https://node.example/".parse().unwrap()
    }

    fn refusal(change: impl FnOnce(&mut SolanaSettings)) -> String {
        let mut changed = settings();
        change(&mut changed);
        let text = changed.resolve(&node(), "a node").unwrap_err().to_string();
        assert!(!text.contains("hunter2"), "{text}");
        text
    }

    #[test]
    fn a_rail_is_what_the_settings_say() {
        let config = settings().resolve(&node(), "a node").unwrap().unwrap();
        assert_eq!(
            (config.pay_url.as_str(), config.label.as_str()),
            ("https://node.example/pay", "a node")
        );
        let limit = config.payout_limits[0];
        assert_eq!(limit.per_day, "200.00 USDC".parse().unwrap());
        assert_eq!(limit.payee_per_day, "100.00 USDC".parse().unwrap());
        assert_eq!(limit.refund_per_day, "80.00 USDC".parse().unwrap());
        assert!(!format!("{:?} {config:?}", settings()).contains("hunter2"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rpc");
        std::fs::write(&file, "https://rpc.example/?key=hunter2\n").unwrap();
        let filed = SolanaSettings {
            rpc_url: None,
            rpc_url_file: Some(file),
            ..settings()
        };
        let filed = filed.resolve(&node(), "a node").unwrap().unwrap();
        assert_eq!(filed.rpc_url.expose_secret(), "https://rpc.example/?key=hunter2");
        let nothing = SolanaSettings {
            network: None,
            rpc_url: None,
            ..settings()
        };
        assert!(nothing.resolve(&node(), "a node").unwrap().is_none());
    }

    #[test]
    fn what_cannot_be_right_is_named_without_its_content() {
        assert!(refusal(|solana| solana.network = None).contains("rails.solana.network"));
        assert!(refusal(|solana| solana.network = Some("testnet".to_owned())).contains("mainnet, devnet or local"));
        assert!(refusal(|solana| solana.rpc_url = None).contains("rails.solana.rpc_url"));
        assert!(refusal(|solana| solana.rpc_url = Some("http://rpc.example/hunter2".into())).contains("https"));
        assert!(refusal(|solana| solana.rpc_agree = 2).contains("rails.solana.rpc_agree"));
        assert!(refusal(|solana| solana.rpc_url_file = Some("/nowhere".into())).contains("choose one"));
        assert!(refusal(|solana| solana.wallet_key_file = Some("/nowhere/key".into())).contains("/nowhere/key"));
        assert!(refusal(|solana| solana.account_min = "little".to_owned()).contains("account_min"));
        let limit = |per_transaction: &str, per_day: &str| LimitSettings {
            per_transaction: per_transaction.to_owned(),
            per_day: per_day.to_owned(),
            payee_per_day: None,
            refund_per_day: None,
        };
        for (code, limit) in [
            ("usdc", limit("much", "1")),
            ("usdc", limit("-1", "1")),
            ("usdc", limit("2", "1")),
            ("us dollars", limit("1", "1")),
            (
                "usdc",
                LimitSettings {
                    refund_per_day: Some("1".to_owned()),
                    ..limit("2", "4")
                },
            ),
        ] {
            let text = refusal(|solana| {
                solana.payout_limits.insert(code.to_owned(), limit);
            });
            assert!(text.contains("payout_limits"), "{text}");
        }
    }
}
