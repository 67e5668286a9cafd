use std::collections::BTreeMap;

use imajin_money::{Amount, AmountError, Asset, Money};

use super::{Contract, Distribution};

/// What went to one label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelTotal {
    /// The label of the profile's contract.
    pub label: String,
    /// How much.
    pub total: Money,
}

/// What went from this profile to each of its labels, by label; who got it is not said.
///
/// `None` unless the profile's contract opts in: the sums are the owner's business otherwise.
pub fn label_totals(
    contract: &Contract,
    distributions: &[(Asset, &Distribution)],
) -> Result<Option<Vec<LabelTotal>>, AmountError> {
    if contract.aggregates_public != Some(true) {
        return Ok(None);
    }
    let profile = contract.profile_did.canonical();
    let mut totals: BTreeMap<(String, Asset), Amount> = BTreeMap::new();
    for (asset, distribution) in distributions {
        for part in &distribution.parts {
            // The profile is on a route once at most: a route that returns to it stops there.
            let Some(hop) = part.route.iter().find(|hop| hop.profile == profile) else {
                continue;
            };
            let total = totals.entry((hop.label.clone(), *asset)).or_default();
            *total = total.checked_add(part.amount)?;
        }
    }
    let total = |((label, asset), amount)| LabelTotal {
        label,
        total: Money::new(amount, asset),
    };
    Ok(Some(totals.into_iter().map(total).collect()))
}
