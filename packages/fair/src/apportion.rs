//! Weights as shares of a whole.

use std::cmp::Reverse;

/// What a weight belongs to; decides ties by its bytes.
pub(crate) struct Claim<'a> {
    pub(crate) weight: u128,
    pub(crate) key: &'a str,
    pub(crate) role: &'a str,
}

/// Divides `whole` along weights by largest remainder; of equals, the heavier first, then ascending bytes of the key,
/// then of the role. Whoever has any weight gets at least one unit, which the largest parts give up.
///
/// `None` when there is no weight, more claims than units, or weights beyond 2^100.
pub(crate) fn apportion(whole: u32, claims: &[Claim<'_>]) -> Option<Vec<u32>> {
    let total = claims
        .iter()
        .try_fold(0_u128, |sum, claim| sum.checked_add(claim.weight))?;
    if total == 0 || u32::try_from(claims.len()).ok()? > whole {
        return None;
    }
    let mut parts = Vec::with_capacity(claims.len());
    let mut order = Vec::with_capacity(claims.len());
    for (place, claim) in claims.iter().enumerate() {
        let product = claim.weight.checked_mul(u128::from(whole))?;
        parts.push(u32::try_from(product.checked_div(total)?).ok()?);
        let lost = product.checked_rem(total)?;
        order.push((Reverse(lost), Reverse(claim.weight), claim.key, claim.role, place));
    }
    let mut left = whole.checked_sub(parts.iter().sum())?;
    order.sort_unstable();
    for (.., place) in &order {
        if left == 0 {
            break;
        }
        let part = parts.get_mut(*place)?;
        *part = part.checked_add(1)?;
        left = left.checked_sub(1)?;
    }
    raise_empty(&mut parts, claims)?;
    Some(parts)
}

fn raise_empty(parts: &mut [u32], claims: &[Claim<'_>]) -> Option<()> {
    let is_empty = |(part, claim): &(&u32, &Claim<'_>)| **part == 0 && claim.weight > 0;
    let empty: Vec<usize> = (0..)
        .zip(parts.iter().zip(claims))
        .filter_map(|(place, pair)| is_empty(&pair).then_some(place))
        .collect();
    for place in empty {
        let key = |place: &usize| {
            let claim = claims.get(*place);
            let (key, role) = claim.map_or(("", ""), |claim| (claim.key, claim.role));
            (parts.get(*place).copied(), Reverse(key), Reverse(role))
        };
        let largest = (0..parts.len()).max_by_key(key)?;
        let giver = parts.get_mut(largest)?;
        *giver = giver.checked_sub(1)?;
        *parts.get_mut(place)? = 1;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(whole: u32, weights: &[u128]) -> Option<Vec<u32>> {
        let names: Vec<String> = (0..weights.len()).map(|place| format!("{place:04}")).collect();
        let claims = weights.iter().zip(&names);
        let claims: Vec<_> = claims
            .map(|(weight, key)| Claim {
                weight: *weight,
                key,
                role: "",
            })
            .collect();
        apportion(whole, &claims)
    }

    #[test]
    fn equal_weights_share_what_is_left_over_by_name() {
        assert_eq!(of(1_000_000, &[1, 1, 1]), Some(vec![333_334, 333_333, 333_333]));
        assert_eq!(of(10, &[7, 3]), Some(vec![7, 3]));
        assert_eq!(of(10, &[0, 5]), Some(vec![0, 10]));
        assert_eq!(of(10, &[]), None);
        assert_eq!(of(10, &[0, 0]), None);
        assert_eq!(of(1, &[1, 1]), None);
    }

    #[test]
    fn nobody_with_a_weight_goes_without() {
        assert_eq!(of(10, &[1_000_000, 1, 1, 0]), Some(vec![8, 1, 1, 0]));
        assert_eq!(of(3, &[1_000_000, 1, 1]), Some(vec![1, 1, 1]));
    }

    proptest! {
        #[test]
        fn parts_sum_to_the_whole_and_are_near_the_exact(
            weights in proptest::collection::vec(1_u128..1_000_000_000, 1..60),
        ) {
            let parts = of(1_000_000, &weights).unwrap();
            prop_assert_eq!(parts.iter().sum::<u32>(), 1_000_000);
            let total: u128 = weights.iter().sum();
            let raised = u128::try_from(parts.iter().filter(|part| **part == 1).count()).unwrap();
            for (part, weight) in parts.iter().zip(&weights) {
                prop_assert!(*part > 0);
                let exact = weight * 1_000_000;
                let error = (u128::from(*part) * total).abs_diff(exact);
                prop_assert!(error < total * (1 + raised), "{part} for {weight} of {total}");
            }
        }
    }
}
