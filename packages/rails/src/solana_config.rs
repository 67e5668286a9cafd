//! How a node speaks with Solana; known also to programs that were built without it, so that they can say so.

use std::fmt;

use imajin_money::Money;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::RailSetupError;

/// Solana's name among the rails.
pub const SOLANA: &str = "solana";

/// Whether this program was built with Solana.
pub const SOLANA_BUILT: bool = cfg!(feature = "solana");

/// How a node speaks with Solana.
#[derive(Clone)]
pub struct SolanaConfig {
    /// `mainnet`, `devnet`, or `local` for a chain of one's own.
    pub network: String,
    /// On `local` only: the token that stands for USDC.
    pub usdc_mint: Option<String>,
    /// The RPC server, one's own or a provider's; providers put a secret into it.
    pub rpc_url: SecretString,
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
    /// How much may leave the node's wallet by itself. Nothing leaves of a coin that is not named.
    pub payout_limits: Vec<PayoutLimit>,
}

/// How much of one coin may leave the node's wallet by itself, refunds included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayoutLimit {
    /// At once.
    pub per_transaction: Money,
    /// In any 24 hours.
    pub per_day: Money,
}

impl SolanaConfig {
    /// The address of the RPC server: HTTPS, or HTTP to this machine.
    ///
    /// # Errors
    /// [`RailSetupError::Setting`], which does not hold the address.
    pub fn rpc_address(&self) -> Result<Url, RailSetupError> {
        let wrong = || {
            let text = "`rails.solana.rpc_url` must be an https:// address, or an http:// address of this machine";
            RailSetupError::Setting(text.to_owned())
        };
        let url: Url = self.rpc_url.expose_secret().parse().map_err(|_error| wrong())?;
        let is_here = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        match url.scheme() {
            "https" => Ok(url),
            "http" if is_here => Ok(url),
            _ => Err(wrong()),
        }
    }
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
            pay_url: "https://node.example/pay".to_owned(),
            label: String::new(),
            icon_url: String::new(),
            price_microlamports: 0,
            wallet_key: None,
            payout_limits: Vec::new(),
        }
    }

    #[test]
    fn a_server_elsewhere_is_spoken_with_by_tls_only_and_its_address_is_not_shown() {
        for url in [
            "https://rpc.example/?api-key=hush",
            "http://127.0.0.1:8899",
            "http://localhost:8899/",
        ] {
            assert!(config(url).rpc_address().is_ok(), "{url}");
        }
        for url in [
            "http://rpc.example/hush",
            "ws://127.0.0.1/hush",
            "file:///hush",
            "hush",
            "",
        ] {
            let error = config(url).rpc_address().unwrap_err();
            assert!(!error.to_string().contains("hush"));
        }
        assert!(!format!("{:?}", config("https://rpc.example/hush")).contains("hush"));
    }
}
