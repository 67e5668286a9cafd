use imajin_money::Amount;
use serde::{Deserialize, Serialize};

use super::PlanError;

const ONE_MICROS: u64 = 1_000_000;

/// What comes off a price before it is split: data, published and versioned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeeSchedule {
    /// Which version this is; receipts name it.
    pub version: u32,
    /// The fees. Each is reckoned from the gross.
    pub lines: Vec<FeeRule>,
}

/// One fee of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeeRule {
    /// What it is called on the receipt.
    pub name: String,
    /// Who gets it.
    pub recipient: FeeRecipient,
    /// How much, in millionths of the gross.
    pub rate_micros: u32,
}

/// Who gets a fee; the node knows the DID behind each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FeeRecipient {
    /// The network.
    Protocol,
    /// The node that sold.
    Node,
    /// The buyer, as a credit.
    Buyer,
}

/// One fee of a settlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeeLine {
    /// What it is called.
    pub name: String,
    /// Who gets it.
    pub recipient: FeeRecipient,
    /// The rate that it was reckoned by, in millionths of the gross.
    pub rate_micros: u32,
    /// How much, in the asset of the gross.
    pub amount: Amount,
}

impl FeeSchedule {
    /// No fees: the default.
    pub const fn none() -> Self {
        Self {
            version: 0,
            lines: Vec::new(),
        }
    }

    /// The preset of the MJN network: protocol 1 %, node 0.5 %, buyer credit 0.25 %.
    pub fn mjn() -> Self {
        let line = |name: &str, recipient, rate_micros| FeeRule {
            name: name.to_owned(),
            recipient,
            rate_micros,
        };
        Self {
            version: 1,
            lines: vec![
                line("protocol", FeeRecipient::Protocol, 10_000),
                line("node", FeeRecipient::Node, 5_000),
                line("buyer credit", FeeRecipient::Buyer, 2_500),
            ],
        }
    }

    /// Checks that the fees are not more than the price.
    pub fn check(&self) -> Result<(), PlanError> {
        let total: u64 = self.lines.iter().map(|rule| u64::from(rule.rate_micros)).sum();
        if total > ONE_MICROS {
            return Err(PlanError::FeesAboveGross);
        }
        Ok(())
    }

    /// The fees of a price, each rounded down, and what is left.
    pub(super) fn take_from(&self, gross: Amount) -> Result<(Vec<FeeLine>, Amount), PlanError> {
        self.check()?;
        let mut net = gross;
        let mut fees = Vec::with_capacity(self.lines.len());
        for rule in &self.lines {
            let amount = gross.portion_floor(rule.rate_micros)?;
            if amount.is_zero() {
                continue;
            }
            net = net.checked_sub(amount)?;
            fees.push(FeeLine {
                name: rule.name.clone(),
                recipient: rule.recipient,
                rate_micros: rule.rate_micros,
                amount,
            });
        }
        Ok((fees, net))
    }
}
