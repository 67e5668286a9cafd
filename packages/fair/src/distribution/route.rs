//! From the legs of a plan along the payees' contracts to whoever gets the money in the end.

use std::collections::BTreeMap;
use std::rc::Rc;

use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_money::{Amount, AmountError, Share, SplitError, Weighted, split};

use super::{Allocation, CONTRACTS_PER_LEG_MAX, Contract, History, ROUTE_DEPTH_MAX};
use crate::plan::{Leg, Plan};

/// Everything that decides a distribution.
pub struct DistributionInput<'a> {
    /// The settlement.
    pub plan: &'a Plan,
    /// When the transaction happened: the contracts in effect then govern, never later ones.
    pub at: Timestamp,
    /// The contracts of a DID in its native form. Their signatures are verified by the caller.
    pub contracts: &'a dyn Fn(&Did) -> Option<History>,
    /// Whether a recipient, in the native form of its DID, can be paid.
    pub payable: &'a dyn Fn(&Did) -> bool,
    /// What waits already for the minimum of a contract, in the plan's asset.
    pub accrued: &'a dyn Fn(&AccrualKey) -> Amount,
}

/// Where parts wait that are below the minimum of a contract.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccrualKey {
    /// Whose contract it is.
    pub profile: Did,
    /// The label of the allocation.
    pub label: String,
    /// Whom they wait for.
    pub recipient: Did,
}

/// Where the money of a settlement goes in the end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Distribution {
    /// What becomes of each leg, in the order of the plan's legs: the parts of a leg sum to it exactly.
    pub parts: Vec<Part>,
    /// What has waited and leaves now, because it makes up the minimum or goes along with a part that does.
    pub releases: Vec<Release>,
    /// What waits afterwards, for every place that this settlement has touched.
    pub accruals: Vec<Accrual>,
}

/// A part of a leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Which leg of the plan, counted from 0.
    pub leg: usize,
    /// Who gets it, in the native form of the DID.
    pub to: Did,
    /// How much, in the asset of the plan; never zero.
    pub amount: Amount,
    /// The contracts that led there, the first one that of the leg's payee. Empty when the payee has none.
    pub route: Vec<Hop>,
    /// What happens with it now.
    pub outcome: Outcome,
    /// Why the route ends here.
    pub end: End,
}

/// One allocation of one contract on a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// Whose contract.
    pub profile: Did,
    /// Which version of it.
    pub version: u32,
    /// The label of the allocation.
    pub label: String,
    /// Whom the allocation names.
    pub recipient: Did,
    /// How much of what came in.
    pub percentage: Share,
    /// How much money that is.
    pub amount: Amount,
    /// Whether the allocation's recipient could not be paid, so that the overflow gets it.
    pub overflowed: bool,
}

/// What happens with a part now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is paid.
    Paid,
    /// It waits until it makes up the contract's minimum together with others.
    Accrued,
    /// It waits until the payee accepts the manifest; no contract is applied before.
    Held,
}

/// Why a route ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Who gets it has no contract in effect.
    NoContract,
    /// Who gets it is on the route already, most often because a profile keeps a part for itself.
    Returned,
    /// The route is [`ROUTE_DEPTH_MAX`] contracts long, or the leg has taken [`CONTRACTS_PER_LEG_MAX`] of them.
    Bound,
    /// The overflow of a contract is the end of it.
    Overflow,
    /// The part is below the minimum of a contract.
    Minimum,
    /// The payee has not accepted the manifest.
    Held,
}

/// Money that has waited and leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Where it waited. It goes to this place's recipient, whose own contract is not applied: the money is from other
    /// transactions than this one.
    pub from: AccrualKey,
    /// How much.
    pub amount: Amount,
}

/// Money that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accrual {
    /// Where.
    pub at: AccrualKey,
    /// How much.
    pub amount: Amount,
}

/// Why there is no distribution. Contracts that are valid and a plan that is balanced give none of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DistributionError {
    /// A contract's percentages are not the whole: it was not checked.
    #[error("the distribution contract of {profile} cannot be split along: {source}")]
    Split {
        /// Whose contract.
        profile: Did,
        /// What is wrong with it.
        source: SplitError,
    },
    /// A sum left the range of amounts.
    #[error(transparent)]
    Amount(#[from] AmountError),
}

impl Distribution {
    /// What becomes of a plan when no contract is applied: each payee gets its leg.
    pub fn direct(plan: &Plan) -> Self {
        let part = |(leg, due): (usize, &Leg)| Part {
            leg,
            to: due.did.canonical(),
            amount: due.amount,
            route: Vec::new(),
            outcome: if due.held { Outcome::Held } else { Outcome::Paid },
            end: if due.held { End::Held } else { End::NoContract },
        };
        Self {
            parts: plan.legs.iter().enumerate().map(part).collect(),
            releases: Vec::new(),
            accruals: Vec::new(),
        }
    }
}

/// Applies the payees' contracts to a plan. Nothing blocks: what cannot go on stops where it is and is paid there.
pub fn distribute(input: &DistributionInput<'_>) -> Result<Distribution, DistributionError> {
    let mut router = Router {
        input,
        contracts: BTreeMap::new(),
        waiting: BTreeMap::new(),
        applied: 0,
        out: Distribution::default(),
    };
    for (index, leg) in input.plan.legs.iter().enumerate() {
        router.leg(index, leg)?;
    }
    let accrual = |(at, amount)| Accrual { at, amount };
    router.out.accruals = router.waiting.into_iter().map(accrual).collect();
    Ok(router.out)
}

struct Router<'a> {
    input: &'a DistributionInput<'a>,
    /// The contract in effect of everybody asked for so far.
    contracts: BTreeMap<Did, Option<Rc<Contract>>>,
    /// What waits, as this settlement goes on.
    waiting: BTreeMap<AccrualKey, Amount>,
    /// Contracts applied to this leg.
    applied: usize,
    out: Distribution,
}

/// Where a part is on its way.
struct Place {
    leg: usize,
    did: Did,
    amount: Amount,
    route: Vec<Hop>,
}

impl Router<'_> {
    fn leg(&mut self, index: usize, leg: &Leg) -> Result<(), DistributionError> {
        self.applied = 0;
        let place = Place {
            leg: index,
            did: leg.did.canonical(),
            amount: leg.amount,
            route: Vec::new(),
        };
        if leg.held {
            self.end(place, Outcome::Held, End::Held);
            return Ok(());
        }
        self.go_on(place)
    }

    /// Applies the contract of whoever has got the money, if there is one and the route may go on.
    fn go_on(&mut self, place: Place) -> Result<(), DistributionError> {
        if place.route.iter().any(|hop| hop.profile == place.did) {
            self.end(place, Outcome::Paid, End::Returned);
            return Ok(());
        }
        let Some(contract) = self.contract_of(&place.did) else {
            self.end(place, Outcome::Paid, End::NoContract);
            return Ok(());
        };
        if place.route.len() >= ROUTE_DEPTH_MAX || self.applied >= CONTRACTS_PER_LEG_MAX {
            self.end(place, Outcome::Paid, End::Bound);
            return Ok(());
        }
        self.applied = self.applied.saturating_add(1);
        let weights: Vec<Weighted<'_>> = contract.allocations.iter().map(Allocation::weighted).collect();
        let parts = split(place.amount, &weights).map_err(|source| DistributionError::Split {
            profile: place.did.clone(),
            source,
        })?;
        for (allocation, amount) in contract.allocations.iter().zip(parts) {
            if !amount.is_zero() {
                self.allocate(&place, &contract, allocation, amount)?;
            }
        }
        Ok(())
    }

    fn allocate(
        &mut self,
        from: &Place,
        contract: &Contract,
        allocation: &Allocation,
        amount: Amount,
    ) -> Result<(), DistributionError> {
        let recipient = allocation.recipient.canonical();
        // Who keeps a part for itself has it already: there is nothing to reach.
        let overflowed = recipient != from.did && !(self.input.payable)(&recipient);
        let to = if overflowed {
            self.overflow(contract, &from.did)
        } else {
            recipient.clone()
        };
        let mut route = from.route.clone();
        route.push(Hop {
            profile: from.did.clone(),
            version: contract.version,
            label: allocation.label.clone(),
            recipient: recipient.clone(),
            percentage: allocation.percentage,
            amount,
            overflowed,
        });
        let key = AccrualKey {
            profile: from.did.clone(),
            label: allocation.label.clone(),
            recipient: to.clone(),
        };
        let place = Place {
            leg: from.leg,
            did: to,
            amount,
            route,
        };
        let minimum = self.minimum(contract);
        let together = self.waiting(&key).checked_add(amount)?;
        if together < minimum {
            self.waiting.insert(key, together);
            self.end(place, Outcome::Accrued, End::Minimum);
            return Ok(());
        }
        self.release(key);
        if amount < minimum {
            self.end(place, Outcome::Paid, End::Minimum);
            return Ok(());
        }
        if overflowed {
            self.end(place, Outcome::Paid, End::Overflow);
            return Ok(());
        }
        self.go_on(place)
    }

    /// The contract's overflow if it can be paid, else the profile.
    fn overflow(&self, contract: &Contract, profile: &Did) -> Did {
        let overflow = contract.overflow.as_ref().map(Did::canonical);
        let overflow = overflow.filter(|did| (self.input.payable)(did));
        overflow.unwrap_or_else(|| profile.clone())
    }

    /// The contract's minimum, if it is one of this asset. Without one nothing waits, and what has waited leaves.
    fn minimum(&self, contract: &Contract) -> Amount {
        let minimum = contract.minimum();
        let ours = minimum.filter(|minimum| minimum.asset == self.input.plan.gross.asset);
        ours.map(|minimum| minimum.amount).unwrap_or_default()
    }

    fn waiting(&mut self, key: &AccrualKey) -> Amount {
        let waiting = self.waiting.get(key).copied();
        waiting.unwrap_or_else(|| (self.input.accrued)(key))
    }

    fn release(&mut self, key: AccrualKey) {
        let amount = self.waiting(&key);
        if amount.is_zero() {
            return;
        }
        self.waiting.insert(key.clone(), Amount::ZERO);
        self.out.releases.push(Release { from: key, amount });
    }

    fn contract_of(&mut self, did: &Did) -> Option<Rc<Contract>> {
        if let Some(known) = self.contracts.get(did) {
            return known.clone();
        }
        let history = (self.input.contracts)(did);
        let contract = history.and_then(|history| history.in_effect(self.input.at).cloned());
        let contract = contract
            .filter(|contract| contract.profile_did.canonical() == *did)
            .map(Rc::new);
        self.contracts.insert(did.clone(), contract.clone());
        contract
    }

    fn end(&mut self, place: Place, outcome: Outcome, end: End) {
        self.out.parts.push(Part {
            leg: place.leg,
            to: place.did,
            amount: place.amount,
            route: place.route,
            outcome,
            end,
        });
    }
}
