use imajin_money::{Amount, Money};

use super::{Contract, Distribution, DistributionError, DistributionInput, History, distribute};
use crate::ManifestId;
use crate::plan::{Leg, Plan};

/// What a contract alone does with an amount that comes in once it governs, if everybody whom it names can be paid and
/// nothing has waited: what its owner looks at before signing.
pub fn effect(contract: &Contract, amount: Money) -> Result<Distribution, DistributionError> {
    let profile = contract.profile_did.canonical();
    let leg = Leg {
        did: profile.clone(),
        role: "recipient".to_owned(),
        path: vec![ManifestId::from_digest(&[0; 32])],
        amount: amount.amount,
        held: false,
    };
    let plan = Plan {
        gross: amount,
        seller: profile.clone(),
        fee_schedule_version: 0,
        fees: Vec::new(),
        legs: if amount.is_zero() { Vec::new() } else { vec![leg] },
    };
    let history = History::excerpt(vec![contract.clone()]).unwrap_or_default();
    distribute(&DistributionInput {
        plan: &plan,
        at: contract.effective_at.at(),
        contracts: &|did| (*did == profile).then(|| history.clone()),
        payable: &|_did| true,
        accrued: &|_place| Amount::ZERO,
    })
}
