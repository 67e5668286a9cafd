use imajin_money::{Asset, Money};
use serde::{Deserialize, Serialize};

use crate::MjnError;

/// The longest proof of a means of payment: a visa, the id of a checkout, a transaction.
const CREDENTIAL_LENGTH_MAX: usize = 4 * 1024;

/// What an asker pays: at most this much, and how.
///
/// On the wire `{"max_amount":"0.05","currency":"TEST-USD","means":"visa","credential":"…"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct SettlementInstruction {
    /// The most that may be taken.
    pub max: Money,
    /// Where it comes from.
    pub means: Means,
}

/// Where money comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum Means {
    /// Nothing is paid: `max_amount` is zero.
    Free,
    /// The asker's balance at the answering node.
    Balance,
    /// A broker's visa, which is bound to the asker's key.
    Visa(String),
    /// A checkout that the asker has paid at the answering node.
    Checkout(String),
    /// A transaction on Solana.
    Solana(String),
}

impl std::fmt::Debug for Means {
    /// Without the credential: a visa is as good as money until it is spent.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.parts().0)
    }
}

impl Means {
    fn parts(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Free => ("free", None),
            Self::Balance => ("balance", None),
            Self::Visa(token) => ("visa", Some(token)),
            Self::Checkout(id) => ("checkout", Some(id)),
            Self::Solana(signature) => ("solana", Some(signature)),
        }
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    max_amount: String,
    currency: Asset,
    means: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    credential: Option<String>,
}

impl TryFrom<Wire> for SettlementInstruction {
    type Error = MjnError;

    fn try_from(wire: Wire) -> Result<Self, MjnError> {
        let wrong = |reason: &str| crate::headers::invalid(&crate::SETTLEMENT, &reason);
        let max = Money::parse_decimal(&wire.max_amount, wire.currency);
        let max = max.map_err(|error| crate::headers::invalid(&crate::SETTLEMENT, &error))?;
        let means = match (wire.means.as_str(), wire.credential) {
            ("free", None) if max.is_zero() => Means::Free,
            ("free", None) => return Err(wrong("what is free has the max_amount 0")),
            ("balance", None) => Means::Balance,
            (name @ ("visa" | "checkout" | "solana"), Some(text)) => {
                let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
                if text.is_empty() || text.len() > CREDENTIAL_LENGTH_MAX || !visible {
                    return Err(wrong("the credential must be 1 to 4096 visible ASCII characters"));
                }
                match name {
                    "visa" => Means::Visa(text),
                    "checkout" => Means::Checkout(text),
                    _ => Means::Solana(text),
                }
            }
            ("free" | "balance", Some(_)) => return Err(wrong("these means have no credential")),
            ("visa" | "checkout" | "solana", None) => return Err(wrong("these means need their credential")),
            _ => return Err(wrong("the means are free, balance, visa, checkout or solana")),
        };
        Ok(Self { max, means })
    }
}

impl From<SettlementInstruction> for Wire {
    fn from(instruction: SettlementInstruction) -> Self {
        let (means, credential) = instruction.means.parts();
        Self {
            max_amount: instruction.max.decimal(),
            currency: instruction.max.asset,
            means: means.to_owned(),
            credential: credential.map(str::to_owned),
        }
    }
}
