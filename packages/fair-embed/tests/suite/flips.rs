//! One changed byte, anywhere.

use imajin_fair_embed::Verdict;
use proptest::prelude::*;

use crate::samples::{Sample, all};
use crate::support::{embed, signed, verify};

/// The carrying file, and where its manifest is.
fn carrying(sample: &Sample) -> (Vec<u8>, std::ops::Range<usize>) {
    let bytes = embed(sample.name, &sample.bytes, &signed(sample.name, &sample.bytes)).unwrap();
    let start = bytes.windows(2).position(|pair| pair == b"{\"").unwrap();
    let end = bytes.windows(2).rposition(|pair| pair == b"\"}").unwrap() + 2;
    (bytes, start..end)
}

#[test]
fn every_changed_byte_outside_the_manifest_breaks_the_file() {
    for sample in all() {
        let (bytes, manifest) = carrying(&sample);
        for at in (0..bytes.len()).filter(|at| !manifest.contains(at)) {
            let mut changed = bytes.clone();
            // One bit, another one at each place, and the bit that makes a capital of a letter.
            for mask in [1 << (at % 8), 0x20] {
                changed[at] = bytes[at] ^ mask;
                let report = verify(sample.name, &changed);
                assert_eq!(
                    report.verdict,
                    Verdict::Broken,
                    "{} at {at}: {:?}",
                    sample.name,
                    report.reason
                );
            }
        }
    }
}

#[test]
fn every_cut_breaks_the_file_or_takes_the_manifest_away() {
    for sample in all() {
        let (bytes, _) = carrying(&sample);
        for length in 0..bytes.len() {
            let verdict = verify(sample.name, &bytes[..length]).verdict;
            assert!(
                matches!(verdict, Verdict::Broken | Verdict::Unsigned),
                "{} cut to {length}: {verdict:?}",
                sample.name
            );
        }
    }
}

#[test]
fn something_added_at_the_end_breaks_the_file() {
    for sample in all() {
        let (mut bytes, _) = carrying(&sample);
        bytes.push(b'\n');
        assert_eq!(verify(sample.name, &bytes).verdict, Verdict::Broken, "{}", sample.name);
    }
}

fn place() -> impl Strategy<Value = (usize, prop::sample::Index, u8)> {
    (0..all().len(), any::<prop::sample::Index>(), 1..=u8::MAX)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_other_byte_anywhere_breaks_the_file((sample, at, mask) in place()) {
        let sample = &all()[sample];
        let (mut bytes, _) = carrying(sample);
        let at = at.index(bytes.len());
        bytes[at] ^= mask;
        let report = verify(sample.name, &bytes);
        prop_assert_eq!(report.verdict, Verdict::Broken, "{} at {}", sample.name, at);
    }
}
