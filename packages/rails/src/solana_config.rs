//! How a node speaks with Solana; known also to programs that were built without it, so that they can say so.

use std::fmt;

use imajin_money::{Amount, Money};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::RailSetupError;

/// Solana's name among the rails.
pub const SOLANA: &str = "solana";

/// Whether this program was built with Solana.
pub const SOLANA_BUILT: bool = cfg!(feature = "solana");

/// The most RPC servers.
const RPC_SERVERS_MAX: usize = 8;

/// How a node speaks with Solana.
#[derive(Clone)]
pub struct SolanaConfig {
    /// `mainnet`, `devnet`, or `local` for a chain of one's own.
    pub network: String,
    /// On `local` only: the token that stands for USDC.
    pub usdc_mint: Option<String>,
    /// The RPC servers, one's own or providers', in the order in which they are asked, with spaces or line ends between
    /// them; providers put a secret into the address.
    pub rpc_url: SecretString,
    /// How many of the servers must show the same transaction before money counts as paid.
    pub rpc_agree: usize,
    /// Under which URL the node's pay service is reached, without a slash at the end.
    pub pay_url: String,
    /// What wallets call the node.
    pub label: String,
    /// Its picture in wallets: an SVG, PNG or WebP.
    pub icon_url: String,
    /// What is offered for each compute unit, in millionths of a lamport.
    pub price_microlamports: u64,
    /// The key of the wallet, as `solana-keygen` writes it: taken at the first start, and compared afterwards. Without
    /// it the node makes a wallet.
    pub wallet_key: Option<SecretString>,
    /// How many of the wallet's newest transactions are read to compare the wallet with the ledger, for each coin.
    pub history_max: usize,
    /// The least of a token that a payee's account is made for, at the wallet's expense; in the token's own units.
    pub account_min: Amount,
    /// How much may leave the node's wallet by itself. Nothing leaves of a coin that is not named.
    pub payout_limits: Vec<PayoutLimit>,
}

/// How much of one coin may leave the node's wallet by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayoutLimit {
    /// At once.
    pub per_transaction: Money,
    /// To payees, in any 24 hours.
    pub per_day: Money,
    /// Of that, to one address.
    pub payee_per_day: Money,
    /// Back to buyers, in any 24 hours.
    pub refund_per_day: Money,
}

impl PayoutLimit {
    /// As much back to buyers as to payees, and half of the day to one of them, but never less than may leave at once.
    pub fn new(per_transaction: Money, per_day: Money) -> Self {
        let half = Amount::from_micros(per_day.amount.micros() / 2).unwrap_or_default();
        Self {
            per_transaction,
            per_day,
            payee_per_day: Money::new(half.max(per_transaction.amount), per_day.asset),
            refund_per_day: per_day,
        }
    }
}

impl SolanaConfig {
    /// The addresses of the RPC servers: HTTPS, or HTTP to this machine.
    ///
    /// # Errors
    /// [`RailSetupError::Setting`], which holds no address.
    pub fn rpc_addresses(&self) -> Result<Vec<Url>, RailSetupError> {
        let wrong = |text: &str| RailSetupError::Setting(text.to_owned());
        let addresses = self.rpc_url.expose_secret().split_whitespace().map(|text| {
            let url: Option<Url> = text.parse().ok();
            url.filter(is_allowed).ok_or_else(|| {
                wrong("`rails.solana.rpc_url` must be https:// addresses, or http:// addresses of this machine")
            })
        });
        let mut addresses = addresses.collect::<Result<Vec<_>, _>>()?;
        let mut seen = std::collections::HashSet::new();
        addresses.retain(|url| seen.insert(url.clone()));
        if addresses.is_empty() || addresses.len() > RPC_SERVERS_MAX {
            let text = format!("`rails.solana.rpc_url` must name between one and {RPC_SERVERS_MAX} servers");
            return Err(wrong(&text));
        }
        if self.rpc_agree == 0 || self.rpc_agree > addresses.len() {
            return Err(wrong(
                "`rails.solana.rpc_agree` must be at least 1, and not more than there are servers in \
                 `rails.solana.rpc_url`",
            ));
        }
        Ok(addresses)
    }
}

fn is_allowed(url: &Url) -> bool {
    let is_here = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}

impl fmt::Debug for SolanaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SolanaConfig")
            .field("network", &self.network)
            .field("pay_url", &self.pay_url)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(rpc_url: &str) -> SolanaConfig {
        SolanaConfig {
            network: "mainnet".to_owned(),
            usdc_mint: None,
            rpc_url: SecretString::from(rpc_url),
            rpc_agree: 1,
            pay_url: "https://node.example/pay".to_owned(),
            label: String::new(),
            icon_url: String::new(),
            price_microlamports: 0,
            wallet_key: None,
            history_max: 100,
            account_min: Amount::ZERO,
            payout_limits: Vec::new(),
        }
    }

    #[test]
    fn a_server_elsewhere_is_spoken_with_by_tls_only_and_its_address_is_not_shown() {
        for url in [
            "https://rpc.example/?api-key=hush",
            "http://127.0.0.1:8899",
            "http://localhost:8899/",
            "https://rpc.example/hush\n https://other.example/hush\n",
        ] {
            assert!(config(url).rpc_addresses().is_ok(), "{url}");
        }
        for url in [
            "http://rpc.example/hush",
            "ws://127.0.0.1/hush",
            "file:///hush",
            "hush",
            "",
            "https://rpc.example/ http://other.example/hush",
        ] {
            let error = config(url).rpc_addresses().unwrap_err();
            assert!(!error.to_string().contains("hush"));
        }
        assert!(!format!("{:?}", config("https://rpc.example/hush")).contains("hush"));
    }
    #[test]
    fn servers_are_counted_once_and_so_many_can_agree() {
        let both = |agree: usize| SolanaConfig {
            rpc_agree: agree,
            ..config("https://one.example/ https://two.example/ https://one.example/")
        };
        assert_eq!(both(2).rpc_addresses().unwrap().len(), 2);
        for agree in [0, 3] {
            let error = both(agree).rpc_addresses().unwrap_err();
            assert!(error.to_string().contains("rpc_agree"), "{error}");
        }
    }
}
