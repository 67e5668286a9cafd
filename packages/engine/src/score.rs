//! BM25 (Robertson and Zaragoza 2009, with k1 = 1.2 and b = 0.75) in integers: the same ranks on every machine, so that
//! a signed answer can be reckoned again.

/// The fraction bits of a logarithm.
const FRACTION_BITS: u32 = 16;

/// What is known of the whole collection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Collection {
    /// How many passages there are.
    pub(crate) passages: u64,
    /// How many terms they have together.
    pub(crate) terms: u64,
}

impl Collection {
    /// How rare a term is that occurs in `found` passages: log2((N + 1) / (n + 1/2)), in 1/65536.
    pub(crate) fn rarity(self, found: u64) -> u64 {
        let numerator = self.passages.saturating_add(1).saturating_mul(2);
        log2(
            u128::from(numerator),
            u128::from(found.saturating_mul(2).saturating_add(1)),
        )
    }

    /// What a term of this rarity adds to a passage of `length` terms in which it occurs `times` times.
    pub(crate) fn weight(self, rarity: u64, times: u64, length: u64) -> u64 {
        let [rarity, times, length] = [rarity, times, length].map(u128::from);
        let [passages, terms] = [self.passages, self.terms.max(1)].map(u128::from);
        let above = rarity.saturating_mul(times).saturating_mul(22).saturating_mul(terms);
        // 10 · (tf + k1 · (1 - b + b · length / average)), times all terms.
        let below = times.saturating_mul(10).saturating_add(3).saturating_mul(terms);
        let below = below.saturating_add(length.saturating_mul(9).saturating_mul(passages));
        u64::try_from(above.checked_div(below).unwrap_or(0)).unwrap_or(u64::MAX)
    }
}

/// The binary logarithm of a fraction above 1, in 1/65536, rounded down; 0 below 1.
fn log2(numerator: u128, denominator: u128) -> u64 {
    // The mantissa has 62 bits, so that its square fits.
    const ONE: u128 = 1 << 62;
    let mut mantissa = (numerator << 62).checked_div(denominator).unwrap_or(0);
    if mantissa < ONE {
        return 0;
    }
    let mut logarithm = 0_u64;
    while mantissa >= ONE << 1 {
        mantissa >>= 1;
        logarithm = logarithm.saturating_add(1);
    }
    for _bit in 0..FRACTION_BITS {
        mantissa = mantissa.saturating_mul(mantissa) >> 62;
        logarithm <<= 1;
        if mantissa >= ONE << 1 {
            mantissa >>= 1;
            logarithm |= 1;
        }
    }
    logarithm
}

#[cfg(test)]
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "the model is a float")]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_is_that_of_a_float() {
        for (numerator, denominator) in [
            (1_u64, 1_u64),
            (3, 2),
            (2, 1),
            (10, 3),
            (1_000_000, 1),
            (u64::MAX / 2, 3),
            (1, 2),
        ] {
            let exact = (numerator as f64 / denominator as f64).log2().max(0.0) * 65_536.0;
            let ours = log2(u128::from(numerator), u128::from(denominator)) as f64;
            assert!(
                (exact - ours).abs() <= 2.0,
                "{numerator}/{denominator}: {exact} and {ours}"
            );
        }
    }

    #[test]
    fn the_weight_is_that_of_the_formula() {
        let collection = Collection {
            passages: 1_000,
            terms: 80_000,
        };
        for (found, times, length) in [(1_u64, 1_u64, 80_u64), (10, 3, 200), (500, 2, 10), (1_000, 63, 1_000)] {
            let rarity = (1_001.0 / (found as f64 + 0.5)).log2();
            let average = 80.0;
            let norm = 1.2 * (0.25 + 0.75 * length as f64 / average);
            let exact = rarity * times as f64 * 2.2 / (times as f64 + norm) * 65_536.0;
            let ours = collection.weight(collection.rarity(found), times, length) as f64;
            assert!((exact - ours).abs() <= exact * 0.001 + 4.0, "{exact} and {ours}");
        }
    }
}
