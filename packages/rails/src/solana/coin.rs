use imajin_money::{Amount, Asset};
use serde::{Deserialize, Serialize};

use super::{Address, SolanaError};
use crate::{RailSetupError, SolanaConfig};

/// USD Coin on mainnet.
pub const USDC_MINT: Address = Address::literal(b"EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v");
/// USD Coin on devnet, worth nothing.
pub const USDC_DEVNET_MINT: Address = Address::literal(b"4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU");
/// The MJN token on mainnet. Its supply is zero.
pub const MJN_MINT: Address = Address::literal(b"12rXuUVzC71zoLrqVa3JYGRiXkKrezQLXB7gKkfq9AjK");

const MAINNET_GENESIS: Address = Address::literal(b"5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d");
const DEVNET_GENESIS: Address = Address::literal(b"EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG");

/// Which chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase")]
pub enum Network {
    /// The one whose money is money.
    Mainnet,
    /// The public one for tests.
    Devnet,
    /// One of one's own, for tests. It may be any chain but mainnet.
    Local {
        /// What stands for USDC there, with six decimals.
        usdc: Address,
    },
}

/// What a payment is made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Coin {
    /// Its name in the ledger.
    pub asset: Asset,
    /// The token; `None` for SOL itself.
    pub mint: Option<Address>,
    /// How many decimals it has, on the chain and in the ledger.
    pub decimals: u8,
}

/// A token that the node's pages know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownToken {
    /// What it is called.
    pub name: &'static str,
    /// The token; `None` for SOL itself.
    pub mint: Option<Address>,
    /// In which asset it settles; `None` if the node takes none of it.
    pub settles_as: Option<Asset>,
}

impl Network {
    /// The network of a configuration.
    ///
    /// # Errors
    /// [`RailSetupError::Setting`], which names the setting.
    pub fn of_config(config: &SolanaConfig) -> Result<Self, RailSetupError> {
        let wrong = |text: &str| Err(RailSetupError::Setting(text.to_owned()));
        match (config.network.as_str(), &config.usdc_mint) {
            ("mainnet", None) => Ok(Self::Mainnet),
            ("devnet", None) => Ok(Self::Devnet),
            ("local", Some(mint)) => match mint.parse() {
                Ok(usdc) => Ok(Self::Local { usdc }),
                Err(_not_an_address) => wrong("`rails.solana.usdc_mint` is no address of Solana"),
            },
            ("local", None) => {
                wrong("`rails.solana.usdc_mint` must say which token stands for USDC on a local network")
            }
            ("mainnet" | "devnet", Some(_)) => {
                wrong("`rails.solana.usdc_mint` is for local networks only: the others have their own USDC")
            }
            _ => wrong("`rails.solana.network` must be mainnet, devnet or local"),
        }
    }

    /// Whether its money is worth nothing.
    pub const fn is_test(&self) -> bool {
        !matches!(self, Self::Mainnet)
    }

    /// The coin of an asset.
    ///
    /// # Errors
    /// [`SolanaError::Asset`] for an asset that this network does not have: test assets on mainnet, real ones
    /// elsewhere, and MJN, whose token is known and settles nothing.
    pub fn coin(&self, asset: Asset) -> Result<Coin, SolanaError> {
        let code = asset.as_str();
        let base = code.strip_prefix("TEST-").unwrap_or(code);
        if asset.is_test() != self.is_test() {
            return Err(SolanaError::Asset(asset));
        }
        let (mint, decimals) = match base {
            "SOL" => (None, 9),
            "USDC" => (Some(self.usdc_mint()), 6),
            _ => return Err(SolanaError::Asset(asset)),
        };
        if asset.scale() != u32::from(decimals) {
            return Err(SolanaError::Asset(asset));
        }
        Ok(Coin { asset, mint, decimals })
    }

    /// The tokens to show, and whether the node takes them.
    pub fn tokens(&self) -> Vec<KnownToken> {
        let prefix = if self.is_test() { "TEST-" } else { "" };
        let settling = |name, mint| KnownToken {
            name,
            mint,
            settles_as: format!("{prefix}{name}").parse().ok(),
        };
        let mut tokens = vec![settling("USDC", Some(self.usdc_mint())), settling("SOL", None)];
        if !self.is_test() {
            tokens.push(KnownToken {
                name: "MJN",
                mint: Some(MJN_MINT),
                settles_as: None,
            });
        }
        tokens
    }

    /// Compares the first block of the chain behind an RPC address with what the network says it is.
    ///
    /// # Errors
    /// [`SolanaError::WrongChain`].
    pub fn genesis_check(&self, genesis: &Address) -> Result<(), SolanaError> {
        let right = match self {
            Self::Mainnet => *genesis == MAINNET_GENESIS,
            Self::Devnet => *genesis == DEVNET_GENESIS,
            Self::Local { .. } => *genesis != MAINNET_GENESIS,
        };
        if right { Ok(()) } else { Err(SolanaError::WrongChain) }
    }

    const fn usdc_mint(&self) -> Address {
        match self {
            Self::Mainnet => USDC_MINT,
            Self::Devnet => USDC_DEVNET_MINT,
            Self::Local { usdc } => *usdc,
        }
    }
}

impl Coin {
    /// Where `owner` receives it: his associated token account, or for SOL the address itself.
    ///
    /// # Errors
    /// [`SolanaError::Address`] for an owner who can have none.
    pub fn account(&self, owner: &Address) -> Result<Address, SolanaError> {
        match &self.mint {
            None => Ok(*owner),
            Some(mint) => Address::token_account(owner, mint).ok_or(SolanaError::Address),
        }
    }

    /// An amount in the chain's smallest unit, which is also the ledger's.
    pub(crate) fn units(amount: Amount) -> u64 {
        // An amount is never negative.
        u64::try_from(amount.micros()).unwrap_or_default()
    }

    /// An amount as a decimal number, as a payment request writes it: no exponent, no trailing zeros.
    pub(crate) fn decimal(&self, amount: Amount) -> String {
        let places = usize::from(self.decimals);
        let digits = format!("{:0>width$}", amount.micros(), width = places.saturating_add(1));
        let (whole, fraction) = digits
            .split_at_checked(digits.len().saturating_sub(places))
            .unwrap_or((&digits, ""));
        match fraction.trim_end_matches('0') {
            "" => whole.to_owned(),
            fraction => format!("{whole}.{fraction}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mjn_is_known_and_settles_nothing() {
        let mjn = Network::Mainnet.tokens().into_iter().find(|token| token.name == "MJN");
        assert_eq!(
            mjn.unwrap(),
            KnownToken {
                name: "MJN",
                mint: Some(MJN_MINT),
                settles_as: None
            }
        );
        let asset: Asset = "MJN".parse().unwrap();
        assert_eq!(Network::Mainnet.coin(asset), Err(SolanaError::Asset(asset)));
    }

    #[test]
    fn test_money_and_money_do_not_meet() {
        let (usdc, sol) = (Asset::USDC, Asset::SOL);
        assert_eq!(Network::Mainnet.coin(usdc).unwrap().mint, Some(USDC_MINT));
        assert_eq!(Network::Mainnet.coin(sol).unwrap().mint, None);
        assert_eq!(Network::Devnet.coin(usdc), Err(SolanaError::Asset(usdc)));
        let test_usdc: Asset = "TEST-USDC".parse().unwrap();
        assert_eq!(Network::Mainnet.coin(test_usdc), Err(SolanaError::Asset(test_usdc)));
        assert_eq!(Network::Devnet.coin(test_usdc).unwrap().mint, Some(USDC_DEVNET_MINT));
        assert_eq!(Network::Mainnet.coin(Asset::USD), Err(SolanaError::Asset(Asset::USD)));
        assert!(Network::Mainnet.genesis_check(&DEVNET_GENESIS).is_err());
        assert!(
            Network::Local { usdc: USDC_MINT }
                .genesis_check(&MAINNET_GENESIS)
                .is_err()
        );
        assert!(Network::Mainnet.genesis_check(&MAINNET_GENESIS).is_ok());
    }

    #[test]
    fn amounts_are_written_without_trailing_zeros() {
        let coin = Network::Mainnet.coin(Asset::USDC).unwrap();
        for (micros, text) in [(0, "0"), (1, "0.000001"), (10_500_000, "10.5"), (100_000_000, "100")] {
            assert_eq!(coin.decimal(Amount::from_micros(micros).unwrap()), text);
        }
        let sol = Network::Mainnet.coin(Asset::SOL).unwrap();
        assert_eq!(sol.decimal(Amount::from_micros(1).unwrap()), "0.000000001");
    }
}
