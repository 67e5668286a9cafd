//! Files that were made to hurt: a clear answer, and soon.

use imajin_fair_embed::{EmbedError, Verdict};

use crate::samples::{all, zip};
use crate::support::{Dice, embed, extract, signed, strip, verify};

/// Everything that can be done with a file. What comes out is another test's business: here it must come out.
fn exercise(name: &str, bytes: &[u8]) {
    let _one_of_four = verify(name, bytes).verdict;
    let _perhaps = extract(name, bytes).map(|manifest| manifest.is_some());
    let _perhaps = strip(name, bytes).map(|bytes| bytes.len());
    match embed(name, bytes, &signed(name, bytes)) {
        Ok(carrying) => assert_eq!(strip(name, &carrying).unwrap(), bytes, "{name}"),
        Err(EmbedError::Io(error)) => panic!("{name}: {error}"),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// The samples, and the samples with a manifest.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let carrying = |name: &'static str, bytes: &[u8]| (name, embed(name, bytes, &signed(name, bytes)).unwrap());
    let with: Vec<_> = all()
        .iter()
        .map(|sample| carrying(sample.name, &sample.bytes))
        .collect();
    all()
        .into_iter()
        .map(|sample| (sample.name, sample.bytes))
        .chain(with)
        .collect()
}

#[test]
fn a_file_cut_anywhere_is_answered() {
    for sample in all() {
        for length in 0..sample.bytes.len() {
            exercise(sample.name, &sample.bytes[..length]);
        }
    }
}

#[test]
fn lengths_that_reach_to_the_moon_are_answered() {
    for (name, bytes) in seeds() {
        for at in 0..bytes.len().min(160) {
            for length in [2, 4, 8] {
                for filling in [0x7f, 0xff] {
                    let mut changed = bytes.clone();
                    changed
                        .iter_mut()
                        .skip(at)
                        .take(length)
                        .for_each(|byte| *byte = filling);
                    let _one_of_four = verify(name, &changed).verdict;
                    let _perhaps = strip(name, &changed).map(|bytes| bytes.len());
                }
            }
        }
    }
}

/// How often each sample is damaged at random: more than the default for a long search on a quiet machine.
const ROUNDS_VARIABLE: &str = "IMAJIN_FAIR_EMBED_ROUNDS";

#[test]
fn random_damage_is_answered() {
    let rounds = std::env::var(ROUNDS_VARIABLE).map_or(60, |text| text.parse().unwrap());
    // Another number of rounds is another walk through the possibilities.
    let mut dice = Dice::new(0x5eed + rounds);
    let seeds = seeds();
    for (name, bytes) in &seeds {
        for _ in 0..rounds {
            let mut changed = bytes.clone();
            for _ in 0..=dice.below(4) {
                let at = dice.below(changed.len());
                match dice.below(5) {
                    0 => changed.truncate(at),
                    1 => changed.extend_from_within(at..),
                    2 => changed.insert(at, u8::try_from(dice.below(256)).unwrap()),
                    3 => {
                        let (_, other) = &seeds[dice.below(seeds.len())];
                        changed.extend(other.iter().skip(dice.below(other.len())));
                    }
                    _ => {
                        if let Some(byte) = changed.get_mut(at) {
                            *byte = u8::try_from(dice.below(256)).unwrap();
                        }
                    }
                }
            }
            exercise(name, &changed);
        }
    }
}

#[test]
fn a_file_of_any_kind_under_the_name_of_another_is_answered() {
    for (_, bytes) in seeds() {
        for name in ["a.jpg", "a.svg", "a.html", "a.md", "a.mp3", "a", "a.fair.json"] {
            exercise(name, &bytes);
        }
    }
}

#[test]
fn a_block_that_is_there_twice_is_broken() {
    for name in ["film.mp4", "page.html", "jfif.jpg"] {
        let sample = all().into_iter().find(|sample| sample.name == name).unwrap();
        let carrying = embed(name, &sample.bytes, &signed(name, &sample.bytes)).unwrap();
        let common = sample
            .bytes
            .iter()
            .zip(&carrying)
            .take_while(|(one, other)| one == other)
            .count();
        // A marker byte or two may be common to the block and what follows it: then the block is the same, shifted.
        let block = &carrying[common..common + carrying.len() - sample.bytes.len()];
        let twice = [&carrying[..common], block, &carrying[common..]].concat();
        let report = verify(name, &twice);
        assert_eq!(report.verdict, Verdict::Broken, "{name}: {:?}", report.reason);
        assert!(strip(name, &twice).is_err(), "{name}");
    }
}

fn refused(name: &str, bytes: &[u8], reason: &str) {
    let error = embed(name, bytes, &signed(name, bytes)).unwrap_err();
    assert!(error.to_string().contains(reason), "{name}: {error}");
}

#[test]
fn more_of_anything_than_there_should_be_is_refused() {
    let segments = [b"\xff\xd8".as_slice(), &b"\xff\xe1\0\x02".repeat(5_000), b"\xff\xd9"].concat();
    refused("a.jpg", &segments, "more than 4096 segments");
    let chunks = b"ICCP\0\0\0\0".repeat(100_001);
    let size = u32::try_from(chunks.len() + 4).unwrap();
    let webp = [b"RIFF", size.to_le_bytes().as_slice(), b"WEBP", &chunks].concat();
    refused("a.webp", &webp, "more than 100000 chunks");
    let boxes = [b"\0\0\0\x08ftyp".as_slice(), &b"\0\0\0\x08free".repeat(1_000_000)].concat();
    refused("a.mp4", &boxes, "more than 1000000 boxes");
    let page = [b"OggS\0\x02".as_slice(), &[0; 20], &[0]].concat();
    refused("a.ogg", &page.repeat(70), "more than 64 streams");
    let deep = format!("%PDF-1.5\nxref\ntrailer\n<< /Root {}", "[".repeat(60_000));
    refused(
        "a.pdf",
        format!("{deep}\nstartxref\n9\n%%EOF").as_bytes(),
        "cannot be read",
    );
    let sections = "0 0\n".repeat(100_001);
    let table = format!("%PDF-1.5\nxref\n{sections}trailer\nstartxref\n9\n%%EOF");
    refused("a.pdf", table.as_bytes(), "more than 100000 sections");
    refused("a.svg", b"<svg", "does not end");
    refused(
        "a.svg",
        &[b"<!--".as_slice(), &b" ".repeat(2_000_000)].concat(),
        "root element is not found",
    );
}

#[test]
fn a_zip_that_says_more_than_it_has_is_refused() {
    let bytes = zip(&[("a", b"1"), ("b", b"2")], b"");
    let end = bytes.len() - 22;
    for (at, value, reason) in [
        (8, 0xff, "several parts"),
        (12, 0xff, "64-bit kind"),
        (16, 0xff, "64-bit kind"),
        (4, 1, "several parts"),
        (20, 1, "follows the directory"),
    ] {
        let mut changed = bytes.clone();
        changed[end + at] = value;
        refused("a.zip", &changed, reason);
    }
    let mut more = bytes.clone();
    more[end + 8] = 200;
    more[end + 10] = 200;
    refused("a.zip", &more, "in the middle of something");
    refused("a.zip", &zip(&[("META-INF/fair.json", b"{}")], b""), "name of ours");
    refused("a.zip", b"PK\x03\x04", "not found");
}
