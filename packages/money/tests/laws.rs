//! The laws of splitting, checked against an oracle that reckons with exact fractions and ranks by counting.

#[cfg(test)]
mod laws {
    use imajin_money::{Amount, Asset, Money, Share, SplitError, Weighted, split};
    use proptest::prelude::*;
    use proptest::test_runner::{Config, RngSeed};

    const ONE: i128 = 1_000_000;

    /// `IMAJIN_PROPTEST_CASES` raises the number of cases; the seed is fixed, so a run can be repeated.
    fn config() -> Config {
        let cases = std::env::var("IMAJIN_PROPTEST_CASES").ok();
        Config {
            cases: cases.and_then(|text| text.parse().ok()).unwrap_or(2_000),
            failure_persistence: None,
            rng_seed: RngSeed::Fixed(0x1a_5eed),
            ..Config::default()
        }
    }

    #[derive(Debug, Clone)]
    struct Entry {
        millionths: u32,
        key: String,
        role: String,
    }

    fn weights(entries: &[Entry]) -> Vec<Weighted<'_>> {
        entries
            .iter()
            .map(|entry| Weighted {
                share: Share::from_millionths(entry.millionths).unwrap(),
                key: &entry.key,
                role: &entry.role,
            })
            .collect()
    }

    /// Cuts of the whole at random places, or nearly equal parts: the second kind makes many ties.
    fn shares() -> impl Strategy<Value = Vec<u32>> {
        let random = proptest::collection::btree_set(1_u32..1_000_000, 0..50).prop_map(|cuts| {
            let ends = cuts.iter().copied().chain([1_000_000]);
            let starts = [0].into_iter().chain(cuts.iter().copied());
            ends.zip(starts).map(|(end, start)| end - start).collect()
        });
        let equal = (1_u32..=50).prop_map(|count| {
            let mut parts = vec![1_000_000 / count; usize::try_from(count).unwrap()];
            parts[0] += 1_000_000 % count;
            parts
        });
        prop_oneof![random, equal]
    }

    /// Few keys and roles, so that entries often differ in one of them only.
    fn entries() -> impl Strategy<Value = Vec<Entry>> {
        shares().prop_flat_map(|shares| {
            let names = proptest::collection::vec(("[ab]{1,3}", "[xy]"), shares.len());
            names.prop_map(move |names| {
                let pairs = shares.iter().copied().zip(names);
                pairs
                    .map(|(millionths, (key, role))| Entry { millionths, key, role })
                    .collect()
            })
        })
    }

    fn amounts() -> impl Strategy<Value = i64> {
        prop_oneof![0_i64..1_000, 0_i64..1_000_000_000, 0_i64..=i64::MAX]
    }

    /// What entry `index` is due, by the rule in words: its floor, and one more if fewer entries than there are
    /// leftover units come before it.
    fn due(amount: i128, entries: &[Entry], index: usize) -> i128 {
        let exact = |entry: &Entry| amount * i128::from(entry.millionths);
        let floor = |entry: &Entry| exact(entry) / ONE;
        let lost = |entry: &Entry| exact(entry) - floor(entry) * ONE;
        let leftover = amount - entries.iter().map(floor).sum::<i128>();
        let me = &entries[index];
        let mut before = 0;
        for (place, other) in entries.iter().enumerate() {
            let wins = if lost(other) != lost(me) {
                lost(other) > lost(me)
            } else if other.millionths != me.millionths {
                other.millionths > me.millionths
            } else if other.key != me.key {
                other.key.as_bytes() < me.key.as_bytes()
            } else if other.role != me.role {
                other.role.as_bytes() < me.role.as_bytes()
            } else {
                place < index
            };
            before += i128::from(wins);
        }
        floor(me) + i128::from(before < leftover)
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn parts_sum_to_the_whole_and_follow_the_rule(micros in amounts(), entries in entries()) {
            let parts = split(Amount::from_micros(micros).unwrap(), &weights(&entries)).unwrap();
            prop_assert_eq!(parts.len(), entries.len());
            let total: i128 = parts.iter().map(|part| i128::from(part.micros())).sum();
            prop_assert_eq!(total, i128::from(micros));
            for (index, part) in parts.iter().enumerate() {
                prop_assert!(part.micros() >= 0);
                prop_assert_eq!(i128::from(part.micros()), due(i128::from(micros), &entries, index));
            }
        }

        #[test]
        fn the_order_of_the_entries_changes_nothing(micros in amounts(), entries in entries()) {
            let amount = Amount::from_micros(micros).unwrap();
            let collect = |entries: &[Entry]| {
                let parts = split(amount, &weights(entries)).unwrap();
                let mut due: Vec<_> = entries
                    .iter()
                    .zip(parts)
                    .map(|(entry, part)| (entry.key.clone(), entry.role.clone(), entry.millionths, part))
                    .collect();
                due.sort();
                due
            };
            let mut backwards = entries.clone();
            backwards.reverse();
            prop_assert_eq!(collect(&entries), collect(&backwards));
        }

        #[test]
        fn text_and_json_give_the_same_money_back(micros in 0_i64..=i64::MAX, code in "(TEST-)?[A-Z][A-Z0-9]{1,9}") {
            let asset: Asset = code.parse().unwrap();
            let money = Money::new(Amount::from_micros(micros).unwrap(), asset);
            prop_assert_eq!(money.to_string().parse(), Ok(money));
            let json = serde_json::to_string(&money).unwrap();
            prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money);
            prop_assert_eq!(money.amount.to_string().parse(), Ok(money.amount));
        }

        #[test]
        fn shares_that_are_not_the_whole_are_refused(entries in entries(), micros in amounts()) {
            prop_assume!(entries.len() > 1);
            let short = &entries[1..];
            let millionths = short.iter().map(|entry| u64::from(entry.millionths)).sum();
            let refused = split(Amount::from_micros(micros).unwrap(), &weights(short));
            prop_assert_eq!(refused, Err(SplitError::NotWhole { millionths }));
        }
    }

    fn parts_of(amount: &str, shares: &[(&str, &str)]) -> Vec<String> {
        let weights: Vec<_> = shares
            .iter()
            .map(|(share, key)| Weighted {
                share: share.parse().unwrap(),
                key,
                role: "artist",
            })
            .collect();
        let parts = split(amount.parse().unwrap(), &weights).unwrap();
        parts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn ten_in_seven_and_three_tenths() {
        assert_eq!(parts_of("10.00", &[("0.7", "a"), ("0.3", "b")]), ["7.00", "3.00"]);
    }

    #[test]
    fn nine_ninety_nine_in_thirds() {
        // 3.32999667, 3.32999667 and 3.33000666 before rounding: the two units left go to both `.67`.
        let shares = [("0.333333", "b"), ("0.333333", "a"), ("0.333334", "c")];
        assert_eq!(parts_of("9.99", &shares), ["3.329997", "3.329997", "3.330006"]);
    }

    #[test]
    fn one_unit_for_two_equals_goes_to_the_lower_key() {
        assert_eq!(
            parts_of("0.000001", &[("0.5", "b"), ("0.5", "a")]),
            ["0.00", "0.000001"]
        );
    }

    #[test]
    fn nobody_to_pay_is_refused() {
        assert_eq!(split(Amount::ZERO, &[]), Err(SplitError::NotWhole { millionths: 0 }));
    }
}
