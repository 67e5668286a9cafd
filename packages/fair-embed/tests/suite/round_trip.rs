//! What went in comes out, and the file is what it was.

use imajin_fair_embed::{Format, Place, Verdict};

use crate::samples::all;
use crate::support::{embed, extract, signed, signed_long, strip, verify};

#[test]
fn every_sample_carries_a_manifest_and_comes_back_byte_for_byte() {
    for sample in all() {
        let name = sample.name;
        for manifest in [signed(name, &sample.bytes), signed_long(name, &sample.bytes)] {
            let carrying = embed(name, &sample.bytes, &manifest).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(extract(name, &carrying).unwrap().as_ref(), Some(&manifest), "{name}");
            let report = verify(name, &carrying);
            assert_eq!((report.verdict, report.reason), (Verdict::Intact, None), "{name}");
            assert_eq!(
                (report.place, report.content_matches),
                (Some(Place::Embedded), Some(true)),
                "{name}"
            );
            assert_eq!(strip(name, &carrying).unwrap(), sample.bytes, "{name}");
        }
    }
}

#[test]
fn a_second_manifest_takes_the_place_of_the_first() {
    for sample in all() {
        let name = sample.name;
        let long = embed(name, &sample.bytes, &signed_long(name, &sample.bytes)).unwrap();
        let manifest = signed(name, &sample.bytes);
        let again = embed(name, &long, &manifest).unwrap();
        assert_eq!(again, embed(name, &sample.bytes, &manifest).unwrap(), "{name}");
        assert_eq!(embed(name, &again, &manifest).unwrap(), again, "{name}");
    }
}

#[test]
fn there_is_a_sample_of_every_format() {
    let formats: std::collections::BTreeSet<Format> = all()
        .iter()
        .filter_map(|sample| verify(sample.name, &sample.bytes).format)
        .collect();
    assert_eq!(formats.len(), Format::ALL.len());
}

#[test]
fn what_has_no_manifest_is_unsigned_and_stripping_it_changes_nothing() {
    for sample in all() {
        let report = verify(sample.name, &sample.bytes);
        assert_eq!(report.verdict, Verdict::Unsigned, "{}", sample.name);
        assert_eq!(strip(sample.name, &sample.bytes).unwrap(), sample.bytes);
        assert_eq!(extract(sample.name, &sample.bytes).unwrap(), None);
    }
}
