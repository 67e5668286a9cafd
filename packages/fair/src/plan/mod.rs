//! The settlement planner: which part of a price goes to whom, and along which manifests.
//!
//! Pure: the same input gives the same plan, on every node and forever, so a receipt can be checked by planning again.
//! Fees come off first, each rounded down; the rest is split along the manifest, and a share that names another
//! manifest is split along that one. Fees and legs sum to the price exactly; nothing is ever rounded away.

mod explain;
mod fees;
mod walk;
mod wire;

use std::collections::BTreeSet;

use imajin_did::Did;
use imajin_kernel::Code;
use imajin_money::{Amount, AmountError, Money, SplitError};
use serde::{Deserialize, Serialize};

pub use explain::{Explanation, Step, explain};
pub use fees::{FeeLine, FeeRecipient, FeeRule, FeeSchedule};

use crate::{DEPTH_MAX, LinePath, Manifest, ManifestId};

/// How many entries of manifests a plan may walk through: a bound on its time and on the legs of a receipt.
pub const ENTRIES_MAX: usize = 10_000;

/// Everything that decides a settlement.
pub struct PlanInput<'a> {
    /// What was paid.
    pub gross: Money,
    /// What comes off before the split.
    pub fees: &'a FeeSchedule,
    /// Who sold it and bears the fees.
    pub seller: Did,
    /// The split of what was sold. Its signature is verified by the caller.
    pub manifest: &'a Manifest,
    /// Finds the manifests that a share names. Their signatures are verified by the caller.
    pub manifests: &'a dyn Fn(&ManifestId) -> Option<Manifest>,
    /// Whether a contributor, in the native form of its DID, has accepted a manifest. Whoever signed a manifest has
    /// accepted it too, if the caller says so here.
    pub accepted: &'a dyn Fn(&ManifestId, &Did) -> bool,
}

/// Who gets what of a price. Serializes to JSON and is checked again when it is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "wire::PlanWire", into = "wire::PlanWire")]
pub struct Plan {
    /// What was paid.
    pub gross: Money,
    /// Who sold it and bears the fees.
    pub seller: Did,
    /// The version of the schedule that the fees are from.
    pub fee_schedule_version: u32,
    /// What came off before the split. A fee that rounds down to nothing is not listed.
    pub fees: Vec<FeeLine>,
    /// Where the rest goes, in the order of the manifests' entries. No leg is zero, and no two have the same payee,
    /// role and path.
    pub legs: Vec<Leg>,
}

/// One payee's part along one path through the manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// The payee, in the native form of the DID.
    pub did: Did,
    /// The payee's role in the last manifest of the path.
    pub role: String,
    /// The manifests from that of the goods to the one that names the payee.
    pub path: Vec<ManifestId>,
    /// How much, in the asset of the gross.
    pub amount: Amount,
    /// Whether the part waits until the payee accepts the manifest.
    pub held: bool,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A share names a manifest that is not to be found.
    #[error("the manifest {id}, which has a share in this work, is not known here: fetch it first")]
    ManifestMissing {
        /// The manifest.
        id: ManifestId,
    },
    /// A share leads back to a manifest that it came from.
    #[error("no money can be split along a circle: {path}")]
    Cycle {
        /// From the goods to the second time that the same manifest comes up.
        path: LinePath,
    },
    /// Shares of shares go on for too long.
    #[error("the shares lead through more than {DEPTH_MAX} manifests: {path}")]
    TooDeep {
        /// From the goods to the first manifest that is too far away.
        path: LinePath,
    },
    /// There would be too many payees.
    #[error("the split has more than {ENTRIES_MAX} entries")]
    TooManyEntries,
    /// The fees are more than the price.
    #[error("the fees of the schedule sum to more than the whole price")]
    FeesAboveGross,
    /// A manifest cannot be split along.
    #[error("the manifest {id} cannot be split along: {source}")]
    Split {
        /// The manifest.
        id: ManifestId,
        /// What is wrong with its shares.
        source: SplitError,
    },
    /// A sum left the range of amounts.
    #[error(transparent)]
    Amount(#[from] AmountError),
    /// Fees and legs are not the gross, or a leg is there twice.
    #[error("the parts of the plan do not make up the price")]
    Unbalanced,
}

impl PlanError {
    /// What this refusal is called on the wire.
    pub fn code(&self) -> Code {
        match self {
            Self::ManifestMissing { .. } => Code::Conflict,
            Self::FeesAboveGross | Self::Amount(_) | Self::Unbalanced => Code::Internal,
            _ => Code::InvalidRequest,
        }
    }
}

/// Plans a settlement.
pub fn plan(input: &PlanInput<'_>) -> Result<Plan, PlanError> {
    let (fees, net) = input.fees.take_from(input.gross.amount)?;
    let plan = Plan {
        gross: input.gross,
        seller: input.seller.canonical(),
        fee_schedule_version: input.fees.version,
        fees,
        legs: walk::legs(input, net)?,
    };
    plan.check()?;
    Ok(plan)
}

impl Plan {
    /// The sum of the fees.
    pub fn fees_total(&self) -> Result<Amount, AmountError> {
        Amount::sum(self.fees.iter().map(|line| line.amount))
    }

    /// The sum of the legs: what is left of the gross after the fees.
    pub fn legs_total(&self) -> Result<Amount, AmountError> {
        Amount::sum(self.legs.iter().map(|leg| leg.amount))
    }

    /// Checks that fees and legs sum to the gross, that none is empty, and that no leg is there twice.
    pub fn check(&self) -> Result<(), PlanError> {
        let total = self.fees_total()?.checked_add(self.legs_total()?)?;
        let empty =
            self.fees.iter().any(|line| line.amount.is_zero()) || self.legs.iter().any(|leg| leg.amount.is_zero());
        let mut seen = BTreeSet::new();
        let twice = self
            .legs
            .iter()
            .any(|leg| !seen.insert((&leg.path, &leg.did, &leg.role)));
        if total != self.gross.amount || empty || twice {
            return Err(PlanError::Unbalanced);
        }
        Ok(())
    }
}
