//! Whether steps prove a path: for whoever was shown one, and asks nobody.

use imajin_did::Did;
use imajin_kernel::Timestamp;

use crate::statement::{Fact, KeysAt};
use crate::{PathStep, StatementError, StatementKind};

/// Why steps prove no path. A step is named by its number, from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// There is no step.
    #[error("it has no steps")]
    Empty,
    /// The documents of a step do not verify.
    #[error("step {number} is not proven: {error}")]
    Unproven {
        /// Which.
        number: usize,
        /// Why.
        error: StatementError,
    },
    /// A step says something else than what was signed.
    #[error("step {0} is not what its signers have said")]
    OtherTie(usize),
    /// A step is of a kind that no path goes along.
    #[error("step {0} is no tie: nobody trusts whom they warn of")]
    NoTie(usize),
    /// A tie was revoked, is not accepted, or has ended.
    #[error("step {0} does not hold any more, or not yet")]
    Over(usize),
    /// A step begins elsewhere than the one before ends.
    #[error("step {0} does not begin where the one before it ends")]
    Gap(usize),
}

/// Checks a path step by step, and gives its two ends: what each step says was signed by `keys`, holds `at` this
/// moment, and begins where the one before it ends. A tie that both have signed goes both ways.
///
/// What was revoked since the path was shown is not seen: only a node that has the revocation knows of it.
///
/// # Errors
/// [`PathError`], naming the step.
pub fn path_verify(steps: &[PathStep], keys: KeysAt<'_>, at: Timestamp) -> Result<(Did, Did), PathError> {
    let mut ends: Option<(Did, Did)> = None;
    for (number, step) in (1..).zip(steps) {
        let fact = step.proof.verify(keys);
        let fact = fact.map_err(|error| PathError::Unproven { number, error })?;
        let (from, to) = (step.from.canonical(), step.to.canonical());
        if fact.kind != step.kind || !goes(&fact, &from, &to) {
            return Err(PathError::OtherTie(number));
        }
        if fact.kind == StatementKind::Flag {
            return Err(PathError::NoTie(number));
        }
        if !fact.holds(at) {
            return Err(PathError::Over(number));
        }
        ends = match ends {
            None => Some((from, to)),
            Some((first, last)) if last == from => Some((first, to)),
            Some(_) => return Err(PathError::Gap(number)),
        };
    }
    ends.ok_or(PathError::Empty)
}

/// Whether what was said leads from one to the other.
fn goes(fact: &Fact, from: &Did, to: &Did) -> bool {
    let is_said = |one: &Did, other: &Did| fact.from.is_equivalent(one) && fact.to.is_equivalent(other);
    is_said(from, to) || (fact.kind.is_mutual() && is_said(to, from))
}
