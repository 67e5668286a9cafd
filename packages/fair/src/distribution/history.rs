use imajin_did::Did;
use imajin_kernel::{Code, Timestamp};
use serde::{Deserialize, Serialize};

use super::Contract;

/// Every version of one profile's contract, oldest first. None is ever removed or changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Contract>", into = "Vec<Contract>")]
pub struct History(Vec<Contract>);

/// Why a version does not continue a history.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// It is somebody else's.
    #[error("this is the contract of {found}, not of {profile}")]
    OtherProfile {
        /// Whose history it is.
        profile: Did,
        /// Whose contract it is.
        found: Did,
    },
    /// It is not the next version.
    #[error("the next version is {expected}, not {found}")]
    NotTheNext {
        /// The version that comes next.
        expected: u32,
        /// The version that it has.
        found: u32,
    },
    /// It says that it was written before its predecessor.
    #[error("version {version} says that it was written before the one that it follows")]
    OutOfOrder {
        /// The version.
        version: u32,
    },
    /// It would govern what has happened already.
    #[error("version {version} would govern what has happened already: let it take effect from now on, or later")]
    Retroactive {
        /// The version.
        version: u32,
    },
}

impl HistoryError {
    /// What this refusal is called on the wire.
    pub fn code(&self) -> Code {
        match self {
            Self::OtherProfile { .. } => Code::Forbidden,
            Self::NotTheNext { .. } => Code::Conflict,
            Self::OutOfOrder { .. } | Self::Retroactive { .. } => Code::InvalidRequest,
        }
    }
}

impl History {
    /// No contract yet.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Some versions of one profile's contract, for reckoning with those that are at hand: sorted, and of the same
    /// version the last one counts. What is kept is read with [`TryFrom`], which misses none.
    pub fn excerpt(mut contracts: Vec<Contract>) -> Result<Self, HistoryError> {
        contracts.sort_by_key(|contract| contract.version);
        for pair in contracts.windows(2) {
            if let [one, other] = pair
                && one.profile_did.canonical() != other.profile_did.canonical()
            {
                return Err(HistoryError::OtherProfile {
                    profile: one.profile_did.clone(),
                    found: other.profile_did.clone(),
                });
            }
        }
        Ok(Self(contracts))
    }

    /// All versions, oldest first.
    pub fn versions(&self) -> &[Contract] {
        &self.0
    }

    /// Adds the next version. Its signature is verified by the caller; `now` is when it was received.
    ///
    /// A version cannot take effect before it was received: the signer's word about when it was written does not count.
    pub fn append(&mut self, contract: Contract, now: Timestamp) -> Result<(), HistoryError> {
        self.check_next(&contract)?;
        if contract.effective_at.at() < now {
            return Err(HistoryError::Retroactive {
                version: contract.version,
            });
        }
        self.0.push(contract);
        Ok(())
    }

    /// The version that governs a transaction at this moment: of those in effect by then, the newest. A version that
    /// was scheduled and then superseded before its time therefore never governs once the newer one does.
    pub fn in_effect(&self, at: Timestamp) -> Option<&Contract> {
        self.0.iter().rev().find(|contract| contract.effective_at.at() <= at)
    }

    fn check_next(&self, contract: &Contract) -> Result<(), HistoryError> {
        let last = self.0.last();
        let expected = last.map_or(0, |last| last.version).saturating_add(1);
        if let Some(last) = last {
            if last.profile_did.canonical() != contract.profile_did.canonical() {
                return Err(HistoryError::OtherProfile {
                    profile: last.profile_did.clone(),
                    found: contract.profile_did.clone(),
                });
            }
            if contract.updated_at.at() < last.updated_at.at() {
                return Err(HistoryError::OutOfOrder {
                    version: contract.version,
                });
            }
        }
        if contract.version != expected {
            return Err(HistoryError::NotTheNext {
                expected,
                found: contract.version,
            });
        }
        Ok(())
    }
}

impl Default for History {
    fn default() -> Self {
        Self::new()
    }
}

impl TryFrom<Vec<Contract>> for History {
    type Error = HistoryError;

    /// Versions that were kept: their order is checked, not when they were received.
    fn try_from(contracts: Vec<Contract>) -> Result<Self, HistoryError> {
        let mut history = Self::new();
        for contract in contracts {
            history.check_next(&contract)?;
            history.0.push(contract);
        }
        Ok(history)
    }
}

impl From<History> for Vec<Contract> {
    fn from(history: History) -> Self {
        history.0
    }
}
